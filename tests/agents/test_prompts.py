"""Prompts: text goes in and comes back unchanged, and never leaves its section."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.prompts import fill, read_filled, read_tagged, tagged, text_asked

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


# --- a filled template, read back ------------------------------------------------------------------------------------

FORMS = ("{a}\n#### {b}", "#### {a}", "{a}", "Of {a}:\n{b}\nso {c}.", "{a} and {a}")
LINES = st.text("xyz #.\n", max_size=10)


@given(st.sampled_from(FORMS), st.fixed_dictionaries(dict.fromkeys("abc", LINES)))
def test_what_is_read_of_a_filled_template_fills_it_to_the_same_text(form: str, fields: dict[str, str]) -> None:
    text = fill(form, **fields)
    found = read_filled(form, text)
    if found is not None:
        assert all(value.strip() == value != "" for value in found.values())
        assert "".join(fill(form, **found).split()) == "".join(text.split())


@given(st.sampled_from(FORMS), st.fixed_dictionaries(dict.fromkeys("abc", st.text("xyz", min_size=1))))
def test_simple_fields_come_back(form: str, fields: dict[str, str]) -> None:
    assert read_filled(form, fill(form, **fields)) == {name: fields[name] for name in fields if f"{{{name}}}" in form}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2+3=5\n#### 5", {"a": "2+3=5", "b": "5"}),
        (" one\n\ntwo \n####  5 \n", {"a": "one\n\ntwo", "b": "5"}),
        ("2+3=5\n#### 5\nand more", None),
        ("#### 5", None),
        ("2+3=5\n#### ", None),
        ("2+3=5\n####5", None),
        ("", None),
    ],
)
def test_a_text_of_another_form_is_read_as_nothing(text: str, found: dict[str, str] | None) -> None:
    assert read_filled("{a}\n#### {b}", text) == found


def test_a_text_that_can_be_read_in_two_ways_is_read_in_none() -> None:
    assert read_filled("{a}\n{b}\n#### {c}", "one\ntwo\nthree\n#### 5") is None
    assert read_filled("{a}\n{b}\n#### {c}", "one\ntwo\n#### 5") == {"a": "one", "b": "two", "c": "5"}
    assert read_filled("{a}{b}", "xyz") is None
    assert read_filled("{a} and {a}", "x and y") is None
