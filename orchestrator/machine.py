"""Machine facts: which model plays which role, where bases lie, what things cost. None of it is method."""

import difflib
import os
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.rehearsal.serving import serve
from agents.teacher import CallLog, Endpoint, EndpointTeacher, Mode, Price, Purse

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
    structured: Mode = "schema"
    """The firmest way of asking for a form that the endpoint can do."""
    extra: dict[str, Any] = {}
    """More request parameters; null takes one away."""

    @property
    def price(self) -> Price | None:
        """Known only whole."""
        prompt, completion = self.usd_per_million_prompt, self.usd_per_million_completion
        return None if prompt is None or completion is None else Price(prompt, completion)


class Machine(BaseModel):
    """What a machine file says. An unnamed role is played by `default`; without a file that is the rehearsal teacher."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    default: ModelEntry | None = ModelEntry()
    roles: dict[str, ModelEntry] = {}
    students: dict[str, str] = {}
    """Folder of each base that recipes name; `embedded` is always known."""

    def entries(self, roles: Collection[str], *, priced: bool = False) -> dict[str, ModelEntry]:
        """The model of each role. Raises MachineError for roles without one or, if `priced`, without a price."""
        entries = {role: entry for role in roles if (entry := self.roles.get(role, self.default))}
        unbound = [f"{role!r}{self._misspelt(role, roles)}" for role in roles if role not in entries]
        if unbound:
            raise MachineError(
                f"the machine file names no model for {', '.join(unbound)}; "
                "name each under `roles:`, or a `default:` that plays every other role"
            )
        unpriced = [f"{role!r} (model {entry.model!r})" for role, entry in entries.items() if entry.price is None]
        if priced and unpriced:
            raise MachineError(
                f"the budget caps dollars, but no price is known for {', '.join(unpriced)}; write usd_per_million_prompt "
                "and usd_per_million_completion into the machine file, 0 for a model that costs nothing"
            )
        return entries

    def base(self, name: str) -> str:
        """Folder of a base model, absolute: a relative one would be lost with the working directory."""
        place = Path(self.students.get(name, str(EMBEDDED) if name == "embedded" else name)).expanduser()
        if (place / "config.json").is_file():
            return str(place.resolve())
        raise MachineError(
            f"the base {name!r} is no folder with a config.json here (looked at {place}); download it, or name its folder in the "
            "machine file under `students:`"
        )

    def _misspelt(self, role: str, roles: Collection[str]) -> str:
        near = difflib.get_close_matches(role, self.roles.keys() - set(roles), n=1)
        return f" (is it the {near[0]!r} of the file?)" if near else ""


def load_machine(path: Path | None) -> Machine:
    """Raises MachineError."""
    if path is None:
        return Machine()
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        # A file that leaves roles out may have forgotten them: only one that says so has a default.
        return Machine.model_validate({"default": None, **data} if isinstance(data, dict) else data)
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
        for role, entry in machine.entries(roles).items():
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
    with ExitStack() as started:
        try:
            url = started.enter_context(serve(*(faults if endpoint == REHEARSAL else recorded)))
        except RuntimeError as error:
            raise MachineError(f"endpoint {endpoint!r}: {error}") from error
        yield url


def _endpoint(entry: ModelEntry, role: str, url: str) -> Endpoint:
    try:
        return Endpoint(
            base_url=url,
            model=entry.model,
            api_key=_key(entry, role),
            key_env=entry.key_env or "",
            price=entry.price,
            timeout_s=entry.timeout_s,
            concurrency=entry.concurrency,
            max_tokens=entry.max_tokens,
            structured=entry.structured,
            extra=entry.extra,
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
