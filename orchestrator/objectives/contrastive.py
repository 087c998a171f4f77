from typing import Any, Literal

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Objective, Shape


@register("contrastive")
class Contrastive(Objective):
    """Fine-tuning on the chosen reply, and a bounded push away from the rejected one; no reference.

    With c and r the mean negative log-likelihoods per token, in nats, of the chosen and the rejected reply, the second term
    is the mean over the pairs of

    - `bounded`: max(0, margin - r). A wrong reply is made unlikely until it costs `margin` nats a token, and no further
      (the maximum over negatives of QCRD, Wang et al. 2024, there with a margin of 3);
    - `ranking`: max(0, margin + c - r). The chosen reply is to be likelier by `margin` (the ranking calibration of PLaD,
      Zhang et al. 2024).
    """

    trainer = "contrastive"
    shape = Shape.PREFERENCE
    learning_rate: float = Field(default=1e-4, gt=0)
    loss: Literal["bounded", "ranking"] = "bounded"
    margin: float = Field(default=3.0, gt=0)
    """Nats a token."""
    weight: float = Field(default=0.5, ge=0)
    """Of the second term; with 0 it is fine-tuning on the chosen reply alone."""

    def own(self) -> dict[str, Any]:
        return {"loss": self.loss, "margin": self.margin, "weight": self.weight}
