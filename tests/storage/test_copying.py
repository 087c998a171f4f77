"""A store moved to another place is the same store, whichever way it goes and wherever it was cut off."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage import copying
from storage.copying import MOVED, copy_store
from storage.records import Lease, Setup, Withdrawal, Withdrawn
from storage.store import Store, StoreError, open_store
from tests.storage.lessons import RUN, a_call, a_draft, one_of_each


def fill(store: Store) -> None:
    drafts = [a_draft(number) for number in range(40)]
    taken = Withdrawal.new(kind="source", what="main", recipe="maths", reason="no licence")
    store.add(*one_of_each(), *drafts, *(a_call(number, usd=0.1 * number) for number in range(30)))
    store.add(taken, Withdrawn.new(run=RUN, withdrawal=taken.key, kind="draft", record=drafts[0].key))
    store.add(Setup.new(run=RUN, code={"version": "1"}, packages={"p": "1"}, models={"t": {"n": 1e16}}, prices={}))
    store.end_run(RUN, "all rounds are done")


@pytest.fixture
def source(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """On either back end, in batches small enough that there are several."""
    monkeypatch.setattr(copying, "BATCH", 7)
    fill(store)
    return store


def test_from_either_back_end_to_sqlite_every_record_arrives_as_it_was(source: Store, tmp_path: Path) -> None:
    with open_store(tmp_path / "to.sqlite") as target:
        done = copy_store(source, target)
        assert done.new == sum(done.rows.values())
        assert done.rows["draft"] == 40
        assert done.rows["datasetrow"] == 1
        assert done.runs == {RUN: target.fingerprint(RUN)}
        run = target.run(RUN)
        assert run
        assert run.ended == "all rounds are done"
        assert target.setups(RUN)[0].models == {"t": {"n": 1e16}}
        assert target.verify() == []
        assert copy_store(source, target).new == 0


def test_from_sqlite_to_postgresql_and_back(tmp_path: Path, postgres_url: Callable[[], str]) -> None:
    with open_store(tmp_path / "from.sqlite") as source, open_store(postgres_url()) as large:
        fill(source)
        assert copy_store(source, large).rows == copy_store(source, large).rows
        assert large.verify() == []
        with open_store(tmp_path / "back.sqlite") as back:
            copy_store(large, back)
            assert back.fingerprint(RUN) == source.fingerprint(RUN)


def test_a_copy_that_was_cut_off_shows_no_run_and_goes_on(
    source: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, insert = 0, copying.insert_new

    def dying(connection: Any, model: Any, rows: Any) -> int:
        nonlocal written
        if written > 30:
            raise KeyboardInterrupt
        written += len(rows)
        return insert(connection, model, rows)

    with open_store(tmp_path / "to.sqlite") as target:
        with monkeypatch.context() as patch:
            patch.setattr(copying, "insert_new", dying)
            with pytest.raises(KeyboardInterrupt):
                copy_store(source, target)
        assert target.runs() == []
        done = copy_store(source, target)
        assert done.new == sum(done.rows.values()) - written
        assert target.fingerprint(RUN) == source.fingerprint(RUN)


def test_a_place_with_other_content_is_refused_before_anything_is_written(source: Store, tmp_path: Path) -> None:
    with open_store(tmp_path / "to.sqlite") as target:
        target.add(a_call(99))
        with pytest.raises(StoreError, match=r"other content.*call .*Nothing was copied.*empty"):
            copy_store(source, target)
        assert target.runs() == []


def test_the_same_record_in_another_state_is_other_content(source: Store, tmp_path: Path) -> None:
    with open_store(tmp_path / "to.sqlite") as target:
        copy_store(source, target)
        target.end_run(RUN, "for another reason")
        with pytest.raises(StoreError, match=r"other content.*run"):
            copy_store(source, target)


def test_a_store_is_not_copied_to_itself(sqlite_store: Store) -> None:
    with pytest.raises(StoreError, match="to itself"):
        copy_store(sqlite_store, sqlite_store)


def test_every_table_but_that_of_leases_is_moved() -> None:
    from sqlmodel import SQLModel

    assert {kind.__tablename__ for kind in MOVED} == set(SQLModel.metadata.tables) - {Lease.__tablename__}
