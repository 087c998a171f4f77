"""Which test results and lengths of replies make B17 hold."""

from collections.abc import Sequence

import pytest

from orchestrator.claims.b17 import CLAIM
from orchestrator.comparison import parse_arms
from orchestrator.recipe import load_recipe
from storage.records import Dataset
from storage.store import Store
from tests.orchestrator.claims.made import a_card, a_result, an_attempt, compared, held


def found(
    store: Store,
    right: Sequence[int] = (25, 50, 30, 50),
    tokens: Sequence[int] = (50, 52, 50, 49),
    sizes: Sequence[int] = (100, 100, 120, 118),
) -> list[bool]:
    """Right answers of 60, tokens of a reply and lessons: without and with preference, of own replies and of the teacher's."""
    arms = [a_result(f"arm {i}", {"trip": count}) for i, count in enumerate(right)]
    for result, length, size in zip(arms, tokens, sizes, strict=True):
        facts = {"round": 2, "name": "lessons", "format": "f", "digest": result.run}
        store.add(Dataset.new(run=result.run, size=size, **facts))
        for number, long in ((0, 3), (2, length)):
            store.add(a_card(result.run, number, {}, "test"))
            for i in range(20):
                tokens_of_it = {"tokens": long + i % 3}
                store.add(an_attempt(result.run, number, "test", f"trip {i}", True, **tokens_of_it))
    return held(CLAIM.check(compared(*arms), store))


def test_preferences_that_teach_more_in_as_many_words_hold(store: Store) -> None:
    assert found(store) == [True] * 6


@pytest.mark.parametrize(("right", "failed"), [((50, 51, 30, 50), 1), ((25, 50, 50, 51), 4), ((50, 25, 30, 50), 1)])
def test_a_stage_that_brings_nothing_does_not_hold(store: Store, right: Sequence[int], failed: int) -> None:
    assert found(store, right=right) == [place != failed for place in range(6)]


@pytest.mark.parametrize(("tokens", "failed"), [((50, 60, 50, 49), 2), ((50, 52, 50, 40), 5)])
def test_replies_that_grow_or_shrink_do_not_hold(store: Store, tokens: Sequence[int], failed: int) -> None:
    assert found(store, tokens=tokens) == [place != failed for place in range(6)]


def test_fewer_lessons_in_one_arm_do_not_hold(store: Store) -> None:
    assert found(store, sizes=(80, 100, 120, 120))[0] is False


def test_replies_that_nobody_saw_are_not_as_long(store: Store) -> None:
    arms = [a_result(f"arm {i}", {"trip": 30 + 10 * (i % 2)}) for i in range(4)]
    checks = CLAIM.check(compared(*arms), store)
    assert not checks[2].held
    assert checks[2].figures == "fewer than two questions were replied to in both arms"


def test_each_pair_of_arms_differs_in_the_weight_of_the_preference_alone() -> None:
    for alone, preferring in zip(CLAIM.arms[::2], CLAIM.arms[1::2], strict=True):
        one, other = (load_recipe(arm.recipe, list(arm.edits)).resolved() for arm in parse_arms([alone, preferring]))
        stages = [recipe["training"][-1].pop("objective") for recipe in (one, other)]
        assert one == other
        differ = {name for name in stages[0] if stages[0][name] != stages[1][name]}
        assert differ <= {"weight", "sft_term"}
