from itertools import islice
from typing import Any

from pydantic import Field

from agents.answers import final_answer
from agents.kinds import Fields, Material, Source, SourceError
from agents.registry import register
from orchestrator.kinds import ExamItem, Format, Grade, JudgedExam, Messages

ROLES = ("user", "assistant")


@register("judged_reply")
class JudgedReply(JudgedExam):
    """Asks open questions or dialogue turns and lets a critic judge each reply: right is what the critic accepts.

    Turns before the question are the item's field `context` (`questions` with `keep: [context]`): a list of
    texts, the user's and the student's by turns, or of messages with `role` and `content`. The student is shown them as
    turns of its own dialogue; the judge reads them with the question, so that any critic can judge a dialogue. The
    judge never sees the gold answer unless `shows_gold` says so.
    """

    per_skill: int = Field(default=20, ge=1)
    longest_reply: int = Field(default=160, ge=8)
    """Tokens after which a reply is cut."""
    shows_gold: bool = False
    """Whether the judge reads the gold answer, as `reference`."""

    def items(self, source: Source, form: Format, seed: int) -> list[ExamItem]:
        """Raises SourceError for turns that are no dialogue."""
        return [
            self._item(material, skill, form)
            for skill in source.skills()
            for material in islice(source.materials(self.part, skill, seed), self.per_skill)
        ]

    def grade(self, item: ExamItem, reply: str) -> Grade:
        """What the final answer is, if the reply marks one; whether it is right, the judge says."""
        return Grade(final_answer(reply), False)

    def to_judge(self, fields: Fields, reply: str) -> dict[str, Any]:
        """Question, rationale and answer. A reply that does not end in `#### …` is all rationale."""
        question = _with_turns(_turns(fields, ""), str(fields["question"]))
        rationale, mark, answer = reply.rpartition("####")
        if not mark or final_answer(reply) is None:
            rationale, answer = reply, ""
        shown = {"question": question, "rationale": rationale.strip(), "answer": answer.strip()}
        return shown | ({"reference": fields["gold"]} if self.shows_gold and fields.get("gold") else {})

    @property
    def max_tokens(self) -> int:
        return self.longest_reply

    def _item(self, material: Material, skill: str, form: Format) -> ExamItem:
        fields = material.fields
        turns = _turns(fields, material.origin)
        question = _with_turns(turns, str(fields["question"]))
        prompt = [*turns, *form.prompt(fields)]
        return ExamItem(question, str(fields.get("gold", "")), prompt, skill, material.split_key, fields)


def _turns(fields: Fields, where: str) -> Messages:
    """The messages before the question, if there are any. Raises SourceError."""
    given: Any = fields.get("context") or []
    texts = isinstance(given, list) and all(isinstance(turn, str) for turn in given)
    turns = [{"role": ROLES[i % 2], "content": turn} for i, turn in enumerate(given)] if texts else given
    if not isinstance(turns, list) or not all(_is_message(turn) for turn in turns):
        raise SourceError(
            f"{where}: expected `context` to be a list of texts, or of messages with a role of {' or '.join(ROLES)} and "
            f"a content, found {given!r}"
        )
    if turns and turns[-1]["role"] == "user":
        raise SourceError(
            f"{where}: the turns in `context` end with the user's, and the question is the user's next; the "
            "student's reply to the last one is missing, or the last one is part of the question"
        )
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]


def _is_message(turn: Any) -> bool:
    return isinstance(turn, dict) and turn.get("role") in ROLES and isinstance(turn.get("content"), str)


def _with_turns(turns: Messages, question: str) -> str:
    said = [f"{turn['role']}: {turn['content']}" for turn in turns]
    return "\n".join([*said, f"user: {question}"]) if said else question
