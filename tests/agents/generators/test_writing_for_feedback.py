"""New questions that feedback asks for: rarer ones, and those that a report calls for."""

from typing import Any

import pytest

from agents.generators.write_from_report import WriteFromReport
from agents.generators.write_rarer_question import WriteRarerQuestion
from agents.prompts import read_tagged
from tests.conftest import ScriptedTeacher

BRIEF = {
    "skill": "trip",
    "report": "all: 24 questions, accuracy 40.0%",
    "hard_negatives": [{"question": "How far?", "right_answer": "7", "student_reply": "#### 8"}],
    "right_examples": [{"question": "How near?", "answer": "2"}],
}


async def test_each_question_of_the_reply_is_a_draft_and_a_copy_is_none() -> None:
    teacher = ScriptedTeacher(lambda *_: {"new_questions": ["One? ", "Two?", "One?", "Three?", "Four?"]})
    writings = await WriteFromReport(use="write_from_report", count=3).write(BRIEF, teacher, 0)
    assert [writing.fields for writing in writings] == [{"question": q} for q in ("One?", "Two?", "Three?")]
    assert len({writing.call for writing in writings}) == 1
    assert teacher.asked[0].startswith("Write 3 new problems of one skill")
    assert set(read_tagged(teacher.asked[0])) == set(BRIEF)


@pytest.mark.parametrize("reply", [{"new_questions": []}, {"new_questions": [""]}, {}])
async def test_a_reply_without_a_question_is_not_read(reply: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="new_questions"):
        await WriteFromReport(use="write_from_report").write(BRIEF, ScriptedTeacher(lambda *_: reply), 0)


async def test_a_rarer_question_is_asked_for_by_a_prompt_of_its_own() -> None:
    teacher = ScriptedTeacher(lambda *_: {"rarer_question": " Which of two bats is it?\n"})
    (writing,) = await WriteRarerQuestion(use="write_rarer_question").write({"question": "How many?"}, teacher, 0)
    assert writing.fields == {"question": "Which of two bats is it?"}
    assert "rarer one" in teacher.asked[0]
