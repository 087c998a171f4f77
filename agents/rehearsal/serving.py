"""Starts the rehearsal server as a child process for as long as a block lasts; it does not outlive its parent."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY = "listening on "
PACKAGES = Path(__file__).parents[2]


@contextmanager
def serve(*arguments: str) -> Iterator[str]:
    """The base URL of a server of its own, started with these arguments of `agents.rehearsal.server`.

    Raises RuntimeError if it does not start; why is on the standard error stream, which it shares.
    """
    command = [sys.executable, "-P", "-m", "agents.rehearsal.server", "--until-stdin-closes", *arguments]
    paths = [str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    # The parent's end of this pipe closes however the parent ends, even when it is killed: that stops the child.
    # In a session of its own, a Ctrl-C does not take it away from calls that are on their way.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            yield _address(process)
        finally:
            _stop(process)


def _address(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith(READY):
        raise RuntimeError("the rehearsal server did not start; the reason is printed above")
    return line.removeprefix(READY).strip()


def _stop(process: subprocess.Popen[str]) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
