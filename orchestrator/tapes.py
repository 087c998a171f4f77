"""Tapes: all that a run's datasets were made of in one file, and the same datasets made of it again, offline.

Recording carries the run's lessons out once more, with the store's replies alone. What that asks for is what the tape
holds, and a run that does not come to its own datasets so is not recorded: every tape has been replayed once.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import chain, count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agents.endpoint import Endpoint
from agents.kinds import Source, Unanswered
from agents.line import Completion, Line, Passage
from agents.registry import Component
from agents.teacher import EndpointTeacher
from orchestrator import datasets
from orchestrator.clauses import FED, Budget, Review, Weigh
from orchestrator.cycle import produce, run_directly
from orchestrator.examination.decontamination import JUDGE as DECONTAMINATION
from orchestrator.ledger import RunLedger
from orchestrator.machine import Machine
from orchestrator.production import SPLIT_GUARD, batches
from orchestrator.recipe import Recipe
from orchestrator.standing import recipe_of
from orchestrator.tape_file import Header, Recorded, TapeError, Voice, read_header, read_records, write_tape
from orchestrator.work import Work
from storage.persons import BY_HAND
from storage.records import Call, CallOutcome, Dataset, Draft, Plan, Run, Seed, Verdict
from storage.store import Store, open_store

PACKAGES = ("agentic-distillation", "orjson", "pydantic", "sqlmodel")
NOWHERE = "http://127.0.0.1:9/v1"
"""A teacher has to have an address, though nothing is ever sent to this one."""
AT_ONCE = 1000
SECRET_NAMES = ("_KEY", "_TOKEN", "_SECRET", "PASSWORD", "_PASSWD", "_PASSPHRASE", "_PASS", "_PWD")
SHORTEST_SECRET, SHORTEST_KEY = 12, 8
"""A shorter value may well be a word of a reply. What the machine file names as a key is one for certain."""


@dataclass(frozen=True)
class Taped:
    """What was recorded where."""

    path: Path
    calls: int
    seeds: int
    datasets: list[Recorded]
    bytes: int
    warnings: list[str]

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "path": str(self.path), "datasets": [dataset.model_dump() for dataset in self.datasets]}


@dataclass(frozen=True)
class Compared:
    """A dataset of the tape and what the replay made of it; no rows and no digest where it made none."""

    round: int
    name: str
    rows: int
    digest: str
    recorded: str

    @property
    def same(self) -> bool:
        return self.digest == self.recorded

    @property
    def standing(self) -> str:
        return "same" if self.same else f"different, was {self.recorded}"


@dataclass(frozen=True)
class Replayed:
    run: str
    recipe: str
    changed: str
    """How the recipe's components differ from those of the recording; empty if they do not."""
    datasets: list[Compared]

    @property
    def same(self) -> bool:
        return all(dataset.same for dataset in self.datasets)

    def as_json(self) -> dict[str, Any]:
        made = [{**vars(dataset), "same": dataset.same} for dataset in self.datasets]
        return {**vars(self), "same": self.same, "datasets": made}


async def record(store: Store, run: Run, machine: Machine, to: Path) -> Taped:
    """Raises TapeError for a run that has no dataset, or cannot be replayed, or would put a secret on the tape."""
    recipe = recipe_of(run)
    plans, voices, guarded = store.plans(run.key), _voices(recipe, machine), _guarded(store, run, recipe)
    contaminated = frozenset(store.verdicts(run.key, DECONTAMINATION))
    whole = _whole(store, run, recipe, plans)
    seeds = _seeds(store, run, recipe, whole)
    with TemporaryDirectory(prefix="tape-") as folder, open_store(Path(folder) / "store.sqlite") as copy:
        weighed = _weighed(store, run, recipe)
        _add(copy, [run, *plans, *seeds, *weighed])
        listening = _Listening(store, run.key, Budget())
        async with _work(recipe, run, copy, listening, voices, listening.unanswered, (guarded, contaminated)) as work:
            frozen = await _carried_out(work, whole)
    if len(frozen) < len(whole) * len(recipe.datasets) or not {d.key for d in frozen} <= _keys(store, run):
        raise TapeError(_why_other(run, len(listening.asked_in_vain)))
    recorded = [Recorded(round=d.round, name=d.name, size=d.size, digest=d.digest) for d in frozen]
    header = Header(
        run=run.key,
        digest=run.recipe_digest,
        recipe=run.recipe,
        components=_signatures(recipe),
        roles=voices,
        datasets=recorded,
        guarded=sorted(guarded),
        contaminated=sorted(contaminated),
        unanswered=sorted(listening.asked_in_vain),
        packages=_versions(),
    )
    heard = sorted(listening.heard)
    write_tape(to, header, _all(store, [*plans, *seeds, *weighed], heard), secrets(machine, os.environ))
    return Taped(to, len(heard), len(seeds), recorded, to.stat().st_size, _warnings(run.recipe))


async def replay(path: Path, home: Path | None = None) -> Replayed:
    """The tape's datasets, made anew: in the store of this home, or in one that is gone afterwards. Raises TapeError."""
    header = read_header(path)
    for _ in read_records(path):  # before anything is kept of a tape that turns out to be broken
        pass
    run = Run.new(recipe_name=str(header.recipe.get("name")), recipe_digest=header.digest, recipe=header.recipe)
    if run.key != header.run:
        raise TapeError(
            f"{path}: the header's run {header.run} is not that of its digest: it was changed; record it anew"
        )
    recipe = recipe_of(run)
    changed = _changes(header, recipe)

    in_vain = frozenset(header.unanswered)

    def silence(key: str) -> Exception:
        return Unanswered("no reply had come when it was recorded") if key in in_vain else _Unheard(key)

    with _place(home) as folder, open_store(folder / "store.sqlite") as store:
        _refuse_used(store, folder)
        _add(store, [run])
        _add(store, read_records(path))
        plans = [plan for plan in store.plans(run.key) if plan.round in {d.round for d in header.datasets}]
        ledger = RunLedger(store, run.key, Budget())
        exams = frozenset(header.guarded), frozenset(header.contaminated)
        async with _work(recipe, run, store, ledger, header.roles, silence, exams) as work:
            made = {(d.round, d.name): d for d in await _carried_out(work, plans, changed)}
    return Replayed(run.key, recipe.name, changed, [_compared(d, made.get((d.round, d.name))) for d in header.datasets])


def secrets(machine: Machine, environment: Mapping[str, str]) -> dict[str, str]:
    """What no tape may hold, by where it is kept."""
    entries = [entry for entry in (machine.default, *machine.roles.values()) if entry]
    named = {entry.key_env for entry in entries}
    kept = {
        f"environment variable {name}": value
        for name, value in environment.items()
        if (name in named and len(value) >= SHORTEST_KEY)
        or (name.upper().endswith(SECRET_NAMES) and len(value) >= SHORTEST_SECRET)
    }
    for place in {entry.key_file for entry in entries if entry.key_file}:
        with suppress(OSError):  # where the file is not, there is nothing to look for
            value = Path(place).expanduser().read_bytes().decode("utf-8", "replace").strip()
            kept |= {f"key file {place}": value} if len(value) >= SHORTEST_KEY else {}
    return kept


class _Unheard(Exception):
    """A request that is not on the tape."""


class _Listening(RunLedger):
    """Reads the calls of a store, buys none and changes none, and notes which were asked for."""

    def __init__(self, store: Store, run: str, budget: Budget) -> None:
        super().__init__(store, run, budget)
        self.heard: set[str] = set()
        self.asked_in_vain: set[str] = set()

    async def find(self, key: str) -> Call | None:
        call = await super().find(key)
        if call:
            self.heard.add(key)
        return call

    def read_as(self, key: str, outcome: CallOutcome, reason: str) -> None:
        """The run has read it before."""

    def unanswered(self, key: str) -> Exception:
        self.asked_in_vain.add(key)
        return Unanswered("the store has no reply")


class _Closed(Line):
    """A line that sends nothing: `silence` makes what is raised instead, of the request's key."""

    def __init__(self, voice: Voice, silence: Callable[[str], Exception]) -> None:
        super().__init__(Endpoint(NOWHERE, **voice.model_dump()))
        self._silence = silence

    async def complete(self, key: str, content: bytes, tokens: int, passage: Passage) -> Completion:
        raise self._silence(key)


@asynccontextmanager
async def _work(
    recipe: Recipe,
    run: Run,
    store: Store,
    ledger: RunLedger,
    voices: Mapping[str, Voice],
    silence: Callable[[str], Exception],
    exams: tuple[frozenset[str], frozenset[str]],
) -> AsyncIterator[Work]:
    """`exams` are the split keys that are guarded, and the drafts that hold an exam question."""
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(aclosing(ledger))
        lines = {role: _Closed(voice, silence) for role, voice in voices.items()}
        for line in lines.values():
            opened.push_async_callback(line.aclose)
        teachers = {role: EndpointTeacher(line, ledger) for role, line in lines.items()}
        yield Work(recipe, run, store, ledger, Machine(), Path(store.place).parent, teachers, *exams)


async def _carried_out(work: Work, plans: Iterable[Plan], changed: str = "") -> list[Dataset]:
    """The datasets of these rounds, up to the first round that has no lessons."""
    keys: list[str] = []
    for plan in plans:
        for step in work.recipe.lessons:
            if isinstance(step, Weigh) and batches(work, plan, step):
                why = (
                    changed
                    or "its components write otherwise than those of the same revisions that it was recorded with"
                )
                raise TapeError(
                    f"step {step.step!r} of round {plan.round} has drafts that no student has weighed: {why}; record it anew"
                )
            try:
                await produce(work, plan, step, run_directly)
            except _Unheard as error:
                why = (
                    changed or "its components ask otherwise than those of the same revisions that it was recorded with"
                )
                raise TapeError(
                    f"the tape has no reply for a request of step {step.step!r} in round {plan.round}: {why}; record it anew"
                ) from error
        try:
            frozen = datasets.freeze(work, plan)
        except datasets.NoLessons:
            break
        keys += (frozen or {}).values()
    return list(work.store.by_key(Dataset, keys).values())


def _whole(store: Store, run: Run, recipe: Recipe, plans: Iterable[Plan]) -> list[Plan]:
    """Of these plans, those whose datasets are all there. Raises TapeError if there is none."""
    there = {(dataset.round, dataset.name) for dataset in store.datasets(run.key)}
    whole = [plan for plan in plans if all((plan.round, name) in there for name in recipe.datasets)]
    if not whole:
        raise TapeError(
            f"run {run.key} has no dataset yet; carry it on with `orchestrator run {run.recipe_name}`, then record it"
        )
    return whole


def _seeds(store: Store, run: Run, recipe: Recipe, plans: Iterable[Plan]) -> list[Seed]:
    streams = sorted([*recipe.lesson_sources(), *FED])
    return [seed for plan in plans for stream in streams for seed in store.seeds(run.key, stream, plan.round)]


def _weighed(store: Store, run: Run, recipe: Recipe) -> list[Verdict | Draft]:
    """What students found likely, and what persons ruled and wrote: no replay has either to ask again."""
    steps = [step.step for step in recipe.lessons if isinstance(step, Weigh | Review)]
    verdicts = [verdict for step in steps for _, verdict in sorted(store.verdicts(run.key, step).items())]
    ruled = {verdict.draft for verdict in verdicts}
    return [*verdicts, *(draft for draft in store.drafts(run.key, BY_HAND) if draft.key in ruled)]


def _keys(store: Store, run: Run) -> set[str]:
    return {dataset.key for dataset in store.datasets(run.key)}


def _guarded(store: Store, run: Run, recipe: Recipe) -> frozenset[str]:
    """Of the exams' split keys, those that decided something: a rejected draft has each of them."""
    verdicts = [v for step in recipe.lessons for v in store.verdicts(run.key, step.step).values()]
    return frozenset(str(v.evidence["split_key"]) for v in verdicts if v.judge == SPLIT_GUARD)


def _voices(recipe: Recipe, machine: Machine) -> dict[str, Voice]:
    entries = machine.entries(recipe.roles)
    return {role: Voice(**entry.model_dump(include=set(Voice.model_fields))) for role, entry in entries.items()}


def _why_other(run: Run, missing: int) -> str:
    what = f"{missing:,} of its requests have no reply in the store" if missing else "its lessons are others"
    return (
        f"run {run.key} does not come to its own datasets again: {what}. Name the machine file that it was carried out "
        "with (--machine), and record with the version of this package that it was carried out with"
    )


def _all(store: Store, records: Iterable[Any], calls: list[str]) -> Iterator[Any]:
    yield from records
    for start in range(0, len(calls), AT_ONCE):
        yield from store.by_key(Call, calls[start : start + AT_ONCE]).values()


def _add(store: Store, records: Iterable[Any]) -> None:
    waiting = iter(records)
    while some := list(islice(waiting, AT_ONCE)):
        store.add(*some)


@contextmanager
def _place(home: Path | None) -> Iterator[Path]:
    if home:
        yield home
        return
    with TemporaryDirectory(prefix="tape-") as folder:
        yield Path(folder)


def _refuse_used(store: Store, home: Path) -> None:
    """A tape's replies would be taken for paid ones by whatever runs in their store from then on."""
    runs = store.runs()
    if runs or store.holds_calls():
        found = f"run {runs[0].key}" if runs else "calls"
        place = home.resolve()
        names = (place.parent / f"{place.name}-replayed{number}" for number in chain([""], count(2)))
        raise TapeError(
            f"the store at {store.place} holds {found} already, and a tape's replies must not mix with what was paid for "
            f"there; name an empty folder, e.g. --home {next(name for name in names if not name.exists())}"
        )


def _compared(recorded: Recorded, made: Dataset | None) -> Compared:
    rows, digest = (made.size, made.digest) if made else (0, "")
    return Compared(recorded.round, recorded.name, rows, digest, recorded.digest)


def _signatures(recipe: Recipe) -> list[str]:
    return sorted({_signature(part) for part in recipe.parts()})


def _signature(part: Component) -> str:
    """Without a source's data, which a replay does not read: its seeds are on the tape."""
    return f"{part.use}@{part.revision}" if isinstance(part, Source) else part.signature


def _changes(header: Header, recipe: Recipe) -> str:
    now, then = set(_signatures(recipe)), set(header.components)
    if now != then:
        are, were = (", ".join(sorted(some)) or "none" for some in (now - then, then - now))
        return f"the recipe's components have changed since it was recorded (they are {are}, were {were})"
    if recipe.method() != header.recipe:
        return "the recipe's components have other options than when it was recorded"
    return ""


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def _warnings(recipe: Mapping[str, Any]) -> list[str]:
    return [
        f"the recipe's {place} is a path of this machine, {value}; it is part of the method, so the tape shows it"
        for place, value in _texts(recipe, "")
        if value.startswith("~") or os.path.isabs(value)
    ]


def _texts(node: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield place, node
        return
    inner = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for name, value in inner:
        yield from _texts(value, f"{place}.{name}".lstrip("."))
