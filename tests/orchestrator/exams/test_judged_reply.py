"""Open questions and dialogue turns: what the student is shown, and what its judge reads."""

from collections.abc import Iterator
from typing import Any

import pytest

from agents.critics.sound_reasoning import SoundReasoning
from agents.kinds import Fields, Material, Part, Source, SourceError
from orchestrator.exams.judged_reply import JudgedReply
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from storage.records import Draft, Outcome
from tests.conftest import ScriptedTeacher

FORM = RationaleThenAnswer(use="rationale_then_answer")
TURNS = ["I cannot sleep.", "Since when?"]
MESSAGES = [{"role": "user", "content": "I cannot sleep."}, {"role": "assistant", "content": "Since when?"}]
SPOKEN = "user: I cannot sleep.\nassistant: Since when?\nuser: For a week."


class Spoken(Source):
    """One turn of one dialogue."""

    context: Any

    def skills(self) -> list[str]:
        return [""]

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        yield Material({"question": "For a week.", "context": self.context}, "dialogue 1", "", "turns:1")

    def split_key(self, fields: Fields) -> str:
        return "dialogue 1"

    def part_of(self, split_key: str) -> Part:
        return "probe"


def exam(**options: Any) -> JudgedReply:
    return JudgedReply(
        use="judged_reply", source="talks", role="referee", critic=SoundReasoning(use="sound_reasoning"), **options
    )


@pytest.mark.parametrize("context", [TURNS, MESSAGES], ids=["texts", "messages"])
def test_a_student_is_shown_the_turns_and_its_judge_reads_them_with_the_question(context: Any) -> None:
    (item,) = exam().items(Spoken(use="spoken", context=context), FORM, 0)
    assert item.prompt == [*MESSAGES, {"role": "user", "content": "For a week."}]
    assert item.question == SPOKEN
    shown = exam().to_judge(item.fields, "What changed then?")
    assert shown == {"question": SPOKEN, "rationale": "What changed then?", "answer": ""}


def test_without_turns_the_question_is_as_it_is() -> None:
    (item,) = exam().items(Spoken(use="spoken", context=[]), FORM, 0)
    assert item.prompt == [{"role": "user", "content": "For a week."}]
    assert item.question == "For a week."


@pytest.mark.parametrize(
    "context", ["I cannot sleep.", [1], [{"role": "system", "content": "x"}], [{"role": "user"}], {"a": 1}]
)
def test_turns_that_are_no_dialogue_are_refused(context: Any) -> None:
    with pytest.raises(SourceError, match="turns:1: expected `context` to be a list of texts, or of messages"):
        exam().items(Spoken(use="spoken", context=context), FORM, 0)


def test_a_user_who_speaks_twice_is_refused() -> None:
    with pytest.raises(SourceError, match="end with the user's, and the question is the user's next"):
        exam().items(Spoken(use="spoken", context=["I cannot sleep."]), FORM, 0)


@pytest.mark.parametrize(
    ("reply", "rationale", "answer"),
    [
        ("3+4=7\n#### 7", "3+4=7", "7"),
        ("Try tea.", "Try tea.", ""),
        ("The answer is 7.", "The answer is 7.", ""),
        ("#### 7", "", "7"),
        ("7 ####", "7 ####", ""),
        ("", "", ""),
    ],
)
def test_a_reply_is_split_at_its_marker_and_nothing_of_it_is_lost(reply: str, rationale: str, answer: str) -> None:
    assert exam().to_judge({"question": "?"}, reply) == {"question": "?", "rationale": rationale, "answer": answer}


def test_the_gold_answer_is_shown_to_the_judge_only_if_the_exam_says_so() -> None:
    fields = {"question": "?", "gold": "7"}
    assert "7" not in exam().to_judge(fields, "#### 8").values()
    assert exam(shows_gold=True).to_judge(fields, "#### 8")["reference"] == "7"
    assert "reference" not in exam(shows_gold=True).to_judge({"question": "?"}, "#### 8")


async def test_a_scripted_judge_reads_the_dialogue_and_decides() -> None:
    (item,) = exam().items(Spoken(use="spoken", context=TURNS), FORM, 0)
    judge = ScriptedTeacher(lambda prompt, form, _: {"sound": "What changed" in prompt, "reason": "It asks on."})
    outcomes = []
    for reply in ("What changed then?", "Sleep well."):
        draft = Draft.new(
            run="r", round=0, step="judged_reply", kind="reply", producer="student",
            fields=exam().to_judge(item.fields, reply), split_key=item.split_key,
        )  # fmt: skip
        outcomes.append((await exam().critic.judge(draft, judge)).outcome)
    assert outcomes == [Outcome.ACCEPTED, Outcome.REJECTED]
    assert all(SPOKEN in prompt for prompt in judge.asked)
