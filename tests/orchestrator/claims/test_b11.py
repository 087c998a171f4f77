"""What plans and test results make B11 hold."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.claims.b11 import CLAIM, uneven
from storage.records import Plan
from storage.store import Store
from tests.orchestrator.claims.made import a_card, a_plan, a_result, compared, held

EVEN = {"easy": 55, "hard": 20}
BETTER = {"easy": 55, "hard": 40}


def found(
    store: Store, fed: Mapping[str, int], shares: tuple[float, float], gap: tuple[float, float]
) -> tuple[list[bool], list[str]]:
    """The hard domain's share in the plans of rounds 2 and 3, and how far it is behind in the probes before."""
    arms = [a_result("even", EVEN), a_result("discrepancy", fed), a_result("bandit", BETTER)]
    for result in arms:
        store.add(a_card(result.run, 1, {"easy": 0.9, "hard": 0.9 - gap[0]}))
        store.add(a_card(result.run, 2, {"easy": 0.9, "hard": 0.9 - gap[1]}))
        for number, share in zip((2, 3), shares, strict=True):
            quotas = {"hard": round(100 * share), "easy": round(100 * (1 - share))}
            store.add(a_plan(result.run, number, quotas=quotas))
        store.add(a_plan(result.run, 4, stop=True))
    checks = CLAIM.check(compared(*arms), store)
    return held(checks), [check.says for check in checks]


def test_a_worst_domain_that_catches_up_holds(store: Store) -> None:
    holds, says = found(store, BETTER, (0.8, 0.6), (0.7, 0.2))
    assert holds == [True] * 6
    assert "worst after round 1, hard," in says[0]


def test_one_that_does_not_and_a_mean_that_falls_do_not_hold(store: Store) -> None:
    assert found(store, {"easy": 20, "hard": 22}, (0.8, 0.6), (0.7, 0.2))[0] == [False, False, True, True, True, True]


@pytest.mark.parametrize(("shares", "gap"), [((0.6, 0.8), (0.7, 0.2)), ((0.8, 0.6), (0.4, 0.5))])
def test_shares_that_part_or_a_gap_that_stays_do_not_hold(
    store: Store, shares: tuple[float, float], gap: tuple[float, float]
) -> None:
    assert found(store, BETTER, shares, gap)[0] == [True, True, False, True, True, False]


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 100), min_size=1).filter(lambda q: sum(q.values()) > 0))
def test_unevenness_is_a_share_of_the_whole_and_none_where_all_have_as_much(quotas: dict[str, int]) -> None:
    plan = Plan.new(run="r", round=2, quotas=quotas)
    assert 0 <= uneven(plan) <= 1 - 1 / len(quotas) + 1e-9
    assert uneven(Plan.new(run="r", round=2, quotas=dict.fromkeys(quotas, 7))) == pytest.approx(0)


def test_weights_go_before_quotas() -> None:
    assert uneven(Plan.new(run="r", round=2, quotas={"a": 9, "b": 1}, weights={"a": 0.5, "b": 0.5})) == 0
