from collections import defaultdict
from collections.abc import Sequence
from math import ceil
from typing import Literal

from pydantic import Field

from agents.kinds import Judgement, accepted, rejected
from agents.registry import register
from orchestrator.kinds import Weigher, Weight, place_of
from storage.records import Draft

NEARLY = 1e-9
"""What a product of a computer may be off."""


@register("likelihood_rank")
class LikelihoodRank(Weigher):
    """Keeps the share of the drafts whose text the student finds least likely, or most likely (the reranker of LINK,
    Li et al. 2024, which keeps three quarters toward the tail or toward the head).

    Texts are ranked by the mean log-probability of their tokens, which is the score; of equal ones those that a chance
    in their content prefers. With `within`, drafts that agree in these fields are ranked among themselves, and each
    group keeps its share, one draft at least.
    Departs from the paper: nothing is subtracted for repeating what ranks higher.
    """

    keep: Literal["tail", "head"] = "tail"
    """`tail` keeps the least likely, `head` the most likely."""
    share: float = Field(default=0.75, gt=0, le=1)
    within: tuple[str, ...] = ()

    def judge(self, drafts: Sequence[Draft], weights: Sequence[Sequence[Weight]]) -> list[Judgement]:
        groups: defaultdict[str, list[tuple[Draft, Weight]]] = defaultdict(list)
        for draft, [weight] in zip(drafts, weights, strict=True):
            groups[str([draft.fields.get(name) for name in self.within])].append((draft, weight))
        judged = {key: each for group in groups.values() for key, each in self._ranked(group)}
        return [judged[draft.key] for draft in drafts]

    def _ranked(self, group: list[tuple[Draft, Weight]]) -> list[tuple[str, Judgement]]:
        sign = 1 if self.keep == "tail" else -1
        in_order = sorted(group, key=lambda pair: (sign * pair[1].mean, place_of(pair[0])))
        kept = ceil(self.share * len(group) - NEARLY)
        found = []
        for rank, (draft, weight) in enumerate(in_order, 1):
            evidence = {"rank": rank, "of": len(group), "tokens": weight.tokens}
            judge = accepted if rank <= kept else rejected
            reason = f"among the {kept} of {len(group)} nearest to the {self.keep}"
            reason = reason if rank <= kept else f"too far from the {self.keep}"
            found.append((draft.key, judge(reason, score=weight.mean, evidence=evidence)))
        return found
