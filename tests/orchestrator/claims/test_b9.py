"""Which test results and numbers of pairs make B9 hold."""

from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.claims.b9 import CLAIM
from orchestrator.comparison import parse_arms
from orchestrator.recipe import load_recipe
from storage.records import Dataset
from storage.store import Store
from tests.orchestrator.claims.made import a_result, compared, held

PROBES = (0.5, 0.8, 0.5, 0.7)


def found(
    store: Store,
    right: Sequence[int] = (30, 50, 29, 45),
    probes: Sequence[float] = PROBES,
    sizes: Sequence[int] = (60, 60, 60, 58),
) -> tuple[list[bool], list[str]]:
    """Right answers of 60 without negatives, with the student's own errors, random ones, and an earlier student's."""
    arms = [a_result(f"arm {i}", {"trip": count}, probe=probes[i]) for i, count in enumerate(right)]
    for result, size in zip(arms, sizes, strict=True):
        facts = {"round": 2, "format": "f", "digest": result.run}
        store.add(Dataset.new(run=result.run, name="pairs", size=size, **facts))
        store.add(Dataset.new(run=result.run, name="lessons", size=200 + size, **facts))
    checks = CLAIM.check(compared(*arms), store)
    return held(checks), [check.says for check in checks]


def test_errors_that_help_and_random_ones_that_do_not_hold(store: Store) -> None:
    assert found(store)[0] == [True] * 4


@pytest.mark.parametrize(
    ("probes", "whose"), [(PROBES, "its own errors"), ((0.5, 0.7, 0.5, 0.8), "an earlier student's errors")]
)
def test_whose_errors_are_best_the_probe_says(store: Store, probes: Sequence[float], whose: str) -> None:
    says = found(store, probes=probes)[1]
    assert says[1].startswith(whose)
    assert says[3].startswith(whose)


def test_errors_that_bring_nothing_do_not_hold(store: Store) -> None:
    assert found(store, (30, 31, 29, 31))[0] == [True, False, True, False]


def test_random_negatives_that_help_as_well_do_not_hold(store: Store) -> None:
    assert found(store, (30, 50, 49, 45))[0] == [True, True, False, False]


@pytest.mark.parametrize("sizes", [(60, 60, 60, 50), (0, 0, 0, 0)])
def test_fewer_pairs_in_one_arm_or_none_at_all_do_not_hold(store: Store, sizes: Sequence[int]) -> None:
    assert found(store, sizes=sizes)[0][0] is False


def test_its_arms_differ_in_the_negatives_alone() -> None:
    recipes = [load_recipe(arm.recipe, list(arm.edits)) for arm in parse_arms(CLAIM.arms)]
    told = [(r.training[-1].objective.own()["weight"], *negatives(r.feedback)) for r in recipes]
    assert told == [(0, 0, False), (0.5, 0, False), (0.5, 0, True), (0.5, 1, False)]


def negatives(policy: Any) -> tuple[int, bool]:
    return policy.lag, policy.strays
