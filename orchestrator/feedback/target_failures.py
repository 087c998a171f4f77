from collections import Counter

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.quotas import in_turn, most_failed, shared


@register("target_failures")
class TargetFailures(Feedback):
    """Spends the next round on what was failed: seeds in proportion to each skill's errors, and the failures themselves."""

    seeds: int = Field(default=200, ge=0)
    """New seeds of the sources for a later round, shared among skills by how much is failed in each."""
    failures: int = Field(default=100, ge=1)
    """Failures that lessons are written for, taken in turn from the skills that fail most."""

    def next_plan(self, progress: Progress) -> NextPlan:
        failures = progress.failures
        failed = Counter(failure.skill for failure in failures)
        probed = {skill: count for skill, count in failed.items() if skill in progress.levels}
        targets = in_turn(failures, self.failures)
        worst = ", ".join(f"{skill} ({count})" for skill, count in most_failed(failed) if skill) or "all questions"
        return NextPlan(
            f"{len(failures)} answers were wrong, most in {worst}; {len(targets)} of them and their skills come next",
            quotas=shared(self.seeds, probed) or shared(self.seeds, dict.fromkeys(progress.levels, 1.0)),
            targets=targets,
        )

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, self.failures
