"""What README promises of `make demo`: the student really learns, and the last line says so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_the_demo_teaches_what_the_base_cannot_do(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "flows.cli", "demo", "--home", str(tmp_path / "runs"), "--without-prefect", "--json"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    summary = json.loads(done.stdout)
    assert summary["accuracy"]["before"] < 0.2
    assert summary["accuracy"]["after"] > 0.8
    assert summary["rounds"] == 2
    assert 20 < summary["failures_targeted"] <= 80
    assert all(score["after"] > score["before"] and score["n"] == 40 for score in summary["skills"].values())
    assert len(summary["skills"]) == 10
    assert min(summary[name] for name in ("calls", "accepted", "rejected", "unreadable")) > 0
    assert summary["retention"]["after"] > 0.7
    assert Path(summary["report"]).stat().st_size < 400_000
