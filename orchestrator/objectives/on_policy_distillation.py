from typing import Any

from pydantic import Field

from agents.registry import register
from orchestrator.teaching import ByAModel


@register("on_policy_distillation")
class OnPolicyDistillation(ByAModel):
    """JSD(β) from a teacher, on replies that the student writes itself in a share of the batches, and on those of the
    lessons in the others (GKD, Agarwal et al. 2024, Algorithm 1).

    β = 1 and `own_words: 1` minimise, token by token, the reverse KL of MiniLLM (Gu et al. 2024) on the student's words.
    Left out of that: the gradient through what a token does to those after it (its policy gradient), words mixed from
    teacher and student, and language modelling beside.
    """

    own_words: float = Field(default=0.5, ge=0, le=1)
    """λ: share of the batches whose replies the student writes."""
    beta: float = Field(default=0.5, ge=0, le=1)
    """0 is the forward, 1 the reverse KL."""
    sampled_at: float = Field(default=1.0, gt=0, le=2)
    """Temperature at which the student writes."""

    def own(self) -> dict[str, Any]:
        chosen = {"divergence": "jsd", "beta": self.beta, "on_policy": self.own_words, "sampled_at": self.sampled_at}
        return {**super().own(), **chosen}
