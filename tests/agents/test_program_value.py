"""How a program's value is written as an answer, and what is said of programs that have none."""

import asyncio
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from agents.answers import same_answer
from agents.kinds import UnfitDraft, Verifier
from agents.registry import build
from agents.sandbox import said
from agents.verifiers.program_value import ProgramValue
from storage.records import Draft, Outcome
from tests.contracts.isolated import needs_isolation
from tests.contracts.whole import a_draft

JUDGE = ProgramValue(use="program_value")


def program(expression: str, gold: str) -> Draft:
    return a_draft(0, program=f"def solution():\n    print('so')\n    return {expression}", gold=gold)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (3.0, "3"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (1.1 * 1.1, "1.21"),
        (sum([0.1] * 10), "1"),
        (1234567890123.0, "1234567890123"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (2.5e300, "2.5E+300"),
        (1 / 3, "0.333333333333"),
        (Fraction(6, 3), "2"),
        (Fraction(1, 3), "1/3"),
        (Decimal("1.10"), "1.1"),
        (Decimal("1E+9999"), "1E+9999"),
        (True, "True"),
        ("$18", "$18"),
        ([1, 2.0, "x"], "1, 2, x"),
        ([], ""),
    ],
)
def test_a_value_is_written_as_an_answer_is(value: Any, text: str) -> None:
    assert said(value) == text


def test_what_is_written_is_the_gold_answer_where_it_is_equal() -> None:
    pairs = [
        (0.1 + 0.2, "0.3"),
        (1 / 3, "1/3"),
        (2 / 3, "2/3"),
        (True, "yes"),
        (False, "no"),
        (18.0, "$18"),
        (1e6, "1,000,000"),
    ]
    assert all(same_answer(said(value), gold) for value, gold in pairs)
    assert not same_answer(said(0.13), "1/8")


@needs_isolation
async def test_the_cause_is_the_reason_and_what_is_a_drafts_own_is_evidence() -> None:
    drafts = [
        program("3 + 4", "7"),
        program("12", "14"),
        program("x", "7"),
        program("None", "7"),
        program("(", "7"),
        program("'a' * 10**12", "7"),
    ]
    found = await JUDGE.judge_all(drafts)
    assert [(judgement.outcome == Outcome.ACCEPTED, judgement.reason) for judgement in found] == [
        (True, "the value is right"),
        (False, "wrong value"),
        (False, "the program raised NameError"),
        (False, "the program: no value"),
        (False, "the program: syntax"),
        (False, "the program: memory"),
    ]
    assert found[0].evidence == {"gold": "7", "value": "7", "stdout": "so\n"}
    assert found[1].evidence == {"gold": "14", "value": "12", "stdout": "so\n"}
    assert found[2].evidence["message"] == "NameError: name 'x' is not defined (line 3)"
    assert JUDGE.judge(drafts[1]) == found[1]


@needs_isolation
async def test_the_event_loop_goes_on_meanwhile() -> None:
    judging = asyncio.create_task(JUDGE.judge_all([program("1", "1")] * 8))
    longest, before = 0.0, time.monotonic()
    while not judging.done():
        await asyncio.sleep(0.001)
        longest, before = max(longest, time.monotonic() - before), time.monotonic()
    assert longest < 1
    assert {judgement.reason for judgement in judging.result()} == {"the value is right"}


async def test_a_draft_without_gold_or_program_is_refused() -> None:
    for fields, error, message in (
        ({"program": "x = 1"}, UnfitDraft, "compares with `gold`"),
        ({"gold": "7"}, KeyError, "program"),
    ):
        facts: dict[str, Any] = {"run": "r", "round": 1, "step": "s", "kind": "solution", "producer": "w@1"}
        draft = Draft.new(**facts, fields=fields, split_key="k", sample=0)
        with pytest.raises(error, match=message):
            JUDGE.judge(draft)
        with pytest.raises(error, match=message):
            await JUDGE.judge_all([draft])


async def test_where_programs_cannot_be_isolated_none_is_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnfitDraft, match="program_value: programs are run "):
        JUDGE.judge(program("1", "1"))
    with pytest.raises(UnfitDraft, match="program_value: programs are run "):
        await JUDGE.judge_all([program("1", "1")])


@pytest.mark.parametrize("options", [{"seconds": 0}, {"megabytes": 1}, {"seconds": 0.5}])
def test_limits_that_are_none_are_refused(options: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        build({"use": "program_value", **options}, Verifier)
