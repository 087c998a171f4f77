"""The trainers: one module each, named by `Objective.trainer`.

A module has two functions. `build(ready)` returns the trainer of TRL, or one of our own where TRL has no such loss.
`learned(trainer)` gives, of each row, the token ids of each reply as that trainer prepared them; every one of them has
to end in the end token.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from datasets import Dataset


@dataclass(frozen=True)
class Ready:
    """What a trainer is built from."""

    model: Any
    """The base, or the base with the adapter that the training goes on from."""
    tokenizer: Any
    rows: list[dict[str, Any]]
    """As the dataset has them, all of one shape."""
    settings: dict[str, Any]
    """Arguments of the trainer's configuration: the objective's, and what all trainings share."""
    own: dict[str, Any]
    """What a loss of our own reads besides."""
    lora: Any
    """Configuration of a fresh adapter; None where one is gone on from."""
    callbacks: list[Any]

    def arguments(self) -> dict[str, Any]:
        """What every trainer of TRL takes, but its configuration."""
        return {
            "model": self.model,
            "train_dataset": Dataset.from_list(self.rows),
            "processing_class": self.tokenizer,
            "peft_config": self.lora,
            "callbacks": self.callbacks,
        }


class TrainerModule(Protocol):
    def build(self, ready: Ready) -> Any: ...

    def learned(self, trainer: Any) -> Iterator[Sequence[int]]: ...


def named(trainer: str) -> TrainerModule:
    """Raises ModuleNotFoundError for a trainer that there is not."""
    return import_module(f"{__name__}.{trainer}")  # type: ignore[return-value]
