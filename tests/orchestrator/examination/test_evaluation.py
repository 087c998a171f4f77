"""How exams are asked: none that is sealed, each in its own way, once more where the inference shows something."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cycle import run_directly
from orchestrator.examination.decontamination import JUDGE
from orchestrator.examination.evaluation import ExamSealed, _prompt_again, examine
from orchestrator.examination.items import exam_items
from orchestrator.exams.final_answer import FinalAnswer
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from orchestrator.inferences.single import Single
from orchestrator.kinds import ExamItem
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
    assert {(job["samples"], job["temperature"]) for job in last} == {(1, 0.0), (3, 0.7)}
    for job in last:
        assert len({line["key"].split("/")[0] for line in questions(job)}) == 1
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
    assert job["max_tokens"] == 77


async def test_what_is_shown_is_asked_once_more_and_kept_with_the_attempt(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def show(self: Single, item: Any, said: Any, shelf: Any) -> dict[str, Any]:
        seen.append(len(shelf))
        return {"knowledge": "Read twice."} if item.skill == "trip" else {}

    monkeypatch.setattr(Single, "show", show)
    loop.worker.enough = 1000
    recipe = loop.recipe("inference={use: single, from: lessons}")
    key, _ = await loop.teach(recipe, store)
    attempts = store.attempts_of(key, ["probe", "test"])
    base = {student.key for student in store.students(key) if student.round == 0}
    assert all(a.shown == {} for a in attempts if a.student in base or a.skill != "trip")
    taught = [a for a in attempts if a.student not in base and a.skill == "trip"]
    assert taught
    assert all(a.shown == {"knowledge": "Read twice."} for a in taught)
    again = [job for job in answering(loop) if job["folder"].endswith("again")]
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
        if "rationale" not in found:
            return reply
        tampered.count += 1  # type: ignore[attr-defined]
        quoting = tampered.count % 2  # type: ignore[attr-defined]
        return json.dumps({**found, "rationale": f"{found['rationale']} As in: {guarded}"}) if quoting else reply

    def show(self: Single, item: Any, said: Any, shelf: Any) -> dict[str, Any]:
        shelves.append([str(draft.fields) for draft in shelf])
        return {}

    tampered.count = 0  # type: ignore[attr-defined]
    loop.tampering = tampered
    monkeypatch.setattr(Single, "show", show)
    key, _ = await loop.teach(recipe, store)
    assert store.verdicts(key, JUDGE)
    assert shelves
    assert all(shelf and not any(guarded in text for text in shelf) for shelf in shelves)


def test_the_turns_before_a_question_are_shown_again() -> None:
    form = RationaleThenAnswer(use="rationale_then_answer")
    turns = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi."}]
    fields = {"question": "How many?"}
    item = ExamItem("user: Hello.\nuser: How many?", "2", [*turns, *form.prompt(fields)], "", "k", fields)
    assert _prompt_again(form, item, {"knowledge": "Two."})[:2] == turns
