"""What a trainer's log says while it trains: loss, learning rate, gradient norm, tokens a second, memory."""

import math
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from orchestrator.student_worker.events import Events

Batch = dict[str, Any]


class Counted:
    """A collator that counts what it hands on."""

    def __init__(self, collator: Callable[[list[Any]], Any]) -> None:
        self._collator = collator
        self.tokens = 0
        """Of prompts and replies, padding left out."""
        self.supervised = 0
        """Those that the loss is of."""

    def __call__(self, rows: list[Any]) -> Any:
        batch = self._collator(rows)
        if hasattr(batch, "items"):
            self.tokens += _read(batch)
            self.supervised += _learned(batch)
        return batch


def _read(batch: Batch) -> int:
    """A prompt that lies beside the replies to it, as well as in them, is not counted again."""
    masks = [m for name, m in batch.items() if name.endswith("attention_mask") and not name.startswith("prompt")]
    return sum(int(mask.sum()) for mask in masks)


def _learned(batch: Batch) -> int:
    labels = [each for name, each in batch.items() if name.endswith("labels") and getattr(each, "ndim", 0) == 2]
    masks = [] if labels else [mask for name, mask in batch.items() if name.endswith("completion_mask")]
    return sum(int((each != -100).sum()) for each in labels) + sum(int(mask.sum()) for mask in masks)


class Progress(TrainerCallback):
    """Passes the trainer's log on, and stops a training whose loss is no number."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._counted: Counted | None = None
        self._began = self._last = (0.0, 0)
        self._cpu = 0.0
        self._told = 0
        """Tokens by the trainer's own count, where its batches are no rows that could be counted: replies of the student."""
        self.loss = math.nan

    def count(self, trainer: Any) -> None:
        """Have the batches of a trainer counted, which is not yet training."""
        trainer.data_collator = self._counted = Counted(trainer.data_collator)

    def facts(self) -> dict[str, Any]:
        """Of this process since its first step: a training that was resumed has read more."""
        return {
            "tokens_per_second": _rate(self._began, self._now()),
            "supervised_tokens": self._counted.supervised if self._counted else 0,
            "peak_memory": peak_memory(),
            "cpu_seconds": round(
                time.process_time() - self._cpu, 3
            ),  # where others share a machine, steadier than the clock
        }

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self._began = self._last = self._now()
        self._cpu = time.process_time()
        # of a training that was interrupted after its last step there is no further log
        self.loss = next((entry["loss"] for entry in reversed(state.log_history) if "loss" in entry), self.loss)
        self._events.say("begin", steps=state.max_steps, resumed_at=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **more: Any) -> None:
        numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
        self._told = numbers.get("num_tokens", self._told)
        now = self._now()
        rate = {"tokens_per_second": _rate(self._last, now)} if now[1] > self._last[1] else {}
        self._last = now
        self._events.say("log", step=state.global_step, steps=state.max_steps, **numbers, **{**self.facts(), **rate})
        self.loss = numbers.get("loss", self.loss)
        if not all(math.isfinite(numbers.get(name, 0.0)) for name in ("loss", "grad_norm")):
            raise ArithmeticError(f"loss or gradient is no number at step {state.global_step}; lower the learning rate")

    def _now(self) -> tuple[float, int]:
        return time.perf_counter(), (self._counted.tokens if self._counted else 0) or int(self._told)


def _rate(since: tuple[float, int], now: tuple[float, int]) -> float:
    """Tokens a second; a batch that is ready and not yet learned is counted, too."""
    return round((now[1] - since[1]) / max(1e-9, now[0] - since[0]), 1)


def peak_memory() -> int:
    """Bytes: of the GPU what tensors took at most, and of the process where there is none."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if status.exists():  # on Linux `ru_maxrss` begins with what the process took that started this one
        return next(int(line.split()[1]) << 10 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10
