"""Choosing between answers: what a question turns on, and of each choice whether it is right and why."""

import json
from collections.abc import Sequence
from typing import Any

from agents.rehearsal.events import DEEDS
from agents.rehearsal.faults import Known, known, wrong_reason

UNKNOWN = "I know only the questions of my own small world."


def analyse_choices(writer: Any) -> dict[str, Any]:
    """As often wrong as a solution by the same writer: another choice is right then, and what it turns on says so."""
    item, choices = known(writer.question.partition("\n")[0]), _choices(writer.fields.get("choices", ""))
    if item is None or item.truth.answer not in choices:
        said = [{"choice": choice, "correct": False, "because": UNKNOWN} for choice in choices or ["unknown"]]
        return {"key_information": UNKNOWN, "analyses": said}
    right, rule = item.truth.answer, item.truth.rationale
    luck, errs = writer.rng.random(), writer.profile.error_in(item.skill.name) / (3 if "gold" in writer.fields else 1)
    others = [choice for choice in choices if choice != right]
    if luck < errs and others:
        mistaken = writer.rng.choice(others)
        right, rule = mistaken, _rule(item, mistaken)
    elif luck < errs + writer.profile.wrong_reason_rate:
        rule = wrong_reason(rule, writer.rng)
    said = [{"choice": choice, "correct": choice == right, "because": rule} for choice in choices]
    return {"key_information": rule, "analyses": said}


def _rule(item: Known, answer: str) -> str:
    """The rule as it would be if this were the answer: another deed's, said of this one."""
    slots = item.slots
    for verb in DEEDS if item.skill.family == "events" else ():
        other = item.skill.solve({**slots, "v": verb})
        if other.answer == answer:
            return other.rationale.replace(verb, slots["v"], 1)
    return f"The answer is {answer}."


def _choices(text: str) -> Sequence[str]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [str(choice) for choice in found] if isinstance(found, list) else []
