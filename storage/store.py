"""The store: every record of every run, in one SQLite file or one PostgreSQL database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from operator import attrgetter
from pathlib import Path
from threading import Lock
from typing import Any, Self

from pydantic import ValidationError
from sqlalchemy import URL, Connection, bindparam, update
from sqlalchemy.exc import StatementError
from sqlmodel import SQLModel, col

from storage.accounts import Accounts, Purchase, Spending, StepYield
from storage.bulk import insert_new
from storage.engine import StoreError, UnfitRecord, address, explained, make_engine, place_of, writer
from storage.keyed import Keyed, row_form
from storage.lineage import rows_digest
from storage.migrations import bring_up_to_date
from storage.records import Batch, BatchState, Call, CallOutcome, Draft, Forecast, Record, Run

__all__ = ["Purchase", "Spending", "StepYield", "Store", "StoreError", "UnfitRecord", "open_store", "rows_digest"]

Row = dict[str, Any]
Readings = Mapping[str, tuple[CallOutcome, str]]
"""How stored replies were understood, by the key of their call: the outcome, and why."""

_SETTLE = (
    update(Call.__table__)  # type: ignore[attr-defined]
    .where(col(Call.key) == bindparam("call"))
    .values(outcome=bindparam("as"), reason=bindparam("why"))
)


def open_store(url: str | Path) -> "Store":
    """Open the store at a path or URL, made if it is new and upgraded if it is old. Raises StoreError."""
    where = address(url)
    if where.drivername == "sqlite":
        _prepare_folder(Path(str(where.database)))
    bring_up_to_date(where)
    return Store(where)


def _prepare_folder(path: Path) -> None:
    if path.is_dir():
        raise StoreError(f"{path} is a folder. Expected a file, e.g. {path / 'store.sqlite'}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The store's folder {path.parent} cannot be made ({error.strerror}). "
            "Expected a folder that can be written: grant access, or choose another place."
        ) from error


class Store(Accounts):
    """Use it with `with`. Threads may share it; processes open their own."""

    def __init__(self, url: URL) -> None:
        self.place = place_of(url)
        self.is_remote = url.drivername != "sqlite"
        self._engine = make_engine(url)
        # SQLite lets whoever polls luckily go first; threads of one process rather queue.
        self._turn: Any = Lock() if url.drivername == "sqlite" else nullcontext()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes: all of it is kept, or nothing. Not to be nested. Raises StoreError."""
        with explained(self.place), self._turn, writer(self._engine).begin() as connection:
            yield connection

    def add(self, *records: Record, readings: Readings | None = None) -> int:
        """Keep these records, and note how stored replies were understood: all of it or nothing.

        Returns how many records were new. Raises StoreError for one that does not fit.
        """
        tables: dict[type[SQLModel], list[Row]] = {}
        for record in records:
            tables.setdefault(type(record), []).append(_checked_row(record))
        if not tables and not readings:
            return 0
        with self.writing() as connection:
            try:  # tables in one order for all writers: no deadlock
                added = sum(insert_new(connection, table, tables[table]) for table in sorted(tables, key=_name))
            except (TypeError, UnicodeEncodeError, OverflowError, StatementError) as error:
                if isinstance(error, StatementError) and not isinstance(error.orig, TypeError | ValueError):
                    raise
                raise UnfitRecord(
                    f"Store {self.place}: a value cannot be kept ({error}). Nothing was added."
                ) from error
            if readings:
                self._settle_readings(connection, readings)
            return added

    def _settle_readings(self, connection: Connection, readings: Readings) -> None:
        rows = [{"call": key, "as": outcome, "why": readings[key][1]} for key, (outcome, _) in sorted(readings.items())]
        settled = connection.execute(_SETTLE, rows, execution_options={"preserve_rowcount": True}).rowcount
        if settled not in (len(rows), -1):
            raise UnfitRecord(
                f"Store {self.place}: {len(rows) - settled} of {len(rows)} calls that were read are not stored. "
                "Add a call before it is read."
            )

    def end_run(self, key: str, why: str) -> None:
        """Note why a run ended; an empty reason says that it goes on. Raises StoreError if there is no such run."""
        with self.writing() as connection:
            if connection.execute(update(Run).where(col(Run.key) == key).values(ended=why)).rowcount == 0:
                raise StoreError(f"Store {self.place}: no run has the key {key!r}. Add the run before it ends.")

    def settle_batch(self, key: str, state: BatchState, remote: str, note: str = "") -> None:
        """Note how far a batch has come. Raises StoreError if there is no such batch."""
        values = {"state": state, "remote": remote, "note": note}
        with self.writing() as connection:
            if connection.execute(update(Batch).where(col(Batch.key) == key).values(**values)).rowcount == 0:
                raise StoreError(f"Store {self.place}: no batch has the key {key!r}. Add it before it is submitted.")

    def settle_forecast(self, key: str, actual: dict[str, Any]) -> None:
        """Note what a run that was forecast did cost and give. Raises StoreError if there is no such forecast."""
        with self.writing() as connection:
            statement = update(Forecast).where(col(Forecast.key) == key).values(actual=actual)
            if connection.execute(statement).rowcount == 0:
                raise StoreError(f"Store {self.place}: no forecast has the key {key!r}.")

    def find_draft(self, run: str, beginning: str) -> Draft:
        """Which draft of a run does a person mean? The one whose key, or its digits, begin so. Raises StoreError."""
        found = self.drafts_like(run, beginning)
        if len(found) == 1:
            return found[0]
        several = f"several drafts begin so: {', '.join(draft.key for draft in found[:3])}, …; give more digits"
        raise StoreError(
            f"Store {self.place}: which draft is {beginning!r}? "
            + (several if found else "None of this run begins so. Reports and exported datasets name drafts by key.")
        )

    def find_run(self, prefix_or_name: str) -> Run:
        """Which run does a person mean? The newest of this name, or the one whose key, or its digits, begin so."""
        runs = self.runs()
        named = [run for run in runs if run.recipe_name == prefix_or_name]
        if named:
            return named[0]
        matching = [run for run in runs if prefix_or_name and _begins(run.key, prefix_or_name)]
        if len(matching) == 1:
            return matching[0]
        found = f"{len(matching)} runs match" if matching else "no run matches"
        there = ", ".join(f"{run.recipe_name} ({run.key})" for run in matching or runs) or "none"
        raise StoreError(
            f"Store {self.place}: {found} {prefix_or_name!r}. Expected a recipe's name or the beginning of "
            f"one key. There {'are' if matching else 'is'}: {there}."
        )


_name = attrgetter("__name__")


def _begins(key: str, prefix: str) -> bool:
    return key.startswith(prefix) or key.rpartition(":")[2].startswith(prefix)


def _checked_row(record: Record) -> Row:
    """The record's columns, validated anew: a table class checks neither its arguments nor what is set later."""
    kind: Any = type(record)
    if not isinstance(record, Record):
        raise UnfitRecord(f"A {kind.__name__} is not a record. Expected one of storage.records.")
    try:
        # Straight from where SQLAlchemy keeps values, unless one has yet to be loaded.
        row = row_form(kind).validate_python(
            vars(record)
            if kind.model_fields.keys() <= vars(record).keys()
            else {name: getattr(record, name) for name in kind.model_fields}
        )
        derived = kind.key_of(row) if issubclass(kind, Keyed) else None
    except ValidationError as error:
        misfits = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
        raise UnfitRecord(f"A {kind.__name__} does not fit ({misfits}). Nothing was added.") from error
    except TypeError as error:
        raise UnfitRecord(f"A {kind.__name__} holds what JSON cannot ({error}). Nothing was added.") from error
    if derived is not None and row["key"] != derived:
        raise UnfitRecord(
            f"A {kind.__name__} has the key {row['key']!r}, but its content has {derived}. Nothing was added. "
            f"Make records with {kind.__name__}.new(...) and do not change them afterwards."
        )
    return row
