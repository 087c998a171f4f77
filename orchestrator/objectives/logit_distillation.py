from typing import Any, Literal

from pydantic import Field, model_validator

from agents.registry import register
from orchestrator.teaching import Distillation, Distribution


@register("logit_distillation")
class LogitDistillation(Distillation):
    """(1 - weight) · cross-entropy + weight · divergence from a teacher's distributions, on the lessons' replies.

    As it stands it is LLM-Neo (Yang et al. 2024) with a LoRA student; with weight 0 it is `sft`. Soft labels of a mentor
    (Mentor-KD, Lee et al. 2024) are weight .3 and temperature 2. FIRST (Shum et al. 2024) is `top: 5, concentrated: true`
    and some lessons held out, on which the teacher's temperature is fitted first. A teacher of another tokenizer needs
    `cross_tokenizer`.
    """

    teacher: Distribution  # pyright: ignore[reportIncompatibleVariableOverride]  # nobody sets it: it is frozen
    weight: float = Field(default=0.5, ge=0, le=1)
    divergence: Literal["forward_kl", "reverse_kl", "jsd", "skewed"] = "forward_kl"
    beta: float = Field(default=0.5, ge=0, le=1)
    """Of `jsd` (GKD, Agarwal et al. 2024): 0 is the forward, 1 the reverse KL."""
    skew: float = Field(default=0.1, ge=0, lt=1)
    """Of `skewed` (DistiLLM, Ko et al. 2024): the teacher's share of the mixture that it is compared with."""
    top: int | None = Field(default=None, ge=1)
    """Only so many of the teacher's likeliest tokens count; all others are one, whose probability is theirs together."""
    concentrated: bool = False
    """The likeliest share the whole mass, and the others have none."""
    held_out: float = Field(default=0.0, ge=0, le=0.5)
    """Share of the lessons that nobody is trained on, and that the teacher's temperature is fitted on; 0 leaves it as it is."""

    @model_validator(mode="after")
    def _targets_can_be_made(self) -> "LogitDistillation":
        told = self.teacher.told
        if told and (self.held_out or self.top):
            raise ValueError("what an endpoint told is all that is known of it: leave out held_out and top")
        if self.concentrated and not (told or self.top):
            raise ValueError("concentrated: say on how many tokens with top, e.g. top: 5")
        if told and self.temperature != 1 and not self.concentrated:
            raise ValueError(
                "how flat the rest of what an endpoint told becomes at another temperature is not known; "
                "leave temperature at 1, or say concentrated: true"
            )
        if told and (self.divergence == "reverse_kl" or (self.divergence == "jsd" and self.beta == 1)):
            raise ValueError(
                "what an endpoint told often leaves the other tokens no chance that can be measured, and the reverse KL is not "
                "finite there; take forward_kl, skewed, or jsd with a beta below 1"
            )
        if self.concentrated and self.divergence != "forward_kl":
            raise ValueError(
                f"a concentrated teacher gives no other token a chance, so {self.divergence} is not finite"
            )
        return self

    def own(self) -> dict[str, Any]:
        names = ("weight", "divergence", "beta", "skew", "top", "concentrated", "held_out")
        return {**super().own(), **{name: getattr(self, name) for name in names}}
