"""The screen shows text as text, whatever it looks like."""

import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from flows.cli import app
from flows.screen import Screen

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
