"""Programs and equations as teachers write them, and as drafts hold them."""

import pytest

from agents.generators.write_equations import WriteEquations
from agents.generators.write_program import WriteProgram, unfenced
from agents.prompts import read_tagged
from tests.conftest import ScriptedTeacher

QUESTION = {"question": "Ann has 3 apples and buys 4. How many has she?"}
PROGRAM = "def solution():\n    return 3 + 4"


@pytest.mark.parametrize(
    "written",
    [PROGRAM, f"```python\n{PROGRAM}\n```", f"```\n{PROGRAM}\n```\n", f"\n\n{PROGRAM}\n\n", f"  ```py\n{PROGRAM}\n```"],
)
def test_a_program_is_kept_without_the_fence_around_it(written: str) -> None:
    assert unfenced(written) == PROGRAM


def test_a_fence_inside_a_program_stays() -> None:
    text = "def solution():\n    return '''\n```\nx\n```\n'''"
    assert unfenced(text) == text


async def test_the_answer_is_shown_only_where_the_recipe_shows_it() -> None:
    for generator, reply in (
        (WriteProgram(use="write_program"), {"program": PROGRAM}),
        (WriteEquations(use="write_equations"), {"equations": ["a = 3 + 4"], "asked": "a"}),
    ):
        teacher = ScriptedTeacher(lambda prompt, form, sample, reply=reply: reply)
        await generator.write(QUESTION, teacher, 0)
        await generator.write({**QUESTION, "gold": "7"}, teacher, 0)
        plain, hinted = teacher.asked
        assert "right answer is shown" not in plain
        assert "right answer is shown" in hinted
        assert [read_tagged(prompt) for prompt in teacher.asked] == [QUESTION, {**QUESTION, "gold": "7"}]


async def test_equations_are_one_a_line() -> None:
    reply = {"equations": [" a = 3 ", "b = a + 4"], "asked": " b "}
    (writing,) = await WriteEquations(use="write_equations").write(QUESTION, ScriptedTeacher(lambda *_: reply), 0)
    assert writing.fields == {"equations": "a = 3\nb = a + 4", "asked": "b"}
