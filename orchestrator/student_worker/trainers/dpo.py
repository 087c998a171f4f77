"""Direct preference optimisation, with its variants."""

from collections.abc import Iterator, Sequence
from typing import Any

from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from orchestrator.student_worker.trainers import Ready
from orchestrator.student_worker.trainers.references import check_reference


def build(ready: Ready) -> DPOTrainer:
    trainer = DPOTrainer(args=DPOConfig(**ready.settings), **ready.arguments())
    check_reference(trainer.model)
    return trainer


def learned(trainer: Any) -> Iterator[Sequence[int]]:
    yield from trainer.train_dataset["chosen_ids"]
    yield from trainer.train_dataset["rejected_ids"]
