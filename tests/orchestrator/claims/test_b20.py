"""Which results of either half make B20 hold."""

from collections.abc import Mapping

from orchestrator.claims.b20 import CLAIM, SEEN, UNSEEN
from storage.store import Store
from tests.orchestrator.claims.made import a_card, a_result, compared, held

ARMS = ("whole", "decomposes", "solves")


def found(store: Store, unseen: Mapping[str, int], learnt: tuple[float, float] = (0.9, 0.9)) -> list[bool]:
    """Right answers of 60 to what was not taught, and of what was, the last share of both halves on the probe."""
    arms = [a_result(name, dict.fromkeys(SEEN, 55) | dict.fromkeys(UNSEEN, unseen[name])) for name in ARMS]
    for result, share in zip(arms, (0.9, *learnt), strict=True):
        for number, accuracy in ((0, 0.1), (1, share)):
            store.add(a_card(result.run, number, dict.fromkeys((*SEEN, *UNSEEN), accuracy)))
    return held(CLAIM.check(compared(*arms), store))


def test_a_decomposer_that_holds_and_a_solver_that_falls_hold(store: Store) -> None:
    assert found(store, {"whole": 55, "decomposes": 55, "solves": 15}) == [True] * 5


def test_a_solver_that_holds_while_the_decomposer_falls_does_not_hold(store: Store) -> None:
    assert found(store, {"whole": 55, "decomposes": 15, "solves": 55}) == [True, True, False, False, False]


def test_both_that_fall_do_not_hold(store: Store) -> None:
    assert found(store, {"whole": 55, "decomposes": 15, "solves": 15}) == [True, True, False, True, False]


def test_a_half_that_learns_nothing_of_what_it_is_taught_does_not_hold(store: Store) -> None:
    falls = {"whole": 55, "decomposes": 55, "solves": 15}
    assert found(store, falls, (0.2, 0.9)) == [False, True, True, True, True]


def test_what_is_unseen_is_taught_to_one_half_in_each_arm() -> None:
    assert not set(SEEN) & set(UNSEEN)
    assert [arm.partition("+")[2] for arm in CLAIM.arms] == [
        "",
        "datasets.plans.from=chains",
        "datasets.steps.from=steps",
    ]
