"""Machine facts: which model plays which role, where bases lie, what things cost. None of it is method."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.rehearsal.serving import serve
from agents.teacher import CallLog, Endpoint, EndpointTeacher, Price, Purse

EMBEDDED = Path(__file__).parent / "embedded" / "base"
REHEARSAL, RECORDED = "rehearsal:", "recorded:"
"""Endpoints that a run starts itself: the rehearsal teacher, and a file of recorded solutions."""


class MachineError(Exception):
    """A machine fact that cannot be used; the message says what was found and what to do."""


class ModelEntry(BaseModel):
    """The model that plays a role."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    endpoint: str = REHEARSAL
    """Base URL of an OpenAI-compatible endpoint, `rehearsal:`, or `recorded:<file.jsonl>`."""
    model: str = "rehearsal-teacher"
    key_env: str | None = None
    """Environment variable that holds the key; a key itself is never written down."""
    usd_per_million_prompt: float | None = None
    usd_per_million_completion: float | None = None
    concurrency: int = Field(default=64, ge=1)
    max_tokens: int = Field(default=1024, ge=1)
    timeout_s: float = Field(default=120, gt=0)


class Machine(BaseModel):
    """What a machine file says. An unnamed role is played by `default`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    default: ModelEntry = ModelEntry()
    roles: dict[str, ModelEntry] = {}
    students: dict[str, str] = {}
    """Folder or Hub name of each base that recipes name; `embedded` is always known."""

    def entry(self, role: str) -> ModelEntry:
        return self.roles.get(role, self.default)

    def base(self, name: str) -> str:
        """Folder of a base model, absolute: a relative one would be lost with the working directory."""
        place = Path(self.students.get(name, str(EMBEDDED) if name == "embedded" else name)).expanduser()
        if (place / "config.json").is_file():
            return str(place.resolve())
        raise MachineError(
            f"the base {name!r} is no folder with a config.json here (looked at {place}); download it, or name its folder in the "
            "machine file under `students:`"
        )


def load_machine(path: Path | None) -> Machine:
    """Raises MachineError."""
    if path is None:
        return Machine()
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Machine.model_validate(data or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise MachineError(f"machine file {path}: {place}: {first['msg']}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise MachineError(f"cannot read the machine file {path}: {' '.join(str(error).split())}") from error


@asynccontextmanager
async def teachers_for(
    roles: list[str], machine: Machine, log: CallLog, purse: Purse
) -> AsyncIterator[dict[str, EndpointTeacher]]:
    """A teacher for every role; endpoints that the run serves itself live as long as this context."""
    async with AsyncExitStack() as started:
        urls: dict[str, str] = {}
        teachers: dict[str, EndpointTeacher] = {}
        for role in roles:
            entry = machine.entry(role)
            if entry.endpoint not in urls:
                urls[entry.endpoint] = started.enter_context(_served(entry.endpoint))
            teachers[role] = EndpointTeacher(_endpoint(entry, role, urls[entry.endpoint]), log=log, purse=purse)
            started.push_async_callback(teachers[role].aclose)
        yield teachers


@contextmanager
def _served(endpoint: str) -> Iterator[str]:
    if not endpoint.startswith((REHEARSAL, RECORDED)):
        yield endpoint
        return
    faults = ["--rate-limit-rate", "0.01", "--server-error-rate", "0.005"]
    recorded = ["--recorded", endpoint.removeprefix(RECORDED)]
    try:
        started = serve(*(faults if endpoint == REHEARSAL else recorded))
        url = started.__enter__()
    except RuntimeError as error:
        raise MachineError(f"endpoint {endpoint!r}: {error}") from error
    try:
        yield url
    finally:
        started.__exit__(None, None, None)


def _endpoint(entry: ModelEntry, role: str, url: str) -> Endpoint:
    try:
        return Endpoint(
            base_url=url,
            model=entry.model,
            api_key=_key(entry, role),
            key_env=entry.key_env or "",
            price=_price(entry),
            timeout_s=entry.timeout_s,
            concurrency=entry.concurrency,
            max_tokens=entry.max_tokens,
        )
    except ValueError as error:
        raise MachineError(f"role {role!r}: {error}") from error


def _key(entry: ModelEntry, role: str) -> str:
    if entry.key_env is None:
        return ""
    key = os.environ.get(entry.key_env, "")
    if not key:
        raise MachineError(
            f"role {role!r} needs the key in environment variable {entry.key_env}, which is not set; "
            f"export {entry.key_env}=… and run again"
        )
    return key


def prices(machine: Machine) -> dict[str, Price]:
    """What each model charges, as far as the machine file says; an unknown price stays unknown."""
    entries = [machine.default, *machine.roles.values()]
    return {entry.model: price for entry in entries if (price := _price(entry))}


def _price(entry: ModelEntry) -> Price | None:
    prompt, completion = entry.usd_per_million_prompt, entry.usd_per_million_completion
    return None if prompt is None or completion is None else Price(prompt, completion)
