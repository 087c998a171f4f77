"""What every format, mixture, objective, exam and feedback must hold to."""

import ast
import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.kinds import Part, Source
from agents.registry import build
from orchestrator.kinds import Exam, ExamItem, Feedback, Format, Mixture, Objective
from storage.records import Failure, Plan, Scorecard
from tests.contracts.whole import FIELDS, HOSTILE, SECRET, a_draft, named, of_kind

SITE = Path(importlib.util.find_spec("trl").origin or "").parents[1]  # type: ignore[union-attr]
CONFIGS = ("transformers/training_args.py", "trl/trainer/base_config.py", "trl/trainer/sft_config.py")
WORKER = Path(__file__).parents[2] / "orchestrator" / "student_worker" / "training.py"
FORMATS, SOURCES = of_kind(Format), of_kind(Source)
formats = pytest.mark.parametrize("form", FORMATS, ids=named)
mixtures = pytest.mark.parametrize("mixture", of_kind(Mixture), ids=named)
objectives = pytest.mark.parametrize("objective", of_kind(Objective), ids=named)
exams = pytest.mark.parametrize("exam", of_kind(Exam), ids=named)
feedbacks = pytest.mark.parametrize("name", [feedback.use for feedback in of_kind(Feedback)])


# --- formats --------------------------------------------------------------------------------------------------------


@formats
def test_a_lesson_shows_the_prompt_that_the_exam_shows(form: Any) -> None:
    for text in (FIELDS["question"], HOSTILE, " spaced \n"):
        fields = {**FIELDS, "question": text}
        in_exam = form.prompt({"question": text, "gold": FIELDS["gold"]})
        assert form.row(fields)["prompt"] == form.prompt(fields) == in_exam


@formats
def test_a_prompt_shows_neither_gold_nor_what_a_teacher_wrote(form: Any) -> None:
    hidden = dict.fromkeys(FIELDS.keys() - {"question"}, SECRET)
    assert SECRET not in str(form.prompt({**hidden, "question": "How many?"}))


@formats
def test_a_draft_without_a_needed_field_is_a_key_error(form: Any) -> None:
    with pytest.raises(KeyError):
        form.row({"question": "How many?"})


@formats
def test_hostile_text_makes_no_further_turn(form: Any) -> None:
    row = form.row({**FIELDS, "question": HOSTILE, "rationale": HOSTILE})
    assert [turn["role"] for turn in row["prompt"]].count("assistant") == 0
    assert [turn["role"] for turn in row["completion"]] == ["assistant"]


@exams
@formats
def test_an_exam_reads_the_answer_of_a_lesson_as_right(exam: Any, form: Any) -> None:
    for source in SOURCES:
        for skill in source.skills():
            material = next(iter(source.materials("train", skill, 1)))
            gold = material.fields["gold"]
            row = form.row({**material.fields, "rationale": "One step, then the next.", "answer": gold})
            item = ExamItem(material.fields["question"], gold, row["prompt"], skill, material.split_key)
            assert exam.grade(item, row["completion"][-1]["content"])[1], gold


# --- mixtures -------------------------------------------------------------------------------------------------------


@mixtures
def test_a_mixture_is_the_same_whatever_the_order_and_holds_only_what_it_was_given(mixture: Any) -> None:
    drafts = [a_draft(i) for i in range(30)]
    keys = [draft.key for draft in mixture.arrange(drafts, 1, 7)]
    assert keys == [draft.key for draft in mixture.arrange(drafts[::-1], 1, 7)]
    assert set(keys) <= {draft.key for draft in drafts}
    assert keys
    assert keys != [draft.key for draft in mixture.arrange(drafts, 1, 8)]


@mixtures
def test_a_mixture_of_nothing_is_nothing(mixture: Any) -> None:
    assert mixture.arrange([], 1, 0) == []


# --- objectives -----------------------------------------------------------------------------------------------------


def settings_of_trl() -> set[str]:
    """Names of SFTConfig's fields, read from the installed sources: importing them would take torch along."""
    found: set[str] = set()
    for place in CONFIGS:
        for node in ast.parse((SITE / place).read_text(encoding="utf-8")).body:
            fields = node.body if isinstance(node, ast.ClassDef) else []
            found |= {f.target.id for f in fields if isinstance(f, ast.AnnAssign) and isinstance(f.target, ast.Name)}
    return found


@objectives
def test_every_setting_is_one_that_the_trainer_has(objective: Any) -> None:
    known = settings_of_trl()
    assert len(known) > 100
    assert objective.settings()
    assert objective.settings().keys() <= known


def test_every_setting_that_the_worker_adds_is_one_that_the_trainer_has() -> None:
    functions = {node.name: node for node in ast.parse(WORKER.read_text()).body if isinstance(node, ast.FunctionDef)}
    keys = {
        key.value
        for node in ast.walk(functions["_settings"])
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    assert len(keys) > 10
    assert keys <= settings_of_trl()


# --- exams ----------------------------------------------------------------------------------------------------------


@exams
def test_the_same_exam_asks_the_same_distinct_questions_of_its_part(exam: Any) -> None:
    for source in SOURCES:
        for part in get_args(Part):
            sat = exam.model_copy(update={"part": part})
            items = sat.items(source, FORMATS[0], 3)
            assert items == sat.items(source.model_copy(), FORMATS[0], 3)
            assert items
            assert {source.part_of(item.split_key) for item in items} == {part}
            assert len({(item.skill, item.question) for item in items}) == len(items)


@exams
def test_what_a_student_is_shown_does_not_hold_the_gold_answer(exam: Any) -> None:
    class Telling(type(SOURCES[0])):
        def materials(self, part: Any, skill: str, seed: int) -> Any:
            return (
                type(m)({**m.fields, "gold": SECRET, "solution": SECRET}, m.split_key, m.skill)
                for m in super().materials(part, skill, seed)
            )

    source = Telling.model_construct(**SOURCES[0].model_dump())
    items = exam.items(source, FORMATS[0], 0)
    assert {item.gold for item in items} == {SECRET}
    assert SECRET not in str([item.prompt for item in items])


@exams
@pytest.mark.parametrize("reply", ["", " \n", "I do not know.", "7 8 9", HOSTILE.replace("99", "")])
def test_a_reply_without_an_answer_is_wrong_and_has_none(exam: Any, reply: str) -> None:
    item = exam.items(SOURCES[-1], FORMATS[0], 0)[0]
    assert exam.grade(item, reply) == (None, False)


@exams
def test_another_answer_is_wrong(exam: Any) -> None:
    items = exam.items(SOURCES[-1], FORMATS[0], 0)
    for item in items:
        assert exam.grade(item, "So it is.\n#### nothing of the kind") == ("nothing of the kind", False)


@exams
def test_a_reply_is_bounded(exam: Any) -> None:
    assert 0 < exam.max_tokens < 10_000


# --- feedback -------------------------------------------------------------------------------------------------------

SKILLS = st.sampled_from(["", "trip", "change", "film", "tallest"])


def failed(skills: list[str], round_number: int) -> list[Failure]:
    return [
        Failure.new(run="r", round=round_number, attempt=f"a{i}", cluster=skill, skill=skill)
        for i, skill in enumerate(skills)
    ]


def a_card(accuracy: float, round_number: int) -> Scorecard:
    facts = {"run": "r", "student": f"s{round_number}", "exam": "probe", "n": 20, "low": 0.0, "high": 1.0}
    return Scorecard.new(**facts, round=round_number, accuracy=accuracy)


@feedbacks
@given(
    rounds=st.integers(1, 4),
    at=st.integers(1, 6),
    skills=st.lists(SKILLS, max_size=40),
    accuracies=st.lists(st.floats(0, 1), min_size=2, max_size=7),
    seeds=st.integers(0, 50),
)
def test_a_plan_keeps_within_its_means_and_says_why(
    name: str, rounds: int, at: int, skills: list[str], accuracies: list[float], seeds: int
) -> None:
    options = {"use": name, "rounds": rounds, "seeds": seeds, "failures": 5}
    own = build(name, Feedback)
    feedback: Any = build({k: v for k, v in options.items() if k in type(own).model_fields}, Feedback)
    failures = failed(skills, at)
    cards = [a_card(accuracy, i) for i, accuracy in enumerate(accuracies)]
    plan = Plan.new(run="r", round=at, why="before")
    fields = feedback.next_plan(plan, cards, failures)
    following = Plan.new(run="r", round=at + 1, **fields)
    assert len(following.why.split()) >= 3
    assert following.stop or at < rounds
    assert sum(following.quotas.values()) in (0, seeds)
    assert all(quota >= 0 for quota in following.quotas.values())
    assert set(following.quotas) <= set(skills)
    assert len(set(following.targets)) == len(following.targets) <= 5
    assert set(following.targets) <= {failure.key for failure in failures}
    assert fields == feedback.next_plan(plan, cards, failures[::-1])


def test_failures_are_taken_in_turn_from_the_skills_and_seeds_in_proportion() -> None:
    feedback: Any = build({"use": "target_failures", "failures": 4, "seeds": 10}, Feedback)
    failures = failed(["trip"] * 6 + ["film"] * 2, 1)
    fields = feedback.next_plan(Plan.new(run="r", round=1), [a_card(0, 0), a_card(0.5, 1)], failures)
    by_key = {failure.key: failure.skill for failure in failures}
    assert Counter(by_key[key] for key in fields["targets"]) == {"trip": 2, "film": 2}
    assert fields["quotas"] == {"trip": 8, "film": 2} or fields["quotas"] == {"trip": 7, "film": 3}


def test_a_gain_below_the_plateau_stops() -> None:
    feedback: Any = build({"use": "target_failures", "rounds": 9, "plateau": 0.05}, Feedback)
    cards = [a_card(0.50, 0), a_card(0.52, 1)]
    fields = feedback.next_plan(Plan.new(run="r", round=1), cards, failed(["trip"], 1))
    assert fields["stop"]
    assert "gained +2.0% on the probe, less than the 5.0% that pays" in fields["why"]
