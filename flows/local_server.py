"""A Prefect server for as long as one command works: API, flow history and web UI on this machine alone.

`prefect server start --background` is not used: it leaves its output on pipes that nobody reads, and dies of it.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_WITHIN_S = 90
_PR_SET_PDEATHSIG = 1


class ServerFailed(Exception):
    """The local Prefect server did not start; the message names its log."""


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """The UI's address. A server that the environment names (PREFECT_API_URL) is used as it is, and left running."""
    if api := os.environ.get("PREFECT_API_URL"):
        yield api.removesuffix("/api")
        return
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    folder = home / "prefect"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(  # no shell, our own interpreter and module
            [
                sys.executable,
                "-P",
                "-m",
                "uvicorn",
                "--factory",
                "prefect.server.api.server:create_app",
                *_options(port),
            ],
            env={**os.environ, "PREFECT_UI_API_URL": f"{address}/api"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C is the command's alone: it still has to report how the flow ended
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    try:
        _await_health(server, f"{address}/api/health", folder / "server.log")
        os.environ["PREFECT_API_URL"] = f"{address}/api"
        yield address
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        server.send_signal(signal.SIGINT)
        try:
            server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _options(port: int) -> list[str]:
    return ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning", "--timeout-keep-alive", "5"]


def _await_health(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while not _answers(url):
        if server.poll() is not None or time.monotonic() > end:
            raise ServerFailed(
                f"the local Prefect server did not start; its log is {log}. --without-prefect works without one"
            )
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return response.status == 200
    except OSError:  # not up yet
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _die_with_parent() -> None:
    """A killed command leaves no server behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
