"""Which results make B6 hold."""

from collections.abc import Sequence

import pytest

from orchestrator.claims.b6 import CLAIM, WEAK
from storage.records import Dataset
from storage.store import Store
from tests.orchestrator.claims.made import a_result, compared, held

SKILLS = list(WEAK.values())
SIZES = (360, 355, 358, 350)


def found(
    store: Store,
    alone: int = 15,
    together: int = 50,
    probes: Sequence[float] = (0.5, 0.6, 0.4),
    sizes: Sequence[int] = SIZES,
) -> tuple[list[bool], list[str]]:
    """A teacher alone teaches 55 of 60 but so many of its weak skill; all together teach so many of each."""
    arms = [
        a_result(name, {skill: alone if skill == weak else 55 for skill in SKILLS}, probe=probe)
        for (name, weak), probe in zip(WEAK.items(), probes, strict=True)
    ]
    arms.append(a_result("all", dict.fromkeys(SKILLS, together), probe=0.9))
    for result, size in zip(arms, sizes, strict=True):
        facts = {"round": 1, "name": "lessons", "format": "f", "digest": result.run, "size": size}
        store.add(Dataset.new(run=result.run, **facts))
    checks = CLAIM.check(compared(*arms), store)
    return held(checks), [check.says for check in checks]


def test_three_that_make_up_for_each_other_hold(store: Store) -> None:
    holds, says = found(store)
    assert holds == [True] * 5
    assert says[1].endswith("the second")


@pytest.mark.parametrize(("probes", "best"), [((0.7, 0.6, 0.4), "first"), ((0.5, 0.6, 0.8), "third")])
def test_the_best_teacher_is_the_probes(store: Store, probes: Sequence[float], best: str) -> None:
    assert found(store, probes=probes)[1][1].endswith(f"the {best}")


def test_three_that_teach_the_mean_of_all_do_not_hold(store: Store) -> None:
    assert found(store, together=41)[0] == [True, False, True, True, True]


def test_students_that_copy_their_teachers_weakness_do_not_hold(store: Store) -> None:
    assert found(store, together=15)[0] == [True, False, False, False, False]


def test_more_lessons_for_one_arm_do_not_hold(store: Store) -> None:
    assert found(store, sizes=(120, 360, 360, 360))[0][0] is False
