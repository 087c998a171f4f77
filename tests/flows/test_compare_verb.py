"""`compare` and `claims` from the command line, in this process, with the stand-in student."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from flows.claiming import print_claim
from flows.cli import app
from storage.store import open_store
from tests.conftest import SMALL, Loop

ARMS = ("demo", "demo+feedback={use: same_again, seeds: 10}")


@pytest.fixture
def compare(loop: Loop, tmp_path: Path) -> Callable[..., Result]:
    common = [word for edit in SMALL if not edit.startswith("feedback") for word in ("--set", edit)]

    def verb(*words: str) -> Result:
        every = ["compare", *words, "--home", str(tmp_path / "home"), *common]
        return CliRunner().invoke(app, every, catch_exceptions=False)

    return verb


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("demo",), "a comparison has two arms at least"),
        (("demo", "demo"), "a comparison has two arms at least"),
        (("demo", "demo+x"), "an arm is a recipe, with edits behind `+`"),
        (("demo", "dmo"), "Did you mean 'demo'?"),
        (("demo", "demo+seed=1"), "a comparison sets `seed` itself"),
        (
            ("demo", "demo+stop.round=3"),
            "the edit 'stop.round=3' of demo cannot be carried out: stop.round: there is no",
        ),
        ((*ARMS, "--budget", "euro=3"), "one of usd, calls or tokens"),
    ],
)
def test_what_cannot_be_compared_is_two_lines_and_code_2(compare: Any, words: Any, said: str) -> None:
    result = compare(*words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_two_arms_with_two_seeds_and_the_same_again_for_nothing(compare: Any, loop: Loop, tmp_path: Path) -> None:
    words = (*ARMS, "--seeds", "2", "--budget", "calls=40")
    told = json.loads(compare(*words, "--json").stdout.splitlines()[-1])
    assert [row["arm"] for row in told["rows"]] == list(ARMS)
    assert [(result["arm"], result["seed"]) for result in told["results"]] == [(a, s) for a in ARMS for s in (0, 1)]
    assert all(result["spent"] <= 40 for result in told["results"])
    assert len({result["run"] for result in told["results"]}) == 4
    assert told["rows"][1]["p"] > 0.01
    page = (tmp_path / "home" / "comparison.html").read_text()
    assert all(arm in page for arm in ARMS)
    sent, jobs = len(loop.sent), len(loop.worker.done)
    result = compare(*words)
    assert result.exit_code == 0
    assert "same_again, seeds: 10" in result.output.replace("\n", "")
    assert (len(loop.sent), len(loop.worker.done)) == (sent, jobs)
    again = json.loads((tmp_path / "home" / "comparison.json").read_text())
    assert again["rows"] == told["rows"]

    assert "95 % intervals over trainings and questions (2 seeds), at most 40 calls each" in " ".join(
        result.output.split()
    )
    run = told["results"][-1]["run"]
    shown = CliRunner().invoke(app, ["show", run, "--home", str(tmp_path / "home")], catch_exceptions=False)
    assert f"arm {ARMS[1]} with seed 1 of the comparison in" in shown.output


def test_a_dry_run_says_what_would_be_carried_out_and_starts_nothing(compare: Any, loop: Loop, tmp_path: Path) -> None:
    words = (*ARMS, "--seeds", "2", "--budget", "calls=40000", "--dry-run")
    foreseen = json.loads(compare(*words, "--json").stdout)
    assert [told["arm"] for told in foreseen] == list(ARMS)
    assert [(told["recipe"], told["seeds"]) for told in foreseen] == [("demo-at-40000-calls", [0, 1])] * 2
    assert len({digest for told in foreseen for digest in told["digests"]}) == 4
    assert all(0 < told["calls"]["low"] <= told["calls"]["likely"] <= told["calls"]["high"] for told in foreseen)
    result = compare(*words)
    assert result.exit_code == 0
    assert "each seed may take 40,000 calls" in result.output
    assert all(digest in result.output for told in foreseen for digest in told["digests"])
    assert (loop.sent, loop.worker.done) == ([], [])
    assert not (tmp_path / "home" / "comparison.json").exists()
    with open_store(tmp_path / "home" / "store.sqlite") as store:
        assert store.runs() == []


def test_an_interrupted_comparison_goes_on(compare: Any, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    honest = loop.worker.run

    async def interrupted(*job: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 9:
            raise KeyboardInterrupt
        return await honest(*job)

    monkeypatch.setattr(loop.worker, "run", interrupted)
    words = (*ARMS, "--seeds", "1", "--budget", "calls=40")
    assert compare(*words).exit_code == 3
    done = len(loop.worker.done)
    assert done
    assert compare(*words).exit_code == 0
    assert len({job["folder"] for job in loop.worker.done}) == len(loop.worker.done)


def test_an_unknown_claim_is_refused_with_those_there_are(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["claims", "B99", "--home", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 2
    assert "there is no claim 'B99'; there are: B" in " ".join(result.output.split())


@pytest.mark.parametrize(("seeds", "said"), [(1, "seeds: 1, so how much trainings differ is unknown"), (3, "seeds: 3")])
def test_a_claim_is_told_with_its_seeds(seeds: int, said: str) -> None:
    out = Console(file=io.StringIO(), width=200)
    checks = [{"says": "it is so", "held": True, "figures": "[1, 2]"}]
    told = {"id": "B0", "says": "x", "source": "y", "planted": "", "held": True, "checks": checks, "page": "p.html"}
    print_claim({**told, "seeds": seeds}, out)
    assert f"  {said}\n" in out.file.getvalue()  # type: ignore[attr-defined]
