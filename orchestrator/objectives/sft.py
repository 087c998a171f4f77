from typing import Any, Literal

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Objective


@register("sft")
class SFT(Objective):
    """Supervised fine-tuning on the completion alone (TRL's SFTTrainer).

    The defaults are for LoRA on a small student; TRL's own learning rate is made for full fine-tuning and far too low.
    """

    trainer = "sft"
    learning_rate: float = Field(default=2e-4, gt=0)
    epochs: float = Field(default=3.0, gt=0)
    batch: int = Field(default=16, ge=1)
    """Rows per optimizer step."""
    warmup: float = Field(default=0.03, ge=0, lt=1)
    """Share of the steps in which the learning rate rises."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    weight_decay: float = Field(default=0.0, ge=0)

    def settings(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "num_train_epochs": self.epochs,
            "per_device_train_batch_size": self.batch,
            "warmup_steps": self.warmup,
            "lr_scheduler_type": self.schedule,
            "weight_decay": self.weight_decay,
        }
