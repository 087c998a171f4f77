"""One solution from the parts of several."""

import json
from typing import Any

from agents.rehearsal.faults import known, same_text, wrong_solution
from agents.rehearsal.tasks.mistakes import steps_of


def fuse(writer: Any) -> dict[str, Any]:
    """Takes each step from a candidate that has it right, so that it can be right where no candidate is; a step that none
    has right stays wrong. As often mistaken about a step as its judgements are."""
    candidates, item = _candidates(writer), known(writer.question)
    if item is None or not candidates:
        rationale, answer = writer.solution(writer.question)
        return {"assessment": "There is nothing to compare.", "rationale": rationale, "answer": answer}
    due = steps_of(item.truth.rationale)
    shown = [steps_of(str(each.get("rationale", ""))) for each in candidates]
    found = [any(_has(steps, place, step) for steps in shown) for place, step in enumerate(due)]
    mistaken = writer.rng.random() < writer.profile.judge_error_rate
    if all(found) and not mistaken:
        return {**_assessed(found), "rationale": item.truth.rationale, "answer": item.truth.answer}
    best = max(
        candidates, key=lambda each: sum(_has(steps_of(str(each.get("rationale", ""))), *at) for at in enumerate(due))
    )
    if mistaken and same_text(str(best.get("answer", "")), item.truth.answer):
        rationale, answer = wrong_solution(item, writer.rng)
        return {**_assessed(found), "rationale": rationale, "answer": answer}
    return {**_assessed(found), "rationale": str(best.get("rationale", "")), "answer": str(best.get("answer", ""))}


def _candidates(writer: Any) -> list[dict[str, Any]]:
    try:
        told = json.loads(writer.fields.get("candidates", "[]"))
    except ValueError:
        return []
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def _assessed(found: list[bool]) -> dict[str, str]:
    return {"assessment": f"{sum(found)} of {len(found)} steps are right in one of them."}


def _has(steps: list[str], place: int, step: str) -> bool:
    return place < len(steps) and same_text(steps[place], step)
