from collections.abc import Sequence

from pydantic import Field, model_validator

from agents.kinds import Judgement, accepted, rejected
from agents.registry import register
from orchestrator.kinds import Weigher, Weight
from storage.records import Draft


@register("perplexity")
class Perplexity(Weigher):
    """Keeps a draft whose text surprises the student neither more nor less than asked.

    The score is the perplexity of the text's tokens: e to minus their mean log-probability, from 1 on.
    """

    at_least: float | None = Field(default=None, ge=1)
    at_most: float | None = Field(default=1000.0, ge=1)

    @model_validator(mode="after")
    def _something_passes(self) -> "Perplexity":
        if self.at_least is None and self.at_most is None:
            raise ValueError("say `at_most`, `at_least` or both; without either every draft passes")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(
                f"nothing is at least {self.at_least:g} and at most {self.at_most:g}; swap them, or leave one out (null)"
            )
        return self

    def judge(self, drafts: Sequence[Draft], weights: Sequence[Sequence[Weight]]) -> list[Judgement]:
        return [self._judged(*own) for own in weights]

    def _judged(self, weight: Weight) -> Judgement:
        score = weight.perplexity
        told = {"score": score, "evidence": {"tokens": weight.tokens, "logprob": weight.logprob}}
        if self.at_most is not None and score > self.at_most:
            return rejected("surprises the student too much", **told)
        if self.at_least is not None and score < self.at_least:
            return rejected("surprises the student too little", **told)
        return accepted(f"perplexity {score:.4g}", **told)
