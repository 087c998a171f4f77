from typing import Any

from pydantic import Field

from agents.registry import register
from orchestrator.teaching import ByAModel


@register("moving_target")
class MovingTarget(ByAModel):
    """KL from a target that moves from the student to its teacher while the student learns (TAID, Shing et al. 2025).

    The target is softmax((1 - t) · student + t · teacher) of the logits; t goes from `start` to 1 at least linearly, and
    faster while the loss falls.
    """

    start: float = Field(default=0.4, ge=0, lt=1)
    alpha: float = Field(default=5e-4, ge=0, le=1)
    """How much faster; 0 is linear."""
    momentum: float = Field(default=0.99, ge=0, lt=1)
    """Of the average of how the loss falls."""

    def own(self) -> dict[str, Any]:
        return {**super().own(), "moving": {"start": self.start, "alpha": self.alpha, "momentum": self.momentum}}
