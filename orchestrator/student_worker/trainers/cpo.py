"""Contrastive preference optimisation, and simple preference optimisation, which is one of its losses."""

from collections.abc import Iterator, Sequence
from typing import Any

from trl.experimental.cpo.cpo_config import CPOConfig
from trl.experimental.cpo.cpo_trainer import CPOTrainer

from orchestrator.student_worker.trainers import Ready


def build(ready: Ready) -> CPOTrainer:
    return CPOTrainer(args=CPOConfig(**ready.settings), **ready.arguments())


def learned(trainer: Any) -> Iterator[Sequence[int]]:
    yield from trainer.train_dataset["chosen_labels"]
    yield from trainer.train_dataset["rejected_labels"]
