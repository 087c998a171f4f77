"""The loop as a Prefect flow, on the server that the command starts for itself."""

import json
import re
import sqlite3
import subprocess
import sys
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
