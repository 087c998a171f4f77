"""What the distillation recipes hand the student worker: rows, and whose distributions teach."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.registry import build
from orchestrator.kinds import Objective
from orchestrator.recipe import RecipeError, load_recipe
from orchestrator.taught import NothingTold, _tokens
from storage.store import Store
from tests.conftest import Loop

SMALL = (
    "sources.basics.choose=[add, copy]",
    "exams.probe.per_skill=2",
    "exams.test.per_skill=2",
    "exams.retention.per_skill=2",
    "sources.tasks.choose=[change, trip]",
    "seeds={tasks: 12, basics: 4}",
)
BY_MENTOR = ("llm-neo", "gkd", "minillm", "uld", "taid", "first", "mentor-kd")


def trainings(loop: Loop) -> dict[str, dict[str, Any]]:
    return {Path(job["folder"]).name: job for job in loop.worker.done if job["kind"] == "train"}


@pytest.mark.parametrize("name", BY_MENTOR)
async def test_the_mentor_of_the_same_round_teaches_the_student(loop: Loop, store: Store, name: str) -> None:
    run, _ = await loop.teach(loop.recipe(place=name, small=SMALL), store)
    jobs = trainings(loop)
    assert jobs["student"]["own"]["teacher"] == {
        "base": jobs["mentor"]["base"],
        "adapter": str(Path(jobs["mentor"]["folder"]) / "adapter"),
    }
    students = {student.job: student for student in store.students(run) if student.round}
    assert students["student"].settings["own"]["taught_by"] == students["mentor"].key


async def test_a_base_of_the_recipe_teaches_with_its_adapter_off(loop: Loop, store: Store) -> None:
    edits = ("students.large={base: embedded}", "training.student.objective.teacher={student: large}")
    await loop.teach(loop.recipe(*edits, place="llm-neo", small=SMALL), store)
    job = trainings(loop)["student"]
    assert job["own"]["teacher"] == {"base": job["base"], "adapter": None}


async def test_the_student_is_shown_a_question_and_its_teacher_the_document_before_it(loop: Loop, store: Store) -> None:
    small = ("sources.basics.choose=[add, copy]", "seeds={documents: 8, basics: 4}", "exams.probe.facts=2")
    await loop.teach(
        loop.recipe("exams.test.facts=2", "exams.retention.per_skill=2", place="prompt-distillation", small=small),
        store,
    )
    rows = [json.loads(line) for line in Path(trainings(loop)["student"]["rows"]).read_text().splitlines()]
    hidden = [row for row in rows if row["full_prompt"] != row["prompt"]]
    assert 0 < len(hidden) < len(rows)
    for row in hidden:
        text, _, question = row["full_prompt"][0]["content"].rpartition("\n\n")
        assert row["prompt"][0]["content"] == question
        assert row["completion"][0]["content"].removeprefix("#### ") in text


async def test_an_endpoint_that_tells_no_probabilities_cannot_teach_by_them(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("training.student.objective.teacher={told: true}", place="llm-neo", small=SMALL)
    with pytest.raises(NothingTold, match="top_logprobs"):
        await loop.teach(recipe, store)


def test_told_tokens_are_found_in_a_lesson_by_their_characters() -> None:
    said = [
        ["<r>", -0.1, []],
        ["three", -0.2, [["three", -0.2], ["four", -2.0]]],
        [" pears", -0.3, []],
        ["</r>", -0.4, []],
    ]
    assert _tokens(said, "So three pears\n#### 3") == [
        [3, "three", [["three", -0.2], ["four", -2.0]]],
        [8, " pears", [[" pears", -0.3]]],
    ]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("teacher={job: nobody}", "is taught by 'nobody', which is not a job before it"),
        ("teacher={job: student}", "a job before it"),
        ("teacher={student: nobody}", "a student of `students:`"),
        ("teacher={job: mentor, told: true}", "say one of"),
        ("concentrated=true", "on how many tokens"),
    ],
)
def test_a_teacher_that_cannot_be_is_refused_at_load(edit: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        load_recipe("llm-neo", [f"training.student.objective.{edit}"])


@pytest.mark.parametrize(
    "options",
    [
        {"teacher": {"told": True}, "temperature": 2.0},
        {"teacher": {"told": True}, "held_out": 0.1},
        {"teacher": {"job": "mentor"}, "top": 5, "concentrated": True, "divergence": "reverse_kl"},
        {"teacher": {"told": True}, "divergence": "reverse_kl"},
        {"teacher": {"told": True}, "divergence": "jsd", "beta": 1},
    ],
)
def test_targets_that_cannot_be_made_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"told|concentrated"):
        build({"use": "logit_distillation", **options}, Objective)
