import random
from collections.abc import Sequence

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Mixture, place_of
from orchestrator.quotas import shared
from storage.records import Draft, Plan


@register("by_share")
class ByShare(Mixture):
    """Rows in fixed shares by what a field of the drafts says, such as a fifth long rationales and the rest short ones
    (Mix Distillation, Li et al. 2025, §3), or the weights of several tasks (TinyLLM, Tian et al. 2024, equation 6).

    As many rows as the shares allow without repeating a draft, or `size` rows. Weighted losses differ from this only in
    that every row then costs a step. Drafts whose field says something that has no share are left out.
    """

    by: str = "task"
    """Name of the field."""
    shares: dict[str, float] = Field(min_length=1)
    """What the field says, and its weight."""
    size: int | None = Field(default=None, ge=1)
    repeat: int = Field(default=1, ge=1)
    """How often one draft is there at most."""

    def arrange(self, drafts: Sequence[Draft], plan: Plan, seed: int) -> list[Draft]:
        """Raises ValueError for a share of nothing: a mixture without it would be another method."""
        if not drafts:
            return []
        groups = {name: [d for d in drafts if str(d.fields.get(self.by, "")) == name] for name in self.shares}
        weights = {name: share for name, share in self.shares.items() if share > 0}
        if empty := [name for name in weights if not groups[name]]:
            found = sorted({str(draft.fields.get(self.by, "")) for draft in drafts})
            raise ValueError(
                f"by_share: no draft has `{self.by}: {empty[0]}`, which is to be a share of the rows; it says: "
                f"{', '.join(found) or 'nothing'}"
            )
        total = sum(weights.values())
        most = min(len(groups[name]) * self.repeat * total / share for name, share in weights.items())
        counts = shared(min(self.size or int(most), int(most)), weights)
        rows: list[Draft] = []
        for name, count in counts.items():
            group = sorted(groups[name], key=place_of)
            random.Random(f"{seed}:{plan.round}:{name}").shuffle(group)
            rows += (group * self.repeat)[:count]
        random.Random(f"{seed}:{plan.round}").shuffle(rows)
        return rows
