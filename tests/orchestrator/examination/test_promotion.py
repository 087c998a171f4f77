"""The best student before the gate: what is promoted, what is held and why, and that a ruling stands."""

from typing import Any

import pytest

from orchestrator.examination import promotion
from orchestrator.examination.items import CANARY, exam_items
from orchestrator.recipe import Recipe
from storage.records import Attempt, Ruling, Student
from storage.store import Store
from tests.conftest import Loop

EXAMS = ("exams.test.per_skill=12", "exams.retention.per_skill=30", "exams.test.canaries=20", "exams.probe.canaries=20")


async def ruled(loop: Loop, store: Store, recipe: Recipe, right: dict[str, tuple[float, float]]) -> Ruling:
    """The ruling on students that answer these shares of each exam (or its canaries) right, first the champion's."""
    async with loop.opened(recipe, store) as work:
        run = work.run.key
        students = [
            Student.new(run=run, round=n, job="student", base="b", base_digest="x", dataset=f"d{n}") for n in (0, 1)
        ]
        store.add(*students)
        for exam, name in [(e, e) for e in recipe.exams] + [(e, f"{e}: canaries") for e in recipe.exams]:
            canary = name != exam
            items = [item for item in exam_items(recipe, exam) if (item.skill == CANARY) == canary]
            for student, share in zip(students, right.get(name, (0.25, 0.25) if canary else (0.5, 0.5)), strict=True):
                store.add(
                    *(
                        Attempt.new(
                            run=run,
                            round=student.round,
                            student=student.key,
                            exam=exam,
                            question=item.question,
                            gold=item.gold,
                            reply="",
                            right=place < share * len(items),
                            skill=item.skill,
                            split_key=item.split_key,
                        )
                        for place, item in enumerate(items)
                    )
                )
        return promotion.rule(work, *students)


RULINGS = {
    "a real gain": ({"test": (0.1, 0.9)}, "promote", "promote"),
    "no gain": ({}, "hold", "no gain is shown"),
    "a loss": ({"test": (0.9, 0.1)}, "hold", "worse on test"),
    "what could do before is lost": (
        {"test": (0.1, 0.9), "retention": (0.9, 0.1)},
        "hold",
        "too much is lost on reten",
    ),
    "a canary of the test": ({"test": (0.1, 0.9), "test: canaries": (0.2, 1.0)}, "hold", "test: canaries has leaked"),
    "a canary of the probe": (
        {"test": (0.1, 0.9), "probe: canaries": (0.2, 1.0)},
        "hold",
        "probe: canaries has leaked",
    ),
}


@pytest.mark.parametrize("case", RULINGS)
async def test_what_the_gate_says(case: str, loop: Loop, store: Store) -> None:
    right, outcome, said = RULINGS[case]
    ruling = await ruled(loop, store, loop.recipe(*EXAMS), right)
    assert (ruling.outcome, said in ruling.why) == (outcome, True), ruling.why
    assert store.rulings(ruling.run) == [ruling]
    purposes = {figures["exam"]: figures["purpose"] for figures in ruling.figures}
    canaries = dict.fromkeys(("test: canaries", "probe: canaries"), "canary")
    assert purposes == {"test": "target", "retention": "retention", **canaries}


async def test_a_probe_is_no_target(loop: Loop, store: Store) -> None:
    ruling = await ruled(loop, store, loop.recipe(*EXAMS), {"probe": (0.0, 1.0)})
    assert ruling.outcome == "hold"


@pytest.mark.parametrize("missing", ["exams.test.part=probe", "exams.test.source=basics"])
async def test_without_a_test_of_what_is_taught_more_is_needed(loop: Loop, store: Store, missing: str) -> None:
    ruling = await ruled(loop, store, loop.recipe(*EXAMS, missing), {})
    assert (ruling.outcome, ruling.figures) == ("need more", [])
    assert "add an exam with `part: test`" in ruling.why


async def test_of_a_single_canary_nothing_is_concluded(loop: Loop, store: Store) -> None:
    single = ("exams.test.canaries=1", "exams.probe.canaries=1")
    ruling = await ruled(loop, store, loop.recipe(*EXAMS, *single), {"test": (0.1, 0.9)})
    assert ruling.outcome == "promote"
    assert {figures["purpose"] for figures in ruling.figures} == {"target", "retention"}


async def test_a_test_of_one_question_needs_more(loop: Loop, store: Store) -> None:
    one = ("exams.test.per_skill=1", "sources.tasks.choose=[trip]", "seeds={tasks: 16, basics: 2}")
    ruling = await ruled(loop, store, loop.recipe(*one), {"test": (0.0, 1.0)})
    assert ruling.outcome == "need more"


async def test_if_no_student_beats_the_base_it_stays(loop: Loop, store: Store) -> None:
    loop.worker.enough = 1000

    def worse(text: str, memory: Any) -> dict[str, Any]:
        right = not memory
        return {"reply": "#### 1" if right else "", "tokens": 1, "finished": True, "confidence": 0.5, "margin": 0.1}

    loop.worker._reply = worse  # type: ignore[method-assign]
    async with loop.opened(loop.recipe(*EXAMS), store) as work:
        base = Student.new(run=work.run.key, round=0, job="student", base="b", base_digest="x")
        ruling = promotion.rule(work, base, base)
    assert (ruling.outcome, ruling.why) == ("hold", "hold: no student did better on the probe than the base")


async def test_a_ruling_is_made_once_and_stays(loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = loop.recipe("seeds.tasks=60")
    key, _ = await loop.teach(recipe, store)
    (ruling,) = store.rulings(key)
    assert ruling.outcome in ("promote", "need more")
    monkeypatch.setattr(promotion, "decide", None)
    told: list[dict[str, Any]] = []
    await loop.teach(recipe, store, tell=lambda event, facts: told.append(facts) if event == "ruled" else None)
    assert store.rulings(key) == [ruling]
    assert told == [{"outcome": ruling.outcome, "why": ruling.why}]
