"""What persons say of drafts: verdicts beside those of the judges, changed and taken back without a trace being lost.

A person has one verdict of a draft. Said again, the later counts, and the earlier stays in its evidence.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select, update
from sqlmodel import col

from storage.bulk import insert_new
from storage.records import PERSON, Draft, Verdict
from storage.store import Store

__all__ = ["BY_HAND", "PERSON", "person", "said_in", "said_of", "say", "take_back"]

BY_HAND = "by hand"
"""The step of what persons say and write. No recipe's step can have this name, so it moves no stream by itself."""
NAME = re.compile(r"[\w.-]{1,40}")

_VERDICT: Table = Verdict.__table__  # type: ignore[attr-defined]
_SAID = ("outcome", "score", "reason", "evidence", "created_at")


def person(name: str) -> str:
    """The judge that a person of this name is. Raises ValueError for a name that could be mistaken."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a reviewer: up to 40 letters, digits, dots, dashes and underscores")
    return PERSON + name


def say(store: Store, *verdicts: Verdict, drafts: Sequence[Draft] = ()) -> None:
    """Keep a person's verdicts, and drafts that he wrote: all of it or nothing. Raises StoreError."""
    with store.writing() as connection:
        insert_new(connection, Draft, [draft.model_dump() for draft in drafts])
        for verdict in verdicts:
            if insert_new(connection, Verdict, [verdict.model_dump()]):
                continue
            told = _row(connection, verdict.key)
            evidence = {**verdict.evidence, "before": [*told["evidence"].get("before", []), _as_told(told)]}
            _change(connection, verdict.key, {**verdict.model_dump(include=set(_SAID)), "evidence": evidence})


def take_back(store: Store, run: str, judge: str, step: str = BY_HAND) -> list[str]:
    """Undo the last that this person said in this run: what he had said before holds again. Returns what it was said of.

    Drafts that he wrote stay. Raises StoreError.
    """
    own = (_VERDICT.c.run == run, _VERDICT.c.judge == judge, _VERDICT.c.step == step)
    with store.writing() as connection:
        last = connection.execute(select(func.max(_VERDICT.c.created_at)).where(*own)).scalar_one()
        found = connection.execute(select(_VERDICT).where(*own, _VERDICT.c.created_at == last)).mappings().all()
        for told in found:
            before = told["evidence"].get("before", [])
            if before:
                evidence = {**before[-1]["evidence"], **({"before": before[:-1]} if before[:-1] else {})}
                when = datetime.fromisoformat(before[-1]["created_at"])
                _change(connection, told["key"], {**before[-1], "evidence": evidence, "created_at": when})
            else:
                connection.execute(delete(_VERDICT).where(_VERDICT.c.key == told["key"]))
        return sorted(told["draft"] for told in found)


def said_of(store: Store, drafts: Sequence[str], step: str = BY_HAND) -> dict[str, list[Verdict]]:
    """What persons say of these drafts: by draft, oldest first; a draft of which nobody said anything is left out."""
    found: dict[str, list[Verdict]] = {}
    for start in range(0, len(drafts), 500):
        statement = _of_persons(step).where(col(Verdict.draft).in_(drafts[start : start + 500]))
        with store.reading() as session:
            for verdict in session.scalars(statement.order_by(col(Verdict.created_at), col(Verdict.key))):
                found.setdefault(verdict.draft, []).append(verdict)
    return found


def said_in(store: Store, run: str, step: str = BY_HAND) -> list[Verdict]:
    """All that persons say in a run. Oldest first."""
    statement = _of_persons(step).where(col(Verdict.run) == run)
    with store.reading() as session:
        return list(session.scalars(statement.order_by(col(Verdict.created_at), col(Verdict.key))))


def _of_persons(step: str) -> Any:
    return select(Verdict).where(col(Verdict.step) == step, col(Verdict.judge).startswith(PERSON))


def _row(connection: Connection, key: str) -> dict[str, Any]:
    statement = select(_VERDICT).where(_VERDICT.c.key == key).with_for_update()
    return dict(connection.execute(statement).mappings().one())


def _as_told(row: dict[str, Any]) -> dict[str, Any]:
    """As it is kept in the evidence of what took its place."""
    evidence = {name: value for name, value in row["evidence"].items() if name != "before"}
    said = {"outcome": str(row["outcome"]), "score": row["score"], "reason": row["reason"], "evidence": evidence}
    return {**said, "created_at": row["created_at"].isoformat()}


def _change(connection: Connection, key: str, values: dict[str, Any]) -> None:
    connection.execute(update(_VERDICT).where(_VERDICT.c.key == key).values(**values))
