"""What a store can be asked about a run as a whole: its cost, its yields, its fingerprint, and whether it is intact."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Select, Table, case, func
from sqlmodel import SQLModel, col, select

from storage.keyed import Keyed, canonical_json
from storage.lineage import PAGE, Lineage, rows_digest
from storage.records import (
    NO_ROOM,
    PERSON,
    Attempt,
    Batch,
    Call,
    CallOutcome,
    Cluster,
    Dataset,
    DatasetRow,
    Draft,
    Entry,
    Failure,
    Forecast,
    Hearing,
    Outcome,
    Plan,
    Ruling,
    Run,
    Scorecard,
    Seed,
    Setup,
    Student,
    Verdict,
    Withdrawal,
    Withdrawn,
)

_OF_A_RUN = (
    Seed, Draft, Verdict, Dataset, Student, Attempt, Scorecard, Failure, Cluster, Ruling, Hearing, Plan, Entry,
)  # fmt: skip
INCIDENTAL = {"created_at", "latency_s", "attempts", "seconds", "metrics"}
"""Columns that differ between two runs that do the same work."""

KEYED: tuple[type[Keyed], ...] = (
    Run, Seed, Draft, Verdict, Call, Batch, Forecast, Dataset, Student, Attempt, Scorecard, Failure, Cluster, Ruling,
    Hearing, Plan, Entry, Setup, Withdrawal, Withdrawn,
)  # fmt: skip


@dataclass(frozen=True)
class Spending:
    """What a run spent by its ledger."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    usd: float | None
    """The sum of the known prices; None if there are calls and no price is known."""
    unpriced: int
    """Calls whose price is unknown."""
    seconds: float

    def __add__(self, other: "Spending") -> "Spending":
        return Spending(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            None if self.usd is None and other.usd is None else (self.usd or 0.0) + (other.usd or 0.0),
            self.unpriced + other.unpriced,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True)
class Purchase:
    """What one call took."""

    prompt_tokens: int
    completion_tokens: int
    usd: float | None
    seconds: float
    model: str = ""
    repairs: str = ""
    """Key of the call whose reply this one was asked to put right, as far as it can be told."""


@dataclass(frozen=True)
class StepYield:
    """How many drafts of a step had one outcome for one reason."""

    step: str
    judge: str
    outcome: Outcome
    reason: str
    """Empty for what was accepted."""
    count: int


@dataclass(frozen=True)
class CallCount:
    """How many calls of a stage asked one model and ended one way."""

    stage: str
    model: str
    outcome: CallOutcome
    count: int


class Accounts(Lineage):
    """The questions that sum up."""

    def spending(self, run: str, *, with_reused: bool = False) -> Spending:
        """What did this run spend? With what others had paid for, what was its work worth?"""
        statement: Any = select(*_sums()).where(Entry.run == run, *_paid(with_reused))  # type: ignore[call-overload]
        with self.reading() as session:
            return _spending(session.execute(statement).one())

    def spending_since(self, when: datetime) -> Spending:
        """What did all runs spend since then?"""
        statement: Any = select(*_sums()).where(col(Entry.created_at) >= when, *_paid(False))  # type: ignore[call-overload]
        with self.reading() as session:
            return _spending(session.execute(statement).one())

    def spending_by_stage(self, run: str, *, with_reused: bool = False) -> dict[tuple[int, str], Spending]:
        """What did each stage of each round spend? By round and stage."""
        where = (Entry.round, Entry.stage)
        statement: Any = select(*where, *_sums())  # type: ignore[call-overload]
        statement = statement.where(Entry.run == run, *_paid(with_reused)).group_by(*where)
        with self.reading() as session:
            found = {(row[0], row[1]): _spending(row[2:]) for row in session.execute(statement)}
        return dict(sorted(found.items()))

    def ran_short(self, run: str) -> bool:
        """Had this run no room for some call of its lessons?"""
        said = select(Entry.key).where(Entry.run == run, col(Entry.subject).startswith(f"{NO_ROOM} ")).limit(1)
        with self.reading() as session:
            return session.exec(said).first() is not None

    def seed_count(self, run: str) -> int:
        """How many seeds has this run gathered?"""
        with self.reading() as session:
            return session.exec(select(func.count()).select_from(Seed).where(Seed.run == run)).one()

    def bought(self, run: str, *, with_reused: bool = False) -> dict[tuple[int, str], set[str]]:
        """Which calls did this run pay for? Their keys, by round and stage."""
        where = (Entry.run == run, col(Entry.subject).startswith("call:"), *_paid(with_reused))
        return self._placed(select(Entry.round, Entry.stage, Entry.subject).where(*where))

    def named(self, run: str) -> dict[tuple[int, str], set[str]]:
        """From which calls were drafts and verdicts of this run read, whoever paid? Their keys, by round and step."""
        drafts = select(Draft.round, Draft.step, Draft.call).where(Draft.run == run, col(Draft.call).is_not(None))
        verdicts = select(Draft.round, Verdict.step, Verdict.call).join(Draft, col(Draft.key) == Verdict.draft)
        return self._placed(drafts, verdicts.where(Verdict.run == run, col(Verdict.call).is_not(None)))

    def _placed(self, *statements: Any) -> dict[tuple[int, str], set[str]]:
        found: dict[tuple[int, str], set[str]] = {}
        with self.reading() as session:
            for statement in statements:
                for round_number, step, call in session.execute(statement):
                    found.setdefault((round_number, step), set()).add(call)
        return found

    def purchases(self, calls: Iterable[str]) -> dict[str, Purchase]:
        """What did these calls take? By key; what is not stored is left out."""
        # Only a repair has more than the prompt, and only its request is worth reading.
        later = func.json_array_length(col(Call.request)["messages"]) > 1
        taken = (Call.prompt_tokens, Call.completion_tokens, Call.usd, Call.latency_s, Call.model)
        statement = select(Call.key, *taken, case((later, Call.request)))  # type: ignore[call-overload]
        keys, found = sorted(calls), dict[str, Purchase]()
        with self.reading() as session:
            for start in range(0, len(keys), PAGE):
                for key, *figures, request in session.execute(
                    statement.where(col(Call.key).in_(keys[start : start + PAGE])).order_by(Call.key)
                ):
                    found[key] = Purchase(*figures, repairs=_repaired(figures[-1], request) if request else "")
        return found

    def written(self, run: str, step: str, round: int) -> int:
        """How often did a step write something in one round? What one reply gave counts once."""
        statement = select(Draft.parents, Draft.producer, Draft.sample)
        with self.reading() as session:
            rows = session.execute(statement.where(Draft.run == run, Draft.step == step, Draft.round == round))
            return len({(*parents, producer, sample) for parents, producer, sample in rows})

    def calls_by_stage(self, run: str) -> list[CallCount]:
        """Which models did each stage ask, and how did these calls end?"""
        kinds = (Entry.stage, Call.model, Call.outcome)
        statement = select(*kinds, func.count()).join(Call, col(Call.key) == Entry.subject)  # type: ignore[call-overload]
        with self.reading() as session:
            found = [CallCount(*row) for row in session.execute(statement.where(Entry.run == run).group_by(*kinds))]
        return sorted(found, key=lambda c: (c.stage, c.model, c.outcome))

    def yields(self, run: str, round: int | None = None) -> list[StepYield]:
        """How many drafts did each judge accept, and reject or fail to read and why? Largest first. Persons are no judges."""
        # A critic praises each draft in words of its own, so what is accepted has no reason here.
        reason = case((col(Verdict.outcome) == Outcome.ACCEPTED, ""), else_=Verdict.reason).label("cause")
        kinds = (Verdict.step, Verdict.judge, Verdict.outcome)
        statement = select(*kinds, reason, func.count()).where(Verdict.run == run)  # type: ignore[call-overload]
        statement = statement.where(~col(Verdict.judge).startswith(PERSON))
        if round is not None:
            statement = statement.join(Draft, col(Draft.key) == Verdict.draft).where(Draft.round == round)
        with self.reading() as session:
            found = [StepYield(*row) for row in session.execute(statement.group_by(*kinds, "cause"))]
        return sorted(found, key=lambda y: (-y.count, y.step, y.judge, y.outcome, y.reason))

    def taught(self, run: str, *, withheld_by: Collection[str] = ()) -> dict[tuple[int, str], tuple[int, int, int]]:
        """How many seeds, drafts and lessons has each skill had in each round? By round and skill.

        Drafts that a judge of these names rejected are not counted.
        """
        rejected = (Verdict.run == run, col(Verdict.judge).in_(withheld_by), Verdict.outcome == Outcome.REJECTED)
        withheld = col(Draft.key).in_(select(Verdict.draft).where(*rejected))
        lessons = select(Draft.key).join(DatasetRow, col(DatasetRow.draft) == Draft.key)
        lessons = lessons.join(Dataset, col(Dataset.key) == DatasetRow.dataset).where(Dataset.run == run)
        found: dict[tuple[int, str], list[int]] = {}
        with self.reading() as session:
            for place, model, *conditions in (
                (0, Seed),
                (1, Draft, *([~withheld] if withheld_by else [])),
                (2, Draft, col(Draft.key).in_(lessons)),
            ):
                kinds: Any = (model.round, model.skill)
                counted: Any = select(*kinds, func.count())  # type: ignore[call-overload]
                statement = counted.where(model.run == run, *conditions).group_by(*kinds)
                for number, skill, count in session.execute(statement):
                    found.setdefault((number, skill), [0, 0, 0])[place] = count
        return {place: (seeds, drafts, kept) for place, (seeds, drafts, kept) in sorted(found.items())}

    def lessons(self, run: str) -> int:
        """How many drafts are lessons of some dataset of this run?"""
        rows = select(func.count(func.distinct(DatasetRow.draft))).join(Dataset, col(Dataset.key) == DatasetRow.dataset)
        with self.reading() as session:
            return session.exec(rows.where(Dataset.run == run)).one()

    def call_outcomes(self, run: str) -> dict[str, int]:
        """How did the calls end that this run entered in its ledger? By outcome."""
        statement = select(Call.outcome, func.count()).where(_calls_of(run)).group_by(col(Call.outcome))
        with self.reading() as session:
            return {str(outcome): count for outcome, count in sorted(session.execute(statement).all())}

    def fingerprint(self, run: str) -> str:
        """Does another store hold the same work? Then its fingerprint is the same: time and effort do not count."""
        digest = blake2b(digest_size=16)
        with self.reading() as session:
            for table, statement in _content_of(run):
                for row in session.execute(statement, execution_options={"yield_per": PAGE}):
                    digest.update(canonical_json([table, *row]) + b"\n")
        return f"run:b2:{digest.hexdigest()}"

    def verify(self) -> list[str]:
        """Is every record what its key says, and every dataset what its digest says? Complaints, or nothing."""
        return [*self._misfits(), *self._broken_datasets()]

    def _misfits(self) -> Iterator[str]:
        for model in KEYED:
            for page in self._key_pages(model):
                try:
                    yield from _wrong_keys(self.by_key(model, page))
                except ValueError:  # what cannot be decoded spoils its page: read that one by one
                    for key in page:
                        yield from self._misfit(model, key)

    def _misfit(self, model: type[Keyed], key: str) -> Iterator[str]:
        try:
            yield from _wrong_keys(self.by_key(model, [key]))
        except ValueError as error:
            yield f"{model.__name__} {key} cannot be read: {error}."

    def _key_pages(self, model: Any) -> Iterator[list[str]]:
        page: list[str] = [""]
        while page:
            statement = select(model.key).where(model.key > page[-1]).order_by(model.key).limit(PAGE)
            with self.reading() as session:
                page = list(session.exec(statement))
            yield page

    def _broken_datasets(self) -> Iterator[str]:
        with self.reading() as session:
            datasets = list(session.exec(select(Dataset).order_by(Dataset.key)))
        for dataset in datasets:
            try:
                digest = rows_digest(self.dataset_rows(dataset.key))
            except ValueError as error:
                yield f"Dataset {dataset.key}: a row cannot be read: {error}."
                continue
            if digest != dataset.digest:
                yield f"Dataset {dataset.key} has the digest {dataset.digest}, but its rows have {digest}."


def _repaired(model: str, request: dict[str, Any]) -> str:
    """Key of the request that held the prompt alone; of one that asked for several replies it is another."""
    return Call.key_of({"model": model, "request": {**request, "messages": request["messages"][:1]}})


def _paid(with_reused: bool) -> list[Any]:
    return [] if with_reused else [col(Entry.reused).is_(False)]


def _sums() -> tuple[Any, ...]:
    bought = col(Entry.subject).startswith("call:")
    return (
        func.sum(case((bought, 1), else_=0)),
        func.sum(Entry.prompt_tokens),
        func.sum(Entry.completion_tokens),
        func.sum(Entry.usd),
        func.sum(case((bought & col(Entry.usd).is_(None), 1), else_=0)),
        func.sum(Entry.seconds),
    )


def _spending(sums: Any) -> Spending:
    calls, prompt, completion, usd, unpriced, seconds = sums
    known = usd if usd is not None or unpriced else 0.0
    return Spending(calls or 0, prompt or 0, completion or 0, known, unpriced or 0, seconds or 0.0)


def _wrong_keys(records: dict[str, Any]) -> Iterator[str]:
    for key, record in records.items():
        if record.derived_key() != key:
            yield f"{type(record).__name__} {key} was changed: its content has the key {record.derived_key()}."


def _calls_of(run: str) -> Any:
    return col(Call.key).in_(select(Entry.subject).where(Entry.run == run))


def _content_of(run: str) -> Iterator[tuple[str, Select[Any]]]:
    """Per table, the columns that make up the work of a run, in the order of their keys."""
    mine: dict[type[SQLModel], Any] = {
        model: model.run == run  # type: ignore[attr-defined]
        for model in _OF_A_RUN
    }
    mine |= {Run: Run.key == run, Call: _calls_of(run)}
    mine[DatasetRow] = col(DatasetRow.dataset).in_(select(Dataset.key).where(Dataset.run == run))
    for model, condition in sorted(mine.items(), key=lambda item: item[0].__name__):
        table: Table = model.__table__  # type: ignore[attr-defined]
        columns = [column for column in table.columns if column.name not in INCIDENTAL]
        yield table.name, select(*columns).where(condition).order_by(*table.primary_key)  # type: ignore[call-overload]
