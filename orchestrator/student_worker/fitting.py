"""How many rows are on the device at once: halved when memory runs out, at the same effective batch and in the same order."""

from typing import Any

import torch
from accelerate.utils.memory import should_reduce_batch_size

ROWS, TIMES = "per_device_train_batch_size", "gradient_accumulation_steps"
NO_ROOM = (
    "the base does not fit, before a row is read; say lora: {quantised: 4bit} on a GPU, choose a smaller base, or a larger "
    "device"
)
COMPARED = ("kto",)
"""Trainers that compare the rows of a batch with each other: in halves they would learn something else."""


def ran_out(error: BaseException) -> bool:
    """Whether the device, or the machine, had too little memory."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, Exception) and should_reduce_batch_size(error)
    )


def with_micro_batch(settings: dict[str, Any], rows: int) -> dict[str, Any]:
    """The same batch in parts of so many rows, which divide it."""
    batch = settings[ROWS] * settings.get(TIMES, 1)
    return {**settings, ROWS: rows, TIMES: batch // rows}


def halved(settings: dict[str, Any]) -> dict[str, Any] | None:
    """Half as many rows at once, or the next number below that divides the batch; None where it is one row already."""
    rows, batch = settings[ROWS], settings[ROWS] * settings.get(TIMES, 1)
    parts = [part for part in range(1, rows // 2 + 1) if batch % part == 0]
    return with_micro_batch(settings, parts[-1]) if parts else None


def smaller(settings: dict[str, Any], trainer: str, processes: int, error: Exception) -> dict[str, Any]:
    """The settings to go on with after `error`. Raises torch's OutOfMemoryError, with what to change, where there are none.

    A process of several cannot go on alone: the others wait for it in the middle of a step.
    """
    fewer = halved(settings) if processes == 1 and trainer not in COMPARED else None
    if fewer is None:
        raise torch.OutOfMemoryError(_too_large(trainer, settings[ROWS], processes)) from error
    return fewer


def _too_large(trainer: str, rows: int, processes: int) -> str:
    if trainer in COMPARED:
        return (
            f"{rows} rows at once do not fit, and {trainer} compares the rows of a batch, so that it cannot be parted; "
            "set the objective's batch lower"
        )
    if processes > 1:
        return (
            f"{rows // processes} rows at once do not fit on one of {processes} devices; set the objective's batch lower, or "
            "in the machine file gpus higher or parallel: fsdp"
        )
    return (
        "one row at a time does not fit; leave out long rows, say lora: {quantised: 4bit} on a GPU, lower the LoRA's rank, "
        "choose a smaller base, or a larger device"
    )
