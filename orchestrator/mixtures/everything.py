import random
from collections.abc import Sequence

from agents.registry import register
from orchestrator.kinds import Mixture
from storage.records import Draft


@register("everything")
class Everything(Mixture):
    """Every accepted draft once, shuffled."""

    def arrange(self, drafts: Sequence[Draft], round_number: int, seed: int) -> list[Draft]:
        rows = sorted(drafts, key=lambda draft: draft.key)
        random.Random(f"{seed}:{round_number}").shuffle(rows)
        return rows
