"""A program's value counts; one that does not run is mended once, or falls back to the next form, or has no answer."""

from typing import Any

import pytest

from agents.answers import final_answer, same_answer
from agents.sandbox import LIMITS
from orchestrator.examination.working_out import work_out
from orchestrator.inferences.programs_first import ProgramsFirst
from orchestrator.inferences.vote import Vote
from orchestrator.kinds import Ask, Concluded, ExamItem, Inference, Said
from orchestrator.retrieval import Shelf
from tests.contracts.isolated import needs_isolation

ITEM = ExamItem("How long?", "176", [], "trip", "k")
RIGHT = "def solution():\n    a = 57*3\n    return a+5"
BROKEN = "def solution():\n    a = 57*3\n    return b+5"
OTHER = "def solution():\n    return 9"
WORDS = "57 and 3 and 5 make it.\n#### 176"
EQUATIONS = "a = 57*3\nb = a+5\nfind b"


def conversed(
    inference: Inference, replies: dict[str, list[str]], item: ExamItem = ITEM
) -> tuple[list[Ask], Concluded]:
    """What is asked, and what it comes to; each task's replies are given in turn."""
    left = {task: list(texts) for task, texts in replies.items()}
    talk, asked = inference.converse(item, Shelf([])), list[Ask]()
    asks = list(next(talk))
    while True:
        asked += asks
        try:
            asks = list(talk.send([Said(left[str(ask.shown.get("task"))].pop(0), 0.9, tokens=5) for ask in asks]))
        except StopIteration as end:
            return asked, end.value


def first(**options: Any) -> ProgramsFirst:
    return ProgramsFirst(use="programs_first", **options)


@needs_isolation
def test_the_value_of_a_program_is_marked_behind_it() -> None:
    asked, concluded = conversed(first(), {"program": [RIGHT]})
    assert asked == [Ask({"task": "program"})]
    assert concluded == Concluded(Said(f"{RIGHT}\n#### 176", 0.9, tokens=5), {"task": "program"})


@needs_isolation
def test_a_program_that_does_not_run_falls_back_to_words_and_a_wrong_value_does_not() -> None:
    asked, concluded = conversed(first(), {"program": [BROKEN], "explain": [WORDS]})
    assert [ask.shown["task"] for ask in asked] == ["program", "explain"]
    assert concluded == Concluded(Said(WORDS, 0.9, tokens=5), {"task": "explain"})
    asked, concluded = conversed(first(), {"program": [OTHER], "explain": [WORDS]})
    assert final_answer(concluded.said.reply) == "9"
    assert len(asked) == 1


@needs_isolation
@pytest.mark.parametrize(
    "reply", [BROKEN, WORDS, "while True: pass\n# the answer is 176", "def solution():\n    return ''  # #### 176", ""]
)
def test_without_a_value_nothing_that_the_text_marks_is_an_answer(reply: str) -> None:
    """A comment, or words where a program was asked for, would otherwise be graded as if it had run."""
    _, concluded = conversed(first(of=["program"], seconds=1), {"program": [reply]})
    answer = final_answer(concluded.said.reply)
    assert answer == "no value"
    assert not any(same_answer(answer, gold) for gold in ("176", "3", "no", "A"))


@needs_isolation
def test_a_broken_program_is_shown_with_its_error_to_be_mended_once() -> None:
    asked, concluded = conversed(first(of=["program"], repair="repair"), {"program": [BROKEN], "repair": [RIGHT]})
    shown = {"task": "repair", "broken": BROKEN, "error": "NameError: name 'b' is not defined (line 3)"}
    assert asked[1:] == [Ask(shown)]
    assert concluded.shown == shown
    assert final_answer(concluded.said.reply) == "176"
    replies = {"program": [BROKEN], "repair": [BROKEN], "explain": [WORDS]}
    asked, concluded = conversed(first(repair="repair"), replies)
    assert [ask.shown["task"] for ask in asked] == ["program", "repair", "explain"]
    assert concluded.said.reply == WORDS


def test_equations_are_solved_and_words_are_read() -> None:
    inference = first(of=["equations", "explain"])
    assert final_answer(conversed(inference, {"equations": [EQUATIONS]})[1].said.reply) == "176"
    for reply in ("a = 57*3", "a = b\nfind a", "find the length", "57*3 makes 171\n#### 171"):
        assert conversed(inference, {"equations": [reply], "explain": [WORDS]})[1].said.reply == WORDS
    assert inference.missing() is None


def test_an_exam_that_scores_choices_is_asked_as_it_is() -> None:
    item = ExamItem("How long?", "176", [], "trip", "k", choices=("A", "B"))
    for inference in (first(), Vote(use="vote")):
        asked, concluded = conversed(inference, {"None": ["[]"]}, item)
        assert (asked, concluded) == ([Ask()], Concluded(Said("[]", 0.9, tokens=5)))


# --- the vote -------------------------------------------------------------------------------------------------------


@needs_isolation
@pytest.mark.parametrize(
    ("replies", "answer", "by"),
    [
        ({"program": [RIGHT], "explain": [WORDS]}, "176", "program"),
        ({"program": [OTHER], "explain": [WORDS]}, "9", "program"),
        ({"program": [BROKEN], "explain": [WORDS]}, "176", "explain"),
        ({"program": [OTHER, RIGHT], "explain": [WORDS, "#### 8"]}, "176", "program"),
        ({"program": [OTHER, BROKEN], "explain": [WORDS, "#### 176.0"]}, "176", "explain"),
        ({"program": [BROKEN], "explain": ["no idea"]}, "no value", "program"),
    ],
)
def test_most_win_and_the_form_named_first_among_equals(replies: Any, answer: str, by: str) -> None:
    inference = Vote(use="vote", each=len(replies["program"]))
    asked, concluded = conversed(inference, replies)
    assert len(asked) == 2 * inference.each
    assert (final_answer(concluded.said.reply), concluded.shown) == (answer, {"task": by})


@needs_isolation
def test_three_forms_vote() -> None:
    inference = Vote(use="vote", of=["program", "equations", "explain"])
    _, concluded = conversed(inference, {"program": [OTHER], "equations": [EQUATIONS], "explain": [WORDS]})
    assert concluded.shown == {"task": "equations"}
    assert final_answer(concluded.said.reply) == "176"


@needs_isolation
def test_a_value_is_said_as_an_answer_is() -> None:
    for returned, answer in (("0.1+0.2", "0.3"), ("'on'", "on"), ("6/2", "3"), ("[1, 2]", "1, 2"), ("True", "True")):
        found = work_out("program", Said(f"def solution():\n    return {returned}"), LIMITS)
        assert (found.answer, final_answer(found.said.reply)) == (answer, answer)


def test_who_runs_programs_says_beforehand_that_they_cannot(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for inference in (first(), Vote(use="vote")):
        assert "programs are run" in (inference.missing() or "")
    assert Vote(use="vote", of=["explain"]).missing() is None
