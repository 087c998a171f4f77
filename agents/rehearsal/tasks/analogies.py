"""Recalling a problem like one that is shown, and saying that one again."""

import re
from random import Random
from typing import Any

from agents.rehearsal.faults import known, wrong_reason

SENTENCE = re.compile(r"(?<=[.?]) ")


def recall_analogy(writer: Any) -> dict[str, Any]:
    """Another question of the same skill with the writer's own solution, so as often wrong, and the one shown with what it
    asks put first; at the rate of its wrong reasons a word of it is another."""
    item = known(writer.question)
    if item is None:
        return {}
    chance: Random = writer.rng
    problem = writer.uncovered(lambda: item.skill.write(item.skill.draw(chance), chance))
    rationale, answer = writer.solution(problem)
    *told, asked = SENTENCE.split(item.question)
    restated = " ".join([asked, *told])
    if chance.random() < writer.profile.wrong_reason_rate:
        restated = wrong_reason(restated, chance)
    solution = f"{rationale.rstrip('.')}: {answer}."
    return {"analogous_problem": problem, "analogous_solution": solution, "restated_problem": restated}
