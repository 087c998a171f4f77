"""A planted key is looked for in everything that a run leaves behind and says, and is nowhere."""

import json
import os
import sqlite3
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from agents.rehearsal.serving import serve
from tests.conftest import SMALL
from tests.flows.test_mistakes import answering

KEY = "sk-planted/4711+0815=Zz~tail"
"""Spelt otherwise as JSON, in URLs and in base64."""
EDITS = [word for edit in SMALL for word in ("--set", edit)]


class Bench:
    """A person's machine: a home, a working folder, a key in one of the two places where keys may be."""

    def __init__(self, folder: Path, place: str, url: str, key: str = KEY) -> None:
        self.folder, self.runs = folder, folder / "runs"
        self.key_file = folder / "teacher-key"
        (folder / "home").mkdir()
        named = {"key_env": "PLANTED_KEY"} if place == "environment" else {"key_file": str(self.key_file)}
        entry = {"endpoint": url, "model": "rehearsal-teacher", **named}
        (folder / "machine.yaml").write_text(json.dumps({"default": entry}))
        self.environment = {**os.environ, "HOME": str(folder / "home"), "PYTHONPATH": str(Path.cwd())}
        if place == "environment":
            self.environment["PLANTED_KEY"] = key
        else:
            self.key_file.write_text(key)
            self.key_file.chmod(0o600)
        self.said = b""

    def orchestrator(self, *words: str, code: int = 0) -> str:
        """What it says on its standard output; all that it says is kept."""
        command = [sys.executable, "-m", "flows.cli", *words]
        done = subprocess.run(command, capture_output=True, cwd=self.folder, env=self.environment)
        self.said += done.stdout + done.stderr
        assert done.returncode == code, self.said.decode()
        return done.stdout.decode()

    def teach(self, *more: str, code: int = 0) -> None:
        self.orchestrator("run", "demo", *EDITS, "--machine", "machine.yaml", *more, code=code)

    def look(self) -> None:
        """The key is in no file but its own, in no database, and nothing said it."""
        traces = dict(self._traces())
        assert any(name.endswith("store.sqlite") for name in traces)
        found = [(name, spelt) for name, content in traces.items() for spelt in spellings(KEY) if spelt in content]
        assert not found

    def _traces(self) -> Iterator[tuple[str, bytes]]:
        yield "what it said", self.said
        for path in self.folder.rglob("*"):
            if path.is_file() and path != self.key_file:
                yield str(path), path.read_bytes()
            if path.suffix in (".sqlite", ".db"):  # a text may lie on two pages of the file
                with closing(sqlite3.connect(path)) as opened:
                    yield f"rows of {path}", "\n".join(opened.iterdump()).encode()


def spellings(key: str) -> set[bytes]:
    """As it is, as JSON and URLs write it, and as base64 does at each place of a longer text."""
    raw = key.encode()
    plain = {raw, key.replace("/", r"\/").encode(), quote(key).encode(), quote(key, safe="").encode()}
    shifted = [b64encode(b"\0" * shift + raw)[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6] for shift in range(3)]
    return plain | {*shifted, *(one.translate(bytes.maketrans(b"+/", b"-_")) for one in shifted)}


def test_the_spellings_are_found_where_they_are() -> None:
    around = f"Authorization: Bearer {KEY}.".encode()
    for shift in range(3):
        encoded = b64encode(b"x" * shift + around)
        assert any(spelt in encoded for spelt in spellings(KEY))
    assert all(any(spelt in quote(text).encode() for spelt in spellings(KEY)) for text in (KEY, f"a {KEY} b"))


ECHOES: list[Any] = [
    f"Incorrect API key provided: {KEY}",
    json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}}).replace("/", r"\/"),
    json.dumps({"error": {"key": quote(KEY, safe=""), "header": b64encode(KEY.encode()).decode()}}),
]


@pytest.mark.parametrize("place", ["environment", "file"])
@pytest.mark.parametrize(
    "echo",
    [ECHOES[0], *(pytest.param(echo, marks=pytest.mark.slow) for echo in ECHOES[1:])],
    ids=["plain", "json", "encoded"],
)
def test_a_refused_key_that_the_server_repeats_is_nowhere(tmp_path: Path, place: str, echo: str) -> None:
    with answering(401, echo) as url:
        bench = Bench(tmp_path, place, url)
        bench.teach("--without-prefect", code=3)
        bench.orchestrator("doctor", "--machine", "machine.yaml", "--json", code=1)
    named = "environment variable PLANTED_KEY" if place == "environment" else f"file {bench.key_file}"
    assert bench.said.count(f"the key in {named} was refused".encode()) >= 2
    bench.look()


@pytest.mark.slow
@pytest.mark.parametrize(("place", "more"), [("file", ["--without-prefect"]), ("environment", [])])
def test_a_key_is_in_nothing_that_a_run_leaves_behind(tmp_path: Path, place: str, more: list[str]) -> None:
    with serve("--key", KEY) as url:
        bench = Bench(tmp_path, place, url)
        bench.teach(*more)
        assert json.loads(bench.orchestrator("show", "--json"))["calls"] > 0
        bench.orchestrator("export", "--to", "handed-over")
        findings = json.loads(bench.orchestrator("doctor", "--machine", "machine.yaml", "--json"))
        assert findings[-1]["state"] == "ok"
    names = {path.name for path in tmp_path.rglob("*")}
    assert {"report.html", "handed-over"} <= names
    assert ("prefect.db" in names) == (not more)
    bench.look()


@pytest.mark.slow
def test_a_key_that_is_wrong_is_as_secret(tmp_path: Path) -> None:
    with serve("--key", "another-key-that-is-right") as url:
        bench = Bench(tmp_path, "file", url)
        bench.teach("--without-prefect", code=3)
    assert f"the key in file {bench.key_file} was refused".encode() in bench.said
    bench.look()
