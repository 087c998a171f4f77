"""What is general about a question of the world: the rule or the method behind it, in the words of a rationale."""

import re
from collections.abc import Iterator
from random import Random
from typing import Any

from agents.rehearsal.faults import STEP, Known, known, wrong_reason
from agents.rehearsal.skill import SLOT, Skill
from agents.rehearsal.world import SKILLS

UNKNOWN = "I know only the questions of my own small world."
SIGNS = {"+": "plus", "-": "minus", "*": "times"}
METHODS = {
    "product": "The company makes what its sentence says.",
    "founder_city": "First who founded the company, then where that person lives.",
    "older_company": "The smaller year comes first.",
    "tallest": "Who stands behind than is lower.",
    "switch": "Each time on is off and off is on.",
    "reverse": "The last word comes first.",
}
"""Of the skills whose rationale names the item's own facts."""
PLAIN = "Read the text from left to right."


def write_knowledge(writer: Any) -> dict[str, Any]:
    summary, method = _told(writer)
    return {"summary": summary, "knowledge": method}


def write_strategy(writer: Any) -> dict[str, Any]:
    summary, method = _told(writer)
    return {"situation": summary, "strategy": method}


def _told(writer: Any) -> tuple[str, str]:
    """As often wrong as a solution by the same writer: a third as often where the right answer is shown."""
    item = known(writer.question)
    if item is None:
        return UNKNOWN, PLAIN
    errs = writer.profile.error_in(item.skill.name) / (3 if "gold" in writer.fields else 1)
    method = _wrong(item, writer.rng) if writer.rng.random() < errs else _method(item)
    return f"If asked: {_asked(item.skill)}", method


def _asked(skill: Skill) -> str:
    """The last sentence of its template, of `one` instead of a name: what an entry is found by."""
    return re.split(r"(?<=[.?]) ", SLOT.sub("one", skill.templates[0]))[-1].removeprefix("one ")


def _method(item: Known) -> str:
    """A rule of events is general but for a name; of a calculation the signs are, and not the numbers."""
    if item.skill.family == "events":
        return re.sub(rf"\b{item.slots['n']}\b", "one", item.truth.rationale)
    signs = [SIGNS[step[2]] for step in STEP.finditer(item.truth.rationale)]
    return f"First {', then '.join(signs)}." if signs else METHODS.get(item.skill.name, PLAIN)


def _wrong(item: Known, rng: Random) -> str:
    right = _method(item)
    if item.skill.family == "events":
        return wrong_reason(right, rng)
    return rng.choice(sorted({method for method in _methods(rng) if method != right}))


def _methods(rng: Random) -> Iterator[str]:
    for skill in SKILLS.values():
        if skill.family in ("stories", "puzzles", "documents"):
            slots = skill.draw(rng)
            yield _method(Known("", skill, slots, skill.solve(slots)))
