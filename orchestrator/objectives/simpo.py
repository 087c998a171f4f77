from typing import Any

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Objective, Shape


@register("simpo")
class SimPO(Objective):
    """Simple preference optimisation (Meng et al. 2024): the chosen reply's mean log-probability per token is to be above the
    rejected one's by a margin; no reference (TRL's CPOTrainer).
    """

    trainer = "cpo"
    shape = Shape.PREFERENCE
    learning_rate: float = Field(default=5e-5, gt=0)
    epochs: float = Field(default=1.0, gt=0)
    beta: float = Field(default=2.0, gt=0)
    """Scale of the means per token."""
    margin: float = Field(default=1.0, ge=0)
    """By how much beta times the difference is to exceed 0, γ of the paper."""
    sft_term: float = Field(default=0.0, ge=0)
    """Weight of the likelihood of the chosen reply; above 0 it keeps a small student from forgetting how to say anything."""

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(),
            "loss_type": "simpo",
            "beta": self.beta,
            "simpo_gamma": self.margin,
            "cpo_alpha": self.sft_term,
        }
