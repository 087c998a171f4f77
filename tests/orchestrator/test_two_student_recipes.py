"""Sci-CoT and Divide-or-Conquer: two students of one teacher, who answer an exam together."""

from pathlib import Path
from typing import Any

import pytest

from agents.rehearsal.faults import known
from agents.rehearsal.tasks.decomposition import PARTS, subquestions
from orchestrator.inferences.rationale_first import RationaleFirst
from orchestrator.kinds import Ask, Concluded, ExamItem, Said
from orchestrator.retrieval import Shelf
from storage.records import Draft
from storage.store import Store
from tests.conftest import Loop, StandInWorker

SMALL = (
    "sources.basics.choose=[add, copy]",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
)
WHY, PLAN = "Why?", "In which steps?"


class Pair(StandInWorker):
    """Students that know the world and do what they are asked for: a rationale, an answer to one, steps, or one step."""

    def __init__(self) -> None:
        super().__init__(enough=99)
        self.asked: list[tuple[str, str]] = []
        """By the job of which student, and what."""

    def _answer(self, job: dict[str, Any], folder: Path) -> dict[str, Any]:
        self.adapter = Path(job["adapter"]).parent.name if job["adapter"] else "base"
        return super()._answer(job, folder)

    def _reply(self, question: str, memory: dict[str, int]) -> dict[str, Any]:
        self.asked.append((self.adapter, question))
        problem, *more = question.split("\n")
        item, reply = known(problem), super()._reply(question, memory)
        if item is None or not more:
            return reply
        parts = PARTS.split(item.truth.rationale)
        if more == [WHY]:
            return {**reply, "reply": item.truth.rationale}
        if more == [PLAN]:
            return {**reply, "reply": "\n".join(subquestions(problem, parts))}
        if more == [item.truth.rationale]:
            return {**reply, "reply": f"#### {item.truth.answer}"}
        last = len(more) == len(parts)
        answer = item.truth.answer if last else parts[len(more) - 1].rpartition(" so ")[2].rstrip(".")
        return {**reply, "reply": f"{parts[len(more) - 1]}\n#### {answer}"}


@pytest.fixture
def pair(loop: Loop) -> Loop:
    loop.worker = Pair()
    return loop


def asked_of(loop: Loop, adapter: str) -> list[str]:
    assert isinstance(loop.worker, Pair)
    return [question for of, question in loop.worker.asked if of == adapter]


def rows(store: Store, run: str, name: str) -> list[tuple[Draft, str, str]]:
    """The draft of each row of a dataset, what the student is shown and what it is to write."""
    (dataset,) = (dataset for dataset in store.datasets(run) if dataset.name == name)
    found = list(store.dataset_rows(dataset.key))
    drafts = store.by_key(Draft, [row.draft for row in found])
    texts = [(row.content["prompt"][-1]["content"], row.content["completion"][0]["content"]) for row in found]
    return [(drafts[row.draft], *text) for row, text in zip(found, texts, strict=True)]


# --- Sci-CoT --------------------------------------------------------------------------------------------------------

SCI = (*SMALL, "sources.tasks.choose=[founder_city, tallest]", "seeds={tasks: 24, basics: 4}")


async def test_a_chain_is_a_lesson_for_who_explains_and_one_for_who_answers(pair: Loop, store: Store) -> None:
    run, _ = await pair.teach(pair.recipe(place="sci-cot", small=SCI), store)
    rationales, answers = rows(store, run, "rationales"), rows(store, run, "answers")
    assert len(rationales) == len(answers) > 20
    for draft, shown, written in rationales:
        assert (shown, written) == (f"{draft.fields['question']}\n{WHY}", draft.fields["rationale"].strip())
    for draft, shown, written in answers:
        assert shown == f"{draft.fields['question']}\n{draft.fields['rationale']}"
        assert written == f"#### {draft.fields['gold']}"


async def test_in_exams_one_explains_and_the_other_reads_it_and_answers(pair: Loop, store: Store) -> None:
    run, _ = await pair.teach(pair.recipe(place="sci-cot", small=SCI), store)
    assert {question.endswith(f"\n{WHY}") for question in asked_of(pair, "reasoner")} == {True}
    assert {question.endswith(f"\n{WHY}") for question in asked_of(pair, "answerer")} == {False}
    assert all("\n" not in question for question in asked_of(pair, "base"))
    cards = {(card.exam, card.round): card.accuracy for card in store.scorecards(run)}
    assert (cards["test", 1], cards["probe", 0]) == (1, 0)
    shown = [attempt.shown for attempt in store.attempts_of(run, ["test"]) if attempt.round]
    assert all(each["task"] == "answer" and each["rationale"] for each in shown)


async def test_without_a_rationale_and_with_one_student_it_is_a_plain_recipe(pair: Loop, store: Store) -> None:
    bare = "{use: several_tasks, tasks: [{task: answer, reply: '#### {answer}'}]}"
    run, _ = await pair.teach(
        pair.recipe("inference=single", f"datasets.answers.format={bare}", place="sci-cot", small=SCI), store
    )
    assert all(shown == draft.fields["question"] for draft, shown, _ in rows(store, run, "answers"))
    assert asked_of(pair, "reasoner") == []


def test_what_the_reasoner_says_is_shown_as_it_is() -> None:
    talk = RationaleFirst(use="rationale_first", reasoner="r").converse(ExamItem("Why?", "5", [], "", "k"), Shelf([]))
    assert next(talk) == [Ask({"task": "explain"}, "r")]
    shown = {"task": "answer", "rationale": "wrong, #### 9"}
    assert talk.send([Said(" wrong, #### 9\n")]) == [Ask(shown)]
    with pytest.raises(StopIteration) as end:
        talk.send([Said("#### 5")])
    assert end.value.value == Concluded(Said("#### 5"), shown)


# --- Divide-or-Conquer ----------------------------------------------------------------------------------------------

DIVIDE = (
    *SMALL,
    "sources.tasks.choose=[change, trip]",
    "sources.asked.choose=[change, trip, pile]",
    "seeds={tasks: 16, asked: 24, basics: 4}",
)


async def test_the_decomposer_is_taught_no_solution_and_two_skills_less_than_the_solver(
    pair: Loop, store: Store
) -> None:
    run, _ = await pair.teach(pair.recipe(place="divide-or-conquer", small=DIVIDE), store)
    plans, steps = rows(store, run, "plans"), rows(store, run, "steps")
    assert {draft.skill for draft, *_ in plans} == {"change", "trip", "add", "copy"}
    assert {draft.skill for draft, *_ in steps} == {"change", "trip", "pile", "add", "copy"}
    assert not any("####" in written for _, _, written in plans)
    assert all(draft.fields["answer"] == draft.fields["gold"] for draft, *_ in plans)
    students = {student.job: student.base for student in store.students(run) if student.round}
    assert set(students) == {"decomposer", "solver"}


async def test_problems_of_an_unseen_skill_are_put_to_the_decomposer_too(pair: Loop, store: Store) -> None:
    run, _ = await pair.teach(pair.recipe(place="divide-or-conquer", small=DIVIDE), store)
    assert any("put their" in question for question in asked_of(pair, "decomposer"))
    card = next(card for card in store.scorecards(run) if card.exam == "test" and card.round)
    assert card.skills["pile"]["accuracy"] == 1


async def test_the_other_half_is_distilled_where_the_streams_are_exchanged(pair: Loop, store: Store) -> None:
    edits = ("datasets.plans.from=[plans_of_all]", "datasets.steps.from=[own_steps]")
    run, _ = await pair.teach(pair.recipe(*edits, place="divide-or-conquer", small=DIVIDE), store)
    assert "pile" in {draft.skill for draft, *_ in rows(store, run, "plans")}
    assert "pile" not in {draft.skill for draft, *_ in rows(store, run, "steps")}
