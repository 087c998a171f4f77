"""Which losses and test results make B12 hold."""

from collections.abc import Sequence

from orchestrator.claims.b12 import CLAIM
from storage.store import Store
from tests.orchestrator.claims.made import a_result, a_student, compared, held

LOSSES = (0.5, 0.3, 0.1)


def found(store: Store, right: Sequence[int], losses: Sequence[float] = LOSSES) -> list[bool]:
    """Right answers of 60 of the three fixed arms and the two fresh ones; the probe says the same."""
    arms = [a_result(f"arm {i}", {"trip": count}, probe=count / 60) for i, count in enumerate(right)]
    for result, loss in zip(arms, losses, strict=False):
        store.add(a_student(result.run, 0, 9.0), a_student(result.run, 1, loss))
    return held(CLAIM.check(compared(*arms), store))


def test_a_test_that_turns_down_while_the_loss_falls_holds(store: Store) -> None:
    assert found(store, [30, 50, 35, 50, 58]) == [True] * 4


def test_the_best_of_the_fixed_arms_may_be_the_first(store: Store) -> None:
    assert found(store, [50, 35, 30, 50, 58]) == [True] * 4


def test_a_test_that_goes_on_rising_does_not_hold(store: Store) -> None:
    assert found(store, [20, 40, 58, 50, 58]) == [True, False, True, False]


def test_fresh_lessons_that_turn_down_too_do_not_hold(store: Store) -> None:
    assert found(store, [30, 50, 35, 50, 36]) == [True, True, False, False]


def test_a_loss_that_rises_does_not_hold(store: Store) -> None:
    assert found(store, [30, 50, 35, 50, 58], (0.5, 0.1, 0.3)) == [False, True, True, True]
