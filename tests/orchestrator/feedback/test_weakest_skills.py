"""The worst skills share the seeds by their error, and the rest have a floor."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.feedback.weakest_skills import WeakestSkills
from tests.orchestrator.feedback.scripted import progress

ERRORS = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 1), min_size=1)


def weakest(**options: Any) -> WeakestSkills:
    return WeakestSkills(use="weakest_skills", **options)


def test_the_worst_share_by_their_error_and_the_others_evenly_what_the_floor_keeps() -> None:
    errors = {"trip": 0.6, "film": 0.3, "change": 0.1, "lead": 0.0, "pile": 0.05}
    plan = weakest(seeds=200, skills=2, floor=0.1).next_plan(progress(errors))
    assert plan.quotas == {"trip": 120, "film": 60, "change": 7, "lead": 7, "pile": 6}
    assert plan.why == "most is wrong in trip (60%), film (30%): 180 of 200 seeds are theirs; 3 others share 20"


def test_a_skill_that_was_not_asked_is_a_weak_one() -> None:
    plan = weakest(skills=1, floor=0.0, seeds=10).next_plan(progress({"a": 0.9}, levels={"a": 1, "unasked": 1}))
    assert plan.quotas == {"unasked": 10, "a": 0}


def test_where_nothing_is_wrong_all_share_evenly() -> None:
    plan = weakest(seeds=5).next_plan(progress({"a": 0.0, "b": 0.0}))
    assert plan.quotas == {"a": 3, "b": 2}
    assert "no probe answer was wrong" in plan.why
    assert not plan.stop


@given(ERRORS, st.integers(0, 300), st.integers(1, 5), st.floats(0, 0.9))
def test_all_seeds_are_given_and_of_the_worst_the_worse_has_more(
    errors: dict[str, float], seeds: int, skills: int, floor: float
) -> None:
    plan = weakest(seeds=seeds, skills=skills, floor=floor).next_plan(progress(errors))
    assert sum(plan.quotas.values()) == seeds
    worst = sorted((s for s in errors if 1 - (1 - errors[s]) > 0), key=lambda s: (-(1 - (1 - errors[s])), s))[:skills]
    assert [plan.quotas[skill] for skill in worst] == sorted((plan.quotas[skill] for skill in worst), reverse=True)
    rest = [skill for skill in errors if skill not in worst]
    if rest and worst:
        assert sum(plan.quotas[skill] for skill in rest) == pytest.approx(floor * seeds, abs=len(errors))
