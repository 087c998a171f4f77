from agents.registry import register
from orchestrator.kinds import Objective, Shape


@register("weighted_sft")
class WeightedSFT(Objective):
    """Supervised fine-tuning on the completion in which each row counts by its weight.

    A weight of 1 is `sft`; one of 0 teaches nothing. The sum over tokens is divided by how many there are, whatever
    they weigh, so halving all weights halves the step.
    """

    trainer = "weighted_sft"
    shape = Shape.WEIGHTED
