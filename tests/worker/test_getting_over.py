"""What a training gets over by itself, and what it says of what it cannot: memory, disks, damaged checkpoints."""

import errno
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.worker.test_trainers import base as base
from tests.worker.test_trainers import job, prepared, trained

pytestmark = pytest.mark.slow
SFT = {"use": "sft", "epochs": 2}


def said(folder: Path, event: str) -> list[dict[str, Any]]:
    lines = map(json.loads, (folder / "events.jsonl").read_text().splitlines())
    return [line for line in lines if line["event"] == event]


class Device:
    """Has room for so many rows at once; remembers the rows of each step as they were taught."""

    def __init__(self, patch: pytest.MonkeyPatch, room: int) -> None:
        import torch
        from transformers import Trainer

        self.taught: list[list[int]] = []
        step = Trainer.training_step

        def limited(trainer: Any, model: Any, inputs: Any, *more: Any) -> Any:
            if len(inputs["input_ids"]) > room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
            self.taught += [[i for i in row if i] for row in inputs["input_ids"].tolist()]
            return step(trainer, model, inputs, *more)

        patch.setattr(Trainer, "training_step", limited)


@pytest.mark.parametrize("room", [1, 3])
def test_a_training_without_memory_goes_on_in_smaller_parts_to_the_same_end(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    from safetensors.torch import load_file

    adapters, taught = [], []
    for name, rows in (("roomy", 6), ("tight", room)):
        with monkeypatch.context() as patch:
            device = Device(patch, rows)
            adapters.append(load_file(trained(job(base, tmp_path / name, SFT)) / "adapter_model.safetensors"))
            taught.append(device.taught)
    assert taught[0] == taught[1], "the same rows in the same order"
    roomy, tight = adapters
    for name, weights in roomy.items():
        assert (tight[name] - weights).norm() < 0.02 * weights.norm(), name
    parts = [(event["rows"], event["times"]) for event in said(tmp_path / "tight", "out_of_memory")]
    assert parts == ([(3, 2), (1, 6)] if room == 1 else [(3, 2)])
    assert [e["steps"] for e in said(tmp_path / "tight", "log")][-1] == 4


@pytest.mark.parametrize(("use", "says"), [("sft", "leave out long rows.*quantised"), ("kto", "batch lower")])
def test_a_training_that_cannot_be_made_smaller_says_what_to_change(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: str, says: str
) -> None:
    import torch

    Device(monkeypatch, room=0)
    with pytest.raises(torch.OutOfMemoryError, match=says):
        trained(job(base, tmp_path / "job", {"use": use}))


def test_a_training_that_ran_out_of_memory_once_resumes_in_the_smaller_parts(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = job(base, tmp_path / "job", SFT)
    with monkeypatch.context() as patch:
        Device(patch, room=3)
        patch.setattr("orchestrator.student_worker.training._save", lambda trainer, folder: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            trained(facts)
    Device(monkeypatch, room=3)
    trained(facts)
    assert len(said(tmp_path / "job", "out_of_memory")) == 1


def interrupted(facts: dict[str, Any], patch: pytest.MonkeyPatch) -> list[Path]:
    """Its checkpoints, oldest first, as if it had died while it saved the adapter."""
    with patch.context() as dying:
        dying.setattr("orchestrator.student_worker.training._save", lambda trainer, folder: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            trained(facts)
    return sorted(Path(facts["folder"]).glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_byte(path: Path) -> None:
    with zipfile.ZipFile(path) as parts:
        largest = max(parts.infolist(), key=lambda part: part.file_size)
    content = bytearray(path.read_bytes())
    content[largest.header_offset + largest.file_size // 2 + 200] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("adapter_model.safetensors", cut_in_half),
        ("optimizer.pt", cut_in_half),
        ("optimizer.pt", flip_a_byte),
        ("rng_state.pth", cut_in_half),
        ("trainer_state.json", cut_in_half),
        ("scheduler.pt", Path.unlink),
    ],
)
def test_a_damaged_checkpoint_is_told_of_and_the_one_before_it_taken(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: Any
) -> None:
    calm = trained(job(base, tmp_path / "calm", SFT)) / "adapter_model.safetensors"
    facts = job(base, tmp_path / "job", SFT)
    earlier, newest = interrupted(facts, monkeypatch)
    damage(newest / name)
    adapter = trained(facts) / "adapter_model.safetensors"
    assert [event["checkpoint"] for event in said(tmp_path / "job", "damaged")] == [newest.name]
    assert said(tmp_path / "job", "begin")[-1]["resumed_at"] == int(earlier.name.partition("-")[2])
    assert adapter.read_bytes() == calm.read_bytes()


def test_a_disk_that_is_full_is_an_error_of_that_name_and_the_training_resumes_when_there_is_room(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Trainer

    from orchestrator.student_worker.checkpoints import DiskFull

    facts, save = job(base, tmp_path / "job", SFT), Trainer._save_optimizer_and_scheduler

    def full(trainer: Any, folder: str) -> None:
        if folder.endswith("-2"):
            (Path(folder) / "optimizer.pt").write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(trainer, folder)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_save_optimizer_and_scheduler", full)
        with pytest.raises(DiskFull, match="make room and run again"):
            trained(facts)
    assert [path.name for path in (tmp_path / "job").glob("checkpoint-*")] == ["checkpoint-1"]
    trained(facts)
    assert said(tmp_path / "job", "begin")[-1]["resumed_at"] == 1


def test_a_real_disk_that_is_full(base: Path, tmp_path: Path) -> None:
    """As root on Linux: a file system of a few hundred kilobytes."""
    import subprocess

    from orchestrator.student_worker.checkpoints import DiskFull

    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=220k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        with pytest.raises(DiskFull, match="no room on the disk"):
            trained(job(base, disk / "job", {**SFT, "epochs": 30}))
        assert shutil.disk_usage(disk).free > 4096, "there is room to say so"
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_what_is_told_of_a_step(base: Path, tmp_path: Path) -> None:
    facts = job(base, tmp_path / "job", SFT)
    trained(facts)
    logs = said(tmp_path / "job", "log")
    assert {"loss", "learning_rate", "grad_norm", "tokens_per_second", "supervised_tokens", "peak_memory"} <= set(
        logs[0]
    )
    assert logs[0]["peak_memory"] > 100 << 20
    learned = sum(
        sum(i != -100 for i in row) for row in prepared(job(base, tmp_path / "again", SFT)).train_dataset["labels"]
    )
    assert logs[-1]["supervised_tokens"] == 2 * learned


def test_a_worker_that_says_nothing_says_that_it_lives(tmp_path: Path) -> None:
    import time

    from orchestrator.student_worker.events import Events

    events = Events(tmp_path)
    events.say("begin")
    with events.beating(every_s=0.02):
        time.sleep(0.2)
    beats = said(tmp_path, "heartbeat")
    assert len(beats) >= 3
    assert beats[-1]["silent_s"] >= beats[0]["silent_s"]
    count = len(beats)
    time.sleep(0.1)
    assert len(said(tmp_path, "heartbeat")) == count


def test_four_bits_are_refused_by_name_where_they_cannot_be_had(base: Path, tmp_path: Path) -> None:
    import torch

    from orchestrator.student_worker.quantising import CannotQuantise

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    facts = job(base, tmp_path / "job", SFT)
    with pytest.raises(CannotQuantise, match="needs a GPU with CUDA"):
        trained({**facts, "lora": {**facts["lora"], "quantised": "4bit"}})


def test_four_bits_without_their_library_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from orchestrator.student_worker import quantising

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(quantising, "find_spec", lambda name: None)
    with pytest.raises(quantising.CannotQuantise, match="bitsandbytes"):
        quantising.check({"quantised": "4bit"})
