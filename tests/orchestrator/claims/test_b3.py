"""Which test results and dataset sizes make B3 hold."""

from collections.abc import Sequence

from orchestrator.claims.b3 import CLAIM
from storage.records import Dataset
from storage.store import Store
from tests.orchestrator.claims.made import a_draft, a_result, compared, held

GROWING = [116, 116, 80, 110, 40, 104, 70, 100]
"""Right answers of 120: all chains and those with the right answer, at each rate, then both filters."""
SIZES = [10, 9, 10, 7, 10, 5, 10, 6]
"""Of ten chains in every arm, so many are lessons."""


def found(store: Store, right: Sequence[int] = GROWING, sizes: Sequence[int] = SIZES) -> list[bool]:
    arms = [a_result(f"arm {i}", {"trip": count}, n=120) for i, count in enumerate(right)]
    for result, size in zip(arms, sizes, strict=True):
        facts = {"round": 1, "name": "lessons", "format": "f", "digest": result.run, "size": size}
        store.add(Dataset.new(run=result.run, **facts), *(a_draft(result.run, "solve", i) for i in range(10)))
    return held(CLAIM.check(compared(*arms), store))


def test_a_filter_that_is_worth_more_where_the_teacher_errs_more_holds(store: Store) -> None:
    assert found(store) == [True] * 6


def test_one_that_costs_where_the_teacher_seldom_errs_does_not_hold(store: Store) -> None:
    assert found(store, [116, 90, 80, 110, 40, 104, 70, 100]) == [False, True, True, True, True, True]


def test_one_that_brings_nothing_does_not_hold(store: Store) -> None:
    assert found(store, [100] * 8) == [True, False, False, False, False, True]


def test_a_gap_that_shrinks_does_not_hold(store: Store) -> None:
    assert found(store, [20, 116, 40, 104, 60, 100, 70, 100]) == [True, True, True, False, True, True]


def test_a_filter_that_drops_nothing_is_no_filter(store: Store) -> None:
    assert found(store, sizes=[10] * 8) == [True, True, True, True, True, False]


def test_its_arms_are_a_teacher_of_each_rate_with_and_without_the_filter() -> None:
    assert len(CLAIM.arms) == 8
    assert [arm.endswith("from=solutions") for arm in CLAIM.arms] == [True, False] * 3 + [False, False]
    assert len({arm.partition("+datasets")[0] for arm in CLAIM.arms}) == 4
