"""Drafts and failures as a person looks through them: filtered, searched, page by page, in the order of their keys.

Keys are hashes, so what stands together was not written together: the first page is as good a sample as any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import String, and_, cast, exists, func, or_, select, tuple_
from sqlmodel import col

from storage.keyed import canonical_json
from storage.persons import BY_HAND, PERSON
from storage.records import Attempt, Draft, Failure, Outcome, Verdict
from storage.store import Store

Seen = Literal["", "nobody", "someone", "me"]
Verdicted = Literal["", "accepted", "rejected", "unreadable", "unjudged"]


@dataclass(frozen=True)
class Wanted:
    """Which drafts; what is empty or None does not matter."""

    round: int | None = None
    step: str = ""
    skill: str = ""
    outcome: Verdicted = ""
    """What judges came to: rejected if one rejected, else unreadable if one was, accepted if all accepted."""
    seen: Seen = ""
    """By which person it was judged."""
    text: str = ""
    """Words that its fields hold, in any order, names of fields included."""
    keys: tuple[str, ...] | None = None
    """No others than these."""


@dataclass(frozen=True)
class WantedFailures:
    """Which failures; what is empty or None does not matter."""

    round: int | None = None
    exam: str = ""
    skill: str = ""
    cause: str = ""
    text: str = ""
    """Words that question, gold answer or reply hold."""


def count_drafts(store: Store, run: str, wanted: Wanted, me: str) -> int:
    """How many drafts are there? `me` is the judge that the person who looks is."""
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(Draft).where(*_wanted(run, wanted, me))) or 0


def page_of_drafts(store: Store, run: str, wanted: Wanted, me: str, start: int, size: int) -> list[Draft]:
    """So many of them from this place on."""
    statement = select(Draft).where(*_wanted(run, wanted, me)).order_by(col(Draft.round), col(Draft.key))
    with store.reading() as session:
        return list(session.scalars(statement.offset(start).limit(size)))


def place_of_draft(store: Store, run: str, wanted: Wanted, me: str, draft: Draft) -> int:
    """How many of them stand before this draft, whether it is one of them or not."""
    before = tuple_(col(Draft.round), col(Draft.key)) < tuple_(draft.round, draft.key)  # type: ignore[arg-type]
    statement = select(func.count()).select_from(Draft).where(*_wanted(run, wanted, me), before)
    with store.reading() as session:
        return session.scalar(statement) or 0


def choices_of_drafts(store: Store, run: str) -> dict[str, list[Any]]:
    """What there is to choose from: rounds, steps, skills."""
    return _choices(store, {name: getattr(Draft, name) for name in ("round", "step", "skill")}, Draft, run)


def choices_of_failures(store: Store, run: str) -> dict[str, list[Any]]:
    columns = {"round": Failure.round, "exam": Attempt.exam, "skill": Failure.skill, "cause": Failure.cause}
    return _choices(store, columns, Failure, run)


def page_of_failures(
    store: Store, run: str, wanted: WantedFailures, start: int, size: int
) -> tuple[list[tuple[Failure, Attempt]], int]:
    """So many failures from this place on, each with its attempt; and how many there are in all."""
    conditions = [col(Failure.run) == run]
    for column, value in (
        (Failure.round, wanted.round),
        (Attempt.exam, wanted.exam),
        (Failure.skill, wanted.skill),
        (Failure.cause, wanted.cause),
    ):
        if value not in (None, ""):
            conditions.append(col(column) == value)  # type: ignore[arg-type]
    texts = (col(Attempt.question), col(Attempt.gold), col(Attempt.reply))
    for word in wanted.text.split():
        conditions.append(or_(*(_holds(text, word) for text in texts)))
    joined = and_(col(Attempt.key) == col(Failure.attempt), *conditions)
    statement = select(Failure, Attempt).join(Attempt, joined).order_by(col(Failure.round), col(Failure.key))
    with store.reading() as session:
        count = session.scalar(select(func.count()).select_from(Failure).join(Attempt, joined)) or 0
        return [(f, a) for f, a in session.execute(statement.offset(start).limit(size))], count


def _choices(store: Store, columns: dict[str, Any], model: Any, run: str) -> dict[str, list[Any]]:
    found = {}
    with store.reading() as session:
        for name, column in columns.items():
            statement = select(column).where(model.run == run).distinct()
            if column.class_ is not model:
                statement = statement.join(model, model.attempt == column.class_.key)
            found[name] = sorted(value for value in session.scalars(statement) if value != "")
    return found


def _wanted(run: str, wanted: Wanted, me: str) -> list[Any]:
    conditions: list[Any] = [col(Draft.run) == run]
    for column, value in ((Draft.round, wanted.round), (Draft.step, wanted.step), (Draft.skill, wanted.skill)):
        if value not in (None, ""):
            conditions.append(col(column) == value)  # type: ignore[arg-type]
    if wanted.keys is not None:
        conditions.append(col(Draft.key).in_(wanted.keys))
    conditions += _by_outcome(wanted.outcome) + _by_person(wanted.seen, me)
    # as the stored JSON spells it: a quotation mark or a line break of the text is an escape there
    spelled = [canonical_json(word)[1:-1].decode() for word in wanted.text.split()]
    return conditions + [_holds(cast(col(Draft.fields), String), word) for word in spelled]


def _holds(text: Any, word: str) -> Any:
    return func.lower(text).contains(word.lower(), autoescape=True)


def _judged(*conditions: Any) -> Any:
    return exists().where(col(Verdict.draft) == col(Draft.key), *conditions)


def _by_outcome(outcome: Verdicted) -> list[Any]:
    machine = ~col(Verdict.judge).startswith(PERSON)
    rejected = _judged(machine, col(Verdict.outcome) == Outcome.REJECTED)
    unreadable = _judged(machine, col(Verdict.outcome) == Outcome.UNREADABLE)
    return {
        "": [],
        "rejected": [rejected],
        "unreadable": [unreadable, ~rejected],
        "accepted": [_judged(machine), ~rejected, ~unreadable],
        "unjudged": [~_judged(machine)],
    }[outcome]


def _by_person(seen: Seen, me: str) -> list[Any]:
    anybody = _judged(col(Verdict.step) == BY_HAND, col(Verdict.judge).startswith(PERSON))
    own = _judged(col(Verdict.step) == BY_HAND, col(Verdict.judge) == me)
    return {"": [], "nobody": [~anybody], "someone": [anybody], "me": [own]}[seen]


def outcome_of(verdicts: Sequence[Verdict]) -> str:
    """What judges came to, as `Wanted.outcome` says it; persons are not asked."""
    outcomes = {verdict.outcome for verdict in verdicts if not verdict.judge.startswith(PERSON)}
    for worst in (Outcome.REJECTED, Outcome.UNREADABLE, Outcome.ACCEPTED):
        if worst in outcomes:
            return str(worst)
    return "unjudged"
