"""Progress as a policy is told it, from the few figures that a test is about."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.kinds import Progress
from storage.records import Attempt, Plan, Scorecard


def a_plan(number: int = 1, quotas: Mapping[str, int] | None = None) -> Plan:
    return Plan.new(run="r", round=number, why="before", quotas=dict(quotas or {}))


def a_card(errors: Mapping[str, float], number: int = 1, n: int = 24) -> Scorecard:
    """Of a student that gets these shares of each skill's questions wrong."""
    skills = {skill: {"n": n, "accuracy": 1 - error, "low": 0.0, "high": 1.0} for skill, error in errors.items()}
    accuracy = 1 - sum(errors.values()) / max(1, len(errors))
    facts = {"run": "r", "student": f"s{number}", "exam": "probe", "n": n * len(errors), "low": 0.0, "high": 1.0}
    return Scorecard.new(**facts, round=number, accuracy=accuracy, skills=skills)


def an_attempt(skill: str, right: bool, item: int, number: int = 1, **facts: Any) -> Attempt:
    known = {
        "run": "r",
        "round": number,
        "student": f"s{number}",
        "exam": "probe",
        "gold": "7",
        "reply": "#### 7",
        **facts,
    }
    return Attempt.new(**known, question=f"{skill} {item}", right=right, skill=skill, split_key=f"{skill} {item}")


def attempts(wrong: Mapping[str, int], number: int = 1, n: int = 24, **facts: Any) -> list[Attempt]:
    """So many questions of each skill, so many of which are answered wrong."""
    return [an_attempt(skill, i >= bad, i, number, **facts) for skill, bad in wrong.items() for i in range(n)]


def progress(errors: Mapping[str, float], **facts: Any) -> Progress:
    """After one round, unless `facts` says more."""
    known: dict[str, Any] = {"plans": [a_plan()], "cards": [a_card(errors)], "levels": dict.fromkeys(errors, 1)}
    return Progress(**{**known, **facts})


def cards(rounds: Sequence[Mapping[str, float]]) -> list[Scorecard]:
    """The base's, which can do nothing, and one of each round."""
    base = dict.fromkeys(rounds[0], 1.0)
    return [a_card(errors, number) for number, errors in enumerate([base, *rounds])]
