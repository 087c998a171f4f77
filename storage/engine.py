"""Where a store is and how to talk to it: the address, the engine with its settings, and errors for people."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psycopg
from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from storage.keyed import canonical_json

FORMS = "a path such as runs/store.sqlite, sqlite:///path, or postgresql://user:password@host/database"

PRAGMAS = (
    "busy_timeout=30000",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "cache_size=-4096",
    "wal_autocheckpoint=8000",
)
"""The time-out comes first: switching to WAL waits for other processes too. The log is copied back every 32 MB: each time
costs the disk two waits."""

ADVICE = (  # a piece of the driver's message, and what to do about it
    ("disk is full", "The disk is full. Free some space and start again: finished work is kept."),
    ("No space left", "The server's disk is full. Free some space and start again: finished work is kept."),
    ("disk I/O error", "The disk failed or is full. Check it, then start again: finished work is kept."),
    ("not a database", "Expected a SQLite database. Name another file, or move this one away."),
    ("malformed", "The file is damaged. Restore a copy, or move it away and start a new store."),
    ("readonly database", "The file or its folder cannot be written. Grant write access, or choose another place."),
    ("unable to open", "The file or its folder cannot be read and written. Grant access, or choose another place."),
    ("is locked", "Another process has been writing for 30 s. Wait for it or end it, then start again."),
    ("NUL", "PostgreSQL keeps no text with a NUL character. Remove it where the text is made, or use a SQLite store."),
    ("password", "The server refused the user. Check user and password in the address."),
    ("does not exist", "Check the names in the address; create the database first if it is new (createdb)."),
    ("connect", "Check that the server runs, and host and port; then start again: finished work is kept."),
)


class StoreError(Exception):
    """Something about the store that a person can put right: what was found, what was expected, what to do."""


class UnfitRecord(StoreError):
    """A record that no store would take; with the store itself nothing is wrong."""


def address(url: str | Path) -> URL:
    """The one spelling of a store's address. A plain path means SQLite. Raises StoreError."""
    text = str(url)
    if isinstance(url, Path) or "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser().absolute()))
    try:
        parsed = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise StoreError(f"The store's address cannot be read ({error}). Expected {FORMS}.") from error
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(database=str(Path(parsed.database).absolute()))
    raise StoreError(f"A store cannot live at {_without_password(parsed)}. Expected {FORMS}.")


def place_of(url: URL) -> str:
    """The address as people may see it, without the password."""
    return str(url.database) if url.drivername == "sqlite" else _without_password(url)


def _without_password(url: URL) -> str:
    """PostgreSQL takes a password as a parameter too, and one for the key of its certificate."""
    masked = {name: "hidden" for name in url.query if "password" in name.lower()}
    return url.update_query_dict(masked).render_as_string(hide_password=True)


def make_engine(url: URL, *, for_migrations: bool = False) -> Engine:
    """An engine with the store's settings. For migrations, rebuilding a table in SQLite must not cascade."""
    pool: dict[str, Any] = {"poolclass": NullPool}
    if not for_migrations:  # threads that read are bounded by asyncio.to_thread, so the pool need not be
        pool = {"poolclass": QueuePool, "max_overflow": -1, "pool_pre_ping": url.drivername != "sqlite"}
    connect_args = {} if url.drivername == "sqlite" else {"connect_timeout": 10}
    engine = create_engine(
        url,
        connect_args=connect_args,
        json_serializer=lambda content: canonical_json(content).decode(),
        json_deserializer=orjson.loads,
        **pool,
    )
    if url.drivername == "sqlite":
        _settle_sqlite(engine, foreign_keys="OFF" if for_migrations else "ON")
    return engine


def _settle_sqlite(engine: Engine, foreign_keys: str) -> None:
    @event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in (*PRAGMAS, f"foreign_keys={foreign_keys}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def writer(engine: Engine) -> Engine:
    """The same engine, for transactions that write: a SQLite reader that turns writer fails, whatever the time-out."""
    return engine.execution_options(begin="BEGIN IMMEDIATE")


@contextmanager
def explained(place: str) -> Iterator[None]:
    """What the driver reports inside, as a StoreError."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, psycopg.Error) as error:
        cause = getattr(error, "orig", None) or error
        unfit = isinstance(cause, sqlite3.IntegrityError | psycopg.DataError | psycopg.IntegrityError)
        raise (UnfitRecord if unfit else StoreError)(explanation(place, cause)) from error


def explanation(place: str, error: BaseException) -> str:
    found = str(error).strip().split("\n")[0]
    advice = next((advice for piece, advice in ADVICE if piece in str(error)), "See the message above for the cause.")
    return f"Store {place}: {found}. {advice}"
