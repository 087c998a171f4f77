"""What the teacher reads of a mistake, and what becomes of the two texts that it writes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.generators.write_knowledge import WriteKnowledge, trimmed
from agents.generators.write_strategy import WriteStrategy
from agents.prompts import read_tagged
from tests.conftest import ScriptedTeacher

FIELDS = {"question": "What is 3 + 4?", "gold": "7", "student_reply": "3 + 4 = 8"}


def says(prompt: str, form: Any, sample: int) -> dict[str, str]:
    return {name: f"{name}. " for name in form.model_fields}


async def test_a_long_reply_is_cut_to_256_words() -> None:
    teacher = ScriptedTeacher(says)
    reply = " ".join(f"w{i}" for i in range(400))
    await WriteKnowledge(use="write_knowledge").write({**FIELDS, "student_reply": reply}, teacher, 0)
    read = read_tagged(teacher.asked[0])["student_reply"].split()
    assert read == [*reply.split()[:256], "[…]"]


@pytest.mark.parametrize("phrase", ["no", "so 4 it", " ".join(map(str, range(30)))])
def test_a_loop_is_read_once(phrase: str) -> None:
    assert trimmed(f"First {phrase} " + f"{phrase} " * 9 + "end", 256) == f"First {phrase} end […]"


def test_a_loop_costs_no_words_of_what_follows() -> None:
    assert trimmed("a " * 300 + "b c", 3) == "a b c […]"


@given(st.text(st.sampled_from("ab \n"), max_size=80), st.integers(1, 20))
def test_no_more_words_are_left_than_wanted_and_all_of_them_in_their_order(text: str, most: int) -> None:
    left = trimmed(text, most)
    words = left.removesuffix("[…]").split()
    assert len(words) <= most
    rest = iter(text.split())
    assert all(word in rest for word in words)
    assert left == text or left.endswith("[…]")


def test_three_times_is_no_loop_and_a_text_that_needs_no_trimming_keeps_its_spaces() -> None:
    assert trimmed(" 1 1 1\n 2 ", 4) == " 1 1 1\n 2 "


@pytest.mark.parametrize("generator", [WriteKnowledge(use="write_knowledge"), WriteStrategy(use="write_strategy")])
async def test_both_texts_are_the_knowledge_and_a_mistake_is_called_one(generator: Any) -> None:
    teacher = ScriptedTeacher(says)
    (writing,) = await generator.write(FIELDS, teacher, 0)
    assert list(writing.fields) == ["knowledge"]
    assert len(writing.fields["knowledge"].split("\n")) == 2
    await generator.write({"question": "What is 3 + 4?", "gold": "7"}, teacher, 0)
    assert ["student" in prompt.partition("<")[0] for prompt in teacher.asked] == [True, False]
