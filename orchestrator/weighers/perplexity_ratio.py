from collections.abc import Sequence
from math import exp

from pydantic import Field

from agents.kinds import Judgement, accepted, rejected
from agents.registry import register
from orchestrator.kinds import LARGEST_NATS, Weigher, Weight
from storage.records import Draft


@register("perplexity_ratio")
class PerplexityRatio(Weigher):
    """Keeps a draft that makes a text more likely: perplexity without it in the prompt, over perplexity with it, of
    `at_least` (the response filter of DOCTOR, Chae et al. 2023).

    The prompt `ask` shows what is judged, such as a rationale. The score is the ratio, and 1 is no help; the paper keeps
    what is not much worse than that.
    """

    ask: str = "{question}\n{rationale}"
    without: str = "{question}"
    """The same prompt without it."""
    at_least: float = Field(default=0.95, gt=0)

    def prompts(self) -> list[str]:
        return [self.ask, self.without]

    def judge(self, drafts: Sequence[Draft], weights: Sequence[Sequence[Weight]]) -> list[Judgement]:
        return [self._judged(*own) for own in weights]

    def _judged(self, shown: Weight, without: Weight) -> Judgement:
        # of the logarithms: each perplexity alone may be beyond what a number holds
        ratio = exp(max(-LARGEST_NATS, min(LARGEST_NATS, shown.mean - without.mean)))
        told = {"score": ratio, "evidence": {"shown": shown.mean, "without": without.mean}}
        if ratio < self.at_least:
            return rejected("makes the text less likely", **told)
        return accepted(f"perplexity falls by a factor of {ratio:.3g}", **told)
