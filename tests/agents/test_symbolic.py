"""Formulas that say the same are the same; words, plain numbers and what cannot be read are not this module's."""

import time
from pathlib import Path

import pytest

from agents import symbolic
from agents.kinds import UnfitDraft
from agents.symbolic import same_value
from agents.verifiers.symbolic_match import SymbolicMatch
from tests.contracts.whole import a_draft

JUDGE = SymbolicMatch(use="symbolic_match")


@pytest.fixture(autouse=True)
def _there() -> None:
    pytest.importorskip("math_verify", reason="the extra `symbolic` is not installed")


@pytest.mark.parametrize(
    ("given", "gold"),
    [
        ("sqrt(8)", "2√2"),
        ("(x+1)^2", "x^2+2x+1"),
        ("x**2 + 2*x + 1", "$(x+1)^2$"),
        (r"\frac{1}{2}\pi", "pi/2"),
        (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
        (r"\{1,2\}", r"\{2,1\}"),
        ("a*b", "b*a"),
    ],
)
def test_the_same_in_other_signs_is_the_same(given: str, gold: str) -> None:
    assert same_value(given, gold)


@pytest.mark.parametrize(
    ("given", "gold"),
    [
        ("x+1", "x+2"),
        ("2√3", "2√2"),
        ("(1,2)", "[1,2]"),
        ("(1,2)", "(2,1)"),
        ("stop", "pots"),
        ("ab", "ba"),
        ("Ann + Bob", "Bob + Ann"),
        ("75 cents", "$75"),
        ("0.3", "1/3"),
        ("3.0", "3"),  # that is for agents.answers to say
        ("", "x"),
        ("x" * 400, "x" * 400),
    ],
)
def test_what_is_not_or_is_for_others_to_say_is_refused(given: str, gold: str) -> None:
    assert not same_value(given, gold)


def test_what_would_never_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.symbolic.SECONDS", 0.5)
    began = time.monotonic()
    assert not same_value("9^{9^{9^9}}", "x+1")
    assert time.monotonic() - began < 60
    monkeypatch.undo()
    assert same_value("x+x+1", "2x+1")


def test_nothing_is_evaluated(tmp_path: Path) -> None:
    touched = tmp_path / "t"
    for text in (f"__import__('os').mkdir('{touched}')", rf"\text{{__import__('os').mkdir('{touched}')}}"):
        assert not same_value(text, "1")
        assert not symbolic.verified(text, "1")
    assert not touched.exists()


def test_the_verifier_accepts_by_rule_first_and_by_value_then() -> None:
    found = [
        JUDGE.judge(a_draft(0, answer=answer, gold=gold)).reason
        for answer, gold in (("7.0", "7"), ("sqrt(8)", "2√2"), ("8", "7"))
    ]
    assert found == ["the answer is right", "the answer is right, by its value", "wrong answer"]


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolic, "find_spec", lambda name: None)
    assert "agentic-distillation[symbolic]" in (JUDGE.missing() or "")
    assert JUDGE.judge(a_draft(0, answer="7", gold="7")).reason == "the answer is right"
    with pytest.raises(UnfitDraft, match=r"agentic-distillation\[symbolic\]"):
        JUDGE.judge(a_draft(0, answer="8", gold="7"))
