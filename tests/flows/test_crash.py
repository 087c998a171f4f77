"""Killed at a random moment of every stage and started again, a run ends as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from agents.rehearsal.serving import serve
from storage.store import open_store

pytestmark = pytest.mark.slow
TINY = Path(__file__).parent / "tiny.yaml"
AT_ONCE = 4
MOMENTS = ["seeds;", "solve: ", "right_answer: ", "dataset lessons", "trained", "practise: ", "agree: "]
"""Words on the screen after which the run is killed, in the order in which they come."""


def command(home: Path, machine: Path) -> list[str]:
    options = ["--home", str(home), "--machine", str(machine), "--without-prefect"]
    return [sys.executable, "-m", "flows.cli", "run", str(TINY), *options]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    with serve("--latency", "0.08", "--rate-limit-rate", "0.05", "--server-error-rate", "0.02") as url:
        path = tmp_path / "machine.yaml"
        path.write_text(json.dumps({"default": {"endpoint": url, "concurrency": AT_ONCE}}))
        yield path, url


def counts(url: str) -> dict[str, int]:
    with urlopen(url.removesuffix("/v1") + "/counts") as reply:
        return json.loads(reply.read())


def run_until(words: list[str], moment: str | None, after_s: float) -> bool:
    """Whether the run ended by itself; it is killed `after_s` after the moment otherwise, with all its children."""
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        if moment and moment in line:
            time.sleep(after_s)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            return False
    assert process.wait() == 0, "".join(said)
    return True


def test_a_run_killed_in_every_stage_ends_as_if_undisturbed(tmp_path: Path, machine: tuple[Path, str]) -> None:
    path, url = machine
    assert run_until(command(tmp_path / "calm", path), None, 0)
    calm = counts(url)["answered"]
    chance = random.Random(os.environ.get("CRASH_SEED", "7"))
    kills = 0
    for moment in MOMENTS:
        kills += not run_until(command(tmp_path / "killed", path), moment, chance.uniform(0, 0.3))
    assert kills >= len(MOMENTS) - 2
    assert run_until(command(tmp_path / "killed", path), None, 0)

    with (
        open_store(tmp_path / "calm" / "store.sqlite") as one,
        open_store(tmp_path / "killed" / "store.sqlite") as other,
    ):
        run = one.runs()[0].key
        assert one.fingerprint(run) == other.fingerprint(run)
        assert one.spending(run).calls == other.spending(run).calls
        assert other.verify() == []
    # the calm run and the killed one asked the same server the same things: one more repeat is one call in flight, or
    # one that had arrived a moment before and waited to be committed with others
    assert counts(url)["answered"] - 2 * calm <= kills * 2 * AT_ONCE


def test_a_finished_run_started_again_does_nothing(tmp_path: Path, machine: tuple[Path, str]) -> None:
    path, url = machine
    assert run_until(command(tmp_path / "runs", path), None, 0)
    before = counts(url)["requests"]
    began = time.monotonic()
    assert run_until(command(tmp_path / "runs", path), None, 0)
    assert counts(url)["requests"] == before
    assert time.monotonic() - began < 20


def test_two_commands_at_once_carry_a_run_out_once(tmp_path: Path, machine: tuple[Path, str]) -> None:
    path, _ = machine
    words = command(tmp_path / "runs", path)
    first = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert first.stdout
    next(line for line in first.stdout if "seeds;" in line)
    second = subprocess.run(words, capture_output=True, text=True)
    assert second.returncode == 2
    assert str(first.pid) in second.stdout + second.stderr
    first.stdout.read()
    assert first.wait() == 0
