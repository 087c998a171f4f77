"""What the rehearsal teacher writes to be carried out: right by the world's steps, and wrong at its rates."""

import json
from collections import Counter
from itertools import islice
from random import Random
from typing import Any

import pytest

from agents.answers import same_answer
from agents.asking import strict_schema
from agents.equations import UnreadableEquations, read_equations, solutions
from agents.generators.write_equations import Equations
from agents.generators.write_program import Program
from agents.prompts import tagged
from agents.rehearsal import world
from agents.rehearsal.tasks.programs import WAYS, _with_fault, lines_of, value_of
from agents.rehearsal.teacher import RehearsalTeacher
from agents.sandbox import run_programs, said
from tests.contracts.isolated import needs_isolation

CALCULATED = ("collect_and_give", "change", "pile", "lead", "trip", "next_number", "film")
TEACHER = RehearsalTeacher()
EXACT = "rehearsal-teacher?error_rate=0&wrong_reason_rate=0&malformed_rate=0&refusal_rate=0"


def written(question: str, form: Any, model: str = EXACT, seed: int = 0, **fields: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Write it.\n{tagged({'question': question, **fields})}"}]
    reply = TEACHER.reply(model, messages, strict_schema(form), seed)
    assert isinstance(reply, str)
    return json.loads(reply)


def questions(skills: Any, each: int = 6) -> list[world.Item]:
    return [item for skill in skills for item in islice(world.items(skill, 5), each)]


def value(reply: dict[str, Any]) -> str:
    """What equations come to, or why they come to nothing."""
    try:
        cause, found, _ = solutions(read_equations("\n".join(reply["equations"])), reply["asked"])
    except UnreadableEquations as error:
        return error.cause
    return found or cause


@needs_isolation
def test_without_errors_every_skills_program_comes_to_the_answer() -> None:
    items = questions(world.SKILLS, 2)
    programs = [written(item.question, Program)["program"] for item in items]
    wrong = [
        (item.question, program, ran)
        for item, program, ran in zip(items, programs, run_programs(programs), strict=True)
        if ran.value is None or not same_answer(said(ran.value), item.answer)
    ]
    assert wrong == []


def test_a_program_lets_the_interpreter_calculate() -> None:
    (item,) = questions(["trip"], 1)
    program = written(item.question, Program)["program"]
    assert program.splitlines()[0] == "def solution():"
    assert program.splitlines()[2].startswith("    b = a+")
    assert program.splitlines()[-1] == "    return b"
    assert item.answer not in program


def test_without_errors_equations_come_to_the_answer() -> None:
    for item in questions(CALCULATED):
        reply = written(item.question, Equations)
        assert value(reply) == item.answer
        assert len(reply["equations"]) == len(lines_of(item.rationale))


@pytest.mark.parametrize("way", ["operation", "slip"])
def test_a_planted_error_always_shows(way: Any) -> None:
    for number, item in enumerate(questions(CALCULATED, 20)):
        lines = lines_of(item.rationale)
        assert value_of(lines) == int(item.answer)
        assert value_of(_with_fault(lines, way, Random(number))) != int(item.answer)


def test_it_errs_at_its_rate_in_every_way() -> None:
    items, model = questions(CALCULATED, 60), EXACT.replace("error_rate=0&w", "error_rate=.3&w")
    found = Counter(value(written(item.question, Equations, model)) == item.answer for item in items)
    assert 0.2 < found[False] / found.total() < 0.4
    kinds = {value(written(item.question, Equations, model)) for item in items}
    assert {"unreadable", "not determined"} <= kinds
    assert len(WAYS) == 3


@needs_isolation
def test_wrong_programs_are_wrong_do_not_run_or_do_not_compute() -> None:
    items = questions(CALCULATED, 12)
    broken = [
        written(item.question, Program, EXACT.replace("error_rate=0", "error_rate=1"))["program"] for item in items
    ]
    ran = run_programs(broken)
    assert not any(
        r.value is not None and same_answer(said(r.value), i.answer) for r, i in zip(ran, items, strict=True)
    )
    assert {"ran", "syntax", "error", "no value"} <= {r.cause for r in ran}
    named = [
        written(item.question, Program, EXACT.replace("reason_rate=0", "reason_rate=1"))["program"] for item in items
    ]
    assert named == [f"def solution():\n    return {item.answer}" for item in items]


def test_shown_the_answer_it_errs_less_often() -> None:
    items, model = questions(CALCULATED, 60), EXACT.replace("error_rate=0&w", "error_rate=.6&w")
    shares = [
        sum(value(written(item.question, Equations, model, **shown(item))) == item.answer for item in items)
        / len(items)
        for shown in (lambda item: {}, lambda item: {"gold": item.answer})
    ]
    assert shares[1] > shares[0] + 0.2


def test_an_unknown_question_is_no_program() -> None:
    assert "def" not in written("What is love?", Program)["program"]
    assert value(written("What is love?", Equations)) == "unreadable"
