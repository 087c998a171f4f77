"""Quotes in an exam: exact, with the answer, and not the whole text."""

import pytest

from agents.kinds import SourceError
from agents.sources.rehearsal_facts import RehearsalFacts
from agents.sources.rehearsal_world import RehearsalWorld
from orchestrator.exams.quoted_answer import QuotedAnswer
from orchestrator.formats.quotes_of_text import QuotesOfText
from orchestrator.kinds import ExamItem, Grade

FORM = QuotesOfText(use="quotes_of_text")
EXAM = QuotedAnswer(use="quoted_answer", source="tasks", longest_quotes=12)
TEXT = (
    "Amber Works makes lamps. Amber Works was founded by Ana Bell. River Foods makes ropes. River Foods opened in 1931."
)
ITEM = ExamItem("What does Amber Works make?", "lamps", [], "", "k", {"text": TEXT})


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("Amber Works makes lamps.", True),
        ("Amber Works was founded by Ana Bell.\nAmber Works makes lamps.", True),
        ("#### lamps", True),
        ("River Foods makes ropes.", False),
        (TEXT, False),
    ],
)
def test_exact_quotes_are_an_answer_and_right_if_they_hold_gold(reply: str, right: bool) -> None:
    grade = EXAM.grade(ITEM, reply)
    assert grade.right is right
    assert grade.answer


@pytest.mark.parametrize("reply", ["Amber Works makes ropes.", "lamps are made", "Amber Works makes lamps.\nSo it is."])
def test_what_the_text_does_not_say_is_no_answer(reply: str) -> None:
    assert EXAM.grade(ITEM, reply) == Grade(None, False)


def test_the_student_reads_the_text_and_then_the_question() -> None:
    source = RehearsalFacts(use="rehearsal_facts", split_by="document")
    item = EXAM.items(source, FORM, 0)[0]
    [turn] = item.prompt
    assert turn["content"] == f"{item.fields['text']}\n{item.question}"
    assert FORM.row({**item.fields, "quotes": "a.\nb."})["completion"][0]["content"] == "a.\nb."


def test_a_source_without_texts_is_refused() -> None:
    with pytest.raises(SourceError, match="have question, gold, expected 'text'"):
        EXAM.items(RehearsalWorld(use="rehearsal_world", choose=["trip"]), FORM, 0)
