"""What the preference recipes teach: two jobs a round, the second from the adapter of the first, on the student's attempts."""

from itertools import count
from typing import Any

import pytest
from pydantic import ValidationError

from agents.answers import final_answer, same_answer
from orchestrator.asked_tasks import Task
from orchestrator.formats.preference import Preference
from orchestrator.recipe import RecipeError, load_recipe
from storage.records import Student
from storage.store import Store
from tests.conftest import Loop, StandInWorker

RECIPES = ("plad", "dpo-self-training", "step-kto")
SMALL = (
    "sources.tasks.choose=[change, trip]",
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 40, basics: 8}",
    "exams.practice.per_skill=4",
    "exams.practice.samples=2",
    "exams.probe.per_skill=2",
    "exams.test.per_skill=2",
    "exams.retention.per_skill=2",
)


class Wavering(StandInWorker):
    """Every other of its replies is right, whatever it was taught."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = count()

    def _reply(self, question: str, memory: dict[str, int]) -> dict[str, Any]:
        taught = next(self._asked) % 2
        return super()._reply(question, dict.fromkeys(("change", "trip", "add", "copy"), self.enough * taught))


async def taught(loop: Loop, store: Store, name: str) -> tuple[dict[tuple[int, str], Student], list[dict[str, Any]]]:
    """Students by round and job, and the rows of the second round's second dataset."""
    loop.worker = Wavering()
    run, _ = await loop.teach(loop.recipe(place=name, small=SMALL), store)
    second = next(d for d in store.datasets(run) if d.round == 2 and d.name != "lessons")
    students = {(student.round, student.job): student for student in store.students(run)}
    return students, [row.content for row in store.dataset_rows(second.key)]


def said(row: dict[str, Any], name: str) -> str:
    return row[name][0]["content"]


@pytest.mark.parametrize("name", RECIPES)
async def test_the_second_job_goes_on_from_the_first_and_hands_it_on_where_nothing_is_attempted_yet(
    loop: Loop, store: Store, name: str
) -> None:
    students, rows = await taught(loop, store, name)
    imitate, prefer = (job.job for job in load_recipe(name).training)
    first, second = (students[number, prefer] for number in (1, 2))
    assert (first.adapter, first.parent) == (students[1, imitate].adapter, students[1, imitate].key)
    assert second.adapter != students[2, imitate].adapter
    trainings = [job for job in loop.worker.done if job["kind"] == "train"]
    assert len(trainings) == 3
    assert trainings[-1]["adapter"].endswith(students[2, imitate].adapter)
    assert trainings[-1]["trainer"] == load_recipe(name).training[-1].objective.trainer
    assert rows


async def test_plad_sets_the_teacher_before_the_student(loop: Loop, store: Store) -> None:
    _, rows = await taught(loop, store, "plad")
    assert {said(row, "chosen") == said(row, "rejected") for row in rows} == {False}
    assert all(final_answer(said(row, "chosen")) for row in rows)
    wrong = [row for row in rows if "wrong on purpose" in said(row, "rejected")]
    assert wrong
    assert len(wrong) < len(rows)


async def test_self_training_restarts_from_the_base_on_right_attempts_and_prefers_them(
    loop: Loop, store: Store
) -> None:
    students, rows = await taught(loop, store, "dpo-self-training")
    assert {student.parent for (_, job), student in students.items() if job == "imitate"} == {""}
    for row in rows:
        assert final_answer(said(row, "chosen")) not in (None, final_answer(said(row, "rejected")))
    lessons = [dataset for dataset in store.datasets(students[2, "imitate"].run) if dataset.name == "lessons"]
    taught_texts = [{row.content["completion"][0]["content"] for row in store.dataset_rows(d.key)} for d in lessons]
    assert {said(row, "chosen") for row in rows} <= taught_texts[-1]


async def test_step_kto_labels_attempts_both_ways(loop: Loop, store: Store) -> None:
    _, rows = await taught(loop, store, "step-kto")
    assert {row["label"] for row in rows} == {True, False}
    assert not any(row["label"] for row in rows if "wrong on purpose" in said(row, "completion"))


async def test_grpo_rewards_replies_to_the_questions_whose_answers_are_known(loop: Loop, store: Store) -> None:
    small = [edit for edit in SMALL if not edit.startswith("exams.practice")]
    run, _ = await loop.teach(loop.recipe(place="grpo", small=small), store)
    imitate, reward = (job for job in loop.worker.done if job["kind"] == "train")
    assert reward["adapter"].endswith(next(s.adapter for s in store.students(run) if s.job == "imitate" and s.round))
    assert imitate["lora"] == reward["lora"]
    assert reward["own"]["reward"]["use"] == "answer_match"
    questions = next(dataset for dataset in store.datasets(run) if dataset.name == "questions")
    rows = [row.content for row in store.dataset_rows(questions.key)]
    assert rows
    for row in rows:
        assert same_answer(final_answer(said(row, "completion")), row["fields"]["gold"])
        assert said(row, "prompt") == row["fields"]["question"]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("training.prefer.init=examine", "goes on from 'examine', which is not a job before it"),
        ("training.imitate.init=prefer", "goes on from 'prefer', which is not a job before it"),
        ("training.prefer.init=prefer", "which is not a job before it"),
        ("training.prefer.lora={rank: 4}", "so it has its student and LoRA too"),
        ("training.imitate.job=base", "no job can be named 'base'"),
        (
            "training.prefer.objective=kto",
            "needs binary rows, .* gives preference rows; formats that fit: labelled_reply",
        ),
        ("datasets.pairs.format=rationale_then_answer", "needs preference rows, .* formats that fit: .*preference"),
    ],
)
def test_jobs_that_do_not_fit_are_refused_with_what_would(edit: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        load_recipe("plad", [edit])


def test_terms_that_do_not_go_together_are_refused() -> None:
    for objective, says in (
        ("{use: dpo, length_normalised: true, loss: hinge}", "goes with loss: sigmoid"),
        ("{use: dpo, weight: 0}", "nothing to minimise"),
        ("{use: dpo, flipped: 0.1}", "loss: robust"),
    ):
        with pytest.raises(RecipeError, match=says):
            load_recipe("plad", [f"training.prefer.objective={objective}"])


def test_a_pair_is_shown_as_its_task_asks_and_without_tasks_as_its_question() -> None:
    fields = {"question": "Why?", "task": "recall", "chosen": "So.", "rejected": "No."}
    tasks = [Task(task="solve"), Task(task="recall", ask="recall: {question}")]
    told, bare = (Preference(use="preference", tasks=each).prompt(fields) for each in (tasks, []))
    assert [told[0]["content"], bare[0]["content"]] == ["recall: Why?", "Why?"]
    with pytest.raises(KeyError, match="none of the format's: solve, recall"):
        Preference(use="preference", tasks=tasks).row({**fields, "task": "sum_up"})
    with pytest.raises(ValidationError, match="two tasks share a name"):
        Preference(use="preference", tasks=[tasks[0]] * 2)
