"""Rows in the forms that others expect: what they say stays, and what they cannot say is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.forms import FORMS, NoSuchForm, reshape

TURNS = st.lists(st.text(), min_size=1, max_size=3)


def said(*texts: str) -> list[dict[str, str]]:
    """Turns of user and assistant, the user's first."""
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def reply(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


COMPLETION = {"prompt": said("2+3?"), "completion": reply("5")}
PAIR = {"prompt": said("2+3?"), "chosen": reply("5"), "rejected": reply("6")}
BAD = {**COMPLETION, "label": False}


@pytest.mark.parametrize(
    ("form", "row", "expected"),
    [
        ("messages", COMPLETION, [{"messages": [*said("2+3?"), *reply("5")]}]),
        ("messages", PAIR, [{"messages": [*said("2+3?"), *reply("5")]}]),
        ("messages", BAD, []),
        ("prompt-completion", PAIR, [COMPLETION]),
        ("alpaca", COMPLETION, [{"instruction": "2+3?", "input": "", "output": "5"}]),
        (
            "sharegpt",
            COMPLETION,
            [{"conversations": [{"from": "human", "value": "2+3?"}, {"from": "gpt", "value": "5"}]}],
        ),
        ("dpo", PAIR, [PAIR]),
        (
            "kto",
            PAIR,
            [{**COMPLETION, "label": True}, {"prompt": said("2+3?"), "completion": reply("6"), "label": False}],
        ),
        ("kto", BAD, [BAD]),
    ],
)
def test_a_row_in_another_form(form: str, row: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert reshape(form, row) == expected


def test_alpaca_keeps_what_the_system_said_and_what_went_before() -> None:
    prompt = [{"role": "system", "content": "Be brief."}, *said("Hi", "Hello", "2+3?")]
    [row] = reshape("alpaca", {"prompt": prompt, "completion": reply("5")})
    assert row == {
        "instruction": "2+3?",
        "input": "",
        "output": "5",
        "system": "Be brief.",
        "history": [["Hi", "Hello"]],
    }


@pytest.mark.parametrize(
    ("form", "row", "why"),
    [
        ("dpo", COMPLETION, "one reply each"),
        ("chatml", COMPLETION, "there is no form 'chatml'"),
        ("messages", {"text": "Once upon a time"}, "plain text"),
        ("alpaca", {"prompt": said("Hi", "Hello"), "completion": reply("5")}, "take sharegpt"),
    ],
)
def test_what_a_form_cannot_say_is_refused(form: str, row: dict[str, Any], why: str) -> None:
    with pytest.raises(NoSuchForm, match=why):
        reshape(form, row)


@given(TURNS.filter(lambda texts: len(texts) % 2 == 1), st.text(), st.sampled_from(sorted(set(FORMS) - {"dpo"})))
def test_no_form_loses_a_text(texts: list[str], answer: str, form: str) -> None:
    [row] = reshape(form, {"prompt": said(*texts), "completion": reply(answer)})
    assert sorted(filter(None, _texts(row))) == sorted(filter(None, [*texts, answer]))


def _texts(value: Any) -> list[str]:
    """Texts but for the names of roles."""
    if isinstance(value, dict):
        return [text for name, each in value.items() if name not in ("role", "from") for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []
