from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.quotas import shared


@register("same_again")
class SameAgain(Feedback):
    """Every round draws new seeds evenly, whatever failed: the control that feedback is compared with."""

    seeds: int | None = Field(default=None, ge=1)
    """New seeds of a later round, shared evenly among the skills; by default as many as the recipe says."""

    def next_plan(self, progress: Progress) -> NextPlan:
        quotas = shared(self.seeds, dict.fromkeys(progress.levels, 1)) if self.seeds else {}
        return NextPlan("new seeds, shared evenly among the skills", quotas=quotas)

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds or seeds, 0
