"""Starts the student worker on a job file and follows it to its end."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.launching import command, environment

POLL_S = 0.2


class WorkerFailed(Exception):
    """A student worker ended without a result, or with a cause that the job cannot get over."""


async def carry_out(job: dict[str, Any], on_event: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The result of the job; one that is there already is taken as it is. Raises WorkerFailed.

    A folder that holds another job is cleared first: neither its result nor its checkpoints are this job's.
    """
    folder = Path(job["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    result_file, job_file = folder / "result.json", folder / "job.json"
    if _read(job_file) != job:
        _clear(folder)
        _write(job_file, job)
    elif (done := _read(result_file)) and done["ok"]:
        return done
    result_file.unlink(missing_ok=True)
    code = await _run(job_file, folder, on_event)
    result = _read(result_file)
    if result is None:
        raise WorkerFailed(_ended_without_result(code, folder))
    if not result["ok"]:
        raise WorkerFailed(
            f"{job['kind']} failed: {result['cause']}: {result['message']} (log: {folder / 'worker.log'})"
        )
    return result


def _read(path: Path) -> dict[str, Any] | None:
    """What a JSON file holds; None if there is none, or one that was being written when the machine stopped."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _write(path: Path, job: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(job, indent=1), encoding="utf-8")
    os.replace(partial, path)


def _clear(folder: Path) -> None:
    for made in [*folder.glob("checkpoint-*"), folder / "adapter"]:
        shutil.rmtree(made, ignore_errors=True)
    for name in ("result.json", "replies.jsonl", "events.jsonl"):
        (folder / name).unlink(missing_ok=True)


async def _run(job_file: Path, folder: Path, on_event: Callable[[dict[str, Any]], None]) -> int:
    events = folder / "events.jsonl"
    seen = events.stat().st_size if events.exists() else 0
    job = _read(job_file) or {}
    with (folder / "worker.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command(job, job_file),
            env=environment(job),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        ended = asyncio.create_task(process.wait())
        try:
            while not ended.done():
                await asyncio.wait([ended], timeout=POLL_S)
                seen = _pass_on(events, seen, on_event)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGTERM)
            await ended
    return process.returncode or 0


def _pass_on(events: Path, seen: int, on_event: Callable[[dict[str, Any]], None]) -> int:
    if not events.exists():
        return seen
    with events.open("rb") as lines:
        lines.seek(seen)
        for line in lines:
            if not line.endswith(b"\n"):
                break
            seen += len(line)
            on_event(json.loads(line))
    return seen


def _ended_without_result(code: int, folder: Path) -> str:
    how = f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    tail = " / ".join((folder / "worker.log").read_text(errors="replace").strip().splitlines()[-3:])
    return f"the student worker {how} and left no result; run again to resume. Last words: {tail or 'none'} ({folder})"
