"""Fine-tuning on chosen replies, and a bounded push away from the rejected ones: TRL has no such loss."""

from typing import Any

import torch
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from orchestrator.student_worker.trainers import Ready
from orchestrator.student_worker.trainers.dpo import learned

__all__ = ["build", "learned"]


def bounded(_chosen: torch.Tensor, rejected: torch.Tensor, margin: float) -> torch.Tensor:
    """Of mean negative log-likelihoods per token [pairs]: how much less than `margin` the rejected reply costs, [pairs]."""
    return torch.relu(margin - rejected)


def ranking(chosen: torch.Tensor, rejected: torch.Tensor, margin: float) -> torch.Tensor:
    """How far the rejected reply is from costing `margin` more than the chosen one, [pairs]."""
    return torch.relu(margin + chosen - rejected)


LOSSES = {"bounded": bounded, "ranking": ranking}


class ContrastiveTrainer(DPOTrainer):
    """TRL's preparation of pairs, with a loss of our own and without a reference."""

    def __init__(self, own: dict[str, Any], **arguments: Any) -> None:
        """`own` has the objective's `loss`, `margin` and `weight`."""
        super().__init__(**arguments)
        self._own = own

    def _compute_loss(self, model: Any, inputs: Any, return_outputs: bool) -> Any:
        mask = inputs["completion_mask"]
        read = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        labels = read["input_ids"].masked_fill(mask == 0, -100)
        outputs = model(**read, labels=labels, use_cache=False, fused_lm_head=True)
        costs, tokens = -outputs.log_probs.sum(dim=1), mask[:, 1:].sum(dim=1)
        chosen, rejected = (costs / tokens).chunk(2)  # a batch is all chosen replies, then all rejected ones
        tuned = costs.chunk(2)[0].sum() / tokens.chunk(2)[0].sum()  # a mean over tokens, as fine-tuning has it
        pushed = LOSSES[self._own["loss"]](chosen, rejected, self._own["margin"]).mean()
        loss = tuned + self._own["weight"] * pushed
        for name, value in (("nll/chosen", chosen), ("nll/rejected", rejected), ("push", pushed)):
            self._metrics["train"][name].append(value.detach().mean().item())
        return (loss, outputs) if return_outputs else loss


def build(ready: Ready) -> ContrastiveTrainer:
    return ContrastiveTrainer(ready.own, args=DPOConfig(**ready.settings), **ready.arguments())
