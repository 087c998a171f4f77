"""Every trouble with a store that a person can put right is explained to that person, and nothing is lost by it."""

import socket
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from storage.store import StoreError, open_store
from tests.storage.lessons import RUN, a_draft, a_run


def test_a_full_disk_is_explained_and_finished_work_is_kept(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.sqlite") as store:
        store.add(a_run())

        @event.listens_for(store._engine, "checkout")
        def _(connection: Any, *_: Any) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count={pages}")

        with pytest.raises(StoreError, match=r"disk is full.*Free some space"):
            store.add(*(a_draft(n) for n in range(500)))
        assert store.run(RUN)
        assert store.drafts(RUN, "write") == []


@pytest.mark.parametrize("path", ["/proc/runs/store.sqlite", "/dev/null/store.sqlite", "/proc/store.sqlite"])
def test_a_folder_that_cannot_be_written_is_explained(path: str) -> None:
    with pytest.raises(StoreError, match="choose another place"):
        open_store(path)


def test_what_is_not_a_database_is_explained_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary " * 200)
    with pytest.raises(StoreError, match="Expected a SQLite database"):
        open_store(path)
    with pytest.raises(StoreError, match="is a folder"):
        open_store(tmp_path)
    assert path.read_text().startswith("dear diary")


def test_a_server_that_does_not_answer_is_explained_without_the_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(StoreError, match="Check that the server runs") as caught:
            open_store(f"postgresql://me:secret@127.0.0.1:{port}/none?password=secret&sslpassword=secret&sslmode=allow")
    assert "secret" not in str(caught.value)
    assert "sslmode=allow" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:secret@host/db",
        "mysql://host/db?password=secret",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://h:x/y",
    ],
)
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="Expected a path such as") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_one_store_has_many_spellings(tmp_path: Path) -> None:
    path = tmp_path / "100 % mine" / "store.sqlite"
    with open_store(path) as store:
        store.add(a_run())
    for spelling in (str(path), f"sqlite:///{path}"):
        with open_store(spelling) as store:
            assert store.run(RUN)
