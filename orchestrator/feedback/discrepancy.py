from collections.abc import Mapping
from math import exp

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.quotas import shared
from storage.records import Scorecard

Shares = dict[str, float]


@register("discrepancy")
class Discrepancy(Feedback):
    """Shares seeds and dataset by how far the student is behind its teacher in each skill (DDK, Liu et al. 2024, §3).

    With r the shares of N skills: ψ = r·exp(ratio), r' = smoothing·ψ/Σψ + (1 - smoothing)/N, once a round. No share is
    ever below (1 - smoothing)/N. While the ratios stay as they are, the share of the worst skill never falls; where its
    lead shrinks it may, for smoothing draws every share towards 1/N. r is computed anew from all rounds, from 1/N, as
    the first round teaches evenly; the first update then gives the paper's start, the softmax of the ratios, smoothed.

    Departs from the paper in the ratio, there of the student's perplexity to the teacher's: a teacher behind an API
    gives none, so it is the ratio of errors here, the student's in the probe to the teacher's own. The teacher's is the
    share of its drafts so far that became no lesson: so duplicates count as errors, and what a mixture left out, and so do
    drafts on the way to one, unless a recipe writes one draft for one lesson. Perplexities are above 1 and their ratio
    is mild, but an error may be zero: the teacher's has a floor and the ratio a bound, or one lucky skill would take all.
    """

    seeds: int = Field(default=200, ge=0)
    """New seeds of the sources for a later round."""
    smoothing: float = Field(default=0.5, gt=0, le=1)
    """The paper's α; 1 smooths nothing."""
    least: float = Field(default=0.05, gt=0, le=1)
    """The teacher's error counts as at least this."""
    bound: float = Field(default=4.0, gt=0, le=20)
    """A ratio counts as at most this: one update then favours a skill by a factor of exp(bound) at most."""

    def next_plan(self, progress: Progress) -> NextPlan:
        skills = list(progress.levels)
        shares, ratios = dict.fromkeys(skills, 1 / len(skills)), dict.fromkeys(skills, 1.0)
        for card in progress.cards:
            if card.round > 0:  # the base's says nothing of what the teacher could not teach
                ratios = self.ratios(progress, card)
                shares = self.updated(shares, ratios)
        worst = max(ratios, key=lambda skill: (ratios[skill], shares[skill]))
        of_teacher = self._error_of_teacher(progress, worst, progress.plan.round)
        why = (
            f"{worst or 'the student'} is furthest behind its teacher ({progress.error(worst):.0%} wrong to {of_teacher:.0%}) "
            f"and has {shares[worst]:.0%} of {self.seeds} seeds and of the dataset, where {1 / len(skills):.0%} is even"
        )
        return NextPlan(why, quotas=shared(self.seeds, shares), weights=shares)

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, 0

    def ratios(self, progress: Progress, card: Scorecard) -> Shares:
        """The student's error over the teacher's in each skill, as of one scorecard."""
        return {
            skill: min(self.bound, _error(card, skill) / self._error_of_teacher(progress, skill, card.round))
            for skill in progress.levels
        }

    def updated(self, shares: Mapping[str, float], ratios: Mapping[str, float]) -> Shares:
        """The shares of the next round. Both have the same skills; the shares add up to 1."""
        pull = {skill: share * exp(ratios[skill]) for skill, share in shares.items()}
        total, even = sum(pull.values()), (1 - self.smoothing) / len(pull)
        return {skill: self.smoothing * pull[skill] / total + even for skill in pull}

    def _error_of_teacher(self, progress: Progress, skill: str, until: int) -> float:
        """Of its drafts of all skills where this one has none yet; 1 where there are none at all."""
        so_far = [
            (name, taught) for (number, name), taught in progress.taught.items() if number <= until and taught.drafts
        ]
        rows = [taught for name, taught in so_far if name == skill] or [
            t for name, t in so_far if name in progress.levels
        ]
        drafts, lessons = sum(row.drafts for row in rows), sum(row.lessons for row in rows)
        return max(self.least, 1 - lessons / drafts) if drafts else 1.0


def _error(card: Scorecard, skill: str) -> float:
    score = card.skills.get(skill)
    return 1.0 - score["accuracy"] if score else 1.0
