from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback
from storage.records import Failure, Plan, Scorecard


@register("same_again")
class SameAgain(Feedback):
    """Every round draws new seeds evenly, whatever failed: one round, or the arm that feedback is compared with."""

    rounds: int = Field(default=1, ge=1)

    def next_plan(self, plan: Plan, cards: Sequence[Scorecard], failures: Sequence[Failure]) -> Mapping[str, Any]:
        if plan.round >= self.rounds:
            return {
                "stop": True,
                "why": "the one round is done" if self.rounds == 1 else f"all {self.rounds} rounds are done",
            }
        return {"stop": False, "why": "new seeds, shared evenly among the skills"}
