"""The journal: committed before it is said, many at once in few transactions, and every trouble told to whom it concerns."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.journal import Journal
from storage.records import Call, CallOutcome, Entry
from storage.store import Store, StoreError, open_store

READ = (CallOutcome.READ, "")


@pytest.fixture(params=[False, True], ids=["on the loop", "in a thread"])
async def journal(store: Store, request: pytest.FixtureRequest) -> AsyncIterator[Journal]:
    """As for a file, and as for a server."""
    store.is_remote = request.param
    opened = Journal(store)
    yield opened
    await opened.aclose()


@pytest.fixture
def added(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records each transaction was given."""
    sizes: list[int] = []
    add: Callable[..., int] = store.add

    def counted(*records: Any, **more: Any) -> int:
        sizes.append(len(records))
        return add(*records, **more)

    monkeypatch.setattr(store, "add", counted)
    return sizes


def a_call(number: int = 0) -> Call:
    return Call.new(model="m", request={"n": number}, reply={"content": "r"})


def unfit(number: int) -> Call:
    call = a_call(number)
    call.request = {"n": "changed afterwards"}
    return call


async def test_what_is_kept_is_committed(journal: Journal, store: Store) -> None:
    with open_store(Path(store.place)) as another:
        for number in range(3):
            await journal.keep(call := a_call(number), Entry.new(run="r", round=0, stage="s", subject=call.key))
            assert another.call(call.key)
            assert another.spending("r").calls == number + 1


async def test_many_at_once_take_few_transactions(journal: Journal, store: Store, added: list[int]) -> None:
    await asyncio.gather(*(journal.keep(a_call(number)) for number in range(500)))
    assert sum(added) == len(store.by_key(Call, [a_call(number).key for number in range(500)])) == 500
    assert len(added) <= 2


async def test_what_was_kept_is_found(journal: Journal) -> None:
    await journal.keep(a_call(1))
    first, second, none = await asyncio.gather(*(journal.find(key) for key in (a_call(1).key, a_call(1).key, "call:x")))
    assert first
    assert second
    assert first.request == {"n": 1}
    assert none is None


async def test_what_is_kept_and_looked_for_together_is_found(journal: Journal) -> None:
    _, found = await asyncio.gather(journal.keep(a_call()), journal.find(a_call().key))
    assert found


async def test_one_that_does_not_fit_fails_alone(journal: Journal, store: Store) -> None:
    await journal.keep(a_call(100))
    journal.note(a_call(100).key, *READ)
    keeping = [journal.keep(unfit(n) if n % 4 == 0 else a_call(n)) for n in range(12)]
    found = await asyncio.gather(*keeping, return_exceptions=True)
    assert [isinstance(each, StoreError) for each in found] == [n % 4 == 0 for n in range(12)]
    assert len(store.by_key(Call, [a_call(n).key for n in range(12)])) == 9
    assert store.by_key(Call, [a_call(100).key])[a_call(100).key].outcome is CallOutcome.READ, "nor does a note fall"


async def test_records_that_are_given_together_are_kept_together_or_not_at_all(journal: Journal, store: Store) -> None:
    with pytest.raises(StoreError, match="its content has"):
        await journal.keep(a_call(1), unfit(2))
    assert store.call(a_call(1).key) is None


async def test_notes_are_committed_by_a_flush(journal: Journal, store: Store, added: list[int]) -> None:
    calls = [a_call(number) for number in range(50)]
    store.add(*calls)
    for call in calls:
        journal.note(call.key, CallOutcome.UNREADABLE, "no JSON")
        journal.note(call.key, *READ)
    await journal.flush()
    assert {call.outcome for call in store.by_key(Call, [call.key for call in calls]).values()} == {CallOutcome.READ}
    assert added == [50, 0]
    await journal.flush()
    assert added == [50, 0]


async def test_a_note_that_cannot_be_kept_is_told_by_the_flush_once(journal: Journal, store: Store) -> None:
    journal.note("call:none", *READ)
    await journal.keep(a_call())
    with pytest.raises(StoreError, match="1 of 1 calls that were read are not stored"):
        await journal.flush()
    await journal.flush()
    assert store.call(a_call().key)


async def test_who_gives_up_waiting_for_a_flush_ends_nobody_elses_commit(journal: Journal, store: Store) -> None:
    keeping = asyncio.create_task(journal.keep(a_call()))
    await asyncio.sleep(0)
    flushing = asyncio.create_task(journal.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    async with asyncio.timeout(5):
        await keeping
    assert store.call(a_call().key)


async def test_who_gives_up_waiting_for_a_commit_stops_none(journal: Journal, store: Store) -> None:
    keeping = asyncio.create_task(journal.keep(a_call()))
    await asyncio.sleep(0)
    keeping.cancel()
    await journal.keep(a_call(1))
    assert len(store.by_key(Call, [a_call().key, a_call(1).key])) == 2


async def test_nobody_waits_for_ever_when_a_commit_fails_as_none_should(
    journal: Journal, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store, "add", lambda *_, **__: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(journal.keep(a_call()), 5)
    await journal.keep(a_call())
    assert await journal.find(a_call().key)


async def test_what_was_noted_is_committed_when_it_is_closed(store: Store) -> None:
    store.add(a_call())
    journal = Journal(store)
    journal.note(a_call().key, *READ)
    await journal.aclose()
    call = store.call(a_call().key)
    assert call
    assert call.outcome is CallOutcome.READ
