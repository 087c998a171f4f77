from typing import Any, Literal

from pydantic import Field, model_validator

from agents.kinds import Verifier
from agents.registry import part, register
from orchestrator.kinds import Objective, Shape


@register("grpo")
class GRPO(Objective):
    """Group relative policy optimisation (Shao et al. 2024, §4.1): the student writes several replies to each question, a
    verifier rewards them, and those above the mean of their group become likelier (TRL's GRPOTrainer).

    Departs from the paper in TRL's way: the loss is a mean over all tokens of a batch (Yu et al. 2025), and without `beta`
    there is no reference. A group whose rewards are all alike teaches nothing; a training of such groups alone is an error.
    """

    trainer = "grpo"
    shape = Shape.VERIFIABLE
    learning_rate: float = Field(default=1e-4, gt=0)
    epochs: float = Field(default=1.0, gt=0)
    batch: int = Field(default=16, ge=2)
    """Replies per optimizer step."""
    replies: int = Field(default=4, ge=2)
    """Of a group: to one question. They divide the batch."""
    reward: part(Verifier) = Field(default_factory=lambda: {"use": "answer_match"}, validate_default=True)  # type: ignore[valid-type]
    """Who rewards: 1 for what it accepts, 0 for what it rejects, its score where `graded`. A reply that cannot be read as
    rationale and answer is worth nothing, and is not shown to it."""
    graded: bool = False
    """Whether the reward is the verifier's score, in its own unit."""
    max_tokens: int = Field(default=160, ge=1)
    """Of a reply; one that is cut there has rarely said its answer."""
    temperature: float = Field(default=1.0, gt=0, le=2)
    beta: float = Field(default=0.0, ge=0)
    """Weight of the KL divergence from the student as it was."""
    clipped_at: float = Field(default=0.2, gt=0, lt=1)
    """ε: how far a token's probability ratio may go."""
    scaled_by: Literal["group", "batch", "none"] = "group"
    """Whose standard deviation of rewards an advantage is divided by; `none` does not favour questions that are nearly
    always, or nearly never, answered right (Liu et al. 2025)."""

    @model_validator(mode="after")
    def _whole_groups(self) -> "GRPO":
        if self.batch % self.replies:
            raise ValueError(
                f"a batch of {self.batch} replies has no whole groups of {self.replies}; batch: a multiple of it"
            )
        return self

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(),
            "num_generations": self.replies,
            "max_completion_length": self.max_tokens,
            "temperature": self.temperature,
            "beta": self.beta,
            "epsilon": self.clipped_at,
            "scale_rewards": self.scaled_by,
        }

    def own(self) -> dict[str, Any]:
        return {"reward": self.reward.model_dump(mode="json"), "graded": self.graded}
