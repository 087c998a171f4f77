"""Kahneman-Tversky optimisation: good and bad replies, without pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

from orchestrator.student_worker.dealing import dealt
from orchestrator.student_worker.trainers import Ready
from orchestrator.student_worker.trainers.references import check_reference


def build(ready: Ready) -> KTOTrainer:
    # in order: the rows of a batch are each other's comparison, paired before training
    settings = {**ready.settings, "train_sampling_strategy": "sequential"}
    rows = dealt(ready.rows, settings["per_device_train_batch_size"], settings["data_seed"])
    trainer = KTOTrainer(args=KTOConfig(**settings), **replace(ready, rows=rows).arguments())
    check_reference(trainer.model)
    return trainer


def learned(trainer: Any) -> Iterator[Sequence[int]]:
    yield from trainer.train_dataset["completion_ids"]
