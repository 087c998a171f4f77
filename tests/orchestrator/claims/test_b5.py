"""Which datasets and test results make B5 hold."""

from orchestrator.claims.b5 import CLAIM
from storage.records import Dataset
from storage.store import Store
from tests.orchestrator.claims.made import a_result, compared, held


def found(
    store: Store, right: tuple[int, ...] = (40, 44, 46, 42, 45, 48), sizes: tuple[int, ...] = (320, 320, 320)
) -> list[bool]:
    """Right answers of each arm, and lessons of the first three."""
    arms = [a_result(f"arm {i}", {"trip": count}) for i, count in enumerate(right)]
    for result, size in zip(arms, sizes, strict=False):
        facts = {"name": "lessons", "format": "several_tasks@1", "digest": "d"}
        store.add(Dataset.new(run=result.run, round=1, size=size, **facts))
    return held(CLAIM.check(compared(*arms), store))


def test_both_forms_that_are_no_worse_hold(store: Store) -> None:
    assert found(store) == [True] * 5


def test_both_forms_that_are_worse_than_one_do_not_hold(store: Store) -> None:
    assert found(store, right=(40, 58, 40, 42, 45, 48)) == [True, True, False, True, True]


def test_a_vote_that_is_worse_does_not_hold(store: Store) -> None:
    assert found(store, right=(40, 44, 46, 58, 40, 40)) == [True, True, True, False, True]


def test_fewer_lessons_in_one_arm_do_not_hold(store: Store) -> None:
    assert not found(store, sizes=(320, 320, 300))[0]
