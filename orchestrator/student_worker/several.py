"""One training in several processes, one a GPU: what each has to know of the others."""

import os
from typing import Any

import torch

from orchestrator.student_worker.fitting import ROWS


class CannotShare(ValueError):
    """The machine has fewer devices than its file says, or the batch cannot be shared among them."""


def processes() -> int:
    """That train together, by the launcher's word."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Which of them this is; the first is 0."""
    return int(os.environ.get("RANK", "0"))


def check(job: dict[str, Any]) -> None:
    """Raises CannotShare."""
    wanted = job.get("gpus", 1)
    if wanted == 1:
        return
    visible = torch.cuda.device_count()
    on_cpu = (
        os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true"
    )  # asked for on purpose, and not for want of a GPU
    if visible < wanted and not on_cpu:
        raise CannotShare(f"the machine file says gpus: {wanted}, and {visible} are visible; set it to what there is")
    if processes() != wanted:
        raise CannotShare(f"{wanted} processes were to train together, and the launcher started {processes()}")
    if job["settings"][ROWS] % wanted:
        raise CannotShare(
            f"a batch of {job['settings'][ROWS]} rows cannot be shared evenly by {wanted} GPUs; set the objective's batch to a "
            f"multiple of {wanted}"
        )


def shared(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of one process: its part of the rows of each step."""
    return {**settings, ROWS: settings[ROWS] // processes()}
