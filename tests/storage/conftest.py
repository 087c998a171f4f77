"""Stores to test against: a SQLite file, and a schema of a database that is made for the session and then dropped."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url
from sqlmodel import SQLModel

from storage.store import Store, open_store

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[Callable[[], str]]:
    """Gives the URL of a new, empty schema at each call."""
    server = make_url(POSTGRES).set(drivername="postgresql")
    try:
        admin = psycopg.connect(server.render_as_string(hide_password=False), autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at {server.render_as_string()}: {error}")
    name, numbers = f"storage_{uuid4().hex[:12]}", count()
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    inside = server.set(database=name)

    def new_schema() -> str:
        schema = f"s{next(numbers)}"
        with psycopg.connect(inside.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        url = inside.update_query_dict({"options": f"-csearch_path={schema} -csynchronous_commit=off"})
        return url.render_as_string(hide_password=False)

    yield new_schema
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    admin.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "deep" / "store.sqlite")
    return request.getfixturevalue("postgres_url")()


@pytest.fixture(scope="session")
def shared_url(postgres_url: Callable[[], str]) -> str:
    """One PostgreSQL store for all tests that need no new one: making and dropping tables is slow there."""
    return postgres_url()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    shared = request.param == "postgresql"
    with open_store(request.getfixturevalue("shared_url") if shared else tmp_path / "store.sqlite") as opened:
        yield opened
        if shared:
            with opened.writing() as connection:
                for table in SQLModel.metadata.sorted_tables:
                    connection.execute(table.delete())


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "other.sqlite") as opened:
        yield opened
