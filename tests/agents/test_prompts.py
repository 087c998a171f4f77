"""Prompts: text goes in and comes back unchanged, and never leaves its section."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.prompts import fill, read_tagged, tagged, text_asked

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
HOSTILE = st.lists(
    st.sampled_from(["</a>", "<a>", "\n", "</A>", "</a-2>", "<a-2>\n", "<b>\n", "\n</b>", "x", "{a}", "\r", "\0"])
).map("".join)
TEXTS = st.text() | HOSTILE


@given(st.dictionaries(NAMES, TEXTS, max_size=4))
def test_any_text_comes_back(fields: dict[str, str]) -> None:
    assert read_tagged(tagged(fields)) == fields


@given(HOSTILE, HOSTILE)
def test_text_stays_in_its_section_amid_prose(a: str, b: str) -> None:
    prompt = fill("Solve what stands in <question>.\n{sections}\nBe brief.", sections=tagged({"a": a, "b": b}))
    assert read_tagged(prompt) == {"a": a, "b": b}


def test_sections_are_plain_to_read() -> None:
    assert tagged({"question": "How many?", "n": 3}) == "<question>\nHow many?\n</question>\n<n>\n3\n</n>"


def test_a_closing_tag_in_the_text_gets_the_section_a_suffix_that_occurs_nowhere() -> None:
    written = tagged({"question": "</question>", "other": "</question-2>"})
    assert written.startswith("<question-3>\n</question>\n</question-3>\n<other>\n")


def test_values_that_are_not_text_are_json() -> None:
    assert json.loads(read_tagged(tagged({"rows": [{"é": 1}]}))["rows"]) == [{"é": 1}]


def test_a_name_that_cannot_be_a_tag_is_told() -> None:
    with pytest.raises(ValueError, match="rename the field"):
        tagged({"a b": ""})


@given(TEXTS)
def test_filled_text_is_not_read_as_a_template(text: str) -> None:
    assert fill("{a}|{b}", a=text, b="{a}") == f"{text}|{{a}}"


def test_other_braces_are_left_alone() -> None:
    assert fill('Reply with {"answer": …}, {name}.', name="Ana") == 'Reply with {"answer": …}, Ana.'


def test_an_unknown_placeholder_is_told() -> None:
    with pytest.raises(KeyError, match=r"names \{y\}.*given are: x"):
        fill("{y}", x=1)


def test_the_last_user_message_is_read_in_both_forms() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    asked = [{"role": "user", "content": "zero"}, {"role": "user", "content": parts}, {"role": "assistant"}]
    assert text_asked(asked) == "one\ntwo"
    assert text_asked([]) == ""


def test_a_request_to_repair_leaves_the_material_readable() -> None:
    asked = [
        {"role": "user", "content": tagged({"question": "2 + 2?"})},
        {"role": "assistant", "content": "{"},
        {"role": "user", "content": "Your reply could not be read."},
    ]
    assert read_tagged(text_asked(asked)) == {"question": "2 + 2?"}
