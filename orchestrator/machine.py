"""Machine facts: which model plays which role, where bases lie, what things cost. None of it is method."""

import difflib
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from agents.batch_line import BatchLine, BatchLog
from agents.carrier import Carrier
from agents.endpoint import Endpoint, Mode, Price
from agents.flights import Flights
from agents.kinds import Teacher
from agents.line import Line
from agents.rehearsal.serving import serve
from agents.teacher import EndpointTeacher, Ledger
from orchestrator.keys import check_key_env, check_key_file, key_in_environment, key_in_file
from orchestrator.prices import Prices, PricesError, Tariff, Usd, open_prices

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
    key_env: Annotated[str, AfterValidator(check_key_env)] | None = None
    """Environment variable that holds the key; a key itself is never written down."""
    key_file: Annotated[str, AfterValidator(check_key_file)] | None = None
    """File that holds it, readable by its owner alone."""
    usd_per_million_prompt: Usd | None = None
    usd_per_million_completion: Usd | None = None
    concurrency: int = Field(default=64, ge=1)
    """Requests on their way at once, at most; it is adapted below that."""
    max_tokens: int = Field(default=1024, ge=1)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    """What the provider allows, if it does not say so in its headers."""
    timeout_s: float = Field(default=120, gt=0)
    structured: Mode = "schema"
    """The firmest way of asking for a form that the endpoint can do."""
    choices: int = Field(default=1, ge=1, le=128)
    """How many replies one request may ask for (`n`), where a step wants several of one prompt."""
    batch: bool = False
    """Ask by the provider's Batch API: cheaper, within a day instead of seconds."""
    extra: dict[str, Any] = {}
    """More request parameters; null takes one away."""

    @model_validator(mode="after")
    def _one_key(self) -> "ModelEntry":
        if self.key_env and self.key_file:
            raise ValueError(f"key_env ({self.key_env}) and key_file ({self.key_file}) are both given; keep one")
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @property
    def is_hosted(self) -> bool:
        """Whether it is somewhere else, and not served by the run itself."""
        return not self.endpoint.startswith((REHEARSAL, RECORDED))

    @property
    def price(self) -> Price | None:
        """What the entry itself says, known only whole."""
        prompt, completion = self.usd_per_million_prompt, self.usd_per_million_completion
        return None if prompt is None or completion is None else Price(prompt, completion)


class Machine(BaseModel):
    """What a machine file says. An unnamed role is played by `default`; without a file that is the rehearsal teacher."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    default: ModelEntry | None = ModelEntry()
    roles: dict[str, ModelEntry] = {}
    students: dict[str, str] = {}
    """Folder of each base that recipes name; `embedded` is always known."""
    gpus: int = Field(default=1, ge=1)
    """How many of them one training uses, a process each; a batch is shared among them evenly."""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """Whether each of several GPUs has the whole base, or a part of its weights, too (`orchestrator.launching`)."""
    prices: Path | None = None
    """A price table of one's own, which comes before the shipped one."""

    @cached_property
    def tables(self) -> Prices:
        """Raises MachineError."""
        try:
            return open_prices(self.prices)
        except PricesError as error:
            raise MachineError(str(error)) from error

    def tariff(self, entry: ModelEntry) -> Tariff | None:
        """What the tables say of a model. What the run serves itself costs nothing, which only its user may say."""
        return (self.tables if entry.is_hosted else self.tables.only_own()).of(entry.model)

    def price(self, entry: ModelEntry) -> Price | None:
        """What a model charges: what the entry says, or the tables; None where nobody says."""
        if entry.price:
            return entry.price
        tariff = self.tariff(entry)
        if tariff is None:
            return None
        return tariff.price.in_batches() if entry.batch else tariff.price

    def entries(self, roles: Collection[str], *, priced: bool = False) -> dict[str, ModelEntry]:
        """The model of each role. Raises MachineError for roles without one or, if `priced`, without a price."""
        entries = {role: entry for role in roles if (entry := self.roles.get(role) or self._by_default(role, roles))}
        unbound = [f"{role!r}{self._misspelt(role, roles)}" for role in roles if role not in entries]
        if unbound:
            raise MachineError(
                f"the machine file names no model for {', '.join(unbound)}; "
                "name each under `roles:`, or a `default:` that plays every other role"
            )
        unpriced = [f"{role!r} (model {entry.model!r})" for role, entry in entries.items() if self.price(entry) is None]
        if priced and unpriced:
            raise MachineError(
                f"the budget caps dollars, but no price is known for {', '.join(unpriced)}; write usd_per_million_prompt "
                "and usd_per_million_completion into the machine file, 0 for a model that costs nothing, or name a table of "
                "your own under `prices:`"
            )
        return entries

    def _by_default(self, role: str, roles: Collection[str]) -> ModelEntry | None:
        """The default; where that is the rehearsal teacher as such, the program that the recipe names for this role."""
        wanted = roles[role].rehearsal if isinstance(roles, Mapping) else None
        return ModelEntry(model=wanted) if wanted and self.default == ModelEntry() else self.default

    def own_prices(self, model: str | None = None) -> list[dict[str, Any]]:
        """The prices that entries say themselves, as rows of a table, which come before any table."""
        entries = {e.model: e for e in (*([self.default] if self.default else []), *self.roles.values()) if e.price}
        return [
            {
                "table": "machine file",
                "model": name,
                "since": "",
                "prompt": entry.usd_per_million_prompt,
                "completion": entry.usd_per_million_completion,
                "cached_prompt": None,
                "batch": None,
                "source": "the entry itself",
            }
            for name, entry in entries.items()
            if model in (None, name)
        ]

    def told_price(self, entry: ModelEntry) -> str:
        """For people: what a model charges, since when, and who says so."""
        price, tariff = self.price(entry), self.tariff(entry)
        if price is None:
            return "price unknown"
        asked = f"{price.prompt_usd_per_million:g} and {price.completion_usd_per_million:g} USD per million tokens"
        return f"{asked} ({f'{tariff.since}, {tariff.source}' if tariff and not entry.price else 'machine file'})"

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
        # Of a file and not of its text, since then what cannot be read is placed and not shown.
        with path.open(encoding="utf-8") as file:
            data = yaml.safe_load(file) or {}
        # A file that leaves roles out may have forgotten them: only one that says so has a default.
        machine = Machine.model_validate({"default": None, **data} if isinstance(data, dict) else data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            known = [*ModelEntry.model_fields, *Machine.model_fields]
            near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
            said = "there is no such setting" + (f"; did you mean {near[0]!r}?" if near else "")
        raise MachineError(f"machine file {path}: {place}: {said}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise MachineError(f"cannot read the machine file {path}: {' '.join(str(error).split())}") from error
    if machine.prices is None:
        return machine
    machine = machine.model_copy(update={"prices": path.parent / machine.prices.expanduser()})
    _ = machine.tables  # so that a table that cannot be used is found before a run begins
    return machine


@asynccontextmanager
async def teachers_for(
    roles: Collection[str], machine: Machine, ledger: Ledger, log: BatchLog | None = None
) -> AsyncIterator[dict[str, Teacher]]:
    """A teacher for every role; endpoints that the run serves itself live as long as this context."""
    async with lines_for(roles, machine, log) as lines:
        yield {role: EndpointTeacher(line, ledger) for role, line in lines.items()}


@asynccontextmanager
async def lines_for(
    roles: Collection[str], machine: Machine, log: BatchLog | None = None
) -> AsyncIterator[dict[str, Line]]:
    """The line to every role's model; roles with the same model on the same endpoint share one, and so its pace.

    Without a log, every request is a live call.
    """
    entries = machine.entries(roles)
    async with AsyncExitStack() as started:
        carrier = Carrier()
        started.push_async_callback(carrier.aclose)
        flights = Flights()
        urls: dict[str, str] = {}
        lines: dict[ModelEntry, Line] = {}
        for role, entry in entries.items():
            if entry.endpoint not in urls:
                urls[entry.endpoint] = started.enter_context(_served(entry.endpoint))
            if entry not in lines:
                endpoint = _endpoint(entry, role, urls[entry.endpoint], machine.price(entry))
                batched = BatchLine(endpoint, log, flights=flights) if entry.batch and log else None
                lines[entry] = batched or Line(endpoint, carrier.wire(endpoint), flights=flights)
        started.push_async_callback(_close, lines.values())
        yield {role: lines[entry] for role, entry in entries.items()}


async def _close(lines: Collection[Line]) -> None:
    """Batches first: what they have under way is in the log, and is not waited for."""
    for line in sorted(lines, key=lambda line: not isinstance(line, BatchLine)):
        await line.aclose()


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


def _endpoint(entry: ModelEntry, role: str, url: str, price: Price | None = None) -> Endpoint:
    try:
        return Endpoint(
            base_url=url,
            model=entry.model,
            api_key=_key(entry, role),
            key_env=entry.key_env or "",
            key_file=entry.key_file or "",
            price=price,
            timeout_s=entry.timeout_s,
            concurrency=entry.concurrency,
            requests_per_minute=entry.requests_per_minute,
            tokens_per_minute=entry.tokens_per_minute,
            choices=entry.choices,
            max_tokens=entry.max_tokens,
            structured=entry.structured,
            extra=entry.extra,
        )
    except ValueError as error:
        raise MachineError(f"role {role!r}: {error}") from error


def _key(entry: ModelEntry, role: str) -> str:
    try:
        if entry.key_file:
            return key_in_file(entry.key_file)
        return key_in_environment(entry.key_env) if entry.key_env else ""
    except ValueError as error:
        raise MachineError(f"role {role!r} {error}") from error
