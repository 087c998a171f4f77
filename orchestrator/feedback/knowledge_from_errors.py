from collections import Counter

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.quotas import in_turn, shared


@register("knowledge_from_errors")
class KnowledgeFromErrors(Feedback):
    """Hands on what was failed in practice, and nothing of the probe, so that knowledge can be written about it.

    NesyCD (Liao et al. 2024, §3): the student's errors on training questions are what the knowledge base is made from.
    Departs from the paper: at most `mistakes` a round, taken in turn from the skills, so that a base made from other
    items can be of equal size; and new seeds are shared evenly, whatever failed, so that errors steer through it alone.
    """

    seeds: int = Field(default=0, ge=0)
    """New seeds of the sources for a later round."""
    mistakes: int = Field(default=60, ge=1)
    """Failures of the practice exam that are handed on."""
    exam: str = "practice"
    """Name of that exam."""

    def next_plan(self, progress: Progress) -> NextPlan:
        sat = {attempt.key: attempt for attempt in progress.attempts if attempt.exam == self.exam}
        failures = [failure for failure in progress.failures if failure.attempt in sat]
        failed = Counter(failure.skill for failure in failures)
        targets = in_turn(failures, self.mistakes)
        worst = ", ".join(
            f"{skill} ({count})"
            for skill, count in sorted(failed.items(), key=lambda one: (-one[1], one[0]))[:3]
            if skill
        )
        asked = len({attempt.question for attempt in sat.values()})
        return NextPlan(
            f"{len(failures)} of {asked} {self.exam} answers were wrong{f', most in {worst}' if worst else ''}; "
            f"knowledge is to be written about {len(targets)} of them, and {self.seeds} new seeds are shared evenly",
            quotas=shared(self.seeds, dict.fromkeys(progress.levels, 1.0)),
            targets=targets,
        )

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, self.mistakes
