import random
from collections.abc import Sequence

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Mixture, place_of
from orchestrator.quotas import shared
from storage.records import Draft, Plan


@register("by_weights")
class ByWeights(Mixture):
    """Rows in the shares that the plan's weights give the skills, each skill's drafts drawn without replacement first.

    A skill that the plan does not weigh keeps its drafts, each once; the shares are of the other rows. What a skill
    cannot fill goes to the others by their weights. Without weights, as in a first round, every draft is there once.
    """

    size: int | None = Field(default=None, ge=1)
    """Rows in all; by default as many as there are drafts. It is less if no draft may be repeated often enough."""
    repeat: int = Field(default=3, ge=1)
    """How often one draft is there at most."""

    def arrange(self, drafts: Sequence[Draft], plan: Plan, seed: int) -> list[Draft]:
        """Raises ValueError if `size` leaves no room for what the plan weighs."""
        drafts = sorted(drafts, key=place_of)
        weighed: dict[str, list[Draft]] = {}
        for draft in drafts:
            if draft.skill in plan.weights:
                weighed.setdefault(draft.skill, []).append(draft)
        rows = [draft for draft in drafts if draft.skill not in plan.weights]
        for skill, count in self._counts(plan, weighed, kept=len(rows)).items():
            random.Random(f"{seed}:{plan.round}:{skill}").shuffle(weighed[skill])
            rows += (weighed[skill] * self.repeat)[:count]
        random.Random(f"{seed}:{plan.round}").shuffle(rows)
        return rows

    def _counts(self, plan: Plan, weighed: dict[str, list[Draft]], kept: int) -> dict[str, int]:
        """Rows of each weighed skill: shares of what is left again and again, until nobody is given more than it can fill."""
        left = sum(map(len, weighed.values())) if self.size is None else self.size - kept
        if weighed and left < 1:
            raise ValueError(
                f"by_weights: size {self.size} leaves no room, since {kept} drafts are of skills that the plan does not weigh; "
                f"expected more than {kept}"
            )
        weights = {skill: plan.weights[skill] for skill in weighed}
        counts: dict[str, int] = {}
        while weights:
            wanted = shared(left, weights)
            full = {skill: len(weighed[skill]) * self.repeat for skill in wanted}
            over = {skill: full[skill] for skill, count in wanted.items() if count > full[skill]}
            if not over:
                return counts | wanted
            counts |= over
            left -= sum(over.values())
            weights = {skill: weight for skill, weight in weights.items() if skill not in over}
        return counts
