"""One training in two processes, on a CPU for want of two GPUs; and what is refused by name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worker.test_trainers import base as base
from tests.worker.test_trainers import job, trained

pytestmark = pytest.mark.slow
TWO = {"gpus": 2, "parallel": "ddp"}


def test_two_processes_teach_what_one_does(base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    alone = load_file(trained(job(base, tmp_path / "alone", {"use": "sft"})) / "adapter_model.safetensors")
    folder = tmp_path / "together"
    path = folder / "job.json"
    path.write_text(json.dumps(job(base, folder, {"use": "sft"}, **TWO)))
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "orchestrator.student_worker"]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *launch, str(path)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads((folder / "result.json").read_text())
    assert result["ok"]
    assert result["steps"] == 6
    assert len(result["adapter_digest"]) == 64
    together = load_file(folder / "adapter" / "adapter_model.safetensors")
    for name, weights in alone.items():
        assert (together[name] - weights).norm() < 0.05 * weights.norm(), name
    events = [json.loads(line)["event"] for line in (folder / "events.jsonl").read_text().splitlines()]
    assert (events.count("start"), events.count("begin"), events.count("end")) == (1, 1, 1)


@pytest.mark.parametrize(
    ("processes", "gpus", "batch", "says"),
    [
        ("1", 2, 6, "2 processes were to train together, and the launcher started 1"),
        ("2", 2, 5, "a batch of 5 rows cannot be shared evenly by 2 GPUs"),
    ],
)
def test_what_cannot_be_shared_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, processes: str, gpus: int, batch: int, says: str
) -> None:
    from orchestrator.student_worker import several

    monkeypatch.setenv("WORLD_SIZE", processes)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    with pytest.raises(several.CannotShare, match=says):
        several.check({"gpus": gpus, "settings": {"per_device_train_batch_size": batch}})


def test_fewer_gpus_than_the_machine_file_says_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from orchestrator.student_worker import several

    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(several.CannotShare, match="gpus: 2, and 1 are visible"):
        several.check({"gpus": 2, "settings": {"per_device_train_batch_size": 8}})
