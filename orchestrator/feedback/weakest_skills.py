from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.quotas import shared


@register("weakest_skills")
class WeakestSkills(Feedback):
    """Gives the next seeds to the skills with the worst probe results, by their error, and a floor to all others.

    The plainest rule that heeds the probe, no paper's: what a cleverer one must beat. The floor is a replay, so that
    what is taught to the weak costs the strong nothing.
    """

    seeds: int = Field(default=200, ge=0)
    """New seeds of the sources for a later round."""
    skills: int = Field(default=3, ge=1)
    """How many of the worst share what the floor leaves, in proportion to the share of questions they get wrong."""
    floor: float = Field(default=0.1, ge=0, lt=1)
    """Share of the seeds that all other skills have between them, evenly."""

    def next_plan(self, progress: Progress) -> NextPlan:
        errors = {skill: progress.error(skill) for skill in progress.levels}
        worst = sorted((skill for skill in errors if errors[skill]), key=lambda skill: (-errors[skill], skill))
        worst = worst[: self.skills]
        if not worst:
            evenly = shared(self.seeds, dict.fromkeys(errors, 1.0))
            return NextPlan(f"no probe answer was wrong, so {self.seeds} seeds are shared evenly", quotas=evenly)
        rest = [skill for skill in errors if skill not in worst]
        floor = self.floor if rest else 0.0
        total = sum(errors[skill] for skill in worst)
        shares = {skill: (1 - floor) * errors[skill] / total for skill in worst}
        shares |= {skill: floor / len(rest) for skill in rest}
        quotas = shared(self.seeds, shares)
        said = ", ".join(f"{skill or 'all questions'} ({errors[skill]:.0%})" for skill in worst)
        given = sum(quotas[skill] for skill in worst)
        others = f"; {len(rest)} others share {self.seeds - given}" if rest else ""
        return NextPlan(f"most is wrong in {said}: {given} of {self.seeds} seeds are theirs{others}", quotas=quotas)

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, 0
