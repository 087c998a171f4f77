import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from pydantic import Field, model_validator

from agents.kinds import Judgement, ScoredSelection, accepted, rejected
from agents.registry import register
from storage.keyed import content_key
from storage.records import Draft

NEARLY = 1e-9
"""What the sums of a computer may be off: .85 lowered four times by .05 is .65."""


@register("threshold")
class Threshold(ScoredSelection):
    """Keeps what an earlier step scored high, in one of three ways.

    `at_least: .8` is a fixed cut. `at_least: .85, floor: .65` begins with the strict cut and, where nothing passes it,
    lowers it by `step` until something does, never below the floor (LINK, Li et al. 2024, §3). `best: .75` keeps that
    share of the drafts, the best ones; of equal scores those that a chance in their content prefers.

    With `by`, drafts that say the same in that field are a group, which has its own cut or share. A group is of one
    round: what was kept in rounds before neither counts nor is judged again.
    """

    at_least: float | None = None
    floor: float | None = None
    step: float = Field(default=0.05, gt=0)
    best: float | None = Field(default=None, gt=0, le=1)
    by: str | None = None
    unscored: bool = False
    """Whether a draft without a score is kept, such as one that the judge's `only` let by, or whose verdict is unreadable."""

    @model_validator(mode="after")
    def _one_way(self) -> "Threshold":
        if (self.at_least is None) == (self.best is None):
            raise ValueError(
                "say either `at_least`, the score to reach, or `best`, the share to keep, e.g. at_least: 0.8"
            )
        if self.floor is not None and (self.at_least is None or self.floor > self.at_least):
            raise ValueError(
                "`floor` is how far `at_least` may be lowered: say `at_least` too, and no less than `floor`"
            )
        return self

    def choose(
        self,
        drafts: Sequence[Draft],
        earlier: Sequence[Draft],
        labelled: Sequence[tuple[Draft, bool]] = (),
        scores: Mapping[str, float] | None = None,
    ) -> list[Judgement]:
        known = scores or {}
        groups: defaultdict[str, list[Draft]] = defaultdict(list)
        for draft in drafts:
            if draft.key in known:
                groups[self._group(draft)].append(draft)
        judged = {key: each for group in groups.values() for key, each in self._judged(group, known).items()}
        without = accepted("has no score") if self.unscored else rejected("has no score")
        return [judged.get(draft.key, without) for draft in drafts]

    def _judged(self, group: Sequence[Draft], scores: Mapping[str, float]) -> dict[str, Judgement]:
        ranked = sorted(group, key=lambda draft: (-scores[draft.key], content_key("threshold", draft.fields)))
        kept, cut = self._kept([scores[draft.key] for draft in ranked])
        evidence = {"threshold": round(cut, 10), "kept": kept, "of": len(ranked)}
        if self.by:
            evidence |= {"group": self._group(ranked[0])}
        found = {}
        for place, draft in enumerate(ranked):
            score = scores[draft.key]
            if place < kept:
                found[draft.key] = accepted(
                    f"scores {score:.3g}, the cut being {cut:.3g}", score=score, evidence=evidence
                )
            else:
                found[draft.key] = rejected("below the cut", score=score, evidence=evidence)
        return found

    def _kept(self, ranked: Sequence[float]) -> tuple[int, float]:
        """How many of these scores are kept, the highest first, and the lowest score that would be."""
        if self.at_least is None:
            kept = math.ceil((self.best or 1) * len(ranked) - NEARLY)
            return kept, ranked[kept - 1]
        cut = self.at_least
        if self.floor is not None and ranked[0] < cut - NEARLY:
            steps = math.ceil((cut - ranked[0]) / self.step - NEARLY)
            cut = max(self.floor, cut - steps * self.step)
        return sum(score >= cut - NEARLY for score in ranked), cut

    def _group(self, draft: Draft) -> str:
        return str(draft.fields.get(self.by, "")) if self.by else ""
