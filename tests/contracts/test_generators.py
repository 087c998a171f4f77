"""What every generator must hold to: it shows what it is given, nothing else, and cannot be talked out of its prompt."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from agents.kinds import Generator, Nobody, UnreadableReply
from agents.prompts import read_tagged
from tests.conftest import ScriptedTeacher
from tests.contracts.isolated import needs_isolation
from tests.contracts.whole import FIELDS, HOSTILE, field, filled, named, of_kind

GENERATORS = of_kind(Generator)
RUNNING = {"break_program": needs_isolation}
every = pytest.mark.parametrize(
    "generator", [pytest.param(g, marks=RUNNING.get(g.use, ())) for g in GENERATORS], ids=named
)
asking = pytest.mark.parametrize("generator", [g for g in GENERATORS if g.asks], ids=named)


SHAPED: dict[str, Callable[[str], Any]] = {
    "candidates": lambda text: [dict.fromkeys(FIELDS["candidates"][0], text)],
    "rule": lambda text: f"{text} [X: tool]",
    "choices": lambda text: [text],
}
"""Fields that are no plain text, and how they hold one."""
REPLIES = {"fill_rule": "Who can lift the boat can lift the lamp."}
"""What a teacher says to a generator that could not use just any text."""


def visible(generator: Any, **fields: str) -> dict[str, Any]:
    shaped = {name: SHAPED[name](text) if name in SHAPED else text for name, text in fields.items()}
    return {name: shaped.get(name, field(name)) for name in generator.reads}


def answering(generator: Any) -> Any:
    return lambda prompt, form, sample: filled(form, REPLIES.get(generator.use, "some text"))


def says(prompt: str, form: Any, sample: int) -> Any:
    return filled(form)


@every
def test_it_says_what_it_writes_and_reads(generator: Any) -> None:
    assert generator.writes
    assert generator.reads
    assert len(set(generator.reads)) == len(generator.reads)


@every
async def test_it_writes_fields_and_names_the_call(generator: Any) -> None:
    teacher = ScriptedTeacher(answering(generator)) if generator.asks else Nobody()
    writings = await generator.write(visible(generator), teacher, 0)
    assert writings
    for writing in writings:
        assert writing.fields
        assert all(writing.fields.values())
        json.dumps(writing.fields)
        assert (writing.call is not None) == generator.asks


@asking
async def test_the_prompt_shows_the_visible_fields_and_no_others(generator: Any) -> None:
    marks = {name: f"mark-of-{name}." for name in {*FIELDS, *generator.reads}}
    teacher = ScriptedTeacher(says)
    await generator.write(visible(generator, **marks), teacher, 0)
    shown = {name for name, mark in marks.items() if mark in teacher.asked[0]}
    assert shown == set(generator.reads)


@asking
async def test_hostile_text_stays_in_its_section(generator: Any) -> None:
    for name in generator.reads:
        teacher = ScriptedTeacher(says)
        fields = visible(generator, **{name: HOSTILE})
        await generator.write(fields, teacher, 0)
        if generator.use == "relate_statements":  # of a candidate it shows what is stated alone
            fields = {name: [{generator.text: each[generator.text]} for each in fields[name]]}
        as_text = {n: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for n, v in fields.items()}
        assert read_tagged(teacher.asked[0]) == as_text


@asking
async def test_the_instruction_is_the_same_whatever_the_material(generator: Any) -> None:
    prompts = []
    for text in ("", HOSTILE, "{question}"):
        teacher = ScriptedTeacher(says)
        await generator.write(visible(generator, **dict.fromkeys(generator.reads, text)), teacher, 0)
        prompts.append(teacher.asked[0].partition("\n<")[0])
    assert len(set(prompts)) == 1


@asking
async def test_each_sample_is_a_call_of_its_own(generator: Any) -> None:
    teacher = ScriptedTeacher(answering(generator))
    calls = [(await generator.write(visible(generator), teacher, sample))[0].call for sample in (0, 1, 0)]
    assert calls[0] == calls[2] != calls[1]


@asking
async def test_a_reply_that_cannot_be_read_is_passed_on(generator: Any) -> None:
    with pytest.raises(UnreadableReply):
        await generator.write(visible(generator), ScriptedTeacher(lambda *_: UnreadableReply("?", "call:1")), 0)
