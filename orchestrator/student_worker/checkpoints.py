"""Finds a checkpoint that can be resumed from: saving is not atomic, and a trainer never falls back by itself."""

import errno
import json
import shutil
import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

NEEDED = ("trainer_state.json", "optimizer.pt", "scheduler.pt", "adapter_model.safetensors")
ZIPPED = ("optimizer.pt", "scheduler.pt", "rng_state.pth")
"""What torch saves; each part of such a file has a checksum."""
FULL = ("no space left", "disk quota exceeded", "file write failed", "unexpected pos")
"""How libraries say that a disk is full that do not raise OSError: the last two are torch's writer of archives."""
HARDLY_ANY = 1 << 20
"""Bytes below which a disk counts as full, where a library says only that it could not write."""


class DiskFull(OSError):
    """A checkpoint or an adapter could not be written."""


def newest_complete(folder: Path) -> tuple[Path | None, list[Path]]:
    """The newest checkpoint that can be resumed from, None if there is none; and those after it, which are damaged."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    damaged: list[Path] = []
    for path in found:
        if is_complete(path):
            return path, damaged
        damaged.append(path)
    return None, damaged


def is_complete(checkpoint: Path) -> bool:
    if not all((checkpoint / name).is_file() for name in NEEDED):
        return False
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        with safe_open(checkpoint / "adapter_model.safetensors", "pt") as tensors:
            return bool(tensors.keys()) and all(_whole(checkpoint / name) for name in ZIPPED)
    except (ValueError, SafetensorError, FileNotFoundError):  # the last of a process beside, which removes it
        return False


def micro_batch(checkpoint: Path) -> int:
    """Rows that were on the device at once when it was written."""
    return json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))["train_batch_size"]


def full_disk(error: BaseException, folder: Path) -> DiskFull | None:
    """What an error becomes that a full disk has caused; None for any other. What was half written is removed, so that
    there is room for the result."""
    said = str(error).lower()
    if getattr(error, "errno", None) not in (errno.ENOSPC, errno.EDQUOT) and not any(word in said for word in FULL):
        return None
    free = shutil.disk_usage(folder).free
    if not isinstance(error, OSError) and not any(word in said for word in FULL[:2]) and free > HARDLY_ANY:
        return None
    for half in [*newest_complete(folder)[1], folder / "adapter.partial"]:
        shutil.rmtree(half, ignore_errors=True)
    return DiskFull(
        f"no room on the disk of {folder} ({free / 2**20:.0f} MiB were left); make room and run again: it resumes from the "
        "last whole checkpoint"
    )


def _whole(archive: Path) -> bool:
    if not archive.is_file():
        return archive.name not in NEEDED
    try:
        with zipfile.ZipFile(archive) as parts:
            return parts.testzip() is None
    except (zipfile.BadZipFile, EOFError, OSError):
        return False
