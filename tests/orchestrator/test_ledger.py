"""The ledger: what it sets aside, what it refuses, and that a call and its entry are kept together."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.teacher import BudgetSpent, Price
from orchestrator import ledger as ledger_module
from orchestrator.clauses import Budget
from orchestrator.ledger import Ledger
from storage.records import Call, CallOutcome, Run
from storage.store import Spending, Store, StoreError

PRICE = Price(1.0, 2.0)
"""One and two dollars a million tokens."""


class Blank:
    """A store in which nothing was spent, or this much."""

    def __init__(self, calls: int = 0, tokens: int = 0, usd: float | None = 0.0) -> None:
        self._spent = Spending(calls, tokens, 0, usd, 0, 0.0)

    def spending(self, run: str) -> Spending:
        return self._spent


def a_ledger(spent: Blank | None = None, **caps: Any) -> Ledger:
    return Ledger(spent or Blank(), "run", Budget(**caps))  # type: ignore[arg-type]


def a_call(number: int = 0, **more: Any) -> Call:
    facts = {"model": "m", "request": {"n": number}, "prompt_tokens": 10, "completion_tokens": 5}
    return Call.new(**{**facts, **more})


def test_without_a_cap_nothing_is_refused() -> None:
    ledger = a_ledger()
    for number in range(100):
        ledger.settle(ledger.reserve("m", 10**9, 10**9), a_call(number))
    assert ledger.spent == {"calls": 100, "tokens": 1500, "usd": 0.0}


def test_what_is_promised_counts_as_spent() -> None:
    ledger = a_ledger(calls=2)
    first, _ = ledger.reserve("m", 1, 1), ledger.reserve("m", 1, 1)
    with pytest.raises(BudgetSpent, match=r"the budget of 2 calls is spent \(0 used"):
        ledger.reserve("m", 1, 1)
    ledger.release(first)
    ledger.reserve("m", 1, 1)


def test_tokens_are_reserved_at_their_worst_and_settled_at_what_they_were() -> None:
    ledger = a_ledger(tokens=100)
    reservation = ledger.reserve("m", 60, 40)
    with pytest.raises(BudgetSpent, match=r"--set budget.tokens="):
        ledger.reserve("m", 1, 0)
    ledger.settle(reservation, a_call())
    ledger.reserve("m", 60, 25)


def test_dollars_are_reserved_at_their_worst() -> None:
    ledger = a_ledger(usd=0.01)
    ledger.reserve("m", 2_000, 4_000, PRICE)
    with pytest.raises(BudgetSpent, match=r"the budget of 0.01 usd is spent"):
        ledger.reserve("m", 1, 0, PRICE)


def test_one_model_at_two_endpoints_has_two_prices() -> None:
    ledger = a_ledger(usd=0.01)
    ledger.reserve("m", 10**9, 10**9, Price(0, 0))
    ledger.reserve("m", 2_000, 4_000, PRICE)
    with pytest.raises(BudgetSpent):
        ledger.reserve("m", 1, 0, PRICE)


def test_dollars_cannot_be_capped_without_a_price() -> None:
    with pytest.raises(BudgetSpent, match=r"no price of 'm' is known"):
        a_ledger(usd=5).reserve("m", 1, 1)


def test_what_an_earlier_process_spent_counts() -> None:
    with pytest.raises(BudgetSpent, match=r"\(7 used\)"):
        a_ledger(Blank(calls=7), calls=7).reserve("m", 1, 1)
    with pytest.raises(BudgetSpent):
        a_ledger(Blank(tokens=99), tokens=100).reserve("m", 1, 1)
    with pytest.raises(BudgetSpent):
        a_ledger(Blank(usd=1.0), usd=1.0).reserve("m", 1, 1, PRICE)


def test_a_cap_of_nothing_allows_nothing() -> None:
    for cap in ("calls", "tokens"):
        with pytest.raises(BudgetSpent):
            a_ledger(**{cap: 0}).reserve("m", 1, 1)


def test_minutes_are_counted_from_the_start_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(ledger_module.time, "monotonic", lambda: now[0])
    ledger = a_ledger(minutes=2)
    now[0] += 119
    ledger.reserve("m", 1, 1)
    now[0] += 2
    with pytest.raises(BudgetSpent, match="the 2 minutes of the budget are over"):
        ledger.reserve("m", 1, 1)


@given(
    cap=st.integers(0, 500),
    asked=st.lists(st.tuples(st.integers(1, 90), st.floats(0, 1), st.sampled_from(["settle", "release", "keep"]))),
)
def test_no_order_of_calls_passes_the_cap(cap: int, asked: list[tuple[int, float, str]]) -> None:
    ledger = a_ledger(tokens=cap)
    for number, (bound, used, end) in enumerate(asked):
        try:
            reservation = ledger.reserve("m", bound, 0)
        except BudgetSpent:
            continue
        if end == "settle":
            ledger.settle(reservation, a_call(number, prompt_tokens=int(bound * used), completion_tokens=0))
        elif end == "release":
            ledger.release(reservation)
        assert ledger.spent["tokens"] <= cap


def a_run(store: Store) -> str:
    run = Run.new(recipe_name="r", recipe_digest="d")
    store.add(run)
    return run.key


def test_a_call_is_entered_under_the_round_and_stage_that_bought_it(store: Store) -> None:
    run = a_run(store)
    ledger = Ledger(store, run, Budget())
    with ledger.spending_on(2, "solve"):
        ledger.keep(a_call(usd=0.5))
    ledger.keep(a_call(1))
    spent = store.spending_by_stage(run)
    assert {place: each.calls for place, each in spent.items()} == {(0, ""): 1, (2, "solve"): 1}
    assert spent[2, "solve"].usd == 0.5
    assert ledger.call(a_call().key) is not None


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
def test_a_call_without_usage_is_charged_at_its_worst(
    store: Store, caps: dict[str, Any], price: Price | None, tokens: int, usd: float | None
) -> None:
    ledger = Ledger(store, a_run(store), Budget(**caps))
    reservation = ledger.reserve("m", 100, 200, price)
    ledger.keep(a_call(**UNREPORTED))
    ledger.settle(reservation, a_call(**UNREPORTED))
    assert ledger.spent == {"calls": 1, "tokens": tokens, "usd": usd or 0.0}
    assert Ledger(store, a_run(store), Budget(**caps)).spent == ledger.spent, "a resumed run agrees"
    assert store.spending(a_run(store)).usd == usd
    call = store.call(a_call().key)
    assert call
    assert (call.prompt_tokens, call.completion_tokens, call.usd) == (0, 0, None)


def test_what_was_reported_is_charged_and_only_the_rest_is_at_its_worst() -> None:
    ledger = a_ledger(usd=5)
    ledger.settle(ledger.reserve("m", 100, 200, PRICE), a_call(usd=0.25))
    ledger.settle(ledger.reserve("m", 100, 200, PRICE), a_call(**{**UNREPORTED, "usd": 0.5}))
    assert ledger.spent == {"calls": 2, "tokens": 15 + 300, "usd": 0.75}


def test_a_call_and_its_entry_are_kept_together_or_not_at_all(store: Store) -> None:
    run = a_run(store)
    broken = a_call()
    broken.request = {"n": "changed afterwards"}
    with pytest.raises(StoreError):
        Ledger(store, run, Budget()).keep(broken)
    assert store.spending(run).calls == 0


def test_a_reading_is_noted_on_the_call(store: Store) -> None:
    ledger = Ledger(store, a_run(store), Budget())
    ledger.keep(a_call())
    ledger.read_as(a_call().key, CallOutcome.UNREADABLE, "no JSON")
    call = store.call(a_call().key)
    assert call
    assert (call.outcome, call.reason) == (CallOutcome.UNREADABLE, "no JSON")
