"""What a student is served with: an engine that is there, and a template for one that reads no Jinja."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment

from orchestrator import serving
from orchestrator.serving import NoEngine, command, engine, modelfile
from orchestrator.student_worker.parity import compare, turns

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Wraps:
    """A tokenizer that has a template and splits at blanks."""

    def __init__(self, template: str) -> None:
        self._template = Environment().from_string(template)

    def apply_chat_template(self, messages: Any, tokenize: bool, add_generation_prompt: bool) -> str:
        return self._template.render(messages=messages, add_generation_prompt=add_generation_prompt)

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": [hash(word) for word in text.split()]}


def installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(serving, "find_spec", lambda name: importlib.util.find_spec("json") if name in names else None)


def test_vllm_comes_first_and_transformers_needs_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "vllm", "transformers", "fastapi", "uvicorn", "openai")
    assert engine() == "vllm"
    installed(monkeypatch, "transformers", "fastapi", "uvicorn", "openai")
    assert engine() == "transformers"


def test_without_an_engine_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "transformers", "openai")
    with pytest.raises(NoEngine, match=r"missing: fastapi, uvicorn.*pip install 'transformers\[serving\]'"):
        engine()


def test_an_engine_is_given_the_folder_and_where_to_listen(tmp_path: Path) -> None:
    program, *rest = command("transformers", tmp_path, "127.0.0.1", 8123)
    assert Path(program).name == "transformers"
    assert rest == ["serve", str(tmp_path), "--host", "127.0.0.1", "--port", "8123"]


def test_a_template_that_wraps_turns_is_said_in_ollamas_words() -> None:
    said = modelfile(turns(Wraps(CHATML)), "<|im_end|>")
    assert said
    assert '{{ if eq .Role "user" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n{{ end }}' in said
    assert said.count("<|im_start|>assistant\n") == 2  # of a turn, and before the reply
    assert 'PARAMETER stop "<|im_end|>"' in said


@pytest.mark.parametrize(
    "template",
    [
        CHATML.replace("{{ m.content }}", "{{ m.content | upper }}"),
        "{% if messages[0].role != 'system' %}You are kind.{% endif %}" + CHATML,
        CHATML.replace("{{ m.role }}", "{{ m.role or raise() }}{{ missing.thing }}"),
    ],
)
def test_a_template_that_does_more_is_left_to_a_person(template: str) -> None:
    assert modelfile(turns(Wraps(template)), "<|im_end|>") is None


def test_parity_counts_replies_and_tokens_and_shows_the_first_difference() -> None:
    asked = [{"key": key, "prompt": key} for key in "abcd"]
    first = {"a": "1 2 3 4", "b": "1", "c": "", "d": "1 2"}
    found = compare(asked, first, {**first, "b": "2", "d": "1 3"}, Wraps(CHATML))
    assert (found["prompts"], found["identical"], found["tokens"]) == (4, 0.5, 0.625)
    assert found["differing"] == {"prompt": "b", "trained": "1", "exported": "2"}
    assert compare(asked, first, first, Wraps(CHATML))["differing"] is None


def test_parity_of_nothing_is_no_figure() -> None:
    with pytest.raises(ValueError, match="not measured"):
        compare([], {}, {}, Wraps(CHATML))
