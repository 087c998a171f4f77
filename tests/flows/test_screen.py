"""The screen shows text as text, whatever it looks like."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from flows.cli import app
from flows.screen import Screen
from storage.store import open_store
from tests.orchestrator.built_run import Built

HOSTILE = "[/INST] [bold red]x[/] [link=file:///]"


def test_hostile_text_neither_breaks_the_screen_nor_disappears() -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out))
    with screen:
        screen.tell("gathered", {"round": 1, "seeds": 3, "why": HOSTILE})
        screen.tell("planned", {"round": 2, "stop": True, "why": HOSTILE})
    assert out.getvalue().count(HOSTILE) == 2


@pytest.mark.parametrize("name", ["[/x]", "a[bold]b"])
def test_a_name_that_looks_like_markup_is_repeated_as_it_is(name: str) -> None:
    result = CliRunner().invoke(app, ["check", name], catch_exceptions=False)
    assert result.exit_code == 2
    assert repr(name) in result.output


def test_a_step_says_how_long_it_will_go_on() -> None:
    out = io.StringIO()
    with Screen(Console(file=out, force_terminal=True, width=120)) as screen:
        facts = {"round": 1, "step": "solve", "of": 3, "written": 5, "accepted": 0, "rejected": 0, "unreadable": 1}
        facts["unanswered"] = {"no usable answer after all retries": 2}
        screen.tell("batch", {**facts, "batch": 1})
        screen.tell("batch", {**facts, "batch": 2})
        assert "left" in screen._now
        screen.tell("batch", {**facts, "batch": 3})
    assert "solve: 15 written, 3 unreadable" in out.getvalue()
    assert out.getvalue().count("solve: 2 got no answer") == 3
    assert "no usable answer after all retries" in out.getvalue()


def test_what_judges_and_guards_say_stays_on_the_screen() -> None:
    out = io.StringIO()
    with Screen(Console(file=out, width=200)) as screen:
        screen.tell("decontaminated", {"place": "dataset 'lessons'", "left_out": 3})
        screen.tell("heard", {"exam": "probe", "model": "m", "admitted": False, "why": "it is too often wrong"})
        screen.tell("unnamed", {"round": 1, "why": "no JSON"})
        screen.tell("ruled", {"outcome": "hold", "why": "hold: [no] gain is shown"})
    told = [line.partition("s ")[2] for line in out.getvalue().splitlines()]
    assert told == [
        "  dataset 'lessons': 3 left out for repeating an exam question",
        "  judge m of probe: refused, it is too often wrong",
        "  some failures of round 1 stay without a name: no JSON",
        "gate: hold: [no] gain is shown",
    ]


def test_replies_without_a_verdict_are_counted_and_not_listed() -> None:
    out = io.StringIO()
    with Screen(Console(file=out, width=200)) as screen:
        for number in range(3):
            screen.tell("unjudged", {"question": "q", "why": f"mumble {number}"})
        for exam in ("probe", "other"):
            screen.tell("examined", {"round": 0, "accuracy": 0.5, "n": 4, "exam": exam})
    assert out.getvalue().count("got no verdict") == 1
    assert "3 replies got no verdict and count for nothing; the last: mumble 2" in out.getvalue()


def test_a_round_that_is_over_says_what_it_cost_and_brought(tmp_path: Path) -> None:
    out = io.StringIO()
    with open_store(tmp_path / "store.sqlite") as store, Screen(Console(file=out, width=200)) as screen:
        built = Built(store).base().lessons(1, usd=0.25).trained(1).examined(1, "probe").planned(2)
        screen.work = SimpleNamespace(store=store, run=built.run, ledger=SimpleNamespace(spent={}))  # type: ignore[assignment]
        screen.tell("planned", {"round": 2, "stop": False, "why": "more"})
    assert (
        "round 1 took 12 calls, 840 tokens ($3.00), 40s of training; it brought +40.0 points, +13.3 a dollar"
        in out.getvalue()
    )
    assert "15 wrong in probe: change: wrong answer 6 (10 before)" in out.getvalue()
