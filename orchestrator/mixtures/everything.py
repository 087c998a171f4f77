import random
from collections.abc import Sequence

from agents.registry import register
from orchestrator.kinds import Mixture, place_of
from storage.records import Draft, Plan


@register("everything")
class Everything(Mixture):
    """Every accepted draft once, shuffled."""

    def arrange(self, drafts: Sequence[Draft], plan: Plan, seed: int) -> list[Draft]:
        rows = sorted(drafts, key=place_of)
        random.Random(f"{seed}:{plan.round}").shuffle(rows)
        return rows
