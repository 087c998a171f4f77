"""Lessons are written about what was failed in practice, and about nothing that was failed in the probe."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.prompts import read_tagged
from orchestrator.clauses import MISTAKES
from orchestrator.feedback.practise_mistakes import PractiseMistakes
from orchestrator.kinds import Progress
from storage.records import Attempt, Failure, Seed
from storage.store import Store
from tests.conftest import Loop
from tests.orchestrator.feedback.scripted import attempts, progress

SMALL = (
    "sources.tasks.choose=[change, trip, film]",
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 9, basics: 4}",
    "exams.practice.per_skill=6",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
    "feedback.seeds=6",
    "feedback.mistakes=10",
)
WRONG = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 9), min_size=1)


def practise(**options: Any) -> PractiseMistakes:
    return PractiseMistakes(use="practise_mistakes", **options)


def told(in_practice: dict[str, int], in_probe: dict[str, int]) -> Progress:
    """Ten questions of each skill in practice, and ten in the probe."""
    sat = [*attempts(in_practice, n=10, exam="practice"), *attempts(in_probe, n=10)]
    failures = [
        Failure.new(run="r", round=1, attempt=attempt.key, cluster=attempt.skill, skill=attempt.skill)
        for attempt in sat
        if not attempt.right
    ]
    return progress({skill: bad / 10 for skill, bad in in_probe.items()}, attempts=sat, failures=failures)


@given(WRONG, WRONG, st.integers(1, 60), st.integers(0, 90))
def test_only_failures_in_practice_are_targets_and_all_seeds_are_given(
    in_practice: dict[str, int], in_probe: dict[str, int], mistakes: int, seeds: int
) -> None:
    known = told(in_practice, in_probe)
    plan = practise(mistakes=mistakes, seeds=seeds).next_plan(known)
    practised = {attempt.key for attempt in known.attempts if attempt.exam == "practice"}
    chosen = [failure for failure in known.failures if failure.key in set(plan.targets)]
    assert {failure.attempt for failure in chosen} <= practised
    assert len(plan.targets) == len(set(plan.targets)) == min(mistakes, sum(in_practice.values()))
    assert sum(plan.quotas.values()) == seeds


def test_mistakes_are_taken_in_turn_by_skill_and_seeds_by_error_in_the_probe() -> None:
    known = told({"a": 8, "b": 2, "c": 0}, {"a": 0, "b": 2, "c": 6})
    plan = practise(mistakes=6, seeds=40).next_plan(known)
    skills = {failure.key: failure.skill for failure in known.failures}
    assert Counter(skills[key] for key in plan.targets) == {"a": 4, "b": 2}
    assert plan.quotas == {"c": 30, "b": 10, "a": 0}
    assert plan.why == (
        "10 questions were failed in practice, most in a (8), b (2); 6 mistakes and 40 new seeds by error in the probe come next"
    )


def test_without_practice_it_says_so() -> None:
    plan = practise(exam="drill").next_plan(told({"a": 3}, {"a": 3}))
    assert not plan.targets
    assert "nobody was asked in an exam named 'drill'" in plan.why


async def test_the_teacher_sees_each_mistake_and_the_lesson_is_about_its_question(loop: Loop, store: Store) -> None:
    loop.worker.enough = 12
    recipe = loop.recipe(place="learn-to-reason", small=SMALL)
    key, plan = await loop.teach(recipe, store)
    assert plan.stop
    seeds = store.seeds(key, MISTAKES, 2)
    assert seeds
    found = store.by_key(Attempt, [seed.origin for seed in seeds])
    assert {(attempt.exam, attempt.right) for attempt in found.values()} == {("practice", False)}
    drafts = store.drafts(key, "explain_mistakes", 2)
    parents = store.by_key(Seed, [draft.parents[0] for draft in drafts])
    assert {draft.parents[0] for draft in drafts} <= {seed.key for seed in seeds}
    for draft in drafts:
        call = store.call(draft.call or "")
        assert call
        shown = read_tagged(call.request["messages"][-1]["content"])
        assert shown["student_reply"] == parents[draft.parents[0]].fields["student_reply"]
        assert shown["gold"] == draft.fields["gold"]
    lessons = store.judged(key, "once", 2)
    assert sum(draft.key in lessons for draft in drafts) > len(drafts) / 2
