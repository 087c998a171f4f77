"""Which models are of one family, and who may therefore not judge whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.examination.families import conflicts, family

FAMILIES = {
    "gpt": "gpt-5-mini openai/gpt-oss-20b chatgpt-4o-latest gpt2 o3-mini openai/o1 o4-mini text-davinci-003 "
    "ft:gpt-4o-mini:acme::x1",
    "claude": "claude-opus-4-1 anthropic/claude-3.5-sonnet:beta us.anthropic.claude-3-haiku-20240307-v1:0",
    "gemini": "gemini-2.5-pro models/gemini-1.5-flash google/gemma-3-4b-it",
    "llama": "meta-llama/Llama-3-70B Meta-Llama-3.1-8B-Instruct llama3:8b TinyLlama-1.1B "
    "accounts/f/models/llama-v3p1-8b CodeLlama-7b",
    "qwen": "qwen2.5-7b-instruct Qwen/Qwen3-0.6B /models/Qwen2-0.5B /models/Qwen2-0.5B/ C:\\models\\Qwen2-0.5B QwQ-32B "
    "CodeQwen1.5-7B /models/Qwen2-0.5B/checkpoint-500 "
    "models--Qwen--Qwen2-0.5B/snapshots/0123456789abcdef0123456789abcdef01234567",
    "mistral": "mistral-large-latest open-mixtral-8x7b mistralai/Ministral-8B codestral-latest "
    "pixtral-12b magistral-small",
    "deepseek": "deepseek-chat deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
    "command": "command-r-plus CohereForAI/aya-expanse-8b",
    "phi": "microsoft/phi-4",
    "glm": "THUDM/chatglm3-6b glm-4",
    "rehearsal": "rehearsal-teacher?x=.1 rehearsal-teacher?from=a/gpt-4",
    "embedded": "embedded",
    "smollm": "HuggingFaceTB/SmolLM2-135M",
    "olmo": "allenai/OLMo-2-1124-7B olmo/v2",
    "philosopher": "philosopher-7b",
    "scripted": "scripted",
    "ollmo": "ollama/ollmo-3",
    "": "",
}


@pytest.mark.parametrize(
    ("name", "known"), [(name, known) for known, names in FAMILIES.items() for name in names.split(" ")]
)
def test_a_name_belongs_to_its_family(name: str, known: str) -> None:
    assert family(name) == known


@given(st.text(min_size=1))
def test_every_name_has_a_family_and_its_case_does_not_matter(name: str) -> None:
    assert family(name)
    assert family(name.lower()) == family(name)


def test_a_judge_is_in_conflict_with_whoever_shares_its_family() -> None:
    found = conflicts(
        "qwen2.5-72b", {"teacher": "gpt-5-mini", "student": "/models/Qwen2-0.5B", "solver": "Qwen/Qwen3-8B"}
    )
    assert len(found) == 2
    assert "student '/models/Qwen2-0.5B'" in found[0]
    assert "'qwen2.5-72b'" in found[0]
    assert "solver" in found[1]


def test_a_judge_of_another_family_is_in_no_conflict() -> None:
    assert conflicts("claude-opus-4-1", {"teacher": "gpt-5-mini", "student": "embedded"}) == []


def test_work_by_rule_is_of_nobody_s_family() -> None:
    assert conflicts("", {"teacher": ""}) == []
