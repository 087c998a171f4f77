"""The easiest level that is not mastered gets the round."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.feedback.rising_difficulty import RisingDifficulty
from tests.orchestrator.feedback.scripted import progress

LEVELS = {"hard": 3, "easy": 1, "plain": 1, "mid": 2}


def rising(**options: Any) -> RisingDifficulty:
    return RisingDifficulty(use="rising_difficulty", **options)


def test_at_first_all_goes_to_the_easiest_by_error() -> None:
    errors = {"hard": 1.0, "easy": 0.6, "plain": 0.2, "mid": 1.0}
    plan = rising(seeds=80).next_plan(progress(errors, levels=LEVELS))
    assert plan.quotas == {"easy": 60, "plain": 20}
    assert plan.why == (
        "level 1 of difficulty is at 60%, not yet 85%, and gets 80 of 80 seeds: easy (60% wrong), plain (20% wrong)"
    )


def test_a_mastered_level_keeps_a_floor_and_harder_ones_wait() -> None:
    errors = {"hard": 1.0, "easy": 0.2, "plain": 0.0, "mid": 0.5}
    plan = rising(seeds=100, floor=0.1).next_plan(progress(errors, levels=LEVELS))
    assert plan.quotas == {"mid": 90, "easy": 5, "plain": 5}
    assert plan.why.endswith("gets 90 of 100 seeds: mid (50% wrong); 2 easier skills keep 10")


def test_a_level_that_is_lost_again_comes_before_harder_ones() -> None:
    errors = {"hard": 1.0, "easy": 0.5, "plain": 0.5, "mid": 0.0}
    assert set(rising().next_plan(progress(errors, levels=LEVELS)).quotas) == {"easy", "plain"}


def test_when_all_is_mastered_it_stops_and_says_so() -> None:
    plan = rising().next_plan(progress(dict.fromkeys(LEVELS, 0.1), levels=LEVELS))
    assert plan.stop
    assert plan.why == "every level of difficulty is mastered (1 at 90%, 2 at 90%, 3 at 90%), and there is none harder"


def test_a_level_is_mastered_at_the_very_accuracy() -> None:
    assert rising(mastered=0.75).next_plan(progress({"a": 0.25})).stop
    assert not rising(mastered=0.76).next_plan(progress({"a": 0.25})).stop


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(1, 4), st.floats(0, 1)), min_size=1),
    st.floats(0, 0.9),
    st.integers(0, 200),
)
def test_all_seeds_go_to_one_level_and_those_below(
    skills: dict[str, tuple[int, float]], floor: float, seeds: int
) -> None:
    levels = {skill: level for skill, (level, _) in skills.items()}
    known = progress({skill: error for skill, (_, error) in skills.items()}, levels=levels)
    plan = rising(seeds=seeds, floor=floor).next_plan(known)
    assert plan.stop or sum(plan.quotas.values()) == seeds
    if plan.quotas:
        highest = max(levels[skill] for skill in plan.quotas)
        assert {skill for skill in levels if levels[skill] <= highest} == set(plan.quotas)
