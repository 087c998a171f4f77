"""Enriching a solution that leaves steps out: the plan of it, and the steps that it skips."""

from typing import Any

from agents.rehearsal.faults import known, wrong_reason, wrong_solution
from agents.rehearsal.styles import PARTS
from agents.rehearsal.tasks.decomposition import misplanned, subquestions

CANNOT = "I know only the questions of my own small world."
SHOWN = 3
"""A solution that is shown leaves a third of the errors, as a gold answer does."""


def write_plan(writer: Any) -> dict[str, Any]:
    """What to do with which number of the question, in a row; at its rate one of these steps is another one."""
    item = known(writer.question)
    if item is None:
        return {"plan": CANNOT}
    steps = subquestions(item.question, PARTS.split(item.truth.rationale))
    if writer.rng.random() < writer.profile.error_in(item.skill.name) / SHOWN:
        steps = misplanned(steps, writer.rng)
    return {"plan": _as_plan(steps)}


def fill_steps(writer: Any) -> dict[str, Any]:
    """The whole solution; one that follows a wrong plan, or errs by itself, comes to another answer."""
    item = known(writer.question)
    if item is None:
        return {"filled_solution": CANNOT, "answer": "unknown"}
    rationale, answer = item.truth.rationale, item.truth.answer
    right = _as_plan(subquestions(item.question, PARTS.split(rationale)))
    errs, luck = writer.profile.error_in(item.skill.name) / SHOWN, writer.rng.random()
    if writer.fields.get("plan", right) != right or luck < errs:
        rationale, answer = wrong_solution(item, writer.rng)
    elif luck < errs + writer.profile.wrong_reason_rate:
        rationale = wrong_reason(rationale, writer.rng)
    return {"filled_solution": rationale, "answer": answer}


def _as_plan(steps: list[str]) -> str:
    return " ".join(step.replace("?", ".") for step in steps)
