"""Reading forms from text, the schema that forms are asked for with, and what is kept of a completion."""

import json
from datetime import date
from enum import StrEnum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from agents.asking import strict_schema
from agents.kinds import UnreadableReply
from agents.replies import read, reply_in


class Mood(StrEnum):
    GLAD = "glad"
    SAD = "sad"


class Step(BaseModel):
    text: str
    value: int | None = None


class Lesson(BaseModel):
    model_config = ConfigDict(strict=True)
    question: str
    steps: list[Step]
    mood: Mood
    day: date
    score: float = Field(default=0.5, description="from 0 to 1")
    hard: bool
    best: Step = Field(default=Step(text=""), description="the best step")
    sides: tuple[int, Literal["a", "b"]]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
steps = st.builds(Step, text=texts, value=st.none() | st.integers())
lessons = st.builds(
    Lesson,
    question=texts,
    steps=st.lists(steps, max_size=3),
    mood=st.sampled_from(Mood),
    day=st.dates(),
    score=st.floats(allow_nan=False, allow_infinity=False),
    hard=st.booleans(),
    best=steps,
    sides=st.tuples(st.integers(), st.sampled_from(["a", "b"])),
)
prose = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{`"), max_size=40)


@given(lesson=lessons, before=prose, after=prose, indent=st.sampled_from([None, 2]))
def test_any_form_is_read_back(lesson: Lesson, before: str, after: str, indent: int | None) -> None:
    spelled = lesson.model_dump_json(indent=indent)
    fenced = f"{before}\n```json\n{spelled}\n```\n{after}"
    for text in (spelled, f"\n {spelled}\n", fenced, f"```\n{spelled}```", f"{before} {spelled} {after}"):
        assert read(text, Lesson) == lesson


pieces = st.sampled_from(
    ['{"question": ', "{", "}", "[", "]", '"', "\\", "```json\n", "```", "NaN", "1e999", "null", ","]
)


@given(st.lists(st.text(max_size=20) | pieces, max_size=30).map("".join))
def test_arbitrary_text_is_read_or_said_to_be_unreadable(text: str) -> None:
    # A lesson has more fields than these pieces can spell.
    with pytest.raises(UnreadableReply) as caught:
        read(text, Lesson, "call:1")
    assert caught.value.call == "call:1"
    assert str(caught.value)


class Score(BaseModel):
    score: float


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"score"',
        '{"score": NaN}',
        '{"score": 1e999}',
        '{"score": -Infinity}',
        '{"score": "\\ud800"}',
        '{"score": 1',
        "\ud800",
        '{"a":' * 5000,
        "[" * 100_000,
        '{"score": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_no_text_is_a_score_by_accident(text: str) -> None:
    with pytest.raises(UnreadableReply):
        read(text, Score)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ('The set {a, b} gives {"score": 1}.', 1),
        ('As `{}` shows:\n```json\n{"score": 2}\n```', 2),
        ('{"score": 3} or rather {"score": 4}', 3),
        ('x = {}, so {"score": 5}', None),
    ],
)
def test_the_first_object_counts_and_a_fence_beats_prose(text: str, score: float | None) -> None:
    if score is None:
        with pytest.raises(UnreadableReply):
            read(text, Score)
    else:
        assert read(text, Score).score == score


def test_the_reason_names_every_field_that_is_wrong() -> None:
    with pytest.raises(UnreadableReply, match=r"steps\.0\.text: .*; mood: .*; day: "):
        read(json.dumps({"question": "q", "steps": [{}], "mood": "mad", "hard": True, "sides": [1, "a"]}), Lesson)


def test_the_schema_is_one_that_strict_endpoints_take() -> None:
    schema = strict_schema(Lesson)

    def check(node: Any) -> None:
        if not isinstance(node, dict | list):
            return
        if isinstance(node, dict):
            assert "default" not in node
            assert "$ref" not in node or len(node) == 1
            if node.get("type") == "object":
                assert node["required"] == list(node["properties"])
                assert node["additionalProperties"] is False
        for child in node.values() if isinstance(node, dict) else node:
            check(child)

    check(schema)
    assert schema["properties"]["best"] == {"anyOf": [{"$ref": "#/$defs/Step"}], "description": "the best step"}


def test_fields_may_have_the_names_of_schema_words() -> None:
    class Words(BaseModel):
        title: str
        default: int
        properties: list[str]

    assert list(strict_schema(Words)["properties"]) == ["title", "default", "properties"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("four", "four"),
        ([{"type": "thinking", "thinking": []}, {"type": "text", "text": "4"}, {"type": "text", "text": None}], "4"),
    ],
)
def test_the_text_of_a_completion_is_found(content: Any, text: str) -> None:
    reply = reply_in({"choices": [{"message": {"content": content, "reasoning_content": "hm"}}]})
    assert reply["content"] == text
    assert (reply["reasoning"], reply["finish_reason"], reply["usage"]) == ("hm", None, None)
