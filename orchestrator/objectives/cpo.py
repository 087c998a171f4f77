from typing import Any, Literal

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Objective, Shape


@register("cpo")
class CPO(Objective):
    """Contrastive preference optimisation (Xu et al. 2024): DPO's loss without a reference, and fine-tuning on the chosen reply
    (TRL's CPOTrainer).
    """

    trainer = "cpo"
    shape = Shape.PREFERENCE
    learning_rate: float = Field(default=5e-5, gt=0)
    epochs: float = Field(default=1.0, gt=0)
    beta: float = Field(default=0.1, gt=0)
    loss: Literal["sigmoid", "hinge"] = "sigmoid"
    sft_term: float = Field(default=1.0, ge=0)
    """Weight of the likelihood of the chosen reply."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "loss_type": self.loss, "beta": self.beta, "cpo_alpha": self.sft_term}
