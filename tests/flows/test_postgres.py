"""The same run on a real PostgreSQL ends with the same content as on SQLite."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from storage.store import open_store

pytestmark = pytest.mark.slow
TINY = Path(__file__).parent / "tiny.yaml"
SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")


@pytest.fixture
def database() -> Iterator[str]:
    name = f"orchestrator_{uuid4().hex[:12]}"
    try:
        server = psycopg.connect(SERVER.replace("+psycopg", ""), autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at {SERVER}: {error}")
    with server:
        server.execute(f"create database {name}")
        yield SERVER.rpartition("/")[0] + f"/{name}"
        server.execute(f"drop database {name} with (force)")


def carry_out(home: Path, *more: str) -> None:
    words = [sys.executable, "-m", "flows.cli", "run", str(TINY), "--home", str(home), "--without-prefect", *more]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_run_on_postgresql_has_the_content_of_one_on_sqlite(tmp_path: Path, database: str) -> None:
    carry_out(tmp_path / "lite")
    carry_out(tmp_path / "large", "--store", database)
    with open_store(tmp_path / "lite" / "store.sqlite") as lite, open_store(database) as large:
        run = lite.runs()[0].key
        assert large.runs()[0].key == run
        assert large.fingerprint(run) == lite.fingerprint(run)
        assert large.verify() == []
