"""TinyThinker taught whole in milliseconds: one thought makes lessons of three stages, and attempts make pairs of recalls."""

from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agents.rehearsal.faults import known
from agents.subquestions import analysed
from orchestrator.inferences.in_stages import InStages
from orchestrator.kinds import Ask, Concluded, ExamItem, Said
from orchestrator.retrieval import Shelf
from storage.store import Store
from tests.conftest import Loop, StandInWorker

SMALL = (
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 24, basics: 4}",
    "exams.practice.per_skill=3",
    "exams.practice.samples=2",
    "exams.probe.per_skill=2",
    "exams.test.per_skill=2",
    "exams.retention.per_skill=2",
    "feedback.seeds=8",
)
CHOICES = ("proud", "sad")
ITEM = ExamItem("How does Ana feel?", "proud", [], "event_react", "k", {"choices": list(CHOICES)})


class Thinker(StandInWorker):
    """Recalls the right rule every other time, and calls that choice correct which the rule names."""

    def __init__(self) -> None:
        super().__init__()
        self._recalled = count()
        self.asked = Counter[str]()

    def _answer(self, job: dict[str, Any], folder: Path) -> dict[str, Any]:
        self.taught = bool(job["adapter"])
        return super()._answer(job, folder)

    def _reply(self, question: str, memory: dict[str, int]) -> dict[str, Any]:
        stage, _, rest = question.partition(": ")
        reply = super()._reply(question, memory)
        if not self.taught or stage not in ("recall", "analyse", "summarise"):
            return reply
        self.asked[stage] += 1
        stem, *shown = rest.split("\n")
        item = known(stem)
        assert item
        if stage == "recall":
            right = next(self._recalled) % 2
            return {**reply, "reply": item.truth.rationale if right else "Who knows, knows."}
        if stage == "analyse":
            knowledge, choice = shown
            verdict = "correct" if knowledge == item.truth.rationale and choice == item.truth.answer else "incorrect"
            return {**reply, "reply": f"{verdict}. {knowledge}"}
        choices, _, *more = shown
        assert [line.partition(": ")[0] for line in more] == choices.split(" / ")
        said = [line.partition(": ")[0] for line in more if ": correct." in line]
        return {**reply, "reply": f"#### {said[0] if said else 'none of them'}"}


@pytest.fixture
def thinker(loop: Loop) -> Loop:
    loop.worker = Thinker()
    return loop


async def taught(loop: Loop, store: Store, *edits: str) -> str:
    run, _ = await loop.teach(loop.recipe(*edits, place="tinythinker", small=SMALL), store)
    return run


def rows(store: Store, run: str, name: str, number: int) -> list[dict[str, Any]]:
    dataset = next(d for d in store.datasets(run) if d.name == name and d.round == number)
    return [row.content for row in store.dataset_rows(dataset.key)]


def said(row: dict[str, Any], name: str) -> str:
    return row[name][-1]["content"]


async def test_a_thought_makes_a_lesson_of_each_stage_and_one_of_each_choice(thinker: Loop, store: Store) -> None:
    run = await taught(thinker, store)
    thoughts = [d for d in store.drafts(run, "think", 1) if d.fields["answer"] == d.fields["gold"]]
    lessons = rows(store, run, "lessons", 1)
    stages = Counter(said(row, "prompt").partition(": ")[0] for row in lessons)
    assert stages["recall"] == stages["summarise"] == len(thoughts) > 0
    assert stages["analyse"] == sum(len(thought.fields["choices"]) for thought in thoughts)
    for row in lessons:
        stage, shown, written = said(row, "prompt").partition(": ")[0], said(row, "prompt"), said(row, "completion")
        if stage == "summarise":
            [right] = [line for line in shown.split("\n") if ": correct." in line]
            assert written == f"#### {right.partition(': ')[0]}"
        if stage == "analyse":
            assert written.startswith(("correct. ", "incorrect. "))


async def test_a_thought_whose_choice_is_wrong_is_no_lesson(thinker: Loop, store: Store) -> None:
    run = await taught(thinker, store, "roles.teacher.rehearsal=rehearsal-teacher?error_rate=.5")
    dropped = [d for d in store.drafts(run, "think", 1) if d.fields["answer"] != d.fields["gold"]]
    kept = {key for draft in store.drafts(run, "stages", 1) for key in draft.parents}
    assert dropped
    assert not {draft.key for draft in dropped} & kept


async def test_what_was_recalled_before_a_right_answer_is_preferred(thinker: Loop, store: Store) -> None:
    run = await taught(thinker, store)
    pairs = rows(store, run, "pairs", 2)
    assert pairs
    for row in pairs:
        assert said(row, "prompt").startswith("recall: ")
        item = known(said(row, "prompt").removeprefix("recall: ").partition("\n")[0])
        assert item
        assert said(row, "chosen") == item.truth.rationale
        assert said(row, "rejected") == "Who knows, knows."
    assert store.verify() == []


async def test_the_student_of_preferences_is_examined_in_stages_and_the_base_is_not(
    thinker: Loop, store: Store
) -> None:
    run = await taught(thinker, store)
    attempts = store.attempts_of(run, ["test"])
    of_base, of_student = ([a for a in attempts if bool(a.round) == examined] for examined in (False, True))
    assert all(not attempt.shown for attempt in of_base)
    assert all(attempt.shown["task"] == "summarise" for attempt in of_student)
    assert {attempt.right for attempt in of_student} == {True, False}
    for attempt in of_student:
        assert attempt.right == (attempt.shown["knowledge"] != "Who knows, knows.")


def test_each_choice_is_analysed_with_what_was_recalled_and_all_are_summed_up() -> None:
    conversation = InStages(use="in_stages").converse(ITEM, Shelf([]))
    assert next(conversation) == [Ask({"task": "recall"})]
    asked = conversation.send([Said("Who repairs\nfeels proud.")])
    known = {"knowledge": "Who repairs feels proud."}
    assert asked == [Ask({"task": "analyse", **known, "choice": choice}) for choice in CHOICES]
    told = {"task": "summarise", **known, "analyses": analysed([("proud", "correct."), ("sad", "incorrect.")])}
    assert conversation.send([Said("correct."), Said("incorrect.")]) == [Ask(told)]
    with pytest.raises(StopIteration) as end:
        conversation.send([Said("#### proud")])
    assert end.value.value == Concluded(Said("#### proud"), told)
    assert told["analyses"] == "proud: correct.\nsad: incorrect."


def test_a_question_without_choices_is_asked_as_it_is() -> None:
    conversation = InStages(use="in_stages").converse(ExamItem("1+1", "2", [], "add", "k"), Shelf([]))
    assert next(conversation) == [Ask()]
