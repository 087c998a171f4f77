"""Odds ratio preference optimisation."""

from collections.abc import Iterator, Sequence
from typing import Any

from trl.experimental.orpo.orpo_config import ORPOConfig
from trl.experimental.orpo.orpo_trainer import ORPOTrainer

from orchestrator.student_worker.trainers import Ready


def build(ready: Ready) -> ORPOTrainer:
    return ORPOTrainer(args=ORPOConfig(**ready.settings), **ready.arguments())


def learned(trainer: Any) -> Iterator[Sequence[int]]:
    yield from trainer.train_dataset["chosen_labels"]
    yield from trainer.train_dataset["rejected_labels"]
