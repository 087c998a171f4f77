"""Styles are tried by lot, and the one that the student learns best from writes most of the next lessons."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.generators.question_of_brief import QuestionOfBrief
from agents.generators.write_in_style import WriteInStyle
from agents.kinds import Nobody
from agents.prompts import read_tagged
from agents.rehearsal.styles import styled
from agents.rehearsal.world import items
from orchestrator.clauses import BRIEFS
from orchestrator.feedback.student_preference import StudentPreference
from orchestrator.kinds import NextPlan, Progress
from storage.records import Plan
from storage.store import Store
from tests.conftest import Loop, ScriptedTeacher
from tests.orchestrator.feedback.scripted import a_plan, an_attempt, cards, progress

SMALL = (
    "sources.tasks.choose=[change, trip, event_react]",
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 6, basics: 4}",
    "exams.practice.per_skill=8",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
    "feedback.questions=12",
)
STYLES = {"a": "At length.", "b": "Be short."}


def policy(**options: Any) -> StudentPreference:
    return StudentPreference(use="student_preference", styles=STYLES, **options)


def practised(right: dict[str, set[int]], number: int, n: int = 20) -> list[Any]:
    """`n` practice questions of each skill, of which these are answered right."""
    return [
        an_attempt(skill, i in found, i, number, exam="practice") for skill, found in right.items() for i in range(n)
    ]


def after_trial(right: dict[str, set[str]], briefs: list[dict[str, Any]], n: int = 20) -> Progress:
    """Round 2 taught these briefs, and what was taught in these styles is then answered right."""
    number = {f"{skill} {i}": i for skill in right for i in range(n)}
    found: dict[str, set[int]] = {skill: set() for skill in right}
    for brief in briefs:
        if brief["style"] in {STYLES[style] for style in right[brief["skill"]]}:
            found[brief["skill"]].add(number[brief["question"]])
    nothing: dict[str, set[int]] = {skill: set() for skill in right}
    return progress(
        dict.fromkeys(right, 0.5),
        plans=[a_plan(1), Plan.new(run="r", round=2, why="trial", briefs=briefs)],
        cards=cards([dict.fromkeys(right, 0.5)] * 2),
        attempts=practised(found, 2, n),
        earlier={0: [], 1: practised(nothing, 1, n)},
    )


def trial(skills: str, n: int = 20, **options: Any) -> NextPlan:
    known = progress(dict.fromkeys(skills, 0.5), attempts=practised({skill: set() for skill in skills}, 1, n))
    return policy(**options).next_plan(known)


def styles_of(plan: NextPlan, skill: str) -> Counter[str]:
    names = {words: name for name, words in STYLES.items()}
    return Counter(names[brief["style"]] for brief in plan.briefs if brief["skill"] == skill)


@given(st.integers(1, 90), st.integers(1, 5))
def test_a_trial_is_even_in_styles_and_skills_and_teaches_no_question_twice(questions: int, skills: int) -> None:
    plan = trial("xyzuv"[:skills], questions=questions)
    assert len({brief["question"] for brief in plan.briefs}) == len(plan.briefs)
    by_skill = Counter(brief["skill"] for brief in plan.briefs)
    assert sum(by_skill.values()) == min(questions, 20 * skills)
    assert all(abs(styles_of(plan, skill)["a"] - styles_of(plan, skill)["b"]) <= 1 for skill in by_skill)
    assert set(plan.quotas.values()) == {0}


def test_the_same_progress_gives_the_same_lots_and_another_seed_others() -> None:
    sat = practised({"x": set()}, 1)
    plans = [
        policy(questions=10).next_plan(progress({"x": 0.5}, attempts=attempts, seed=seed))
        for attempts, seed in ((sat, 0), (sat[::-1], 0), (sat, 1))
    ]
    assert plans[0] == plans[1]
    assert plans[0].briefs != plans[2].briefs


def test_what_is_answered_worst_is_taught_first() -> None:
    known = progress({"x": 0.5}, attempts=practised({"x": set(range(4, 20))}, 1))
    plan = policy(questions=4).next_plan(known)
    assert {brief["question"] for brief in plan.briefs} == {f"x {i}" for i in range(4)}
    assert {brief["gold"] for brief in plan.briefs} == {"7"}


def test_each_skill_has_the_style_that_it_is_answered_best_in_and_the_other_goes_on_being_tried() -> None:
    briefs = [dict(brief) for brief in trial("xy", questions=20).briefs]
    plan = policy(questions=20, explore=0.2, steady=1).next_plan(after_trial({"x": {"a"}, "y": {"b"}}, briefs))
    assert styles_of(plan, "x") == {"a": 8, "b": 2}
    assert styles_of(plan, "y") == {"b": 8, "a": 2}
    assert "preferred in x" in plan.why
    assert "of 10 taught 'a' 50% are then answered right" in plan.why
    untaught = {brief["question"] for brief in briefs}
    assert not untaught & {brief["question"] for brief in plan.briefs}


def test_where_a_skill_tells_nothing_the_others_decide() -> None:
    briefs = [dict(brief) for brief in trial("xyz", questions=30).briefs]
    plan = policy(questions=30, explore=0).next_plan(after_trial({"x": {"b"}, "y": {"b"}, "z": set()}, briefs))
    assert [set(styles_of(plan, skill)) for skill in "xyz"] == [{"b"}, {"b"}, {"b"}]


def test_what_only_other_rounds_or_exams_say_is_no_preference() -> None:
    briefs = [dict(brief) for brief in trial("x", questions=10).briefs]
    known = after_trial({"x": {"b"}}, briefs)
    probed = [attempt.model_copy(update={"exam": "probe"}) for attempt in known.attempts]
    blank = Progress(**{**vars(known), "attempts": probed})
    assert policy().next_plan(blank).briefs == []


# --- what carries a style out ---------------------------------------------------------------------------------------


async def test_a_brief_becomes_an_item_with_all_that_it_shows() -> None:
    brief = {"question": "What is 2 plus 2?", "gold": "4", "style": "Be short."}
    written = await QuestionOfBrief(use="question_of_brief").write(brief, Nobody(), 0)
    assert [(writing.fields, writing.call) for writing in written] == [(brief, None)]


async def test_the_materials_own_style_goes_before_the_recipes() -> None:
    generator = WriteInStyle(use="write_in_style", style="At length.")
    teacher = ScriptedTeacher(lambda *_: {"rationale": "2+2=4", "answer": "4"})
    for fields in ({"question": "2+2?"}, {"question": "2+2?", "style": "Be short."}):
        await generator.write(fields, teacher, 0)
    assert [read_tagged(prompt)["style"] for prompt in teacher.asked] == ["At length.", "Be short."]


@pytest.mark.parametrize(("style", "short"), [("Be short.", True), ("Write all out.", False), ("", False)])
def test_the_rehearsal_teacher_leaves_columns_out_where_it_is_to_be_short(style: str, short: bool) -> None:
    item = next(items("add", 1))
    assert (styled(item.rationale, style) == item.rationale) is not short
    assert (":" in styled(item.rationale, style)) is not short
    assert styled(item.rationale, style).endswith(item.answer)


async def test_a_run_tries_the_styles_and_writes_briefs_as_they_say(loop: Loop, store: Store) -> None:
    loop.worker.enough = 30
    recipe = loop.recipe(place="student-preference", small=SMALL)
    key, plan = await loop.teach(recipe, store)
    assert plan.stop
    words = set(recipe.feedback.styles.values())
    for number in (2, 3):
        seeds = store.seeds(key, BRIEFS, number)
        assert len(seeds) == 12
        assert not store.seeds(key, "tasks", number)
        drafts = store.drafts(key, "solve_as_preferred", number)
        assert drafts
        for draft in drafts:
            call = store.call(draft.call or "")
            assert call
            assert read_tagged(call.request["messages"][-1]["content"])["style"] == draft.fields["style"] in words
    assert {seed.fields["style"] for seed in store.seeds(key, BRIEFS, 2)} == words
    assert "are then answered right" in store.plans(key)[2].why
    lessons = store.judged(key, "once", 2)
    assert any(draft.key in lessons for draft in store.drafts(key, "solve_as_preferred", 2))
