"""A chain of subquestions, the lessons that are made of its steps, and answers that the source knows."""

from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.generators.decompose import Decompose, Decomposition
from agents.generators.given_answer import GivenAnswer
from agents.generators.split_into_steps import SplitIntoSteps
from agents.kinds import Nobody, UnfitDraft
from agents.rehearsal.world import items
from agents.subquestions import asked_after
from tests.conftest import ScriptedTeacher

STEPS = [
    {"subquestion": "Take first times\n second?", "solution": "5*3=15", "answer": "15"},
    {"subquestion": "Then gap third?", "solution": "20-15=5 ", "answer": "5"},
]
texts = st.text(min_size=1).filter(str.strip)
chains = st.lists(
    st.fixed_dictionaries({"subquestion": texts, "solution": texts, "answer": texts}), min_size=1, max_size=6
)


async def decomposed(steps: Any, **options: Any) -> dict[str, Any]:
    teacher = ScriptedTeacher(lambda *_: {"steps": steps})
    (writing,) = await Decompose(use="decompose", **options).write({"question": "How much?"}, teacher, 0)
    return writing.fields


async def split(steps: Any) -> list[dict[str, Any]]:
    written = await SplitIntoSteps(use="split_into_steps").write({"steps": steps}, Nobody(), 0)
    return [writing.fields for writing in written]


async def test_one_draft_holds_the_plan_the_steps_and_the_solution() -> None:
    found = await decomposed(STEPS, between="; ")
    assert found["subquestions"] == "Take first times second?\nThen gap third?"
    assert (found["rationale"], found["answer"]) == ("5*3=15; 20-15=5", "5")
    assert [step["subquestion"] for step in found["steps"]] == found["subquestions"].splitlines()


@pytest.mark.parametrize("steps", [[], [{"subquestion": " \n", "solution": "5", "answer": "5"}], [{"solution": "5"}]])
async def test_a_chain_without_a_whole_step_is_not_read(steps: Any) -> None:
    with pytest.raises(ValueError, match="steps"):
        await decomposed(steps)


async def test_the_answer_is_shown_where_the_recipe_shows_it_and_said_so() -> None:
    teacher = ScriptedTeacher(lambda *_: {"steps": STEPS})
    generator = Decompose(use="decompose")
    await generator.write({"question": "How much?"}, teacher, 0)
    await generator.write({"question": "How much?", "gold": "5"}, teacher, 0)
    assert ["<gold>" in prompt for prompt in teacher.asked] == [False, True]
    assert ["without mentioning" in prompt for prompt in teacher.asked] == [False, True]


async def test_each_step_is_asked_with_the_answers_before_it() -> None:
    first, second = await split((await decomposed(STEPS))["steps"])
    assert first["asked"] == "Take first times second?"
    assert second["asked"] == "Take first times second? 15\nThen gap third?"
    assert (second["rationale"], second["answer"]) == ("20-15=5", "5")


@given(chains)
async def test_a_chain_of_n_steps_gives_n_lessons_none_of_which_shows_its_own_answer(
    steps: list[dict[str, str]],
) -> None:
    marked = [{**step, "answer": f"answer-of-{number}."} for number, step in enumerate(steps)]
    lessons = await split(marked)
    assert [lesson["answer"] for lesson in lessons] == [step["answer"] for step in marked]
    for number, lesson in enumerate(lessons):
        assert [f"answer-of-{n}." in lesson["asked"] for n in range(len(steps))] == [
            n < number for n in range(len(steps))
        ]
        assert lesson["asked"].endswith(lesson["subquestion"])


def test_what_is_asked_is_a_line_for_each_answer_before_and_one_for_the_subquestion() -> None:
    assert asked_after([], "How many?") == "How many?"
    assert asked_after([("Who?", "Ann\nand Ben")], "How many?") == "Who? Ann and Ben\nHow many?"


@pytest.mark.parametrize("steps", ["5*3=15", [{"subquestion": "How many?"}], [1], None])
async def test_what_is_no_list_of_steps_is_said_to_be_none(steps: Any) -> None:
    with pytest.raises(UnfitDraft, match="split_into_steps expects `steps`"):
        await split(steps)


async def test_a_known_answer_is_a_lesson_as_it_is() -> None:
    item = next(islice(items("trip", 1), 1))
    (writing,) = await GivenAnswer(use="given_answer").write({"gold": item.answer}, Nobody(), 0)
    assert (writing.fields, writing.call) == ({"answer": item.answer}, None)


def test_the_form_says_what_a_step_needs() -> None:
    assert Decomposition.model_validate({"steps": STEPS}).steps[1].answer == "5"
