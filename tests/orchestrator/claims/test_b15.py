"""Which accuracies and losses make B15 hold."""

from typing import Any

import pytest

from orchestrator.claims.b15 import CLAIM
from orchestrator.comparison import parse_arms
from orchestrator.recipe import load_recipe
from storage.store import Store
from tests.orchestrator.claims.made import a_card, a_result, compared, held


def found(
    store: Store, right: tuple[int, int, int] = (5, 25, 45), kept: tuple[float, float, float] = (0.5, 0.6, 0.8)
) -> list[bool]:
    """Right answers of each arm in the view rephrased, and what it still can do of what its base could, which is 0.9."""
    arms = [a_result(f"arm {i}", {"rephrased": count, "memorised": 60}) for i, count in enumerate(right)]
    for result, after in zip(arms, kept, strict=True):
        for number, accuracy in ((0, 0.9), (1, after)):
            card = a_card(result.run, number, {}, "retention")
            card.accuracy = accuracy
            store.add(card)
    return held(CLAIM.check(compared(*arms), store))


def test_arms_in_order_and_the_smallest_loss_hold(store: Store) -> None:
    assert found(store) == [True] * 3


def test_a_view_of_no_difference_does_not_hold_whatever_the_others_do(store: Store) -> None:
    assert found(store, right=(25, 26, 45)) == [False, True, True]


def test_five_that_teach_no_more_than_one_do_not_hold(store: Store) -> None:
    assert found(store, right=(5, 45, 46)) == [True, False, True]


@pytest.mark.parametrize("kept", [(0.81, 0.6, 0.8), (0.5, 0.85, 0.8)])
def test_a_smaller_loss_of_another_arm_does_not_hold(store: Store, kept: tuple[float, float, float]) -> None:
    assert found(store, kept=kept) == [True, True, False]


def test_a_fact_is_seen_as_often_in_every_arm() -> None:
    text, one, five = (load_recipe(arm.recipe, list(arm.edits)) for arm in parse_arms(CLAIM.arms))
    paraphrase: Any = next(step for step in five.lessons if step.step == "paraphrase")
    epochs = [recipe.training[0].objective.epochs for recipe in (text, one, five)]
    assert epochs[0] == epochs[1] == epochs[2] * paraphrase.generate.count
    basics = [epoch * recipe.seeds_of("basics") for epoch, recipe in zip(epochs, (text, one, five), strict=True)]
    assert len(set(basics)) == 1
