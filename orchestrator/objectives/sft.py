from agents.registry import register
from orchestrator.kinds import Objective


@register("sft")
class SFT(Objective):
    """Supervised fine-tuning on the completion alone (TRL's SFTTrainer)."""

    trainer = "sft"
