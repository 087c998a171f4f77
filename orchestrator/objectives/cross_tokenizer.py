from typing import Any

from pydantic import Field

from agents.registry import register
from orchestrator.teaching import ByAModel


@register("cross_tokenizer")
class CrossTokenizer(ByAModel):
    """Cross-entropy, and the distance of both sorted probability vectors: for a teacher with a tokenizer of its own.

    Universal Logit Distillation (Boizard et al. 2024), whose λ = 1.5 is the weight .6. Departs from the paper: what is
    compared are places before which both have read the same characters, not places of the same number.
    """

    weight: float = Field(default=0.6, ge=0, le=1)

    def own(self) -> dict[str, Any]:
        return {**super().own(), "divergence": "sorted", "weight": self.weight}
