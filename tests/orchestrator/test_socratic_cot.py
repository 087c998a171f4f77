"""Socratic CoT taught whole in milliseconds: one chain makes lessons for two students, and both answer an exam together."""

from pathlib import Path
from typing import Any

import pytest

from agents.rehearsal.faults import known
from agents.rehearsal.tasks.decomposition import PARTS, subquestions
from storage.records import Draft
from storage.store import Store
from tests.conftest import Loop, StandInWorker

SMALL = (
    "sources.tasks.choose=[change, trip, lead]",
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 18, basics: 4}",
    "exams.probe.per_skill=4",
    "exams.test.per_skill=4",
    "exams.retention.per_skill=2",
)
UNIFIED = ("datasets.steps.from=[chains, steps]", "inference.decomposer=solver")
KEPT = ("lessons.split.from=decomposed", "datasets.plans.from=decomposed")
DIRECT = ("datasets.steps={from: chains, format: rationale_then_answer}", "inference=single")
PLAN = "In which steps?"


class Pair(StandInWorker):
    """A pair of students that know the world: who is asked for steps says them, who is asked one solves it."""

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
        item = known(problem)
        reply = super()._reply(question, memory)
        if item is None or not more:
            return reply
        parts = PARTS.split(item.truth.rationale)
        plan = subquestions(problem, parts)
        if more == [PLAN]:
            return {**reply, "reply": "\n".join(plan)}
        assert more[-1] == plan[len(more) - 1]
        last = len(more) == len(plan)
        answer = item.truth.answer if last else parts[len(more) - 1].rpartition(" so ")[2].rstrip(".")
        return {**reply, "reply": f"{parts[len(more) - 1]}\n#### {answer}"}


@pytest.fixture
def pair(loop: Loop) -> Loop:
    loop.worker = Pair()
    return loop


def rows(store: Store, run: str, name: str) -> list[tuple[Draft, str, str]]:
    """The draft of each row of a dataset, what the student is shown and what it is to write."""
    (dataset,) = (dataset for dataset in store.datasets(run) if dataset.name == name)
    found = list(store.dataset_rows(dataset.key))
    drafts = store.by_key(Draft, [row.draft for row in found])
    texts = [(row.content["prompt"][-1]["content"], row.content["completion"][0]["content"]) for row in found]
    return [(drafts[row.draft], *text) for row, text in zip(found, texts, strict=True)]


async def taught(loop: Loop, store: Store, *edits: str) -> str:
    run, _ = await loop.teach(loop.recipe(*edits, place="socratic-cot", small=SMALL), store)
    return run


async def test_a_chain_becomes_a_plan_for_one_student_and_a_lesson_a_step_for_the_other(
    pair: Loop, store: Store
) -> None:
    run = await taught(pair, store)
    plans, steps = rows(store, run, "plans"), rows(store, run, "steps")
    for draft, shown, written in plans:
        assert shown == f"{draft.fields['question']}\n{PLAN}"
        assert written.splitlines() == [step["subquestion"] for step in draft.fields["steps"]]
    of_chain = {draft.key: draft.fields["steps"] for draft, *_ in plans}
    assert sorted(draft.parents[0] for draft, *_ in steps) == sorted(key for key, s in of_chain.items() for _ in s)
    assert all(shown.startswith(f"{draft.fields['question']}\n") for draft, shown, _ in steps)
    assert len(steps) > len(plans)


async def test_a_chain_with_a_wrong_final_answer_teaches_neither_unless_the_filter_is_off(
    pair: Loop, store: Store
) -> None:
    wrong = "roles.teacher.rehearsal=rehearsal-teacher?error_rate=.5"
    run, kept = await taught(pair, store, wrong), await taught(pair, store, wrong, *KEPT)
    for name in ("plans", "steps"):
        assert len(rows(store, run, name)) < len(rows(store, kept, name))
    assert all(draft.fields["answer"] == draft.fields["gold"] for draft, *_ in rows(store, run, "plans"))


async def test_the_decomposer_is_asked_for_steps_and_the_solver_to_solve_them(pair: Loop, store: Store) -> None:
    run = await taught(pair, store)
    assert isinstance(pair.worker, Pair)
    for adapter, question in pair.worker.asked:
        if adapter != "base":
            assert (adapter == "decomposer") == question.endswith(PLAN)
            assert (adapter == "solver") == ("\n" in question and not question.endswith(PLAN))
    cards = {(card.exam, card.round): card.accuracy for card in store.scorecards(run)}
    assert cards["test", 1] == 1
    assert cards["probe", 0] == 0
    assert all(attempt.shown["task"] == "step" for attempt in store.attempts_of(run, ["test"]) if attempt.round)


async def test_one_student_can_do_both(pair: Loop, store: Store) -> None:
    run = await taught(pair, store, *UNIFIED)
    asked = {draft.fields["task"] for draft, *_ in rows(store, run, "steps")}
    assert asked == {"decompose", "step"}
    assert isinstance(pair.worker, Pair)
    assert all(adapter != "decomposer" for adapter, _ in pair.worker.asked)
    assert any(question.endswith(PLAN) for adapter, question in pair.worker.asked if adapter == "solver")


async def test_plain_chains_of_thought_are_the_same_solutions_in_one_row(pair: Loop, store: Store) -> None:
    run = await taught(pair, store, *DIRECT)
    for draft, shown, written in rows(store, run, "steps"):
        assert shown == draft.fields["question"]
        assert written == f"{draft.fields['rationale']}\n#### {draft.fields['answer']}"
        assert draft.fields["rationale"] == "; ".join(step["solution"] for step in draft.fields["steps"])
