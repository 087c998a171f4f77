"""Many rows at near the driver's own speed; rows whose key is already there are left as they are."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

COPY_FROM = 500
"""Fewer rows than this are not worth a temporary table."""

Row = dict[str, Any]
Convert = Callable[[Any], Any] | None


def insert_new(connection: Connection, model: type[SQLModel], rows: list[Row]) -> int:
    """Insert rows, each with every column, unless their key is taken. Returns how many were inserted."""
    if not rows:
        return 0
    table: Table = model.__table__  # type: ignore[attr-defined]
    names = [column.name for column in table.primary_key]
    rows = sorted(rows, key=lambda row: [row[name] for name in names])  # one order for all writers: no deadlock
    if connection.dialect.name == "sqlite":
        return _insert_in_sqlite(connection, table, rows)
    if len(rows) < COPY_FROM:
        return _insert_in_postgresql(connection, table, rows)
    return _copy_to_postgresql(connection, table, rows)


@lru_cache(maxsize=64)
def _compiled(table: Table, dialect: Dialect) -> tuple[str, list[str], list[Convert]]:
    """The INSERT, its columns in order, and what turns each value into the driver's."""
    # ON CONFLICT and not OR IGNORE, which would drop rows that break NOT NULL without a word.
    insert = sqlite.insert(table).on_conflict_do_nothing()
    compiled = insert.compile(dialect=dialect, column_keys=table.columns.keys())
    names = list(getattr(compiled, "positiontup", None) or table.columns.keys())
    return str(compiled), names, _converters(table, dialect, names)


def _converters(table: Table, dialect: Dialect, names: list[str]) -> list[Convert]:
    return [table.columns[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]


def _converted(rows: list[Row], names: list[str], converters: list[Convert]) -> list[tuple[Any, ...]]:
    columns = [
        [row[name] if convert is None else convert(row[name]) for row in rows]
        for name, convert in zip(names, converters, strict=True)
    ]
    return list(zip(*columns, strict=True))


def _insert_in_sqlite(connection: Connection, table: Table, rows: list[Row]) -> int:
    sql, names, converters = _compiled(table, connection.dialect)
    driver: Any = connection.connection.driver_connection
    before = driver.total_changes
    connection.exec_driver_sql(sql, _converted(rows, names, converters))
    return int(driver.total_changes - before)


def _insert_in_postgresql(connection: Connection, table: Table, rows: list[Row]) -> int:
    insert = postgresql.insert(table).on_conflict_do_nothing()
    return connection.execute(insert, rows, execution_options={"preserve_rowcount": True}).rowcount


def _copy_to_postgresql(connection: Connection, table: Table, rows: list[Row]) -> int:
    quote = connection.dialect.identifier_preparer.quote
    names = table.columns.keys()
    target, arrivals, columns = quote(table.name), quote(f"new_{table.name}"), ", ".join(map(quote, names))
    order = ", ".join(quote(column.name) for column in table.primary_key)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {arrivals} ON COMMIT DROP AS SELECT {columns} FROM {target} WHERE false")
        with cursor.copy(f"COPY {arrivals} ({columns}) FROM STDIN") as copy:
            for row in _converted(rows, names, _converters(table, connection.dialect, names)):
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {arrivals} ORDER BY {order} ON CONFLICT DO NOTHING"
        )
        inserted = int(cursor.rowcount)
        cursor.execute(f"DROP TABLE {arrivals}")
    return inserted
