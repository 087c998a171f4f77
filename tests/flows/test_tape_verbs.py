"""`orchestrator tape`: what it prints, its exit codes, and what a person sees who gives it what is no tape."""

import gzip
import json
from pathlib import Path

import pytest

from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from tests.flows.test_mistakes import orchestrator, refused

TAPE = Path(__file__).parents[2] / "docs" / "tapes" / "first-run.tape.gz"


@pytest.mark.parametrize("verb", ["record", "replay"])
def test_a_verb_explains_itself_and_can_speak_json(verb: str) -> None:
    result = orchestrator("tape", verb, "--help")
    assert result.exit_code == 0
    assert "--json" in result.output


def test_a_replay_prints_a_line_for_each_dataset() -> None:
    result = orchestrator("tape", "replay", TAPE)
    assert result.exit_code == 0
    assert [line.split()[:3] for line in result.output.splitlines()] == [
        ["round", "1", "lessons"],
        ["round", "2", "lessons"],
    ]
    assert all(line.endswith("  same") for line in result.output.splitlines())


def test_a_replay_that_differs_says_why_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RationaleThenAnswer, "revision", 99)
    monkeypatch.setattr(RationaleThenAnswer, "row", lambda self, fields: {"prompt": [], "completion": []})
    result = orchestrator("tape", "replay", TAPE)
    assert result.exit_code == 1
    assert "rationale_then_answer@99" in result.output.splitlines()[0]
    assert result.output.count("different, was rows:b2:") == 2
    result = orchestrator("tape", "replay", TAPE, "--json")
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert not said["same"]
    assert [made["same"] for made in said["datasets"]] == [False, False]


def test_a_kept_replay_can_be_shown(tmp_path: Path) -> None:
    """And recorded: what comes of it is the tape."""
    home, again = tmp_path / "home", tmp_path / "again.tape.gz"
    assert orchestrator("tape", "replay", TAPE, "--home", home).exit_code == 0
    assert "lessons" in orchestrator("show", "--home", home).output
    result = orchestrator("tape", "record", "--home", home, "--to", again)
    assert result.exit_code == 0, result.output
    assert "944 calls, 445 seeds, 2 datasets" in result.output
    assert gzip.decompress(again.read_bytes()) == gzip.decompress(TAPE.read_bytes())
    refused(orchestrator("tape", "replay", TAPE, "--home", home), "already", "empty folder")


def test_what_is_no_tape(tmp_path: Path) -> None:
    path = tmp_path / "x.tape.gz"
    refused(orchestrator("tape", "replay", path), "No such file", "x.tape.gz")
    path.write_text("{}")
    refused(orchestrator("tape", "replay", path), "x.tape.gz is not a tape", "orchestrator tape record")
    path.write_bytes(TAPE.read_bytes()[:9000])
    refused(orchestrator("tape", "replay", path), "ends in the middle")
    path.write_bytes(gzip.compress(b'{"tape": 7}\n'))
    refused(orchestrator("tape", "replay", path), "version 7", "version 1")
    result = orchestrator("tape", "replay", path, "--json")
    assert "version 7" in json.loads(result.stdout.splitlines()[0])["error"]


def test_a_record_of_nothing(tmp_path: Path) -> None:
    refused(orchestrator("tape", "record", "--home", tmp_path, "--to", tmp_path / "x"), "there is no store")
