"""A store moved to another place, table by table: SQLite to PostgreSQL, back, or to one of the same kind."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Table, func, select, tuple_
from sqlmodel import SQLModel

from storage.accounts import KEYED
from storage.bulk import insert_new
from storage.engine import StoreError
from storage.records import DatasetRow, Run
from storage.store import Store

BATCH = 2000
"""Rows of one transaction."""
MOVED: tuple[type[SQLModel], ...] = (*(kind for kind in KEYED if kind is not Run), DatasetRow, Run)
"""Runs come last: a store that was copied in part shows none. Leases stay: they are of processes that work on a store."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Copied:
    source: str
    target: str
    rows: dict[str, int]
    """By table, how many there are."""
    new: int
    """Rows that were not there before: fewer than all where a copy went on."""
    runs: dict[str, str]
    """Fingerprint of each run, the same in both."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def copy_store(
    source: Store, target: Store, tell: Callable[[str, int, int], None] = lambda table, done, of: None
) -> Copied:
    """Copy every record, in batches; what is there already stays, so a copy that was cut off goes on.

    `tell` is given a table's name, how many of its rows were looked at, and how many there are. Verified row by row, by
    counts, and by the fingerprint of every run. Raises StoreError for a target that holds anything else, before anything is
    written, and for a source that others wrote to meanwhile.
    """
    if source.place == target.place:
        raise StoreError(f"Store {source.place} cannot be copied to itself. Name another place.")
    for kind in MOVED:
        _refuse_other(source, target, _table(kind))
    new = 0
    for kind in MOVED:
        table = _table(kind)
        total, done = _count(source, table), 0
        for rows in _pages(source, table):
            with target.writing() as connection:
                new += insert_new(connection, kind, rows)
            done += len(rows)
            tell(table.name, done, total)
    return Copied(source.place, target.place, _same_counts(source, target), new, _same_runs(source, target))


def _refuse_other(source: Store, target: Store, table: Table) -> None:
    for rows in _pages(target, table):
        known = _alike(source, table, rows)
        for row in rows:
            if known.get(_place(table, row)) != row:
                raise StoreError(
                    f"Store {target.place} holds other content than {source.place}: {table.name} "
                    f"{'/'.join(map(str, _place(table, row)))} is not there, or another. Nothing was copied. "
                    "Copy into a place that is empty, or that an unfinished copy of the same store left."
                )


def _same_counts(source: Store, target: Store) -> dict[str, int]:
    found = {}
    for kind in MOVED:
        table = _table(kind)
        found[table.name], there = _count(source, table), _count(target, table)
        if found[table.name] != there:
            raise _meanwhile(source, target, f"{table.name} has {found[table.name]:,} rows here and {there:,} there")
        _refuse_other(source, target, table)
    return found


def _same_runs(source: Store, target: Store) -> dict[str, str]:
    found = {}
    for run in source.runs():
        found[run.key], there = source.fingerprint(run.key), target.fingerprint(run.key)
        if found[run.key] != there:
            raise _meanwhile(
                source, target, f"run {run.key} has the fingerprint {found[run.key]} here and {there} there"
            )
    return found


def _meanwhile(source: Store, target: Store, what: str) -> StoreError:
    return StoreError(
        f"The copy of {source.place} at {target.place} differs: {what}. Something wrote to one of them meanwhile: let no run "
        "work on either, and type the same command again."
    )


def _pages(store: Store, table: Table) -> Iterator[list[Row]]:
    """Rows in the order of their keys; no transaction stays open between pages."""
    keys, after = list(table.primary_key), None
    while True:
        statement = select(table).order_by(*keys).limit(BATCH)
        if after is not None:
            statement = statement.where(tuple_(*keys) > after)
        with store.reading() as session:
            rows = [dict(row) for row in session.execute(statement).mappings()]
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        after = tuple_(*(rows[-1][key.name] for key in keys))


def _alike(store: Store, table: Table, rows: list[Row]) -> dict[tuple[Any, ...], Row]:
    """Of a page of rows, those that a store has, by key: all of it lies between the first and the last of them."""
    keys = list(table.primary_key)
    places = sorted({row[keys[0].name] for row in rows})
    if len(keys) > 1:
        within = keys[0].in_(places)
        bounds = [row[keys[1].name] for row in rows]
        within &= keys[1].between(min(bounds), max(bounds))
    else:
        within = keys[0].in_(places)
    with store.reading() as session:
        found = [dict(row) for row in session.execute(select(table).where(within)).mappings()]
    return {_place(table, row): row for row in found}


def _place(table: Table, row: Row) -> tuple[Any, ...]:
    return tuple(row[key.name] for key in table.primary_key)


def _count(store: Store, table: Table) -> int:
    with store.reading() as session:
        return int(session.execute(select(func.count()).select_from(table)).scalar_one())


def _table(kind: type[SQLModel]) -> Table:
    return kind.__table__  # type: ignore[attr-defined]
