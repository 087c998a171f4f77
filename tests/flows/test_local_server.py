"""A lasting server is found by what it wrote down, or it is said that there is none; no two share a port."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flows.local_server import (
    NoServer,
    ServerFailed,
    find_server,
    lasting_server,
    look_for_server,
    prefect_server,
    serve_on,
)


@pytest.fixture(autouse=True)
def no_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def noted(home: Path, address: str) -> None:
    (home / "prefect").mkdir()
    (home / "prefect" / "address").write_text(address)


@pytest.fixture
def other_program() -> str:
    """Address of a program that listens and speaks, but not HTTP."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        caller, _ = listening.accept()
        with listening, caller:
            caller.sendall(b"SSH-2.0-OpenSSH_9\r\n")

    threading.Thread(target=answer, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("address", ["", "nonsense"])
def test_a_note_that_a_full_disk_cut_off_is_no_server(address: str, tmp_path: Path) -> None:
    noted(tmp_path, address)
    with pytest.raises(NoServer, match="orchestrator server --home"):
        find_server(tmp_path)


def test_another_program_at_the_noted_port_is_no_server(other_program: str, tmp_path: Path) -> None:
    noted(tmp_path, other_program)
    with pytest.raises(NoServer, match="orchestrator server --home"):
        find_server(tmp_path)


def test_a_port_that_is_taken_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(NoServer, match="is taken by another program"),
        lasting_server(tmp_path, "127.0.0.1", taken.getsockname()[1]),
    ):
        raise AssertionError("it belongs to another program")
    with pytest.raises(NoServer, match=r"can listen on 203\.0\.113\.1"), lasting_server(tmp_path, "203.0.113.1", 0):
        raise AssertionError("no such address is here")
    assert not (tmp_path / "prefect").exists()


def test_a_server_that_ends_by_itself_is_said(tmp_path: Path) -> None:
    said = r"ended by itself \(exit code 7\); its log is .*server\.log"
    with (
        subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"]) as gone,
        pytest.raises(ServerFailed, match=said),
    ):
        serve_on(tmp_path, gone)


def test_a_named_server_that_is_away_is_said_before_a_run_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (look_for_server(tmp_path).state, "for schedules" in look_for_server(tmp_path).found) == ("ok", True)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(NoServer, match="no Prefect server answers at"), prefect_server(tmp_path):
        raise AssertionError("nobody is there")
    found = look_for_server(tmp_path)
    assert (found.state, found.do) == ("fail", "start it, correct the address, or unset PREFECT_API_URL")
