"""A lock says what went into a run and what came out; who carries it out again is told what comes out otherwise."""

import json
from pathlib import Path

import pytest

from orchestrator.forgetting import forget
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from orchestrator.locks import LockError, lock, read_lock, write_lock
from orchestrator.machine import Machine
from orchestrator.reproducing import Reproduced, reproduce
from orchestrator.tapes import record
from storage.records import Run
from storage.store import Store, open_store
from tests.conftest import Loop


@pytest.fixture
async def run(loop: Loop, store: Store) -> Run:
    key, _ = await loop.teach(loop.recipe(), store)
    found = store.run(key)
    assert found
    return found


@pytest.fixture
def file(store: Store, run: Run, tmp_path: Path) -> Path:
    path = tmp_path / "run.lock.json"
    write_lock(lock(store, run), path)
    return path


async def again(file: Path, home: Path, tape: Path | None = None) -> Reproduced:
    return await reproduce(read_lock(file), tape, None, home)


def places(found: Reproduced) -> set[str]:
    return {each.place for each in found.products}


async def test_the_same_run_comes_out_the_same_from_seeds_to_scores(run: Run, file: Path, tmp_path: Path) -> None:
    found = await again(file, tmp_path / "again")
    assert (found.same, found.inputs, found.run) == (True, [], run.key)
    assert found.bought > 0
    kinds = " ".join(read_lock(file).products)
    for kind in ("seeds of tasks", "dataset lessons", "student: base", "student: adapter", "student: test"):
        assert kind in kinds
    assert found.same_products == len(read_lock(file).products)


async def test_with_a_tape_nothing_of_the_lessons_is_asked_again(
    store: Store, run: Run, file: Path, tmp_path: Path, loop: Loop
) -> None:
    tape = tmp_path / "run.tape.gz"
    taped = await record(store, run, _machine(loop), tape)
    loop.sent.clear()
    found = await again(file, tmp_path / "again", tape)
    assert taped.calls > 50
    assert found.same
    assert found.bought == len(loop.sent) == 0


def _machine(loop: Loop) -> Machine:
    """The one that the stand-in for endpoints is."""
    return Machine.model_validate({"default": {"model": loop.model, "max_tokens": 200}})


async def test_a_component_that_does_otherwise_shows_in_what_went_in_and_in_what_came_out(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = RationaleThenAnswer.row
    monkeypatch.setattr(RationaleThenAnswer, "revision", 99)
    monkeypatch.setattr(
        RationaleThenAnswer, "row", lambda self, fields: row(self, {**fields, "rationale": "So it is."})
    )
    found = await again(file, tmp_path / "again")
    assert not found.same
    assert "round 1, dataset lessons" in places(found)
    assert any("rationale_then_answer@99" in each.place for each in found.inputs)
    assert "round 1, seeds of tasks" not in places(found)


async def test_a_run_that_does_without_something_is_reproduced_without_it(
    store: Store, loop: Loop, run: Run, tmp_path: Path
) -> None:
    row = next(store.dataset_rows(store.datasets(run.key)[0].key))
    forget(store, run, row.draft, "it is wrong")
    forget(store, run, "basics", "it is not ours")
    second = store.run((await loop.teach(loop.recipe(), store))[0])
    assert second
    path = tmp_path / "second.lock.json"
    write_lock(lock(store, second), path)
    found = await again(path, tmp_path / "again")
    assert (found.run, found.products) == (second.key, [])


async def test_a_run_that_cannot_be_held_to_anything_is_not_locked(store: Store, loop: Loop) -> None:
    async with loop.opened(loop.recipe(), store) as work:
        with pytest.raises(LockError, match="has not ended yet"):
            lock(store, work.run)


async def test_a_store_that_holds_another_run_is_left_alone(file: Path, loop: Loop, tmp_path: Path) -> None:
    home = tmp_path / "used"
    home.mkdir()
    with open_store(home / "store.sqlite") as used:
        await loop.teach(loop.recipe("name=another"), used)
    with pytest.raises(LockError, match=r"recipe another.*empty folder with --home"):
        await again(file, home)


def test_a_lock_is_the_same_file_twice_and_one_that_was_changed_is_refused(
    store: Store, run: Run, file: Path, tmp_path: Path
) -> None:
    write_lock(lock(store, run), tmp_path / "twice.json")
    assert (tmp_path / "twice.json").read_bytes() == file.read_bytes()
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "digest": "another"}))
    with pytest.raises(LockError, match="not as it was written"):
        read_lock(file)
    file.write_text(json.dumps({"lock": 7}))
    with pytest.raises(LockError, match="version 7"):
        read_lock(file)
    for text in ("no JSON", "[]", "{}"):
        file.write_text(text)
        with pytest.raises(LockError, match="is not a lock"):
            read_lock(file)
    file.write_text(json.dumps({"lock": 1, "run": 3}))
    with pytest.raises(LockError, match="cannot be read as a lock"):
        read_lock(file)
