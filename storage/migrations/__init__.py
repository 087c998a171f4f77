"""How a store's tables came to be, step by step. Opening a store carries out the steps it lacks; none goes back."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, inspect, text
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from storage.engine import StoreError, explained, make_engine, place_of, writer
from storage.keyed import UTCDateTime, Word

FOLDER = Path(__file__).parent
VERSION_TABLE = "store_revision"
"""Not Alembic's own name, so that a store can share a PostgreSQL database with Prefect."""
ADVISORY_LOCK = 7_305_181_125
"""Any number that all programs of this project agree on."""


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's settings without an ini file, so that they work from an installed wheel."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def revisions() -> list[str]:
    """Every revision this program knows, oldest first."""
    scripts = ScriptDirectory.from_config(configuration()).walk_revisions()
    return [script.revision for script in scripts][::-1]


def bring_up_to_date(url: URL, to: str | None = None) -> None:
    """Carry out the steps that the store lacks, up to the newest or `to`. Two processes may do so at once."""
    engine = make_engine(url, for_migrations=True)
    known, place = revisions(), place_of(url)
    to = to or known[-1]
    try:
        with explained(place), _alone(url):
            with engine.connect() as connection:  # most stores are up to date: no need to wait for a writer
                if _revision(connection, known, place) == to:
                    return
            with writer(engine).begin() as connection:
                _upgrade(connection, known, place, to)
    finally:
        engine.dispose()


@contextmanager
def _alone(url: URL) -> Iterator[None]:
    """SQLite's switch to WAL does not wait for others, so a lock on the folder does; it leaves no file behind."""
    if url.drivername != "sqlite":
        yield
        return
    folder = os.open(Path(str(url.database)).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _upgrade(connection: Connection, known: list[str], place: str, to: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ADVISORY_LOCK})
    if _revision(connection, known, place) == to:
        return
    command.upgrade(configuration(connection), to)
    if connection.dialect.name == "sqlite":
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if orphans:
            raise StoreError(
                f"Store {place}: the upgrade to revision {to} would leave {len(orphans)} rows without the row they "
                f"refer to, first in {orphans[0][0]}. It was not carried out. Please report this."
            )


def _revision(connection: Connection, known: list[str], place: str) -> str | None:
    """The revision that the store is at; None for a new one. Raises StoreError if it is not ours to upgrade."""
    found = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
    if found is not None and found not in known:
        raise StoreError(
            f"Store {place} is of revision {found}; this program knows revisions up to {known[-1]}. "
            "A newer program made it: upgrade this program, or choose another store."
        )
    tables = set(inspect(connection).get_table_names())
    strangers = tables if connection.dialect.name == "sqlite" else tables & set(SQLModel.metadata.tables)
    if found is None and strangers:
        raise StoreError(
            f"{place} is another program's database: it has tables ({', '.join(sorted(strangers)[:5])}) but no "
            f"{VERSION_TABLE}. Expected a store or nothing. Choose another place."
        )
    return found


def render_item(kind: str, item: Any, context: AutogenContext) -> str | bool:  # noqa: ARG001
    """Column types as plain SQLAlchemy, so that a migration imports neither sqlmodel nor our records."""
    plain = {AutoString: "sa.String()", UTCDateTime: "sa.DateTime(timezone=True)", Word: "sa.Text()"}
    return plain.get(type(item), False) if kind == "type" else False


def include_object(_item: Any, _name: str | None, kind: str, reflected: bool, match: Any) -> bool:
    """A table that the records do not know is a neighbour's or a search index: never propose to drop it."""
    return not (kind == "table" and reflected and match is None)


def draft_revision(message: str, url: URL) -> None:
    """For developers: write the next step from what records.py says and the store at `url` lacks. Then read it."""
    engine = make_engine(url, for_migrations=True)
    with engine.begin() as connection:
        command.revision(configuration(connection), message, autogenerate=True, rev_id=f"{len(revisions()) + 1:04}")
