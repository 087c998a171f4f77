from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.quotas import shared


@register("same_again")
class SameAgain(Feedback):
    """Every round draws new seeds evenly, whatever failed: the control that feedback is compared with."""

    seeds: int | None = Field(default=None, ge=0)
    """New seeds of a later round, shared evenly among the skills; by default as many as the recipe says. 0 leaves all to
    streams that feedback does not fill from sources, such as `attempts`."""

    def next_plan(self, progress: Progress) -> NextPlan:
        if self.seeds is None:
            return NextPlan("new seeds, shared evenly among the skills")
        quotas = shared(self.seeds, dict.fromkeys(progress.levels, 1))
        return NextPlan(f"{self.seeds or 'no'} new seeds, shared evenly among the skills", quotas=quotas)

    def most(self, seeds: int) -> tuple[int, int]:
        return seeds if self.seeds is None else self.seeds, 0
