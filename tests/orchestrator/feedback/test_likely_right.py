"""Seeds go where the student is unsure and the teacher is not."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.feedback.likely_right import LikelyRight
from orchestrator.kinds import NextPlan, Taught
from storage.records import Attempt
from tests.orchestrator.feedback.scripted import an_attempt, attempts, progress

SKILLS = "abcdef"
ERRORS = {"a": 0.5, "b": 0.5, "c": 0.25, "d": 0.25}


def likely(**options: Any) -> LikelyRight:
    return LikelyRight(use="likely_right", **options)


def taught(**chances: float) -> dict[tuple[int, str], Taught]:
    return {(1, skill): Taught(1000, 1000, round(1000 * chance)) for skill, chance in chances.items()}


def with_margins(**margins: float) -> list[Attempt]:
    return [an_attempt(skill, True, i, margin=margin) for skill, margin in margins.items() for i in range(4)]


def wrong_drafts(plan: NextPlan, chances: dict[str, float]) -> float:
    """Share of the drafts that the next seeds will have wrong."""
    return sum(quota * (1 - chances[skill]) for skill, quota in plan.quotas.items()) / sum(plan.quotas.values())


def test_a_weight_is_the_students_doubt_times_the_teachers_chance() -> None:
    known = {
        "attempts": with_margins(a=0.2, b=0.2, c=0.6),
        "taught": {(1, "a"): Taught(8, 8, 7), (2, "b"): Taught(8, 8, 3)},
    }
    plan = likely(seeds=116).next_plan(progress({"a": 0.0, "b": 0.0, "c": 0.0}, **known))
    assert plan.quotas == {"a": 64, "b": 32, "c": 20}
    assert "the student's doubt" in plan.why
    assert "a (0.80 × 0.80: 64)" in plan.why


def test_one_answer_without_a_margin_and_all_skills_are_measured_by_their_error() -> None:
    sat = [*with_margins(a=0.9, b=0.1, c=0.1, d=0.1), an_attempt("d", True, 9)]
    plan = likely(seeds=150).next_plan(progress(ERRORS, attempts=sat))
    assert plan.quotas == {"a": 50, "b": 50, "c": 25, "d": 25}
    assert "the student's error" in plan.why


def test_margins_in_practice_do_not_count() -> None:
    sat = [*with_margins(a=0.5, b=0.5), *(attempts({"a": 0, "b": 0}, exam="practice"))]
    plan = likely(seeds=10).next_plan(progress({"a": 0.0, "b": 1.0}, attempts=sat))
    assert plan.quotas == {"a": 5, "b": 5}


def test_a_teacher_that_errs_where_the_student_is_unsure_leads_margins_astray_and_not_this() -> None:
    chances = {"a": 0.5, "b": 0.9, "c": 0.9, "d": 0.9}
    known = {"attempts": with_margins(a=0.2, b=0.3, c=0.4, d=0.5), "taught": taught(**chances)}
    base = sum(1 - chance for chance in chances.values()) / len(chances)
    by_margin = likely(right=0).next_plan(progress(dict.fromkeys(chances, 0.0), **known))
    robust = likely().next_plan(progress(dict.fromkeys(chances, 0.0), **known))
    assert wrong_drafts(robust, chances) < base < wrong_drafts(by_margin, chances)


@given(
    st.fixed_dictionaries({skill: st.floats(0, 1) for skill in SKILLS}),
    st.fixed_dictionaries({skill: st.floats(0, 1) for skill in SKILLS}),
    st.floats(0, 5),
    st.floats(0, 5),
)
def test_the_more_the_teacher_counts_the_fewer_drafts_are_wrong(
    errors: dict[str, float], chances: dict[str, float], one: float, other: float
) -> None:
    known = progress(errors, taught=taught(**chances))
    less, more = (likely(right=right, seeds=100_000).next_plan(known) for right in sorted([one, other]))
    assert sum(less.quotas.values()) == 100_000
    assert wrong_drafts(more, chances) <= wrong_drafts(less, chances) + 0.002  # Laplace's rule and rounding


def test_where_the_student_has_no_doubt_the_teacher_alone_decides() -> None:
    plan = likely(seeds=30).next_plan(
        progress({"a": 0.0, "b": 0.0}, taught={(1, "a"): Taught(1, 1, 1), (1, "b"): Taught(1, 1, 0)})
    )
    assert plan.quotas == {"a": 20, "b": 10}
