"""Supervised fine-tuning in which a row counts by its weight: TRL has no such thing."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling, SFTTrainer

from orchestrator.student_worker.trainers import Ready
from orchestrator.student_worker.trainers.sft import learned as learned_of_sft

WEIGHT = "weight"


class _Collator(DataCollatorForLanguageModeling):
    """TRL's batch, and the weights of its rows, [rows]."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        return {**super().torch_call(examples), WEIGHT: torch.tensor([float(one[WEIGHT]) for one in examples])}


class WeightedSFTTrainer(SFTTrainer):
    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        columns: list[str] = self._signature_columns or []
        if WEIGHT not in columns:
            columns.append(WEIGHT)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Sum over rows of weight x negative log-likelihood, over the number of tokens, as TRL has it without weights."""
        weights = inputs.pop(WEIGHT)
        inputs["use_cache"] = False
        outputs = model(**inputs, fused_lm_head=True)  # log_probs [rows, tokens - 1], 0 where nothing is learned
        tokens = outputs.label_mask.sum() if num_items_in_batch is None else num_items_in_batch
        loss = (-outputs.log_probs * weights[:, None]).sum() / torch.as_tensor(tokens).clamp(min=1)
        return (loss, outputs) if return_outputs else loss


def build(ready: Ready) -> WeightedSFTTrainer:
    collator = _Collator(pad_token_id=ready.tokenizer.pad_token_id)
    return WeightedSFTTrainer(args=SFTConfig(**ready.settings), data_collator=collator, **ready.arguments())


def learned(trainer: Any) -> Iterator[Sequence[int]]:
    yield from learned_of_sft(trainer)
