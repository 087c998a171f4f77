"""What no tape may hold, and how much of one is read into memory."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from orchestrator import tape_file
from orchestrator.machine import Machine
from orchestrator.tape_file import Header, TapeError, read_records, write_tape
from orchestrator.tapes import secrets


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "PGPASSWORD", "smtp_pass", "MYSQL_PWD", "A_KEY", "A_TOKEN", "A_SECRET"]
)
def test_variables_that_hold_secrets_are_known_by_their_names(name: str) -> None:
    environment = {name: "hunter-2-hunter", "PWD": "/home/somebody/x", "COMPASS": "north-by-northwest"}
    assert secrets(Machine(), environment) == {f"environment variable {name}": "hunter-2-hunter"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((b"[" * (300 << 20),), "line 1 is longer than the 8 MiB that a tape's header may have"),
        ((b"{}\n", b"0" * (40 << 20)), "line 2 is longer than the 32 MiB that a tape's line may have"),
    ],
)
def test_a_line_without_end_is_not_read_to_its_end(tmp_path: Path, lines: tuple[bytes, ...], said: str) -> None:
    path = tmp_path / "x.tape.gz"
    path.write_bytes(gzip.compress(b"".join(lines), 1))
    tracemalloc.start()
    with pytest.raises(TapeError, match=said):
        list(read_records(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 << 20


def test_no_tape_is_written_that_could_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape_file, "LONGEST_HEADER", 1 << 20)
    facts = {
        "digest": "",
        "recipe": {},
        "components": [],
        "roles": {},
        "datasets": [],
        "guarded": [],
        "contaminated": [],
        "packages": {},
    }
    header = Header.model_validate({**facts, "run": "r", "unanswered": ["call"] * 200_000})
    with pytest.raises(TapeError, match="longer than the 1 MiB"):
        write_tape(tmp_path / "x.tape.gz", header, [], {})
    assert list(tmp_path.iterdir()) == []
