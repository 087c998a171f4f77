"""The device that a training is given: what is free of it, and how fast it multiplies."""

import time
from pathlib import Path

import torch

from orchestrator.student_worker.footprint import Shapes

MEASURED_S = 0.05


def name() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def free_bytes() -> int:
    """Of the GPU; of the machine's memory, or what a container leaves of it, where there is none."""
    if name() == "cuda":
        return torch.cuda.mem_get_info()[0]
    return min(_machine(), _container())


def speed(shapes: Shapes, tokens: int) -> float:
    """Operations a second of one matrix product of the base, for so many tokens; measured for a twentieth of a second."""
    rows, columns = max(shapes.linear, key=lambda shape: shape[0] * shape[1], default=(shapes.hidden, shapes.hidden))
    kind = torch.bfloat16 if name() == "cuda" else torch.float32
    weight = torch.ones(
        columns, rows, dtype=kind, device=name()
    )  # drawn numbers would be missing from the training's stream
    read = torch.ones(max(1, min(tokens, 4096)), columns, dtype=kind, device=name())
    _settled(read @ weight)
    began, times = time.perf_counter(), 0
    while time.perf_counter() - began < MEASURED_S:
        _settled(read @ weight)
        times += 1
    return 2 * read.shape[0] * rows * columns * times / (time.perf_counter() - began)


def _settled(product: torch.Tensor) -> None:
    if product.is_cuda:
        torch.cuda.synchronize()


def _machine() -> int:
    lines = dict(line.split(":", 1) for line in _text("/proc/meminfo").splitlines())
    return int(lines["MemAvailable"].split()[0]) << 10 if "MemAvailable" in lines else 1 << 62


def _container() -> int:
    limit, used = _text("/sys/fs/cgroup/memory.max").strip(), _text("/sys/fs/cgroup/memory.current").strip()
    return max(0, int(limit) - int(used)) if limit.isdigit() and used.isdigit() else 1 << 62


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
