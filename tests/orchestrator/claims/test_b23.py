"""Which retention and test results make B23 hold."""

from orchestrator.claims.b23 import CLAIM
from storage.store import Store
from tests.orchestrator.claims.made import a_card, a_result, compared, held


def found(
    store: Store, right: tuple[int, int] = (50, 50), retention: tuple[float, float] = (0.1, 0.85), base: float = 0.9
) -> list[bool]:
    """Right answers of both arms in the test, and accuracies of their students and of the base in retention."""
    arms = [a_result(f"arm {i}", {"trip": count}) for i, count in enumerate(right)]
    for result, accuracy in zip(arms, retention, strict=True):
        for number, value in ((0, base), (1, accuracy)):
            card = a_card(result.run, number, {}, "retention")
            card.accuracy = value
            store.add(card)
    return held(CLAIM.check(compared(*arms), store))


def test_replay_that_keeps_what_was_known_and_costs_nothing_holds(store: Store) -> None:
    assert found(store) == [True] * 3


def test_replay_that_keeps_too_little_does_not_hold(store: Store) -> None:
    assert found(store, retention=(0.1, 0.8)) == [False, True, True]


def test_programs_alone_that_cost_nothing_do_not_hold(store: Store) -> None:
    assert found(store, retention=(0.9, 0.85)) == [True, False, True]


def test_replay_that_costs_what_was_taught_does_not_hold(store: Store) -> None:
    assert found(store, right=(50, 30)) == [True, True, False]


def test_a_base_that_could_do_nothing_keeps_nothing(store: Store) -> None:
    assert found(store, base=0.0)[:2] == [False, False]
