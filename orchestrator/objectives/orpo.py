from typing import Any

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Objective, Shape


@register("orpo")
class ORPO(Objective):
    """Odds ratio preference optimisation (Hong et al. 2024): fine-tuning on the chosen reply, and a term that raises its odds
    against the rejected one; one stage, no reference (TRL's ORPOTrainer).

    The term of fine-tuning is of prompt and reply together, as in the paper's code.
    """

    trainer = "orpo"
    shape = Shape.PREFERENCE
    learning_rate: float = Field(default=1e-4, gt=0)
    odds_weight: float = Field(default=0.1, ge=0)
    """Of the odds ratio, λ of the paper; TRL calls it beta."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "beta": self.odds_weight}
