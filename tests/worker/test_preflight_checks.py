"""Faults planted in rows, tokenizer and base, each refused by its name; no torch, since nothing here has weights."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from tokenizers import Tokenizer

from orchestrator.machine import EMBEDDED
from orchestrator.student_worker import checks, footprint
from orchestrator.student_worker.checks import (
    Facts,
    Finding,
    check_batch,
    check_rows,
    check_teacher,
    check_template,
    check_tokens,
)
from orchestrator.student_worker.footprint import Load, Shapes
from orchestrator.student_worker.sequences import Row, shown, tokens_of

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PAD, END = 0, 1


@dataclass
class Plain:
    """What the checks read of a tokenizer, without transformers."""

    chat_template: str | None = TEMPLATE
    eos_token: str = "<|end|>"
    pad_token: str | None = "<|pad|>"
    added: int = 0
    """Tokens beyond the base's."""

    def __post_init__(self) -> None:
        self._inner = Tokenizer.from_file(str(EMBEDDED / "tokenizer.json"))
        self._inner.add_tokens([f"<new {i}>" for i in range(self.added)])
        self.eos_token_id = self._inner.token_to_id(self.eos_token)
        self.pad_token_id = self._inner.token_to_id(self.pad_token) if self.pad_token else None

    def apply_chat_template(self, messages: Any, tokenize: bool, add_generation_prompt: bool = False) -> str:
        assert not tokenize
        said = Environment().from_string(self.chat_template or "")
        return said.render(messages=messages, add_generation_prompt=add_generation_prompt)

    def __call__(self, texts: list[str], add_special_tokens: bool) -> dict[str, list[list[int]]]:
        return {"input_ids": [self._inner.encode(text, add_special_tokens=False).ids for text in texts]}

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        return self._inner.decode(ids, skip_special_tokens=skip_special_tokens)

    def get_vocab(self) -> dict[str, int]:
        return self._inner.get_vocab()


def lesson(question: str = "What is 2 and 3?", reply: str = "2+3=5\n#### 5") -> Row:
    return {"prompt": [{"role": "user", "content": question}], "completion": [{"role": "assistant", "content": reply}]}


def lessons(count: int = 8) -> list[Row]:
    return [lesson(f"What is {i} and 3?", f"{i}+3={i + 3}\n#### {i + 3}") for i in range(count)]


def found(rows: list[Row], tokenizer: Plain | None = None, **facts: Any) -> dict[str, Finding]:
    """Every finding, by name."""
    tokenizer = tokenizer or Plain()
    findings = [*check_rows(rows), check_template(rows, tokenizer)]
    if not any(
        finding.check in ("unreadable_row", "no_template") and finding.state == "refuse" for finding in findings
    ):
        numbered = list(enumerate(rows, 1))
        sound = Facts(rows, tokens_of(numbered, tokenizer), tokenizer, 1024, 1024, frozenset([END]), dict(numbered))
        findings += check_tokens(replace(sound, **facts))
    return {finding.check: finding for finding in findings}


def refused(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.state == "refuse"}


def test_sound_lessons_pass_every_check() -> None:
    assert {finding.state for finding in found(lessons()).values()} == {"ok"}


def wrong_template(template: str) -> Callable[[], dict[str, Finding]]:
    return lambda: found(lessons(), Plain(chat_template=template))


PLANTED: dict[str, Callable[[], dict[str, Finding]]] = {
    "unreadable_row": lambda: found([*lessons(), {"question": "2 and 3?", "answer": "5"}]),
    "empty_reply": lambda: found([*lessons(), lesson(reply=" \n")]),
    "nothing_preferred": lambda: found(
        [{"prompt": row["prompt"], "chosen": row["completion"], "rejected": row["completion"]} for row in lessons()]
    ),
    "one_label": lambda: found([{**row, "label": True} for row in lessons()]),
    "repeated_rows": lambda: found([lesson()] * 20),
    "no_template": lambda: found(lessons(), Plain(chat_template=None)),
    "template_loses_text": wrong_template(TEMPLATE.replace("{{ m.content }}", "{{ m.content[:4] }}")),
    "prompt_no_prefix": wrong_template(TEMPLATE.replace("%}<|assistant|>{%", "%}<|assistant|>think{%")),
    "end_not_taught": wrong_template(TEMPLATE.replace("<|end|>", "")),
    "padding_taught": lambda: found([*lessons(), lesson(reply="2+3=5 <|pad|> #### 5")]),
    "end_not_heeded": lambda: found(lessons(), stops=frozenset([7])),
    "too_long": lambda: found(lessons(), context=20),
    "tokens_without_embedding": lambda: found(lessons(), Plain(added=3)),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_refused_by_its_name_and_by_no_other(fault: str) -> None:
    findings = PLANTED[fault]()
    assert refused(findings) == {fault}
    assert findings[fault].found
    assert findings[fault].fix
    assert "\n" not in findings[fault].fix


def test_there_are_at_least_twelve_of_them() -> None:
    assert len(PLANTED) >= 12


def test_a_line_end_behind_the_end_token_is_no_fault() -> None:
    """ChatML closes a turn so."""
    assert not refused(found(lessons(), Plain(chat_template=TEMPLATE.replace("<|end|>", "<|end|>\n"))))


def test_one_long_row_of_many_is_refused_as_the_training_would_refuse_it() -> None:
    rows = lessons(200)
    longest = max(len(tokens.ids) for tokens in tokens_of(list(enumerate(rows, 1)), Plain()))
    assert not refused(found(rows, context=longest))
    rows[7] = lesson("Why? " * 80)
    assert refused(found(rows, context=longest)) == {"too_long"}
    assert "(row 8)" in found(rows, context=longest)["too_long"].found


def test_padding_that_also_stops_generation_is_no_fault_since_qwens_does() -> None:
    findings = found(lessons(), stops=frozenset([PAD, END]))
    assert not refused(findings)
    assert findings["padding_stops"].state == "warn"


class Normalising(Plain):
    """As Qwen's, which puts a letter and its accent together."""

    def __call__(self, texts: list[str], add_special_tokens: bool) -> dict[str, list[list[int]]]:
        return super().__call__([unicodedata.normalize("NFC", text) for text in texts], add_special_tokens)


def test_a_tokenizer_that_normalises_loses_no_text() -> None:
    apart = unicodedata.normalize("NFD", "Zoë pays 5 €.")
    assert apart != unicodedata.normalize("NFC", apart)
    assert not refused(found([*lessons(), lesson(reply=apart)], Normalising()))


def test_a_reply_of_several_turns_is_found_turn_by_turn() -> None:
    row = lesson()
    row["completion"] = [*row["completion"], {"role": "user", "content": "Sure?"}, *lesson(reply="Yes.")["completion"]]
    assert not refused(found([*lessons(), row]))


def test_padding_that_is_the_end_is_a_warning_since_the_batch_decides() -> None:
    assert found(lessons(), Plain(pad_token="<|end|>"))["padding_is_end"].state == "warn"
    assert not refused(found(lessons(), Plain(pad_token="<|end|>")))


@pytest.mark.parametrize(
    ("labels", "tokenizer", "fault"),
    [
        ([[-100, 9, END, -100]], Plain(), ""),
        ([[-100, 9, -100, -100]], Plain(pad_token="<|end|>"), "end_masked"),
        ([[-100, 9, END, PAD]], Plain(), "padding_learned"),
    ],
)
def test_a_batch_shows_what_the_loss_is_of(labels: list[list[int]], tokenizer: Plain, fault: str) -> None:
    finding = check_batch([[5, 9, END, tokenizer.pad_token_id]], labels, tokenizer)
    assert (finding.check if finding.state == "refuse" else "") == fault


def test_a_line_end_behind_the_end_is_no_fault_where_padding_is_the_end() -> None:
    """ChatML as SmolLM2 has it: its reply ends in the end token and a line end, and is padded with the end token."""
    tokenizer = Plain(pad_token="<|end|>")
    [line_end] = tokenizer(["\n"], add_special_tokens=False)["input_ids"][0]
    ids = [[5, 9, END, line_end, END, END]]
    assert check_batch(ids, [[-100, 9, END, line_end, -100, -100]], tokenizer).state == "ok"
    assert check_batch(ids, [[-100, 9, -100, line_end, -100, -100]], tokenizer).state == "refuse"


def test_a_teacher_of_another_vocabulary_is_refused_with_what_to_do_instead() -> None:
    own = Plain().get_vocab()
    assert check_teacher(own, own).state == "ok"
    finding = check_teacher(own, {token: number + 1 for token, number in own.items()})
    assert (finding.check, finding.state) == ("teacher_tokenizer", "refuse")
    assert "sft" in finding.fix


@given(st.text(min_size=1, alphabet=st.characters(codec="ascii", exclude_characters="<|>")), st.integers(0, 5))
def test_what_is_shown_is_the_rows_text_and_what_is_learned_begins_with_the_reply(question: str, number: int) -> None:
    row = lesson(question, f"so {number}")
    [tokens] = tokens_of([(1, row)], Plain())
    pieces = shown(tokens, Plain())
    assert "".join(text for text, _ in pieces) == f"<|user|>{question}<|end|><|assistant|>so {number}<|end|>"
    assert [text for text, learned in pieces if learned] == [f"so {number}<|end|>"]


# --- memory and time ------------------------------------------------------------------------------------------------

SHAPES = Shapes(parameters=10**9, linear=((2048, 2048),) * 100, layers=20, vocabulary=32_000, hidden=2048)
LOAD = Load(rank=16, batch=16, length=512, tokens=10**6)


def test_the_batch_that_fits_is_found() -> None:
    free = sum(footprint.memory(SHAPES, replace(LOAD, batch=5)).values())
    assert footprint.largest_batch(SHAPES, LOAD, free) == 5
    assert footprint.largest_batch(SHAPES, LOAD, free - 1) == 4
    assert footprint.largest_batch(SHAPES, LOAD, 1 << 30) == 0


@pytest.mark.parametrize(("share", "state"), [(0.5, "ok"), (0.9, "warn"), (1.5, "warn"), (2.1, "refuse")])
def test_a_training_that_surely_has_no_room_is_refused(share: float, state: str) -> None:
    needed = sum(footprint.memory(SHAPES, LOAD).values())
    finding = footprint.fits(SHAPES, LOAD, round(needed / share))
    assert (finding.check, finding.state) == ("memory", state)
    assert bool(finding.fix) == (share > 1)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(8, 2048))
def test_more_of_anything_takes_more_memory(rank: int, batch: int, length: int) -> None:
    load = replace(LOAD, rank=rank, batch=batch, length=length)
    needed = sum(footprint.memory(SHAPES, load).values())
    for more in (replace(load, rank=rank + 1), replace(load, batch=batch + 1), replace(load, length=length + 1)):
        assert sum(footprint.memory(SHAPES, more).values()) > needed


def test_the_shapes_of_the_embedded_base_are_read_without_its_weights() -> None:
    shapes = footprint.shapes_of(EMBEDDED)
    assert shapes
    assert (shapes.parameters, shapes.layers, shapes.vocabulary, len(shapes.linear)) == (885_888, 4, 1024, 28)


def test_a_base_without_safetensors_has_no_shapes(tmp_path: Path) -> None:
    assert footprint.shapes_of(tmp_path) is None


def test_thresholds_are_what_the_documentation_says() -> None:
    assert checks.REPEATED == 0.9
