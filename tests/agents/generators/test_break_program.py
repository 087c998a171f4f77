"""Every fault breaks, is told with its error, and what was broken is the program that is kept."""

import random
from typing import Any

import pytest

from agents.generators.break_program import FAULTS, BreakProgram, broken_programs
from agents.kinds import Nobody, UnfitDraft
from agents.sandbox import run_programs
from tests.contracts.isolated import needs_isolation

PROGRAM = "def solution():\n    a = 57*3\n    b = a+5\n    c = b-a\n    return c"
RAISES = {
    "undefined name": {"NameError"},
    "syntax": {"SyntaxError", "IndentationError"},
    "use before definition": {"UnboundLocalError"},
    "illegal return": {"SyntaxError"},
}


async def broken(program: str = PROGRAM, sample: int = 0, **options: Any) -> list[dict[str, Any]]:
    generator = BreakProgram(use="break_program", **options)
    return [writing.fields for writing in await generator.write({"program": program}, Nobody(), sample)]


def test_each_fault_is_the_one_that_its_name_says() -> None:
    for fault, raised in RAISES.items():
        texts = [text for n in range(20) for _, text in broken_programs(PROGRAM, [fault], random.Random(n))]  # type: ignore[list-item]
        assert len(texts) >= 20
        assert PROGRAM not in texts
        if "SyntaxError" in raised:
            for text in texts:
                with pytest.raises(SyntaxError):
                    compile(text, "broken", "exec")
    assert RAISES.keys() == FAULTS.keys()


def test_a_program_that_is_too_deep_to_edit_is_left_alone() -> None:
    for terms in (900, 3000):
        deep = f"def solution():\n    a = {'+'.join(['1'] * terms)}\n    b = a\n    return b"
        found = [fault for fault, _ in broken_programs(deep, [*FAULTS], random.Random(0))]
        assert set(found) <= FAULTS.keys()


@needs_isolation
@pytest.mark.parametrize("fault", RAISES)
async def test_a_broken_program_fails_in_its_way_and_says_how(fault: str) -> None:
    for sample in range(4):
        (fields,) = await broken(sample=sample, faults=[fault])
        (ran,) = run_programs([fields["broken"]])
        assert ran.raised in RAISES[fault]
        assert fields["error"] == ran.message
        assert fields["fault"] == fault


@needs_isolation
async def test_samples_break_it_in_other_ways_and_the_same_sample_in_the_same() -> None:
    found = [(await broken(sample=sample))[0]["broken"] for sample in (*range(8), 0)]
    assert found[0] == found[-1]
    assert len(set(found)) > 3


@needs_isolation
async def test_what_does_not_work_or_cannot_break_gives_nothing() -> None:
    assert await broken("def solution():\n    return x") == []
    assert await broken("def solution(:") == []
    assert await broken("x = 1") == []
    assert await broken("def solution():\n    return 7", faults=["use before definition", "undefined name"]) == []
    unread = "def solution():\n    a = 7\n    if a == 0:\n        return a\n    return 7"
    found = [await broken(unread, sample=sample, faults=["undefined name"]) for sample in range(6)]
    assert all(not fields or fields[0]["error"].startswith("NameError") for fields in found)


@needs_isolation
async def test_another_value_is_broken_as_well() -> None:
    rescued = "def solution():\n    a = 5\n    try:\n        return a\n    except NameError:\n        return 0"
    (fields,) = await broken(rescued, faults=["undefined name"])
    assert fields["error"] == "the value 0 is wrong"


async def test_without_a_sandbox_it_says_so_beforehand_and_then(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "programs are run" in (BreakProgram(use="break_program").missing() or "")
    with pytest.raises(UnfitDraft, match="break_program: programs are run "):
        await broken()
