"""A job's folder: its result is taken again, another job's never."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import worker_process
from orchestrator.worker_process import WorkerFailed, carry_out


class Worker:
    def __init__(self, **result: Any) -> None:
        self.result: dict[str, Any] = {"ok": True, **result}
        self.jobs: list[dict[str, Any]] = []

    async def run(self, job_file: Path, folder: Path, on_event: Callable[[dict[str, Any]], None]) -> int:
        self.jobs.append(json.loads(job_file.read_text()))
        (folder / "result.json").write_text(json.dumps({**self.result, "times": len(self.jobs)}))
        return 0


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    worker = Worker()
    monkeypatch.setattr(worker_process, "_run", worker.run)
    return worker


def done(folder: Path, **job: Any) -> dict[str, Any]:
    return asyncio.run(carry_out({"kind": "train", "folder": str(folder), **job}, lambda event: None))


def test_the_same_job_is_done_once(tmp_path: Path, worker: Worker) -> None:
    assert done(tmp_path, student="a")["times"] == 1
    assert done(tmp_path, student="a")["times"] == 1


def test_another_job_in_the_same_folder_takes_over_nothing(tmp_path: Path, worker: Worker) -> None:
    done(tmp_path, student="a")
    (tmp_path / "checkpoint-5").mkdir()
    (tmp_path / "adapter").mkdir()
    (tmp_path / "replies.jsonl").write_text("{}")
    assert done(tmp_path, student="b")["times"] == 2
    assert not (tmp_path / "checkpoint-5").exists()
    assert not (tmp_path / "adapter").exists()
    assert not (tmp_path / "replies.jsonl").exists()


@pytest.mark.parametrize("broken", ["", '{"kind": "tra'])
def test_a_job_file_cut_short_by_a_crash_is_written_anew(tmp_path: Path, worker: Worker, broken: str) -> None:
    (tmp_path / "job.json").write_text(broken)
    assert done(tmp_path, student="a")["ok"]


def test_a_job_that_failed_is_tried_again_from_its_checkpoints(tmp_path: Path, worker: Worker) -> None:
    worker.result = {"ok": False, "cause": "OSError", "message": "No space left on device"}
    with pytest.raises(WorkerFailed, match="No space left on device"):
        done(tmp_path, student="a")
    (tmp_path / "checkpoint-5").mkdir()
    worker.result = {"ok": True}
    assert done(tmp_path, student="a")["ok"]
    assert (tmp_path / "checkpoint-5").exists()


def test_a_worker_that_leaves_no_result_is_said_by_its_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def killed(job_file: Path, folder: Path, on_event: object) -> int:
        (folder / "worker.log").write_text("the last words")
        return -9

    monkeypatch.setattr(worker_process, "_run", killed)
    with pytest.raises(WorkerFailed, match=r"SIGKILL.*run again to resume.*the last words"):
        done(tmp_path)
