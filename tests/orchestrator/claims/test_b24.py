"""B24 on runs of the loop: with a student that has seen the exam, and with a lesson that tells what it holds."""

from typing import Any

import pytest

from orchestrator.claims import b24
from orchestrator.claims.b24 import CLAIM, leaks
from orchestrator.comparison import arm_recipe, parse_arms
from orchestrator.examination import evaluation
from orchestrator.examination.decontamination import Guard
from orchestrator.examination.items import CANARY, exam_items
from orchestrator.kinds import ExamItem
from storage.store import Store
from tests.conftest import Loop, StandInWorker
from tests.orchestrator.claims.made import held
from tests.orchestrator.claims.test_every_claim import carried_out, small


def canaries() -> dict[str, ExamItem]:
    recipe = small(arm_recipe(parse_arms(CLAIM.arms)[1], 0, "calls", None))
    return {item.question: item for item in exam_items(recipe, "test") if item.skill == CANARY}


class Informed(StandInWorker):
    """It knows the canaries by heart, once it was taught anything."""

    def __init__(self, known: dict[str, ExamItem]) -> None:
        super().__init__()
        self._known = known

    def _reply(self, question: str, memory: dict[str, int]) -> dict[str, Any]:
        found = super()._reply(question, memory)
        known = self._known.get(question) if memory else None
        return {**found, "reply": f"#### {known.gold}"} if known else found


async def test_a_clean_run_holds(loop: Loop, store: Store) -> None:
    checks = CLAIM.check(await carried_out(CLAIM, loop, store), store)
    assert held(checks) == [True] * 5
    assert checks[4].figures == "it is noticed from 8 of 12 right canaries on"


async def test_a_student_that_knows_the_exam_does_not(loop: Loop, store: Store) -> None:
    loop.worker = Informed(canaries())
    checks = CLAIM.check(await carried_out(CLAIM, loop, store), store)
    assert held(checks) == [False, False, True, True, True]
    assert checks[0].figures.startswith("12 of 12 right, 3 by chance")


async def test_a_guard_that_lets_one_lesson_pass_does_not(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = await carried_out(CLAIM, loop, store)
    seen = Guard.canary
    monkeypatch.setattr(Guard, "canary", lambda self, fields: None if "apples" in str(fields) else seen(self, fields))
    monkeypatch.setattr(b24, "leaks", lambda item: [*leaks(item), {"rationale": f"apples {item.fields['canary']}"}])
    assert held(CLAIM.check(comparison, store)) == [True, True, True, False, True]


async def test_canaries_that_count_do_not(loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "CANARY", "another word")
    checks = CLAIM.check(await carried_out(CLAIM, loop, store), store)
    assert held(checks) == [True, True, False, True, True]


def test_leaks_hold_the_canary_and_one_of_them_nowhere_but_in_the_rationale() -> None:
    for item in canaries().values():
        whole, aside = leaks(item)
        assert item.question == whole["question"]
        assert [name for name, text in aside.items() if str(item.fields["canary"]) in text] == ["rationale"]
