"""Finds a checkpoint that can be resumed from: saving is not atomic, and a trainer never falls back by itself."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

NEEDED = ("trainer_state.json", "optimizer.pt", "scheduler.pt", "adapter_model.safetensors")


def newest_complete(folder: Path) -> Path | None:
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    return next((path for path in found if is_complete(path)), None)


def is_complete(checkpoint: Path) -> bool:
    if not all((checkpoint / name).is_file() for name in NEEDED):
        return False
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        with safe_open(checkpoint / "adapter_model.safetensors", "pt") as tensors:
            return bool(tensors.keys())
    except (ValueError, SafetensorError):
        return False
