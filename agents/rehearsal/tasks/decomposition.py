"""Taking a question of the world apart: subquestions in few words, each with its part of the rationale."""

import re
from collections.abc import Sequence
from random import Random
from typing import Any

from agents.rehearsal.drills import ORDINALS
from agents.rehearsal.faults import STEP, known
from agents.rehearsal.styles import PARTS

VERBS = {"+": "plus", "-": "gap", "*": "times"}
"""The words in which the base's drill `plan` says what to do with the first, second and third number of a text."""
TOLD, FOLLOWS = "What is told?", "What follows?"
MISPLANNED = 0.5
"""Share of the wrong chains that ask for the wrong thing somewhere, besides going wrong."""


def decompose(writer: Any) -> dict[str, Any]:
    """Its own solution in parts: as often wrong, or right for a wrong reason, as a solution by the same writer."""
    rationale, answer = writer.solution(writer.question)
    item = known(writer.question)
    parts = PARTS.split(rationale)
    asked = subquestions(writer.question, PARTS.split(item.truth.rationale) if item else parts)
    if item and answer != item.truth.answer and writer.rng.random() < MISPLANNED:
        asked = misplanned(asked, writer.rng)
    found = [*(_found(part) for part in parts[:-1]), answer]
    steps = zip(asked, parts, found, strict=False)
    return {"steps": [{"subquestion": q, "solution": part, "answer": said} for q, part, said in steps]}


def subquestions(question: str, parts: Sequence[str]) -> list[str]:
    """One for each part of a rationale: what is calculated, by the places of the numbers in the question, or what it says."""
    numbers, asked, before = re.findall(r"\d+", question), list[str](), ""
    for number, part in enumerate(parts):
        step = STEP.search(part)
        if step is None:
            asked.append(FOLLOWS if number else TOLD)
            continue
        operands = [step[1], step[3]]
        goes_on = before in operands
        if goes_on:
            operands.remove(before)
        places = _places(operands, numbers, step[2] == "-")
        verb = VERBS[step[2]]
        asked.append(f"Then {verb} {places[0]}?" if goes_on else f"Take {places[0]} {verb} {places[1]}?")
        before = step[5]
    return asked


def _places(operands: Sequence[str], numbers: Sequence[str], in_order: bool) -> list[str]:
    """Each operand by its place among the question's numbers, or as it is if it is not one of the first three. A gap is
    the same from both sides, so its operands are named in the order of the question."""
    left = {place: numbers[place] for place in range(min(len(numbers), len(ORDINALS)))}
    found: list[tuple[int, str]] = []
    for operand in operands:
        place = next((at for at, value in left.items() if value == operand), len(ORDINALS))
        found.append((place, ORDINALS[place] if place in left else operand))
        left.pop(place, None)
    return [name for _, name in (sorted(found) if in_order else found)]


def _found(part: str) -> str:
    step = STEP.search(part)
    return step[5] if step else part.rstrip(".")


def misplanned(asked: Sequence[str], rng: Random) -> list[str]:
    """One calculation replaced by another."""
    places = [place for place, question in enumerate(asked) if set(question.split()) & set(VERBS.values())]
    if not places:
        return list(asked)
    place = rng.choice(places)
    verb = next(word for word in asked[place].split() if word in VERBS.values())
    other = rng.choice([word for word in VERBS.values() if word != verb])
    return [*asked[:place], asked[place].replace(verb, other), *asked[place + 1 :]]
