"""What is a system of equations, what it comes to, and that nothing of it is ever evaluated."""

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.equations import Solved, UnreadableEquations, read_equations, solutions, solve, split_asked


def come_to(equations: str, asked: str) -> str | None:
    """The value, without the way through the other process."""
    cause, value, message = solutions(read_equations(equations), asked)
    assert (cause == "solved") == (value is not None) == (not message)
    return value or cause


@pytest.mark.parametrize(
    ("equations", "asked", "value"),
    [
        ("a = 57*3\nb = a+5", "b", "176"),
        ("b + 95 = a; a = 112", "b", "17"),
        ("x + y = 10\nx - y = 4", "y", "3"),
        ("2x + 3(x - 1) = 7", "x", "2"),
        ("x = 1/3", "x", "1/3"),
        ("x = 1.5 × 2 ÷ 4 − 1", "x", "-1/4"),
        ("x = -2^2", "x", "-4"),
        ("x = (-2)**2", "x", "4"),
        ("a^3 = 8", "a", "2"),
        ("x^2 = 2\ny = x^2 + 1", "y", "3"),
        ("apples = 3\n\n  total_2 = apples * .5 ", "total_2", "3/2"),
        ("x^2 = 2", "x", "several values"),
        ("x^2 = -1", "x", "no solution"),
        ("x = 1\nx = 2", "x", "no solution"),
        ("x = 1\n3 = 4", "x", "no solution"),
        ("x = 5/0", "x", "no solution"),
        ("x = y", "x", "not determined"),
        ("x = 3", "total", "not determined"),
    ],
)
def test_a_system_comes_to_one_value_or_none(equations: str, asked: str, value: str) -> None:
    assert come_to(equations, asked) == value


@pytest.mark.parametrize(
    ("equations", "cause", "said"),
    [
        ("", "unreadable", "0 equations"),
        ("a = b = 3", "unreadable", "2 signs"),
        ("the total is 3", "unreadable", "0 signs"),
        ("a = 3 apples", "", ""),  # a product with an unknown of its own: read, and never determined
        ("a = 3 *", "unreadable", "missing at the end"),
        ("a = (3", "unreadable", "not closed"),
        ("a = 3)", "unreadable", "')' is not expected"),
        ("a = 3 $", "unreadable", "cannot be read"),
        ("a = 2^9", "unreadable", "exponent"),
        ("a = 2^b", "unreadable", "exponent"),
        ("a = 1234567890123456", "too large", "digits"),
        ("a^4*a = 1", "too large", "degree 5"),
        ("a = " + "(" * 30 + "1" + ")" * 30, "too large", "nested"),
        ("a = " + "-" * 30 + "1", "too large", "nested"),
        ("a = 1\n" * 21, "too large", "21 equations"),
        ("\n".join(f"a{i} = b{i}" for i in range(15)), "too large", "30 unknowns"),
        ("a = 1" + " " * 2000, "too large", "2005 characters"),
    ],
)
def test_what_is_no_system_or_too_large_is_said_to_be(equations: str, cause: str, said: str) -> None:
    if not cause:
        assert solutions(read_equations(equations), "a")[0] == "not determined"
        return
    with pytest.raises(UnreadableEquations) as caught:
        read_equations(equations)
    assert caught.value.cause == cause
    assert said in str(caught.value)
    assert solve(equations, "a") == Solved(caught.value.cause, message=str(caught.value))


@pytest.mark.parametrize(
    "text",
    [
        "a = __import__('os').system('touch {}')",
        'a = exec("open({!r}, chr(119))")',
        "a = [x for x in ().__class__.__bases__]",
        "a = lambda: 1",
        "a = b.real",
        "Symbol('a') = 1",
    ],
)
def test_no_text_is_evaluated(text: str, tmp_path: Path) -> None:
    """SymPy's readers would: sympify("__import__('os')…") carries it out."""
    touched = tmp_path / "touched"
    assert solve(text.replace("{}", str(touched)).replace("{!r}", repr(str(touched))), "a").cause == "unreadable"
    assert not touched.exists()


def test_names_that_mean_something_to_sympy_are_unknowns_like_any_other() -> None:
    for name in ("E", "I", "pi", "S", "N", "oo", "zoo", "Integer", "exit", "lambda"):
        assert come_to(f"{name} = 2 + 1", name) == "3"


def test_a_system_that_comes_to_no_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.equations.SECONDS", 0.3)
    tangle = "\n".join(f"x{i}^2*x{(i + 1) % 6}^2 + x{(i + 2) % 6}^3 = x{i}*x{(i + 3) % 6} + {i}" for i in range(6))
    began = time.monotonic()
    assert solve(tangle, "x0").cause == "limit"
    assert time.monotonic() - began < 30
    assert solve("a = 1 + 1", "a") == Solved("solved", "2")


@settings(max_examples=30, deadline=None)
@given(data=st.data(), size=st.integers(1, 4))
def test_what_a_system_was_made_from_is_found_again(data: Any, size: int) -> None:
    """Triangular systems of whole numbers, in any order."""
    values = [data.draw(st.integers(-50, 50)) for _ in range(size)]
    lines = []
    for i, value in enumerate(values):
        factors = [data.draw(st.integers(-9, 9)) for _ in range(i)]
        own = data.draw(st.integers(1, 9))
        rest = sum(factor * values[j] for j, factor in enumerate(factors))
        terms = "".join(f" + {factor}*x{j}" for j, factor in enumerate(factors))
        lines.append(f"{own}*x{i}{terms} = {own * value + rest}")
    lines = data.draw(st.permutations(lines))
    at = data.draw(st.integers(0, size - 1))
    assert come_to("\n".join(lines), f"x{at}") == str(values[at])


@given(st.integers(-999, 999), st.integers(1, 99), st.integers(0, 99))
def test_numbers_are_exact(a: int, b: int, c: int) -> None:
    assert Fraction(come_to(f"x = {a}/{b} + 0.{c:02d}", "x") or "") == Fraction(a, b) + Fraction(c, 100)


def test_the_unknown_that_is_asked_for_stands_in_the_last_line() -> None:
    assert split_asked("a = 1\nb = a\nfind b") == ("a = 1\nb = a", "b")
    assert split_asked("a = 1\nfind a.\n") == ("a = 1", "a")
    assert split_asked("a = 1") is split_asked("find the answer") is split_asked("") is None
