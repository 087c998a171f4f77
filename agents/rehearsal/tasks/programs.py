"""Solutions to be carried out: a short program, and a system of equations, both from the steps of the world's rationale."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

from agents.rehearsal.faults import STEP, Known, known, wrong_solution

NAMES = "abcdefgh"
UNKNOWN = "I know only the questions of my own small world."
Fate = Literal["right", "wrong reason", "operation", "slip", "malformed"]
WAYS: tuple[Fate, ...] = ("operation", "slip", "malformed")
"""What an error is: another sign, another digit, or what is no program and no equation."""
SIGNS = {"+": "-*", "-": "+", "*": "+-"}
"""Which signs stand in the place of one; a difference is never a product, so that numbers keep a likely size."""


@dataclass(frozen=True)
class Line:
    """One calculation. A side is a number of the question, or the name of an earlier line."""

    name: str
    left: str
    sign: str
    right: str

    @property
    def text(self) -> str:
        return f"{self.name} = {self.left}{self.sign}{self.right}"


def write_program(writer: Any) -> dict[str, Any]:
    item = known(writer.question)
    return {"program": _program(item, _fate(writer, item), writer.rng) if item else UNKNOWN}


def write_equations(writer: Any) -> dict[str, Any]:
    """Of a question without calculations it says what is asked for, which no solver can use unless it is a number."""
    item = known(writer.question)
    if item is None:
        return {"equations": [UNKNOWN], "asked": "a"}
    fate = _fate(writer, item)
    lines = lines_of(item.truth.rationale)
    if not lines or fate == "wrong reason":
        answer = item.truth.answer if fate in ("right", "wrong reason") else wrong_solution(item, writer.rng)[1]
        return {"equations": [f"a = {answer}"], "asked": "a"}
    asked = lines[-1].name
    if fate == "malformed":
        return _malformed_equations(lines, asked, writer.rng)
    return {"equations": [line.text for line in _with_fault(lines, fate, writer.rng)], "asked": asked}


def _fate(writer: Any, item: Known) -> Fate:
    """As often wrong as a solution by the same writer: a third as often where the right answer is shown."""
    luck = writer.rng.random()
    errs = writer.profile.error_in(item.skill.name) / (3 if "gold" in writer.fields else 1)
    if luck < errs:
        return writer.rng.choice(WAYS)
    return "wrong reason" if luck < errs + writer.profile.wrong_reason_rate else "right"


def _program(item: Known, fate: Fate, rng: Random) -> str:
    lines = lines_of(item.truth.rationale)
    if fate == "wrong reason":  # it does not compute what it returns
        return _function([], _literal(item.truth.answer))
    if not lines:
        rationale, answer = (item.truth.rationale, item.truth.answer)
        if fate in ("operation", "slip"):
            rationale, answer = wrong_solution(item, rng)
        text = _function([f"# {rationale}"], _literal(answer))
    else:
        text = _function([line.text for line in _with_fault(lines, fate, rng)], lines[-1].name)
    return _malformed_program(text, rng) if fate == "malformed" else text


def lines_of(rationale: str) -> list[Line]:
    """The calculations of a rationale in columns, by name: what an earlier one comes to is called by its name."""
    lines, come_to = list[Line](), dict[str, str]()
    for name, step in zip(NAMES, STEP.finditer(rationale), strict=False):
        left, sign, right, result = step[1], step[2], step[3], step[5]
        lines.append(Line(name, come_to.get(left, left), sign, come_to.get(right, right)))
        come_to[result] = name
    return lines


def value_of(lines: Sequence[Line]) -> int:
    """What the last line comes to."""
    values: dict[str, int] = {}
    for line in lines:
        left, right = (values[side] if side in values else int(side) for side in (line.left, line.right))
        values[line.name] = {"+": left + right, "-": left - right, "*": left * right}[line.sign]
    return values[lines[-1].name]


def _with_fault(lines: list[Line], fate: Fate, rng: Random) -> list[Line]:
    """The lines with one sign or one digit altered, so that they come to something else."""
    if fate not in ("operation", "slip"):
        return lines
    right = value_of(lines)
    while True:
        at = rng.randrange(len(lines))
        altered = _other_sign(lines[at], rng) if fate == "operation" else _other_digit(lines[at], rng)
        tried = [*lines[:at], altered, *lines[at + 1 :]]
        if value_of(tried) != right:
            return tried


def _other_sign(line: Line, rng: Random) -> Line:
    return replace(line, sign=rng.choice(SIGNS[line.sign]))


def _other_digit(line: Line, rng: Random) -> Line:
    side = rng.choice([side for side in ("left", "right") if getattr(line, side).isdecimal()])
    digits = getattr(line, side)
    place = rng.randrange(len(digits))
    other = rng.choice([digit for digit in "123456789" if digit != digits[place]])
    return replace(line, **{side: digits[:place] + other + digits[place + 1 :]})


def _function(body: Sequence[str], returned: str) -> str:
    return "\n".join(["def solution():", *(f"    {line}" for line in body), f"    return {returned}"])


def _literal(answer: str) -> str:
    return answer if answer.isdecimal() and not answer.startswith("0") else repr(answer)


def _malformed_program(text: str, rng: Random) -> str:
    """What is no Python, reads a name that nothing defines, or returns nothing."""
    head, _, returned = text.rpartition("return ")
    return rng.choice([text.replace(":", "", 1), f"{head}return total", f"{text} +", f"{head}{returned}"])


def _malformed_equations(lines: Sequence[Line], asked: str, rng: Random) -> dict[str, Any]:
    """An equation that is cut, or one that is not there, or an unknown that is not there."""
    texts = [line.text for line in lines]
    cut = [*texts[:-1], texts[-1].rpartition(lines[-1].sign)[0] + lines[-1].sign]
    shapes = [(cut, asked), (texts[1:] or [f"{asked} = {asked}"], asked), (texts, "total")]
    equations, unknown = rng.choice(shapes)
    return {"equations": equations, "asked": unknown}
