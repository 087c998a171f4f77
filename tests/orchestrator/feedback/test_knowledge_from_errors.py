"""Practice alone is handed on, and never more than is wanted."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.feedback.knowledge_from_errors import KnowledgeFromErrors
from orchestrator.kinds import Progress
from storage.records import Failure
from tests.orchestrator.feedback.scripted import attempts, progress


def policy(**options: Any) -> KnowledgeFromErrors:
    return KnowledgeFromErrors(use="knowledge_from_errors", **options)


def after(practice: dict[str, int], probe: dict[str, int]) -> Progress:
    sat = [*attempts(practice, exam="practice"), *attempts(probe, exam="probe")]
    facts = {"run": "r", "round": 1, "cluster": ""}
    failures = [Failure.new(**facts, attempt=a.key, skill=a.skill) for a in sat if not a.right]
    return progress(dict.fromkeys("ab", 0.5), attempts=sat, failures=failures)


def test_failures_of_the_probe_are_not_handed_on_and_seeds_are_even_whatever_failed() -> None:
    known = after({"a": 9, "b": 3}, {"a": 20, "b": 20})
    plan = policy(seeds=10, mistakes=8).next_plan(known)
    handed = {failure.key: failure for failure in known.failures if failure.key in plan.targets}
    practised = {attempt.key for attempt in known.attempts if attempt.exam == "practice"}
    assert {failure.attempt for failure in handed.values()} <= practised
    assert Counter(failure.skill for failure in handed.values()) == {"a": 5, "b": 3}
    assert plan.quotas == {"a": 5, "b": 5}
    assert plan.why.startswith("12 of 48 practice answers were wrong, most in a (9), b (3)")


def test_no_new_seeds_means_none_rather_than_as_before() -> None:
    assert policy(seeds=0).next_plan(after({"a": 1}, {})).quotas == {"a": 0, "b": 0}


@given(st.integers(0, 24), st.integers(0, 24), st.integers(1, 50))
def test_never_more_than_is_wanted_nor_than_there_is(a: int, b: int, most: int) -> None:
    plan = policy(mistakes=most).next_plan(after({"a": a, "b": b}, {"a": 5}))
    assert len(set(plan.targets)) == len(plan.targets) == min(most, a + b)
    assert policy(mistakes=most).most(300) == (0, most)
