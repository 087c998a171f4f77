"""A Prefect server on this machine: API, flow history and web UI. For as long as one command works, or a lasting one.

`prefect server start --background` is not used: it leaves its output on pipes that nobody reads, and dies of it.
"""

import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from orchestrator.doctor import Finding

READY_WITHIN_S = 90
_PR_SET_PDEATHSIG = 1
_SERVE = """
import socket, sys, uvicorn
from prefect.server.api.server import create_app
settings = uvicorn.Config(create_app, factory=True, log_level="warning", timeout_keep_alive=5)
try:
    uvicorn.Server(settings).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
except KeyboardInterrupt:  # how it is told to end; it has shut down by then
    pass
"""
"""The server listens on a socket that its parent bound: what answers there is this server, and no other program."""


class ServerFailed(Exception):
    """The local Prefect server did not start; the message names its log."""


class NoServer(Exception):
    """There is no Prefect server to ask, or not where it was asked to be; the message says what to do."""


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """The UI's address. One that the environment names (PREFECT_API_URL), or that lasts below `home`, is left running.

    Raises NoServer where the named one does not answer, ServerFailed.
    """
    if "PREFECT_API_URL" in os.environ:
        yield find_server(home)
        return
    if there := _lasting(home):
        with _known_as(there):
            yield there
        return
    with _serving(home, _bound("127.0.0.1", 0)) as (address, _), _known_as(address):
        yield address


@contextmanager
def lasting_server(home: Path, host: str, port: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The UI's address and the server's process; inside, other commands with the same `home` find the server.

    Raises NoServer, ServerFailed.
    """
    if there := _lasting(home):
        raise NoServer(f"a server of {home} is running already at {there}")
    with _serving(home, _bound(host, port)) as (address, process), _known_as(address):
        _note(home).write_text(address)
        try:
            yield address, process
        finally:
            if _noted(home) == address:  # a second server of this home may have written its own
                _note(home).unlink()


def serve_on(home: Path, process: subprocess.Popen[bytes]) -> None:
    """Returns never: the server ends by an interruption. Raises ServerFailed when it ends by itself."""
    code = process.wait()
    raise ServerFailed(f"the Prefect server ended by itself (exit code {code}); its log is {_log(home)}")


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


def look_for_server(home: Path) -> Finding:
    """For the doctor. A run starts one for itself where none is named; only schedules need one that lasts."""
    if api := os.environ.get("PREFECT_API_URL"):
        if _answers(f"{api}/health"):
            return Finding("prefect server", "ok", f"PREFECT_API_URL={api} answers")
        do = "start it, correct the address, or unset PREFECT_API_URL"
        return Finding("prefect server", "fail", f"none answers at PREFECT_API_URL={api}", do)
    if there := _lasting(home):
        return Finding("prefect server", "ok", f"{there} answers")
    return Finding("prefect server", "ok", f"none lasts; for schedules: `orchestrator server --home {home}`")


@contextmanager
def _known_as(address: str) -> Iterator[None]:
    """To this process, and to those that it starts."""
    os.environ["PREFECT_API_URL"] = f"{address}/api"
    try:
        yield
    finally:
        os.environ.pop("PREFECT_API_URL", None)


def _note(home: Path) -> Path:
    return home / "prefect" / "address"


def _log(home: Path) -> Path:
    return home / "prefect" / "server.log"


def _noted(home: Path) -> str | None:
    try:
        return _note(home).read_text().strip()
    except FileNotFoundError:
        return None


def _lasting(home: Path) -> str | None:
    """Where the lasting server of this home answers; None if there is none, or it was killed."""
    address = _noted(home)
    return address if address and _answers(f"{address}/api/health") else None


@contextmanager
def _serving(home: Path, listening: socket.socket) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    _log(home).parent.mkdir(parents=True, exist_ok=True)
    with listening, _log(home).open("ab") as log:
        server = subprocess.Popen(  # no shell, our own interpreter and words
            [sys.executable, "-P", "-c", _SERVE, str(listening.fileno())],
            env={**os.environ, "PREFECT_UI_API_URL": f"{address}/api"},
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C is the command's alone: it still has to report how the flow ended
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    try:
        _await_health(server, f"{address}/api/health", _log(home))
        yield address, server
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


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
    except (OSError, ValueError, HTTPException):  # not up yet, no address, or another program's answer
        return False


def _bound(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any that is free. Raises NoServer."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise NoServer(f"no server can listen on {host}, port {port}: {error.strerror}") from error
        raise NoServer(f"port {port} of {host} is taken by another program; choose one with --port") from error


def _die_with_parent() -> None:
    """A killed command leaves no server behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
