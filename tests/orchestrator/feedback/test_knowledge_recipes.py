"""The three recipes that show knowledge, each taught whole in milliseconds."""

from collections.abc import Mapping
from typing import Any

import pytest

from agents.rehearsal.faults import known
from storage.records import Draft, Student
from storage.store import Store
from tests.conftest import Loop, StandInWorker

SMALL = (
    "sources.tasks.choose=[event_want, event_react, change, trip]",
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 16, basics: 2}",
    "exams.practice.per_skill=6",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
    "feedback.mistakes=6",
)


class Reader(StandInWorker):
    """It reads knowledge that stands before a question, and is right wherever the rule that it needs is there."""

    def __init__(self) -> None:
        super().__init__(enough=99)

    def _reply(self, question: str, memory: dict[str, int]) -> dict[str, Any]:
        knowledge, _, question = question.rpartition("\n\n")
        item = known(question)
        rule = item and item.truth.rationale in knowledge
        return super()._reply(question, {item.skill.name: 99} if item and rule else {})


@pytest.fixture
def reading(loop: Loop) -> Loop:
    loop.worker = Reader()
    return loop


def accuracies(store: Store, run: str, exam: str) -> Mapping[int, float]:
    return {card.round: card.accuracy for card in store.scorecards(run) if card.exam == exam}


def prompts(store: Store, run: str, number: int) -> list[tuple[Mapping[str, Any], str]]:
    """Fields of each lesson of a round, and what the student is shown."""
    rows = [row for d in store.datasets(run) if d.round == number for row in store.dataset_rows(d.key)]
    drafts = store.by_key(Draft, [row.draft for row in rows])
    return [(drafts[row.draft].fields, row.content["prompt"][-1]["content"]) for row in rows]


async def test_nesycd_asks_again_with_knowledge_from_practice_and_teaches_both_ways(
    reading: Loop, store: Store
) -> None:
    recipe = reading.recipe(place="nesycd", small=SMALL)
    run, plan = await reading.teach(recipe, store)
    assert plan.why == "all 2 rounds are done"
    entries = store.drafts(run, "know")
    assert 0 < len(entries) <= 6
    assert {entry.round for entry in entries} == {2}
    exam_keys = {a.split_key for a in store.attempts_of(run, ["probe", "test", "retention"])}
    assert not {entry.split_key for entry in entries} & exam_keys
    bare = [shown for fields, shown in prompts(store, run, 2) if shown == fields["question"]]
    assert 0 < len(bare) < len(prompts(store, run, 2))
    again = [a for a in store.attempts_of(run, ["probe", "test"]) if a.shown]
    texts = {entry.fields["knowledge"] for entry in entries}
    assert again
    assert all(set(a.shown["knowledge"].split("\n\n")) <= texts for a in again)
    assert {a.round for a in again} == {2}


async def test_knowledge_of_random_items_is_the_other_arm(reading: Loop, store: Store) -> None:
    small = (*SMALL, "sources.others.choose=[event_want, event_react, change, trip]", "seeds.others=3")
    run, _ = await reading.teach(reading.recipe("lessons.know.from=others", place="nesycd", small=small), store)
    entries = store.drafts(run, "know")
    assert entries
    assert len(entries) <= 6
    assert not any("student_reply" in entry.fields for entry in entries)


async def test_skintern_shows_less_each_round_and_nothing_in_the_last(reading: Loop, store: Store) -> None:
    run, _ = await reading.teach(reading.recipe("feedback.seeds=4", place="skintern", small=SMALL), store)
    for number, share in ((1, 1.0), (2, 0.5), (3, 0.0)):
        lessons = [(fields, shown) for fields, shown in prompts(store, run, number) if "knowledge" in fields]
        assert lessons
        for fields, shown in lessons:
            words, left = fields["knowledge"].split(), shown.removesuffix(fields["question"]).split()
            assert left == words[: len(left)]
            assert share * len(words) <= len(left) < share * len(words) + 1
    assert all(not a.shown for a in store.attempts_of(run, ["probe", "test"]))


async def test_the_strategy_librarys_student_stays_the_same_and_gets_better(reading: Loop, store: Store) -> None:
    run, _ = await reading.teach(reading.recipe("stop.rounds=3", place="strategy-library", small=SMALL), store)
    rows = [prompts(store, run, number) for number in (1, 2, 3)]
    assert rows[0] == rows[1] == rows[2]
    students: list[Student] = [s for s in store.students(run) if s.round]
    assert len({student.adapter_digest for student in students}) == 1
    assert not any(student.parent for student in students)
    probe = accuracies(store, run, "probe")
    assert probe[1] == 0 < probe[3]
