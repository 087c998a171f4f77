"""What a run may spend in a round and a stage, and what it is charged for replies that others had paid for."""

import asyncio

import pytest

from agents.teacher import BudgetSpent
from orchestrator.clauses import Budget
from orchestrator.ledger import RunLedger
from storage.records import Call
from storage.store import Spending, Store
from tests.orchestrator.test_ledger import Blank, a_call, a_ledger, a_run, reserved, worst

NOTHING_SPENT = Spending(0, 0, 0, 0.0, 0, 0.0)


async def spend(ledger: RunLedger, first: int, count: int) -> None:
    for number in range(first, first + count):
        await ledger.keep(a_call(number), await reserved(ledger))


async def test_a_stage_spends_its_share_of_the_rounds_share_and_no_more() -> None:
    ledger = a_ledger(calls=20)
    ledger.open_round(0.5, NOTHING_SPENT)
    ledger.allot(1, "solve", 0.3, NOTHING_SPENT)
    with ledger.spending_on(1, "solve"):
        await spend(ledger, 0, 3)
        with pytest.raises(BudgetSpent):
            await ledger.reserve(worst())
    ledger.allot(1, "judge", 1.0, Spending(3, 0, 0, 0.0, 0, 0.0))
    with ledger.spending_on(1, "judge"):
        await spend(ledger, 3, 7)
        with pytest.raises(BudgetSpent):
            await ledger.reserve(worst())
    with ledger.spending_on(1, "examine"):
        await ledger.reserve(worst())


async def test_a_stage_that_goes_on_has_the_share_that_it_began_with() -> None:
    ledger = a_ledger(Blank(calls=4), calls=20)
    ledger.open_round(1.0, NOTHING_SPENT)
    ledger.allot(1, "solve", 0.3, NOTHING_SPENT)
    with ledger.spending_on(1, "solve"):
        await spend(ledger, 0, 2)
        with pytest.raises(BudgetSpent):
            await ledger.reserve(worst())


async def test_what_is_kept_for_later_is_no_part_of_a_round_nor_of_a_stage_that_is_held_back() -> None:
    ledger = a_ledger(calls=20)
    ledger.open_round(0.5, NOTHING_SPENT, {"calls": 12})
    ledger.allot(1, "solve", 1.0, NOTHING_SPENT)
    ledger.hold_back(1, "name failures", {"calls": 14})
    for stage, first, count in (("solve", 0, 4), ("name failures", 4, 2)):
        with ledger.spending_on(1, stage):
            await spend(ledger, first, count)
            with pytest.raises(BudgetSpent):
                await ledger.reserve(worst())
    with ledger.spending_on(1, "examine"):
        await spend(ledger, 6, 14)


async def test_a_round_is_opened_on_what_the_rounds_before_left() -> None:
    ledger = a_ledger(Blank(calls=9), calls=20)
    ledger.open_round(0.5, Spending(4, 0, 0, 0.0, 0, 0.0))
    ledger.allot(2, "solve", 1.0, Spending(9, 0, 0, 0.0, 0, 0.0))
    with ledger.spending_on(2, "solve"):
        await spend(ledger, 0, 3)
        with pytest.raises(BudgetSpent):
            await ledger.reserve(worst())


async def test_what_is_not_capped_is_not_shared_out() -> None:
    ledger = a_ledger()
    ledger.open_round(0.1, NOTHING_SPENT)
    ledger.allot(1, "solve", 0.1, NOTHING_SPENT)
    with ledger.spending_on(1, "solve"):
        assert await reserved(ledger, 10**9)


def of_another_run(store: Store, *calls: Call) -> None:
    store.add(*calls)


async def test_a_counted_call_is_entered_once_whoever_asks_and_however_often(store: Store) -> None:
    of_another_run(store, a_call(usd=0.25))
    run, budget = a_run(store), Budget(calls=5, reused="counted")
    ledger = RunLedger(store, run, budget)
    with ledger.spending_on(1, "solve"):
        found = await asyncio.gather(*(ledger.find(a_call().key) for _ in range(4)))
    assert {call.key for call in found if call} == {a_call().key}
    assert ledger.spent == {"calls": 1, "tokens": 15, "usd": 0.25}
    assert (store.spending(run).calls, store.spending(run, with_reused=True).calls) == (0, 1)
    again = RunLedger(store, run, budget)
    await again.find(a_call().key)
    assert again.spent == ledger.spent


async def test_a_counted_call_waits_for_room_like_one_that_is_bought(store: Store) -> None:
    of_another_run(store, a_call(1))
    ledger = RunLedger(store, a_run(store), Budget(tokens=100, reused="counted"))
    mine = await reserved(ledger, 60, 40)
    task = asyncio.create_task(ledger.find(a_call(1).key))
    await asyncio.sleep(0.05)
    assert not task.done()
    await ledger.keep(a_call(2), mine)
    assert await task
    assert ledger.spent["tokens"] == 30


async def test_a_counted_call_without_room_is_refused_and_not_entered(store: Store) -> None:
    of_another_run(store, a_call(1))
    run = a_run(store)
    ledger = RunLedger(store, run, Budget(calls=0, reused="counted"))
    with pytest.raises(BudgetSpent):
        await ledger.find(a_call(1).key)
    assert store.spending(run, with_reused=True).calls == 0
    assert await RunLedger(store, run, Budget(calls=0)).find(a_call(1).key)


async def test_what_this_run_bought_is_not_counted_again(store: Store) -> None:
    run = a_run(store)
    ledger = RunLedger(store, run, Budget(calls=1, reused="counted"))
    await spend(ledger, 0, 1)
    assert await ledger.find(a_call(0).key)
    assert ledger.spent["calls"] == 1
