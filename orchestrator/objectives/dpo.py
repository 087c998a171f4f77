from typing import Any, Literal

from pydantic import Field, model_validator

from agents.registry import register
from orchestrator.kinds import Objective, Shape


@register("dpo")
class DPO(Objective):
    """Direct preference optimisation (Rafailov et al. 2023): the chosen reply gains on the rejected one, each measured
    against what the student said of it before (TRL's DPOTrainer).

    The reference is the adapter that the job goes on from, or the base where it starts afresh.
    """

    trainer = "dpo"
    shape = Shape.PREFERENCE
    learning_rate: float = Field(default=5e-5, gt=0)
    epochs: float = Field(default=1.0, gt=0)
    beta: float = Field(default=0.1, gt=0)
    """How fast the loss is satisfied: the higher, the closer to the reference. Where it counts means per token, with
    `length_normalised`, values of 1 to 10 do what 0.1 does to sums."""
    loss: Literal["sigmoid", "hinge", "ipo", "robust", "apo_zero"] = "sigmoid"
    """`sigmoid` as in the paper; `hinge` with a margin of 1 / beta (SLiC, Zhao et al. 2023); `ipo` (Azar et al. 2023), which
    is a mean per token anyway; `robust` (Chowdhury et al. 2024) and `apo_zero` (D'Oosterlinck et al. 2024)."""
    weight: float = Field(default=1.0, ge=0)
    """Of the preference; 0 leaves the term of supervised fine-tuning alone, which is the ablation."""
    length_normalised: bool = False
    """Whether log-probabilities are means per token, so that a reply gains nothing by its length (as in PLaD, Zhang et al.
    2024); `sigmoid` alone has this."""
    sft_term: float = Field(default=0.0, ge=0)
    """Weight of the loss of supervised fine-tuning on the chosen reply (RPO, Pang et al. 2024)."""
    flipped: float = Field(default=0.0, ge=0, lt=0.5)
    """Share of the pairs that are thought to be the wrong way round, which `robust` corrects for."""

    @model_validator(mode="after")
    def _terms_fit(self) -> "DPO":
        if self.length_normalised and self.loss != "sigmoid":
            raise ValueError(
                f"length_normalised goes with loss: sigmoid, not {self.loss}; for a margin of likelihoods per token use "
                "objective: contrastive"
            )
        if self.weight == self.sft_term == 0:
            raise ValueError("with weight and sft_term both 0 there is nothing to minimise")
        if self.flipped and self.loss != "robust":
            raise ValueError(f"flipped pairs are what loss: robust corrects for; {self.loss} takes no notice of them")
        return self

    def settings(self) -> dict[str, Any]:
        preference = "sigmoid_norm" if self.length_normalised else self.loss
        terms = {preference: self.weight, **({"sft": self.sft_term} if self.sft_term else {})}
        return {
            **super().settings(),
            "beta": self.beta,
            "loss_type": list(terms),
            "loss_weights": list(terms.values()),
            "label_smoothing": self.flipped,
        }
