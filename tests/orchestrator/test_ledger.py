"""The ledger: what it sets aside, who waits for what, what it refuses, and that a call and its entry are kept together."""

import asyncio
import random
from typing import Any

import pytest

from agents.endpoint import Price
from agents.teacher import BudgetSpent, Reservation
from orchestrator import journal as journal_module
from orchestrator import ledger as ledger_module
from orchestrator.clauses import Budget
from orchestrator.ledger import RunLedger
from storage.records import Call, CallOutcome, Run
from storage.store import Spending, Store, StoreError

PRICE = Price(1.0, 2.0)
"""One and two dollars a million tokens."""


class Blank:
    """A store in which nothing was spent, or this much; it forgets what it is given."""

    is_remote = False

    def __init__(self, calls: int = 0, tokens: int = 0, usd: float | None = 0.0) -> None:
        self._spent = Spending(calls, tokens, 0, usd, 0, 0.0)

    def spending(self, run: str, *, with_reused: bool = False) -> Spending:
        return self._spent

    def add(self, *records: Any, readings: Any = None) -> int:
        return len(records)


def a_ledger(spent: Blank | None = None, **caps: Any) -> RunLedger:
    return RunLedger(spent or Blank(), "run", Budget(**caps))  # type: ignore[arg-type]


def a_call(number: int = 0, **more: Any) -> Call:
    facts = {"model": "m", "request": {"n": number}, "prompt_tokens": 10, "completion_tokens": 5}
    return Call.new(**{**facts, **more})


def worst(prompt: int = 1, completion: int = 0, price: Price | None = None) -> Reservation:
    return Reservation("m", prompt, completion, price.of(prompt, completion) if price else None)


async def reserved(ledger: RunLedger, *asked: Any) -> Reservation:
    reservation = worst(*asked)
    await ledger.reserve(reservation)
    return reservation


async def waiting(ledger: RunLedger, *asked: Any) -> "tuple[asyncio.Task[None], Reservation]":
    """A task that reserves and has begun to wait."""
    reservation = worst(*asked)
    task = asyncio.create_task(ledger.reserve(reservation))
    await asyncio.sleep(0)
    assert not task.done()
    return task, reservation


async def test_without_a_cap_nothing_is_refused() -> None:
    ledger = a_ledger()
    promised = [await reserved(ledger, 10**9, 10**9) for _ in range(100)]
    await asyncio.gather(*(ledger.keep(a_call(n), each) for n, each in enumerate(promised)))
    assert ledger.spent == {"calls": 100, "tokens": 1500, "usd": 0.0}


async def test_tokens_are_reserved_at_their_worst_and_settled_at_what_they_were() -> None:
    ledger = a_ledger(tokens=100)
    reservation = await reserved(ledger, 60, 40)
    task, _ = await waiting(ledger, 60, 25)
    await ledger.keep(a_call(), reservation)
    await task
    with pytest.raises(
        BudgetSpent, match=r"the budget of 100 tokens has no room for the next call: 15 are used.*--max-tokens"
    ):
        await ledger.reserve(worst(86))


async def test_dollars_are_reserved_at_their_worst() -> None:
    ledger = a_ledger(usd=0.01)
    await reserved(ledger, 2_000, 4_000, PRICE)
    task, _ = await waiting(ledger, 1, 0, PRICE)
    task.cancel()
    with pytest.raises(BudgetSpent, match=r"the budget of 0.01 usd has no room"):
        await a_ledger(usd=0.01).reserve(worst(2_001, 4_000, PRICE))


async def test_one_model_at_two_endpoints_has_two_prices() -> None:
    ledger = a_ledger(usd=0.01)
    await reserved(ledger, 10**9, 10**9, Price(0, 0))
    await reserved(ledger, 2_000, 4_000, PRICE)
    await waiting(ledger, 1, 0, PRICE)


async def test_dollars_cannot_be_capped_without_a_price() -> None:
    with pytest.raises(BudgetSpent, match=r"no price of 'm' is known"):
        await a_ledger(usd=5).reserve(worst())


async def test_what_an_earlier_process_spent_counts() -> None:
    with pytest.raises(BudgetSpent, match="7 are used"):
        await a_ledger(Blank(calls=7), calls=7).reserve(worst())
    with pytest.raises(BudgetSpent):
        await a_ledger(Blank(tokens=99), tokens=100).reserve(worst(2))
    with pytest.raises(BudgetSpent):
        await a_ledger(Blank(usd=1.0), usd=1.0).reserve(worst(1, 1, PRICE))


async def test_a_cap_of_nothing_allows_nothing() -> None:
    for cap in ("calls", "tokens"):
        with pytest.raises(BudgetSpent):
            await a_ledger(None, **{cap: 0}).reserve(worst())


async def test_minutes_are_counted_from_the_start_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(ledger_module.time, "monotonic", lambda: now[0])
    ledger = a_ledger(minutes=2, calls=1)
    now[0] += 119
    first = await reserved(ledger)
    task, _ = await waiting(ledger)
    now[0] += 2
    with pytest.raises(BudgetSpent, match="the 2 minutes of the budget are over"):
        await a_ledger_like(ledger).reserve(worst())
    ledger.release(first)
    with pytest.raises(BudgetSpent, match="the 2 minutes of the budget are over"):
        await task


def a_ledger_like(ledger: RunLedger) -> RunLedger:
    """One that began when the other did."""
    other = a_ledger(minutes=2)
    other._deadline = ledger._deadline
    return other


# Who waits


async def test_who_asked_first_is_admitted_first_when_calls_come_cheaper() -> None:
    ledger, order = a_ledger(tokens=100), []
    first = await reserved(ledger, 90)

    async def reserve(tokens: int) -> None:
        await ledger.reserve(worst(tokens))
        order.append(tokens)

    tasks = [asyncio.create_task(reserve(tokens)) for tokens in (50, 5, 20)]
    await asyncio.sleep(0)
    assert order == [], "the small ones fit, but it is not their turn"
    await ledger.keep(a_call(), first)
    await asyncio.gather(*tasks)
    assert order == [50, 5, 20]


async def test_who_waits_is_refused_when_calls_come_too_dear() -> None:
    ledger = a_ledger(calls=2, tokens=100)
    first = await reserved(ledger, 60)
    dear, _ = await waiting(ledger, 90)
    cheap, _ = await waiting(ledger, 1)
    await ledger.keep(a_call(), first)
    with pytest.raises(BudgetSpent, match=r"15 are used, and it may take 90"):
        await dear
    await cheap


async def test_a_call_that_came_to_nothing_makes_room() -> None:
    ledger = a_ledger(calls=1)
    first = await reserved(ledger)
    (second, reservation), (third, _) = await waiting(ledger), await waiting(ledger)
    ledger.release(first)
    await second
    assert not third.done()
    await ledger.keep(a_call(), reservation)
    with pytest.raises(BudgetSpent):
        await third


async def test_nobody_waits_for_room_that_no_call_can_leave() -> None:
    ledger = a_ledger(tokens=100)
    await reserved(ledger, 50)
    with pytest.raises(BudgetSpent, match="0 are used, and it may take 101"):
        await ledger.reserve(worst(101))


async def test_who_gives_up_waiting_leaves_the_queue_to_those_behind() -> None:
    ledger = a_ledger(tokens=100)
    await reserved(ledger, 50)
    large, _ = await waiting(ledger, 90)
    small, _ = await waiting(ledger, 40)
    large.cancel()
    async with asyncio.timeout(1):
        await small


async def test_who_gives_up_at_the_moment_of_admission_gives_the_room_back() -> None:
    ledger = a_ledger(calls=1)
    first = await reserved(ledger)
    (second, _), (third, _) = await waiting(ledger), await waiting(ledger)
    ledger.release(first)
    second.cancel()
    async with asyncio.timeout(1):
        await third
    assert second.cancelled()


def test_no_order_of_calls_passes_a_cap_or_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty callers at once; some fail, some give up, and what a call takes is at most what was set aside."""
    monkeypatch.setattr(journal_module, "GATHERING_S", 0)
    ends = [asyncio.run(Crowd(random.Random(seed)).work()) for seed in range(100)]
    assert 10 < sum(ends) < 90, "both ends are seen"


class Crowd:
    """Callers of one ledger with random caps; it counts for itself."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        choices = {"calls": dice.randint(0, 70), "tokens": dice.randint(0, 8_000), "usd": dice.random() * 0.015}
        self.caps = {what: cap for what, cap in choices.items() if dice.random() < 0.6}
        self.ledger = a_ledger(**self.caps)
        self.spent = dict.fromkeys(choices, 0.0)
        self.on_their_way: list[Reservation] = []

    async def work(self) -> bool:
        """Whether everyone was served."""
        callers = [asyncio.create_task(self.call(number)) for number in range(50)]
        leaving = self.dice.sample(callers, self.dice.choice([0, 0, 5]))
        for caller in leaving:
            asyncio.get_running_loop().call_later(self.dice.random() * 0.004, caller.cancel)
        async with asyncio.timeout(20):
            ends = await asyncio.gather(*callers, return_exceptions=True)
        assert {type(end) for end in ends} <= {type(None), BudgetSpent, asyncio.CancelledError}
        await self.ledger.aclose()
        assert self.ledger.spent == pytest.approx(self.spent)
        assert not self.ledger._promised
        assert not self.ledger._waiting
        return not any(isinstance(end, BudgetSpent) for end in ends)

    async def call(self, number: int) -> None:
        await asyncio.sleep(self.dice.random() * 0.002)
        mine = worst(self.dice.randint(1, 100), self.dice.randint(0, 100), PRICE)
        try:
            await self.ledger.reserve(mine)
        except BudgetSpent:
            assert self.passes(mine), "refused without need"
            raise
        self.on_their_way.append(mine)
        assert not self.passes(*self.on_their_way)
        try:
            await asyncio.sleep(self.dice.random() * 0.003)
            if self.dice.random() < 0.1:
                self.ledger.release(mine)
                return
        except asyncio.CancelledError:
            self.ledger.release(mine)
            raise
        finally:
            self.on_their_way.remove(mine)
        await asyncio.shield(self.settle(number, mine))

    async def settle(self, number: int, mine: Reservation) -> None:
        share = self.dice.random()
        prompt, completion = int(mine.prompt_tokens * share) or 1, int(mine.completion_tokens * share)
        usd = PRICE.of(prompt, completion)
        for what, more in (("calls", 1), ("tokens", prompt + completion), ("usd", usd)):
            self.spent[what] += more
        assert not self.passes()
        call = a_call(number, prompt_tokens=prompt, completion_tokens=completion, usd=usd)
        await self.ledger.keep(call, mine)

    def passes(self, *worsts: Reservation) -> bool:
        """Whether these worst cases beside what is spent would pass a cap."""
        more = {
            "calls": len(worsts),
            "tokens": sum(each.tokens for each in worsts),
            "usd": sum(each.usd or 0.0 for each in worsts),
        }
        return any(self.spent[what] + more[what] > cap + 1e-12 for what, cap in self.caps.items())


# What is kept


def a_run(store: Store) -> str:
    run = Run.new(recipe_name="r", recipe_digest="d")
    store.add(run)
    return run.key


async def test_a_call_is_entered_under_the_round_and_stage_that_bought_it(store: Store) -> None:
    run = a_run(store)
    ledger = RunLedger(store, run, Budget())
    with ledger.spending_on(2, "solve"):
        await ledger.keep(a_call(usd=0.5), await reserved(ledger))
    await ledger.keep(a_call(1), await reserved(ledger))
    spent = store.spending_by_stage(run)
    assert {place: each.calls for place, each in spent.items()} == {(0, ""): 1, (2, "solve"): 1}
    assert spent[2, "solve"].usd == 0.5
    assert await ledger.find(a_call().key) is not None
    assert await ledger.find(a_call(2).key) is None
    await ledger.aclose()


async def test_stages_beside_each_other_enter_their_own(store: Store) -> None:
    run = a_run(store)
    ledger = RunLedger(store, run, Budget())

    async def buy(number: int) -> None:
        with ledger.spending_on(1, f"step {number % 2}"):
            mine = await reserved(ledger)
            await asyncio.sleep(0)
            await ledger.keep(a_call(number), mine)

    await asyncio.gather(*(buy(number) for number in range(10)))
    assert {place: each.calls for place, each in store.spending_by_stage(run).items()} == {
        (1, "step 0"): 5,
        (1, "step 1"): 5,
    }


UNREPORTED = {"prompt_tokens": 0, "completion_tokens": 0, "usd": None}


@pytest.mark.parametrize(
    ("caps", "price", "tokens", "usd"),
    [
        ({"usd": 5}, PRICE, 300, 0.0005),
        ({}, PRICE, 300, 0.0005),
        ({"tokens": 1000}, None, 300, None),
        ({"calls": 9}, None, 0, None),
    ],
)
async def test_a_call_without_usage_is_charged_at_its_worst(
    store: Store, caps: dict[str, Any], price: Price | None, tokens: int, usd: float | None
) -> None:
    ledger = RunLedger(store, a_run(store), Budget(**caps))
    await ledger.keep(a_call(**UNREPORTED), await reserved(ledger, 100, 200, price))
    assert ledger.spent == {"calls": 1, "tokens": tokens, "usd": usd or 0.0}
    assert RunLedger(store, a_run(store), Budget(**caps)).spent == ledger.spent, "a resumed run agrees"
    assert store.spending(a_run(store)).usd == usd
    call = store.call(a_call().key)
    assert call
    assert (call.prompt_tokens, call.completion_tokens, call.usd) == (0, 0, None)


async def test_what_was_reported_is_charged_and_only_the_rest_is_at_its_worst() -> None:
    ledger = a_ledger(usd=5)
    await ledger.keep(a_call(usd=0.25), await reserved(ledger, 100, 200, PRICE))
    await ledger.keep(a_call(1, **{**UNREPORTED, "usd": 0.5}), await reserved(ledger, 100, 200, PRICE))
    assert ledger.spent == {"calls": 2, "tokens": 15 + 300, "usd": 0.75}


async def test_a_call_and_its_entry_are_kept_together_or_not_at_all(store: Store) -> None:
    run = a_run(store)
    ledger = RunLedger(store, run, Budget(calls=1))
    broken = a_call()
    broken.request = {"n": "changed afterwards"}
    mine = await reserved(ledger)
    with pytest.raises(StoreError):
        await ledger.keep(broken, mine)
    assert (store.spending(run).calls, ledger.spent["calls"]) == (0, 0)
    ledger.release(mine)
    await ledger.reserve(worst())


async def test_a_reading_is_noted_on_the_call(store: Store) -> None:
    ledger = RunLedger(store, a_run(store), Budget())
    await ledger.keep(a_call(), await reserved(ledger))
    ledger.read_as(a_call().key, CallOutcome.UNREADABLE, "no JSON")
    await ledger.flush()
    call = store.call(a_call().key)
    assert call
    assert (call.outcome, call.reason) == (CallOutcome.UNREADABLE, "no JSON")
