from collections import defaultdict

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.quotas import shared


@register("likely_right")
class LikelyRight(Feedback):
    """Asks where the student has much to learn and the teacher is likely to be right (Robust Active Distillation,
    Baykal et al. 2023: a label gains what the student's margin leaves open if it is right, and nothing if it is wrong).

    A skill's weight is informativeness^a · chance^b. Informativeness is 1 - the student's mean margin in the probe,
    the paper's. Where any probe answer has no margin it is the share of wrong ones instead, for all skills, so that
    nobody's is measured otherwise: teacher and student disagree there, which is the rule of HARD. Not p(1 - p), which
    would call a skill that always fails as uninformative as one that never does. The chance is the share of the skill's
    drafts so far that became lessons, (lessons + 1) / (drafts + 2) by Laplace's rule.

    Departs from the paper: there only the number of wrong labels is known, and a distribution is sought that is best
    against the worst places for them; here verdicts have said where they are. And skills are weighed, not questions.
    """

    seeds: int = Field(default=200, ge=0)
    """New seeds of the sources for a later round."""
    informative: float = Field(default=1.0, ge=0, le=10)
    """Exponent a; 0 heeds the teacher alone."""
    right: float = Field(default=1.0, ge=0, le=10)
    """Exponent b; 0 heeds the student alone: active learning by margin, which a teacher that errs leads astray. The
    larger it is, the fewer drafts are expected to be wrong."""

    def next_plan(self, progress: Progress) -> NextPlan:
        open_, measure = _informativeness(progress)
        chance = {skill: _chance(progress, skill) for skill in progress.levels}
        weights = {skill: open_[skill] ** self.informative * chance[skill] ** self.right for skill in progress.levels}
        if not any(weights.values()):
            weights = chance
        quotas = shared(self.seeds, weights)
        said = ", ".join(
            f"{skill or 'all questions'} ({open_[skill]:.2f} × {chance[skill]:.2f}: {quota})"
            for skill, quota in sorted(quotas.items(), key=lambda one: (-one[1], one[0]))[:3]
        )
        why = f"{self.seeds} seeds go where {measure} and the teacher's chance to be right are high, most to {said}"
        return NextPlan(why, quotas=quotas)

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, 0


def _informativeness(progress: Progress) -> tuple[dict[str, float], str]:
    """Of each skill, within [0, 1], 1 for one that was not asked; and what was measured."""
    asked = [attempt for attempt in progress.attempts if attempt.exam == progress.card.exam]
    if not asked or any(attempt.margin is None for attempt in asked):
        return {skill: progress.error(skill) for skill in progress.levels}, "the student's error"
    margins = defaultdict[str, list[float]](list)
    for attempt in asked:
        margins[attempt.skill].append(attempt.margin or 0.0)
    left = {skill: 1 - sum(found) / len(found) for skill, found in margins.items()}
    return {skill: max(0.0, left.get(skill, 1.0)) for skill in progress.levels}, "the student's doubt"


def _chance(progress: Progress, skill: str) -> float:
    rows = [taught for (_, name), taught in progress.taught.items() if name == skill]
    lessons, drafts = sum(row.lessons for row in rows), sum(row.drafts for row in rows)
    return (lessons + 1) / (drafts + 2)
