"""Stores of every age open, nothing is lost on the way, and what is not a store is left alone."""

import sqlite3
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Boolean, Column, Connection, DateTime, Float, Integer, MetaData, create_engine, text
from sqlmodel import SQLModel

from storage.engine import address, make_engine
from storage.keyed import utc_now
from storage.migrations import (
    VERSION_TABLE,
    bring_up_to_date,
    configuration,
    include_object,
    render_item,
    revisions,
)
from storage.store import StoreError, open_store
from tests.storage.lessons import RUN, one_of_each


def test_records_and_migrations_agree(url: str) -> None:
    open_store(url).close()
    with make_engine(address(url), for_migrations=True).begin() as connection:
        command.check(configuration(connection))


def some_value(column: Column[Any], number: int) -> Any:
    kinds = ((Boolean, True), (Integer, number), (Float, 0.5), (DateTime, utc_now()), (JSON, {"n": number}))
    if column.name == "outcome":
        return "unreadable"
    return next((value for kind, value in kinds if isinstance(column.type, kind)), f"{column.name} {number}")


def content(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    tables = MetaData()
    tables.reflect(connection)
    return {
        name: [dict(row) for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()]
        for name, table in tables.tables.items()
        if name != VERSION_TABLE
    }


def fill(connection: Connection) -> None:
    tables = MetaData()
    tables.reflect(connection)
    for name, table in tables.tables.items():
        if name != VERSION_TABLE:
            rows = [{column.name: some_value(column, number) for column in table.columns} for number in range(3)]
            connection.execute(table.insert(), rows)


@pytest.mark.parametrize("revision", revisions())
def test_an_upgrade_loses_nothing(url: str, revision: str) -> None:
    if "://" not in url:
        Path(url).parent.mkdir()
    bring_up_to_date(address(url), to=revision)
    engine = make_engine(address(url), for_migrations=True)
    with engine.begin() as connection:
        fill(connection)
        before = content(connection)
    open_store(url).close()
    with engine.begin() as connection:
        after = content(connection)
    assert before
    for table, rows in before.items():
        assert [{name: row[name] for name in rows[0]} for row in after[table]] == rows


def open_and_add(url: str, start: Any, counts: Any) -> None:
    start.wait()
    with open_store(url) as store:
        counts.put(store.add(*one_of_each()))


def test_two_processes_open_a_fresh_store_at_once(url: str) -> None:
    context = get_context("fork")
    start, counts = context.Barrier(2), context.Queue()
    processes = [context.Process(target=open_and_add, args=(url, start, counts)) for _ in range(2)]
    for process in processes:
        process.start()
    added = [counts.get(timeout=30) for _ in processes]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert sum(added) == len(one_of_each())
    with open_store(url) as store:
        assert store.verify() == []


def test_a_newer_store_is_refused_and_left_alone(url: str) -> None:
    with open_store(url) as store:
        store.add(*one_of_each())
        with store.writing() as connection:
            connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"revision 9999.*upgrade this program"):
        open_store(url)


def test_another_programs_sqlite_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmark (id INTEGER)")
    with pytest.raises(StoreError, match=r"another program's database.*bookmark"):
        open_store(path)
    assert sqlite3.connect(path).execute("SELECT name FROM sqlite_master").fetchall() == [("bookmark",)]


def test_a_neighbour_in_the_same_postgresql_database_is_left_alone(postgres_url: Any) -> None:
    url = postgres_url()
    with make_engine(address(url)).begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
    with open_store(url) as store:
        store.add(*one_of_each())
    with make_engine(address(url), for_migrations=True).begin() as connection:
        command.check(configuration(connection))


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half_way(config: Any, _to: str) -> None:
        config.attributes["connection"].exec_driver_sql("CREATE TABLE half (id INTEGER)")
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", half_way)
        with pytest.raises(RuntimeError):
            open_store(tmp_path / "store.sqlite")
    with open_store(tmp_path / "store.sqlite") as store:
        assert store.add(*one_of_each())
        assert store.run(RUN)


def test_an_upgrade_that_orphans_rows_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def orphaning(config: Any, _to: str) -> None:
        for statement in (
            "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
            "CREATE TABLE child (parent INTEGER REFERENCES parent)",
            "INSERT INTO child VALUES (7)",
        ):
            config.attributes["connection"].exec_driver_sql(statement)

    monkeypatch.setattr(command, "upgrade", orphaning)
    with pytest.raises(StoreError, match="without the row they refer to, first in child"):
        open_store(tmp_path / "store.sqlite")
    assert sqlite3.connect(tmp_path / "store.sqlite").execute("SELECT * FROM sqlite_master").fetchall() == []


def test_a_generated_migration_needs_only_sqlalchemy() -> None:
    options = {"render_item": render_item, "include_object": include_object, "render_as_batch": True}
    with create_engine("sqlite://").connect() as connection:
        context = MigrationContext.configure(connection, opts={**options, "target_metadata": SQLModel.metadata})
        operations = produce_migrations(context, SQLModel.metadata).upgrade_ops
    code = render_python_code(operations, render_item=render_item, render_as_batch=True)
    assert "create_table" in code
    assert not any(foreign in code for foreign in ("sqlmodel", "AutoString", "UTCDateTime", "Word", "storage"))
