"""The loop as a Prefect flow, on the server that the command starts for itself."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
TINY = Path(__file__).parent / "tiny.yaml"
BAD = re.compile(r"ERROR|CRITICAL|Traceback|telemetry|amplitude", re.IGNORECASE)


def test_a_flow_run_is_recorded_whole_and_without_a_bad_line(tmp_path: Path) -> None:
    home = tmp_path / "runs"
    words = [sys.executable, "-m", "flows.cli", "run", str(TINY), "--home", str(home), "--json"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert {"run", "seconds", "rounds", "calls", "accepted", "rejected", "unreadable"} <= summary.keys()
    assert summary["rounds"] == 2
    assert set(summary["skills"]) == {"lead", "film"}
    assert Path(summary["report"]).read_text().startswith("<!")

    assert not BAD.findall(done.stderr), done.stderr
    log = (home / "prefect" / "server.log").read_text()
    assert not BAD.findall(log), log
    with sqlite3.connect(home / "prefect" / "prefect.db") as prefect:
        assert prefect.execute("select state_type from flow_run").fetchall() == [("COMPLETED",)]
        tasks = dict(prefect.execute("select name, state_type from task_run").fetchall())
    assert set(tasks.values()) == {"COMPLETED"}
    for stage in ("gather seeds", "solve", "freeze dataset", "train student", "examine student", "plan the next"):
        assert f"round 1: {stage}" in tasks
        assert f"round 2: {stage}" in tasks
    assert "final examination" in tasks


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_ends_at_once_says_how_to_go_on_and_leaves_nobody_behind(
    tmp_path: Path, how: signal.Signals
) -> None:
    home = tmp_path / "runs"
    words = [sys.executable, "-m", "flows.cli", "run", str(TINY), "--home", str(home)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(words, start_new_session=True, **streams)
    assert process.stdout
    next(line for line in process.stdout if "dataset lessons" in line)
    began = time.monotonic()
    if how == signal.SIGINT:  # a terminal sends it to the whole group
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 3
    assert time.monotonic() - began < 15
    assert "the same command goes on where it stopped" in said
    assert "Traceback" not in said
    left = subprocess.run(["pgrep", "-f", str(home)], capture_output=True, text=True)
    assert left.stdout == ""
