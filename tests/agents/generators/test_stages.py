"""Thoughts about choices: what an answer is read from, and the stages that a thought is split into."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.generators.analyse_choices import AnalyseChoices
from agents.generators.split_into_stages import SplitIntoStages
from agents.kinds import Nobody, UnfitDraft
from tests.conftest import ScriptedTeacher

QUESTION = {"question": "How does Ana feel?", "choices": ["proud", "sad"]}


async def thought(*analyses: tuple[str, bool]) -> dict[str, Any]:
    said = [{"choice": choice, "correct": correct, "because": "So it is."} for choice, correct in analyses]
    teacher = ScriptedTeacher(lambda *_: {"key_information": "Who repairs\nfeels proud.", "analyses": said})
    [written] = await AnalyseChoices(use="analyse_choices").write(QUESTION, teacher, 0)
    return written.fields


async def test_the_one_choice_that_is_called_correct_is_the_answer() -> None:
    found = await thought(("sad", False), ("proud", True))
    assert found["answer"] == "proud"
    assert found["knowledge"] == "Who repairs feels proud."
    assert [analysis["choice"] for analysis in found["analyses"]] == QUESTION["choices"]


@pytest.mark.parametrize(
    "analyses",
    [
        [("sad", False), ("proud", False)],
        [("sad", True), ("proud", True)],
        [("proud", True)],
        [("proud", True), ("glad", False)],
    ],
)
async def test_none_several_or_a_choice_passed_over_is_no_answer(analyses: list[tuple[str, bool]]) -> None:
    assert (await thought(*analyses))["answer"] == ""


@given(st.lists(st.tuples(st.text(min_size=1), st.booleans()), min_size=1, max_size=5))
async def test_a_thought_has_a_stage_for_each_choice_between_recalling_and_summing_up(
    said: list[tuple[str, bool]],
) -> None:
    analyses = [{"choice": choice, "correct": correct, "because": "So."} for choice, correct in said]
    fields = {"knowledge": "A rule.", "analyses": analyses}
    stages = await SplitIntoStages(use="split_into_stages").write(fields, Nobody(), 0)
    tasks = [stage.fields["task"] for stage in stages]
    assert tasks == ["recall", *["analyse"] * len(said), "summarise"]
    assert [stage.fields["analysis"].startswith("correct") for stage in stages[1:-1]] == [right for _, right in said]


@pytest.mark.parametrize("analyses", ["proud", [], [{"choice": "proud"}], None, ["proud"]])
async def test_what_is_no_thought_is_refused_with_what_is_expected(analyses: Any) -> None:
    with pytest.raises(UnfitDraft, match=r"a list of .choice, correct, because."):
        await SplitIntoStages(use="split_into_stages").write({"analyses": analyses}, Nobody(), 0)
