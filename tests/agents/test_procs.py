"""Whether a process lives, by the name that it wrote down."""

import os
import subprocess
import sys

import pytest

from agents.procs import here, is_dead


def test_a_process_is_dead_once_it_has_ended_and_before_anybody_waits_for_it() -> None:
    code = "from agents.procs import here; print(here(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        name = process.stdout.readline().decode().strip()
        assert not is_dead(name)
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(name)
    assert is_dead(name)
    assert not is_dead(here())


@pytest.mark.parametrize("name", ["", "1@elsewhere boot", "x", "@", f"{'9' * 99}@{here().partition('@')[2]}"])
def test_of_others_nothing_is_known(name: str) -> None:
    assert not is_dead(name)
