"""From nothing to a forecast: a recipe and a machine file that are accepted, and nothing overwritten or given away."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app

ENDPOINT = ["--teacher", "https://api.example.com/v1", "--model", "big-model", "--key-env", "EXAMPLE_API_KEY"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def orchestrator(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, words, input=typed, catch_exceptions=False)


def written(name: str = "train.jsonl", question: str = "problem", answer: str = "solution", rows: int = 400) -> str:
    lines = (json.dumps({question: f"What is {n} and {n}?", answer: str(2 * n)}) for n in range(rows))
    Path(name).write_text("\n".join(lines))
    return name


def test_a_file_and_an_endpoint_come_to_a_forecast_in_three_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    made = orchestrator("init", "--data", written(), *ENDPOINT, "--yes")
    assert made.exit_code == 0, made.output
    assert "next: orchestrator plan recipe.yaml --machine machine.yaml" in made.output
    monkeypatch.setenv("EXAMPLE_API_KEY", "sk-secret")
    planned = orchestrator("plan", "recipe.yaml", "--machine", "machine.yaml", "--json")
    assert planned.exit_code == 0, planned.output
    assert orchestrator("check", "recipe.yaml").exit_code == 0
    assert "key_env: EXAMPLE_API_KEY" in Path("machine.yaml").read_text()
    assert 'question: "problem", answer: "solution"' in Path("recipe.yaml").read_text()
    assert not any(b"sk-secret" in path.read_bytes() for path in Path().rglob("*") if path.is_file())


def test_it_asks_what_was_not_said() -> None:
    typed = f"Adding: it's easy\n{written()}\n\n\nhttps://api.example.com/v1\nbig-model\n\n\n"
    made = orchestrator("init", typed=typed)
    assert made.exit_code == 0, made.output
    assert "Column of the question [problem]" in made.output
    assert re.search(r"of 2\d\d questions to learn from", made.output)  # the others are kept for the exams
    assert "key_env" not in Path("machine.yaml").read_text()
    shown = json.loads(orchestrator("check", "recipe.yaml", "--json").output)
    assert shown["recipe"]["about"] == "Adding: it's easy"


def test_without_data_or_teacher_it_is_a_rehearsal() -> None:
    told = json.loads(orchestrator("init", "--json").output)
    assert told["recipe"] == "recipe.yaml"
    assert orchestrator("plan", "recipe.yaml", "--machine", "machine.yaml").exit_code == 0


@pytest.mark.parametrize("there", ["recipe.yaml", "machine.yaml"])
def test_nothing_is_overwritten(there: str) -> None:
    Path(there).write_text("mine")
    refused = orchestrator("init", "--yes")
    assert (refused.exit_code, Path(there).read_text()) == (2, "mine")
    assert f"{there} is there already" in refused.output
    assert len(list(Path().iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "few.jsonl", *ENDPOINT], "too few questions"),
        (["--data", "none.jsonl", *ENDPOINT], "none.jsonl"),
        (["--data", "odd.jsonl", *ENDPOINT], "--question"),
        (["--data", "train.jsonl"], "name an endpoint"),
        ([*ENDPOINT[:2]], "say --model"),
        (["--teacher", "api.example.com"], "expected one of the OpenAI protocol"),
        ([*ENDPOINT[:4], "--key-env", "sk-Abc123Abc123Abc123"], "name the variable that holds the key"),
        (["--student", "no-such-folder"], "no-such-folder"),
    ],
)
def test_what_no_recipe_can_be_made_of_is_said_and_writes_nothing(words: list[str], said: str) -> None:
    written()
    written("few.jsonl", rows=12)
    written("odd.jsonl", question="q")
    refused = orchestrator("init", "--yes", *words)
    assert refused.exit_code == 2, refused.output
    assert said in refused.output.replace("\n", " ")
    assert "sk-Abc" not in refused.output
    assert not list(Path().glob("*.yaml"))
