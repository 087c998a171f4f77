"""Writing and judging commonsense: new events, their tails, what their objects are kinds of, and whether it holds."""

import re
from collections.abc import Sequence
from typing import Any

from agents.rehearsal import comparisons, triples
from agents.rehearsal.vocabulary import OBJECTS

COUNT = re.compile(r"\bWrite (?:up to )?([0-9]{1,2})\b")
NEGATIVE_ERRS = 3
"""How much oftener a teacher errs in what is not so. Planted: Snowman (Wang et al. 2023) found ChatGPT weak there alone."""
UNKNOWN = "I know only the events of my own small world."


def new_events(writer: Any) -> dict[str, Any]:
    shown = writer.fields.get("head", "").strip()
    written = [
        shown
        if writer.rng.random() < writer.profile.duplicate_rate
        else writer.uncovered(lambda: triples.drawn_head(writer.rng))
        for _ in range(_count(writer))
    ]
    return {"new_events": [event for event in written if event]}


def write_tails(writer: Any) -> dict[str, Any]:
    """As many tails as are asked for, each wrong at the writer's rate: the world may have a single right one."""
    found = triples.asked_in(writer.question)
    if found is None:
        return {"tails": [UNKNOWN]}
    errs = writer.profile.error_in(f"event_{found[1]}")
    if found[1].startswith(triples.NEGATIVE):
        errs = min(NEGATIVE_ERRS * errs, 1.0)
    right, wrong = triples.tails(*found), triples.wrong_tails(*found)
    return {"tails": [writer.rng.choice(wrong if writer.rng.random() < errs else right) for _ in range(_count(writer))]}


def conceptualise(writer: Any) -> dict[str, Any]:
    right = triples.concepts_of(writer.fields.get("instance", ""))
    wrong = [concept for concept in triples.CONCEPTS if concept not in right]
    return {"concepts": _picked(writer, right, wrong)}


def instantiate(writer: Any) -> dict[str, Any]:
    right = triples.CONCEPTS.get(writer.fields.get("concept", "").strip(), [])
    return {"instances": _picked(writer, right, [thing for thing in OBJECTS if thing not in right])}


def judge_statement(writer: Any) -> dict[str, Any]:
    fault = _fault(writer.fields)
    if writer.rng.random() < writer.profile.judge_error_rate:
        fault = "" if fault else "It does not follow."
    said = {"reason": fault or "It holds.", "plausible": not fault}
    return {**said, "yes_or_no": "no" if fault else "yes"}


def _fault(fields: dict[str, str]) -> str:
    """What does not hold of all that is shown; empty if all does."""
    found = []
    if "question" in fields and "tail" in fields:
        found.append((triples.holds(fields["question"], fields["tail"]), "The tail does not go with the event."))
    if "concept" in fields and "instance" in fields:
        found.append((triples.is_a(fields["instance"], fields["concept"]), "It is not of that kind."))
    if "value" in fields and "type" in fields:
        found.append((triples.is_a(fields["value"], fields["type"]), "It is not of that type."))
    if "said" in fields:
        found.append((comparisons.follows(fields["said"]), "It does not follow."))
    if not found or any(held is None for held, _ in found):
        return UNKNOWN
    return next((fault for held, fault in found if not held), "")


def _picked(writer: Any, right: Sequence[str], wrong: Sequence[str]) -> list[str]:
    """Up to so many as are asked for, none twice, some of them wrong at the writer's rate."""
    errs, found = writer.profile.error_in(""), list[str]()
    for _ in range(_count(writer) if right else 0):
        kind = wrong if writer.rng.random() < errs else right
        left = [one for one in kind if one not in found]
        found += [writer.rng.choice(left)] if left else []
    return found


def _count(writer: Any) -> int:
    asked = COUNT.search(writer.text)
    return int(asked[1]) if asked else 1
