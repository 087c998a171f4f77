"""Explanations of mistakes, and reviewers whose mean counts: a grade that nobody could read is no grade."""

from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.critics.peer_review import PeerReview
from agents.generators.explain_mistake import ExplainMistake
from agents.kinds import Judgement
from agents.prompts import read_tagged, tagged
from agents.rehearsal.faults import known, wrong_solution
from agents.rehearsal.tasks.mistakes import where_wrong
from agents.rehearsal.teacher import RehearsalTeacher
from agents.rehearsal.world import items
from storage.records import Draft, Outcome
from tests.conftest import ScriptedTeacher

MISTAKE = {"question": "What is 2 plus 2?", "student_reply": "2+2=5\n#### 5", "gold": "4"}
EXPLAINED = {"explanation": "Step 1 is wrong.", "rationale": "2+2=4", "answer": "4"}
SECRET = "the-secret-gold-4711"
GRADES = st.dictionaries(st.sampled_from("abcd"), st.none() | st.integers(1, 5), min_size=1)


def a_draft(number: int = 0, **fields: Any) -> Draft:
    """A solution of a question that a student had missed."""
    known = {**MISTAKE, "rationale": "2+2=4", "answer": "4", **fields}
    return Draft.new(run="r", round=1, step="s", kind="solution", fields=known, split_key=f"k{number}", producer="w@1")


def reviewer(**options: Any) -> PeerReview:
    return PeerReview(use="peer_review", **options)


def graded(grades: dict[str, int | None]) -> dict[str, Judgement]:
    return {
        role: Judgement(Outcome.UNREADABLE, "?")
        if grade is None
        else Judgement(Outcome.ACCEPTED if grade > 3 else Outcome.REJECTED, "so it is", score=float(grade))
        for role, grade in grades.items()
    }


async def test_an_explanation_is_written_with_the_right_answer_as_a_hint_unless_it_is_kept_back() -> None:
    generator = ExplainMistake(use="explain_mistake")
    teacher = ScriptedTeacher(lambda *_: EXPLAINED)
    writing = (await generator.write(MISTAKE, teacher, 0))[0]
    assert writing.fields == EXPLAINED
    await generator.write({name: MISTAKE[name] for name in ("question", "student_reply")}, teacher, 0)
    assert ["right answer is shown" in prompt for prompt in teacher.asked] == [True, False]


@pytest.mark.parametrize(("grade", "outcome"), [(3, Outcome.REJECTED), (4, Outcome.ACCEPTED)])
async def test_a_draft_is_accepted_above_the_threshold(grade: int, outcome: Outcome) -> None:
    teacher = ScriptedTeacher(lambda *_: {"comment": "", "grade": grade})
    judgement = await reviewer().judge(a_draft(), teacher)
    assert (judgement.outcome, judgement.score) == (outcome, grade)


async def test_reviewers_see_the_gold_answer_only_if_told_to_and_the_mistake_only_with_its_explanation() -> None:
    teacher = ScriptedTeacher(lambda *_: {"comment": "Good.", "grade": 5})
    for judge, fields in (
        (reviewer(), {}),
        (reviewer(shows_gold=True), {}),
        (reviewer(), {"explanation": "Step 1 is wrong."}),
    ):
        await judge.judge(a_draft(gold=SECRET, **fields), teacher)
    seen = [read_tagged(prompt).keys() for prompt in teacher.asked]
    plain = {"question", "rationale", "answer"}
    assert seen == [plain, plain | {"gold"}, plain | {"explanation", "student_reply"}]
    assert [SECRET in prompt for prompt in teacher.asked] == [False, True, False]


@given(GRADES, st.sampled_from([1.0, 2.5, 3.0, 4.0]))
def test_the_mean_of_the_grades_that_could_be_read_decides(grades: dict[str, int | None], above: float) -> None:
    summed = reviewer(above=above).sum_up(graded(grades))
    read = [grade for grade in grades.values() if grade is not None]
    if not read:
        assert (summed.outcome, summed.score) == (Outcome.UNREADABLE, None)
        return
    assert summed.score == pytest.approx(sum(read) / len(read))
    assert summed.outcome == (Outcome.ACCEPTED if sum(read) > above * len(read) else Outcome.REJECTED)
    assert summed.evidence.keys() == grades.keys()


def test_an_unreadable_grade_changes_nothing() -> None:
    with_it, without = (reviewer().sum_up(graded(grades)) for grades in ({"a": 4, "b": None}, {"a": 4}))
    assert (with_it.outcome, with_it.score) == (without.outcome, without.score) == (Outcome.ACCEPTED, 4.0)


# --- the rehearsal --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skill", ["trip", "film", "product", "switch"])
def test_the_first_step_that_differs_is_named(skill: str) -> None:
    for item in islice(items(skill, 3), 20):
        found = known(item.question)
        assert found
        rationale, answer = wrong_solution(found, Random(item.question))
        said = where_wrong(f"{rationale}\n#### {answer}", item.rationale, item.answer)
        assert " is wrong: " in said
        assert where_wrong(f"{item.rationale}\n#### {item.answer}", item.rationale, item.answer) == "Nothing is wrong."


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("one; two\n#### 5", "The answer is wrong: 4."),
        ("one; two", "The answer is missing."),
        ("one\n#### 4", "Step 2 is missing: two."),
        ("one; two; three\n#### 4", "Step 3 is not needed."),
        ("", "Step 1 is missing: one."),
    ],
)
def test_what_no_step_shows_is_told_of_the_answer(reply: str, said: str) -> None:
    assert where_wrong(reply, "one; two", "4") == said


async def test_peers_see_through_right_answers_for_wrong_reasons() -> None:
    """Peer review keeps a better share of sound solutions than matching answers does (MAPD)."""
    model = "rehearsal-teacher?malformed_rate=0&refusal_rate=0&wrong_reason_rate=.2&judge_error_rate=.1"
    rehearsal = RehearsalTeacher()

    def says(prompt: str, form: Any, sample: int) -> Any:
        message = [{"role": "user", "content": prompt}]
        return form.model_validate_json(rehearsal.reply(model, message, form.model_json_schema(), sample=sample))

    generator, kept, matched = ExplainMistake(use="explain_mistake"), [], []
    for number, item in enumerate(islice(items("trip", 5), 200)):
        fields = {"question": item.question, "student_reply": "#### 0", "gold": item.answer}
        written = (await generator.write(fields, ScriptedTeacher(says), 0))[0].fields
        sound = written["rationale"] == item.rationale
        draft = a_draft(number, **fields, **written)
        said = {
            role: await reviewer().judge(draft, ScriptedTeacher(lambda p, f, s, seed=seed: says(p, f, seed)))
            for seed, role in enumerate(("second", "third"))
        }
        if reviewer().sum_up(said).outcome == Outcome.ACCEPTED:
            kept.append(sound)
        if written["answer"] == item.answer:
            matched.append(sound)
    assert sum(kept) / len(kept) > 0.9 > sum(matched) / len(matched)


def test_a_mistake_that_is_shown_is_heeded_as_much_as_the_profile_says() -> None:
    """Planted: the effect of a shown mistake on a teacher is an option, and so is that there is none."""
    form = {"properties": {"rationale": {"type": "string"}, "answer": {"type": "string"}}}
    rehearsal, wrong = RehearsalTeacher(), []
    for heeds in ("0", ".5", "1"):
        model = f"rehearsal-teacher?malformed_rate=0&refusal_rate=0&error_rate=.4&heeds_mistakes={heeds}"
        asked = (
            (item, tagged({"question": item.question, "student_reply": "#### 0"}))
            for item in islice(items("trip", 6), 600)
        )
        replies = [
            (item, str(rehearsal.reply(model, [{"role": "user", "content": text}], form))) for item, text in asked
        ]
        wrong.append(sum(f'"answer": "{item.answer}"' not in reply for item, reply in replies) / 600)
    assert wrong == [pytest.approx(0.4, abs=0.06), pytest.approx(0.2, abs=0.05), 0.0]
