"""How exams are asked: none that is sealed, each in its own way, once more where the inference shows something."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cycle import run_directly
from orchestrator.examination.conversing import TURNS, _prompt
from orchestrator.examination.decontamination import JUDGE
from orchestrator.examination.evaluation import ExamSealed, examine
from orchestrator.examination.items import exam_items
from orchestrator.exams.final_answer import FinalAnswer
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from orchestrator.inferences.single import Single
from orchestrator.kinds import Ask, Concluded, Conversation, ExamItem
from orchestrator.recipe_text import RecipeError
from orchestrator.training import base_student
from storage.records import Plan
from storage.store import Store
from tests.conftest import Loop


def answering(loop: Loop) -> list[dict[str, Any]]:
    return [job for job in loop.worker.done if job["kind"] == "answer"]


def questions(job: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(job["questions"]).read_text().splitlines()]


async def test_a_test_is_sealed_until_the_latest_plan_stops(loop: Loop, store: Store) -> None:
    async with loop.opened(loop.recipe(), store) as work:
        base, run = base_student(work, work.recipe.training[-1]), work.run.key
        for number in (0, 1):
            if number:
                store.add(Plan.new(run=run, round=number, why="go on"))
            with pytest.raises(ExamSealed, match="exam 'test' is a test, and lessons are still being written"):
                await examine(work, base, ["probe", "test"])
        assert not store.scorecards(run)
        assert not loop.worker.done
        await examine(work, base, ["probe"])
        store.add(Plan.new(run=run, round=2, why="done", stop=True))
        probe, test = await examine(work, base, ["probe", "test"])
        assert (probe.exam, test.exam) == ("probe", "test")


async def test_a_test_that_was_read_may_be_looked_at_and_is_not_asked_again(loop: Loop, store: Store) -> None:
    async with loop.opened(loop.recipe(), store) as work:
        base = base_student(work, work.recipe.training[-1])
        store.add(Plan.new(run=work.run.key, round=1, why="done", stop=True))
        (card,) = await examine(work, base, ["test"])
        (again,) = await examine(work, base, ["test"])
        assert again.key == card.key
        assert len(loop.worker.done) == 1


async def test_exams_are_asked_together_unless_they_sample_differently(loop: Loop, store: Store) -> None:
    sampled = ("exams.retention.samples=3", "exams.retention.temperature=0.7")
    await loop.teach(loop.recipe(), store)
    together = [job for job in answering(loop) if "test" in Path(job["folder"]).name]
    assert {line["key"].split("/")[0] for line in questions(together[0])} == {"test", "retention"}
    loop.worker.done.clear()
    key, _ = await loop.teach(loop.recipe(*sampled), store)
    last = answering(loop)[-2:]
    assert {job["temperature"] for job in last} == {0.0, 0.7}
    for job in last:
        [exam] = {line["key"].split("/")[0] for line in questions(job)}
        items = {line["key"].partition("#")[0] for line in questions(job)}
        assert len(questions(job)) == len(items) * (3 if exam == "retention" else 1)
    assert len(store.attempts_of(key, ["retention"])) == 3 * 4 * 2
    assert {card.n for card in store.scorecards(key) if card.exam == "retention"} == {4}


async def test_every_question_has_its_own_exams_length(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = property(lambda exam: 77 if exam.source == "tasks" else 33)
    monkeypatch.setattr(FinalAnswer, "max_tokens", longest)
    await loop.teach(loop.recipe(), store)
    job = answering(loop)[-1]
    asked = {line["key"].split("/")[0]: line["max_tokens"] for line in questions(job)}
    assert asked == {"test": 77, "retention": 33}


async def test_what_is_shown_is_asked_once_more_and_kept_with_the_attempt(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def converse(self: Single, item: ExamItem, shelf: Any) -> Conversation:
        [first] = yield [Ask()]
        seen.append(len(shelf))
        if item.skill != "trip":
            return Concluded(first)
        shown = {"knowledge": "Read twice."}
        [again] = yield [Ask(shown)]
        return Concluded(again, shown)

    monkeypatch.setattr(Single, "converse", converse)
    loop.worker.enough = 1000
    recipe = loop.recipe("inference={use: single, from: lessons}")
    key, _ = await loop.teach(recipe, store)
    attempts = store.attempts_of(key, ["probe", "test"])
    base = {student.key for student in store.students(key) if student.round == 0}
    assert all(a.shown == {} for a in attempts if a.student in base or a.skill != "trip")
    taught = [a for a in attempts if a.student not in base and a.skill == "trip"]
    assert taught
    assert all((a.shown, a.tokens) == ({"knowledge": "Read twice."}, 14) for a in taught)
    again = [job for job in answering(loop) if job["folder"].endswith("turn-2")]
    assert [len(questions(job)) for job in again] == [3, 3, 3]
    assert min(seen) > 0


async def test_an_examination_that_was_interrupted_asks_the_rest_alone(loop: Loop, store: Store) -> None:
    async def interrupted(name: str, stage: Any, *arguments: Any) -> Any:
        if name == "final examination":
            raise KeyboardInterrupt
        return await run_directly(name, stage, *arguments)

    with pytest.raises(KeyboardInterrupt):
        await loop.teach(loop.recipe(), store, stage=interrupted)
    asked = len(answering(loop))
    key, plan = await loop.teach(loop.recipe(), store)
    assert plan.stop
    assert len(answering(loop)) == asked + 2
    assert len(store.scorecards(key)) == 3 + 4


async def test_a_shelf_holds_no_exam_question(loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = loop.recipe("inference={use: single, from: lessons}", "exams.test.per_skill=8")
    guarded = max((item.question for item in exam_items(recipe, "test")), key=len)
    shelves: list[list[str]] = []

    def tampered(role: str, reply: Any) -> Any:
        found = json.loads(reply) if isinstance(reply, str) and reply.startswith("{") and reply.endswith("}") else {}
        if "sound" in found:
            return json.dumps({**found, "sound": True})
        if "rationale" not in found:
            return reply
        tampered.count += 1  # type: ignore[attr-defined]
        quoting = tampered.count % 2  # type: ignore[attr-defined]
        return json.dumps({**found, "rationale": f"{found['rationale']} As in: {guarded}"}) if quoting else reply

    def converse(self: Single, item: ExamItem, shelf: Any) -> Conversation:
        shelves.append([str(draft.fields) for draft in shelf])
        [said] = yield [Ask()]
        return Concluded(said)

    tampered.count = 0  # type: ignore[attr-defined]
    loop.tampering = tampered
    monkeypatch.setattr(Single, "converse", converse)
    key, _ = await loop.teach(recipe, store)
    assert store.verdicts(key, JUDGE)
    assert shelves
    assert all(shelf and not any(guarded in text for text in shelf) for shelf in shelves)


async def test_the_turns_before_a_question_are_shown_again(loop: Loop, store: Store) -> None:
    form = RationaleThenAnswer(use="rationale_then_answer")
    turns = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi."}]
    fields = {"question": "How many?"}
    item = ExamItem("user: Hello.\nuser: How many?", "2", [*turns, *form.prompt(fields)], "", "k", fields)
    async with loop.opened(loop.recipe(), store) as work:
        assert _prompt(work, work.recipe.training[-1], item, Ask({"knowledge": "Two."}))[:2] == turns
        assert _prompt(work, work.recipe.training[-1], item, Ask()) == item.prompt


async def test_students_of_two_jobs_take_turns(loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One helps, the other is examined; the base has no helper. Several things may be asked at once."""
    turns: list[tuple[str, int]] = []

    def converse(self: Single, item: ExamItem, shelf: Any) -> Conversation:
        both = yield [Ask(job="helper"), Ask(job="helper")]
        [said] = yield [Ask({"hint": both[1].reply})]
        turns.append((item.skill, len(both)))
        return Concluded(said, {"hint": both[1].reply})

    monkeypatch.setattr(Single, "converse", converse)
    monkeypatch.setattr(Single, "jobs", lambda self: ["helper"])
    student = {"dataset": "lessons", "objective": {"use": "sft"}}
    recipe = loop.recipe(f"training={json.dumps([{'job': 'helper', **student}, {'job': 'student', **student}])}")
    key, _ = await loop.teach(recipe, store)
    students = {student.key: student for student in store.students(key)}
    asked = [(students[job["student"]].job, students[job["student"]].round) for job in answering(loop)]
    assert ("helper", 0) not in asked
    assert asked.count(("helper", 1)) == asked.count(("student", 1)) > 0
    assert {number for _, number in turns} == {2}
    attempts = store.attempts_of(key, ["probe"])
    taught = [a for a in attempts if students[a.student].round == 1]
    assert all(set(a.shown) == {"hint"} and a.tokens == 21 for a in taught)


async def test_a_conversation_that_does_not_end_is_an_error(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def converse(self: Single, item: ExamItem, shelf: Any) -> Conversation:
        while True:
            yield [Ask()]

    monkeypatch.setattr(Single, "converse", converse)
    with pytest.raises(RuntimeError, match=f"inference 'single' still asks after {TURNS} turns"):
        await loop.teach(loop.recipe(), store)


def test_an_inference_asks_no_job_that_there_is_not(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Single, "jobs", lambda self: ["helper"])
    with pytest.raises(RecipeError, match="inference 'single' asks 'helper', which is not a job of `training:`"):
        loop.recipe()
