"""Supervised fine-tuning on the completion alone."""

from collections.abc import Iterator, Sequence
from typing import Any

from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from orchestrator.student_worker.trainers import Ready


def build(ready: Ready) -> SFTTrainer:
    return SFTTrainer(args=SFTConfig(**ready.settings), **ready.arguments())


def learned(trainer: Any) -> Iterator[Sequence[int]]:
    yield from trainer.train_dataset["labels"]
