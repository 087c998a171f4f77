"""A Prefect server on this machine: API, flow history and web UI. For as long as one command works, or a lasting one.

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
from contextlib import contextmanager, nullcontext
from pathlib import Path

READY_WITHIN_S = 90
_PR_SET_PDEATHSIG = 1


class ServerFailed(Exception):
    """The local Prefect server did not start; the message names its log."""


class NoServer(Exception):
    """There is no Prefect server to ask, or not where it was asked to be; the message says what to do."""


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """The UI's address. One that the environment names (PREFECT_API_URL), or that lasts below `home`, is left running."""
    if api := os.environ.get("PREFECT_API_URL"):
        yield api.removesuffix("/api")
        return
    there = _lasting(home)
    with nullcontext(there) if there else _serving(home, "127.0.0.1", _free_port()) as address:
        os.environ["PREFECT_API_URL"] = f"{address}/api"
        try:
            yield address
        finally:
            os.environ.pop("PREFECT_API_URL", None)


@contextmanager
def lasting_server(home: Path, host: str, port: int) -> Iterator[str]:
    """The UI's address; inside, other commands with the same `home` find the server. Raises NoServer, ServerFailed."""
    if there := _lasting(home):
        raise NoServer(f"a server of {home} is running already at {there}")
    if not _is_free(host, port):
        raise NoServer(f"port {port} of {host} is taken by another program; choose one with --port")
    with _serving(home, host, port) as address:
        _note(home).write_text(address)
        try:
            os.environ["PREFECT_API_URL"] = f"{address}/api"
            yield address
        finally:
            _note(home).unlink(missing_ok=True)


def find_server(home: Path) -> str:
    """The UI's address of a server that is there already, and from now on that of this process. Raises NoServer."""
    if api := os.environ.get("PREFECT_API_URL"):
        if not _answers(f"{api}/health"):
            raise NoServer(f"no Prefect server answers at PREFECT_API_URL={api}; start it, or correct the address")
        return api.removesuffix("/api")
    there = _lasting(home)
    if there is None:
        raise NoServer(
            f"no Prefect server is known: start `orchestrator server --home {home}` in another terminal, or name yours, "
            "e.g. PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    os.environ["PREFECT_API_URL"] = f"{there}/api"
    return there


def _note(home: Path) -> Path:
    return home / "prefect" / "address"


def _lasting(home: Path) -> str | None:
    """Where the lasting server of this home answers; None if there is none, or it was killed."""
    try:
        address = _note(home).read_text().strip()
    except FileNotFoundError:
        return None
    return address if _answers(f"{address}/api/health") else None


@contextmanager
def _serving(home: Path, host: str, port: int) -> Iterator[str]:
    address = f"http://{host}:{port}"
    folder = home / "prefect"
    folder.mkdir(parents=True, exist_ok=True)
    application = ("-P", "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app")
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(  # no shell, our own interpreter and module
            [sys.executable, *application, *_options(host, port)],
            env={**os.environ, "PREFECT_UI_API_URL": f"{address}/api"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C is the command's alone: it still has to report how the flow ended
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    try:
        _await_health(server, f"{address}/api/health", folder / "server.log")
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _options(host: str, port: int) -> list[str]:
    return ["--host", host, "--port", str(port), "--log-level", "warning", "--timeout-keep-alive", "5"]


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


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _die_with_parent() -> None:
    """A killed command leaves no server behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
