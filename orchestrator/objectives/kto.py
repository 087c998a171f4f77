from typing import Any

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Objective, Shape


@register("kto")
class KTO(Objective):
    """Kahneman-Tversky optimisation (Ethayarajh et al. 2024): each reply is good or bad by itself, without a pair (TRL's
    KTOTrainer).

    The rows are dealt so that every batch has both labels; a dataset where that cannot be is refused. The reference is
    the adapter that the job goes on from, or the base.
    """

    trainer = "kto"
    shape = Shape.BINARY
    learning_rate: float = Field(default=5e-5, gt=0)
    epochs: float = Field(default=1.0, gt=0)
    batch: int = Field(default=16, ge=2)
    """Rows per optimizer step; the term that they are compared with is estimated from the batch."""
    beta: float = Field(default=0.1, gt=0)
    """The higher, the closer to the reference."""
    good_weight: float = Field(default=1.0, ge=0)
    """Of a good reply. The paper has (weight × number) of both labels within a third of each other (§4.2)."""
    bad_weight: float = Field(default=1.0, ge=0)
    """Of a bad one."""

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(),
            "beta": self.beta,
            "desirable_weight": self.good_weight,
            "undesirable_weight": self.bad_weight,
        }
