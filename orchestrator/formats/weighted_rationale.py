import math
from typing import Any

from agents.kinds import Fields, UnfitDraft
from agents.prompts import read_filled
from agents.registry import register
from orchestrator.kinds import Format, Messages, Shape


@register("weighted_rationale")
class WeightedRationale(Format):
    """As `rationale_then_answer`, and the field `weight` says how much the lesson counts, from 0 on."""

    shape = Shape.WEIGHTED
    marker: str = "####"

    def prompt(self, fields: Fields) -> Messages:
        return [{"role": "user", "content": str(fields["question"])}]

    def row(self, fields: Fields) -> dict[str, Any]:
        weight = float(fields["weight"])
        if not (math.isfinite(weight) and weight >= 0):
            raise UnfitDraft(f"format weighted_rationale reads `weight`, a number from 0 on; found {weight}")
        reply = f"{str(fields['rationale']).strip()}\n{self.marker} {str(fields['answer']).strip()}"
        completion = [{"role": "assistant", "content": reply}]
        return {"prompt": self.prompt(fields), "completion": completion, "weight": weight}

    def read(self, fields: Fields, reply: str) -> dict[str, Any] | None:
        return read_filled(f"{{rationale}}\n{self.marker} {{answer}}", reply)
