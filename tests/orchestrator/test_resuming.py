"""Runs that die, fail, or run out of budget: the same command goes on, and comes to the same work."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.rehearsal.teacher import Refusal
from agents.teacher import BudgetSpent
from orchestrator.cycle import AlreadyRunning, run_directly
from orchestrator.recipe import Recipe
from storage.records import Call, DatasetRow
from storage.store import Store
from tests.conftest import Loop

NewStore = Callable[[str], Store]
KNOWN: list[str] = []
"""The fingerprint below, once it is known."""


class Crash(BaseException):
    """Ends a run as a kill would: nothing in the product may catch it."""


@pytest.fixture
async def undisturbed(loop: Loop, new_store: NewStore) -> str:
    """The fingerprint of the small demo that nothing interrupted; the loop has then forgotten what was sent and done."""
    if not KNOWN:
        with new_store("undisturbed") as store:
            key, _ = await loop.teach(loop.recipe(), store)
            KNOWN.append(store.fingerprint(key))
        loop.sent.clear()
        loop.worker.done.clear()
    return KNOWN[0]


async def test_another_store_and_another_concurrency_come_to_the_same_work(
    loop: Loop, store: Store, undisturbed: str
) -> None:
    loop.concurrency = 1
    key, _ = await loop.teach(loop.recipe(), store)
    assert store.fingerprint(key) == undisturbed


async def test_a_recipe_in_another_order_comes_to_the_same_work(
    loop: Loop, store: Store, undisturbed: str, tmp_path: Path
) -> None:
    """The same digest is the same run, so what a mapping's order says must change nothing."""
    data = loop.recipe().resolved()
    for clause in ("sources", "exams", "roles", "seeds"):
        data[clause] = dict(reversed(data[clause].items()))
    (tmp_path / "reversed.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    key, _ = await loop.teach(loop.recipe(place=tmp_path / "reversed.yaml", small=()), store)
    assert store.fingerprint(key) == undisturbed


# --- a run that dies ------------------------------------------------------------------------------------------------


async def test_a_run_that_dies_after_every_stage_does_the_same_work(loop: Loop, store: Store, undisturbed: str) -> None:
    done: set[str] = set()

    async def dying(name: str, stage: Any, *arguments: Any) -> Any:
        result = await run_directly(name, stage, *arguments)
        if name not in done:
            done.add(name)
            raise Crash(name)
        return result

    key, deaths = await _taught_at_last(loop, store, stage=dying)
    assert deaths == len(done) > 20
    assert store.fingerprint(key) == undisturbed
    assert len(set(loop.sent)) == len(loop.sent)
    assert loop.worker.trainings() == 2


async def test_a_run_that_dies_at_every_commit_does_the_same_work(
    loop: Loop, store: Store, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In turn before and after the commit; of calls, which are many, after every tenth."""
    loop.concurrency = 1  # a request on the wire is lost with its process, so one at a time
    commits = _dying(loop, store, monkeypatch, every=10)
    key, deaths = await _taught_at_last(loop, store, reborn=commits.reborn)
    assert deaths > 40
    assert store.fingerprint(key) == undisturbed
    assert len(set(loop.sent)) == len(loop.sent)
    assert loop.worker.trainings() == 2
    assert store.verify() == []


@pytest.mark.parametrize("cap", [20, 33])
async def test_a_capped_run_that_dies_at_every_commit_buys_the_same_and_says_the_same(
    loop: Loop, new_store: NewStore, monkeypatch: pytest.MonkeyPatch, cap: int
) -> None:
    """Of calls, which are few, after every second."""
    loop.concurrency = 1
    recipe = loop.recipe("budget.then=train", "stop.rounds=2", f"budget.calls={cap}")
    with new_store("whole") as whole, new_store("broken") as broken:
        key, plan = await loop.teach(recipe, whole)
        assert "the budget had no room for all that was to be written" in plan.why
        undisturbed = sorted(loop.sent)
        loop.sent.clear()
        commits = _dying(loop, broken, monkeypatch, every=2)
        _, deaths = await _taught_at_last(loop, broken, recipe=recipe, reborn=commits.reborn)
        assert deaths > 30
        assert sorted(loop.sent) == undisturbed
        assert [p.why for p in broken.plans(key)] == [p.why for p in whole.plans(key)]
        assert broken.fingerprint(key) == whole.fingerprint(key)


def _dying(loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch, every: int) -> "_Commits":
    """A process that dies at every commit to this store, in turn before and after it; of calls, after so many."""
    store_add, commits = store.add, _Commits(every)
    loop.tampering = lambda role, reply: commits.living(reply)

    def add(*records: Any, **noted: Any) -> int:
        new = any(not store.by_key(type(r), [r.key]) for r in records if not isinstance(r, DatasetRow))
        commits.before(records, new)
        added = store_add(*records, **noted)
        commits.after(records, new)
        return added

    monkeypatch.setattr(store, "add", add)
    return commits


class _Commits:
    def __init__(self, every: int) -> None:
        self.is_dead, self.dies_before, self.calls, self.every = False, False, 0, every

    def living(self, reply: str | Refusal) -> str | Refusal:
        if self.is_dead:
            raise Crash("sends nothing any more")
        return reply

    def reborn(self) -> None:
        self.is_dead, self.dies_before = False, not self.dies_before

    def before(self, records: Any, new: bool) -> None:
        buys = any(isinstance(record, Call) for record in records)
        if self.is_dead or (new and self.dies_before and not buys):
            self.is_dead = True
            raise Crash("before a commit")

    def after(self, records: Any, new: bool) -> None:
        buys = any(isinstance(record, Call) for record in records)
        self.calls += buys
        if new and (not buys or self.calls % self.every == 0):
            self.is_dead = True
            raise Crash("after a commit")


async def _taught_at_last(
    loop: Loop,
    store: Store,
    stage: Any = run_directly,
    reborn: Callable[[], None] = lambda: None,
    recipe: Recipe | None = None,
) -> tuple[str, int]:
    """Starts the run again until it ends; (its key, how often it died)."""
    recipe = recipe or loop.recipe()
    for deaths in range(500):
        try:
            key, _ = await loop.teach(recipe, store, stage=stage)
        except Crash:
            reborn()
        except BaseExceptionGroup as group:  # of several batches at once, each dies
            if group.split(Crash)[1]:
                raise
            reborn()
        else:
            return key, deaths
    raise AssertionError("the run never ended")


async def test_a_student_whose_training_fails_is_trained_again(
    loop: Loop, store: Store, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = loop.worker._train
    monkeypatch.setattr(loop.worker, "_train", _raises(OSError("no space left")))
    with pytest.raises(OSError, match="no space left"):
        await loop.teach(loop.recipe(), store)
    monkeypatch.setattr(loop.worker, "_train", train)
    sent = len(loop.sent)
    key, _ = await loop.teach(loop.recipe(), store)
    assert store.fingerprint(key) == undisturbed
    assert sent > 15
    assert len(set(loop.sent)) == len(loop.sent)


def _raises(error: Exception) -> Any:
    def fail(*_: Any) -> Any:
        raise error

    return fail


async def test_one_process_at_a_time_carries_out_a_run(loop: Loop, store: Store) -> None:
    recipe, other = loop.recipe(), loop.recipe("seed=1")
    async with loop.opened(recipe, store):
        with pytest.raises(AlreadyRunning, match=r"process \d+ is carrying out this run already.*--set seed=1"):
            async with loop.opened(recipe, store):
                pass
        async with loop.opened(other, store) as work:
            assert work.run.recipe_name == "demo"
    async with loop.opened(recipe, store):
        pass


async def test_a_thread_does_not_get_past_the_lock_either(loop: Loop, store: Store) -> None:
    caught: list[BaseException] = []

    def second() -> None:
        import asyncio

        try:
            asyncio.run(loop.teach(loop.recipe(), store))
        except AlreadyRunning as error:
            caught.append(error)

    async with loop.opened(loop.recipe(), store):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(caught) == 1


# --- budget ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 64])
async def test_a_run_never_passes_its_calls_and_goes_on_with_more(
    loop: Loop, store: Store, undisturbed: str, concurrency: int
) -> None:
    loop.concurrency = concurrency
    for cap in (0, 10, 33, 60):
        with pytest.raises(BudgetSpent, match=r"budget of \d+ calls has no room.*--max-calls"):
            await loop.teach(loop.recipe(f"budget.calls={cap}"), store)
        (run,) = store.runs()
        assert store.spending(run.key).calls <= cap
        assert len(loop.sent) <= cap
        assert "has no room" in run.ended
    key, _ = await loop.teach(loop.recipe("budget.calls=1000"), store)
    assert store.fingerprint(key) == undisturbed
    assert len(set(loop.sent)) == len(loop.sent)
