"""What is wrong with a deployment is said before a server is asked; and what there is no server for."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app

TINY = Path(__file__).parent / "tiny.yaml"


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What verbs set for Prefect is taken back."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def orchestrator(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cron", "0 25 * * *"], "'25' is no hour; expected 0 to 23"),
        (["--every", "often"], "expected a number and m, h, d or w"),
        (["--cron", "0 3 * * *", "--every", "6h"], "say --cron or --every, not both"),
        (["--cron", "0 3 * * *", "--timezone", "Mars"], "no time zone is named 'Mars'"),
        (["--every", "6h", "--set", "stop.rounds=0"], "stop.rounds"),
        (["--every", "6h", "--machine", "none.yaml"], "none.yaml"),
        (["--every", "6h", "--max-usd", "5"], "no price is known for 'teacher'"),
        (["--every", "6h", "--store", "postgresql://me:secret@host/db"], "may hold no password"),
    ],
)
def test_a_deployment_that_could_not_be_carried_out_is_refused(options: list[str], said: str, tmp_path: Path) -> None:
    refused = orchestrator("deploy", TINY, "--home", tmp_path, *options)
    assert refused.exit_code == 2
    assert said in refused.output.replace("\n", " ")
    assert "secret" not in refused.output


def test_caps_and_overlap_have_few_values(tmp_path: Path) -> None:
    for wrong in (["--overlap", "queue"], ["--per", "year"], ["--max-calls", "-1"]):
        assert orchestrator("deploy", TINY, "--home", tmp_path, *wrong).exit_code == 2


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("verb", [["deploy", str(TINY)], ["worker"], ["deployments"]])
def test_without_a_server_it_is_said_how_to_have_one(verb: list[str], tmp_path: Path) -> None:
    refused = orchestrator(*verb, "--home", tmp_path)
    assert refused.exit_code == 2
    assert f"orchestrator server --home {tmp_path}" in refused.output.replace("\n", "")
    (tmp_path / "prefect").mkdir(exist_ok=True)
    (tmp_path / "prefect" / "address").write_text("http://127.0.0.1:9")  # one that was killed
    assert orchestrator(*verb, "--home", tmp_path).exit_code == 2
    os.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
    named = orchestrator(*verb, "--home", tmp_path)
    assert "no Prefect server answers at PREFECT_API_URL=http://127.0.0.1:9/api" in named.output.replace("\n", "")


@pytest.mark.parametrize(
    "words", [["deploy", str(TINY), "--name", "a/b"], ["worker", "--pool", "a&b"], ["deployments", "--remove", "a%b"]]
)
def test_a_name_that_prefect_would_not_take_is_refused(words: list[str], tmp_path: Path) -> None:
    refused = orchestrator(*words, "--home", tmp_path)
    assert refused.exit_code == 2
    assert "expected a name without / % & < >" in refused.output.replace("\n", " ")
