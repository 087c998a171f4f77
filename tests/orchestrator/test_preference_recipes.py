"""What the preference recipes teach: two jobs a round, the second from the adapter of the first, on the student's attempts."""

from itertools import count
from typing import Any

import pytest

from agents.answers import final_answer
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
