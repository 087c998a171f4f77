"""Rows that are made of a student's replies by rule: pairs by provenance, labels of wholes and of wrong steps."""

from typing import Any

import pytest

from agents.generators.label_steps import LabelSteps
from agents.generators.pseudo_pairs import PseudoPairs
from agents.kinds import Nobody, UnfitDraft


async def labels(reply: str, right: str, **options: Any) -> list[tuple[str, str]]:
    writer = LabelSteps(use="label_steps", **options)
    found = await writer.write({"student_reply": reply, "right": right}, Nobody(), 0)
    return [(writing.fields["reply"], writing.fields["good"]) for writing in found]


async def test_a_reply_is_labelled_by_its_answer_and_up_to_its_first_wrong_step() -> None:
    sound, slipped = "3+4=7\n7+1=8\n#### 8", "3+4=7\n7+1=9\n9+1=11\n#### 8"
    assert await labels(sound, "yes") == [(sound, "yes")]
    assert await labels(slipped, "yes") == [(slipped, "yes"), ("3+4=7\n7+1=9", "no")]
    assert await labels(slipped, "yes", steps=False) == [(slipped, "yes")]
    assert await labels("#### 9", "no") == [("#### 9", "no")]
    assert await labels("  \n", "no") == []


async def test_an_attempt_that_nobody_marked_is_refused() -> None:
    with pytest.raises(UnfitDraft, match="yes or no"):
        await labels("#### 9", "True")


async def test_the_teachers_text_is_preferred_unless_it_is_the_students() -> None:
    async def pair(reply: str) -> list[Any]:
        fields = {"rationale": "3+4=7 ", "answer": "7", "student_reply": reply}
        return [w.fields for w in await PseudoPairs(use="pseudo_pairs").write(fields, Nobody(), 0)]

    assert await pair("#### 8") == [{"chosen": "3+4=7\n#### 7", "rejected": "#### 8"}]
    assert await pair(" 3+4=7\n\n#### 7 ") == []
    assert await pair("") == []
