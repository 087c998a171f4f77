import re
from itertools import islice

from pydantic import Field

from agents.answers import final_answer, number
from agents.kinds import Source
from agents.registry import register
from agents.stating import states
from orchestrator.kinds import Exam, ExamItem, Format, Grade

NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*")


@register("stated_answer")
class StatedAnswer(Exam):
    """Asks questions with a short known answer, and takes it wherever a reply states it: no marker has to be learned first.

    So a base that was never taught the form of the lessons is asked fairly. A number has to be the last one of the reply;
    words have to stand in its first sentence, with nothing there that turns them round.
    """

    per_skill: int = Field(default=20, ge=1)
    longest_reply: int = Field(default=64, ge=8)
    """Tokens after which a reply is cut."""
    longest_answer: int = Field(default=20, ge=1)
    """Words of the sentence that may hold the answer."""

    def items(self, source: Source, form: Format, seed: int) -> list[ExamItem]:
        return [
            ExamItem(m.fields["question"], str(m.fields["gold"]), form.prompt(m.fields), skill, m.split_key, m.fields)
            for skill in source.skills()
            for m in islice(source.materials(self.part, skill, seed), self.per_skill)
        ]

    def grade(self, item: ExamItem, reply: str) -> Grade:
        answer = final_answer(reply)
        if answer is None:
            answer = self._unmarked(item.gold, reply)
        return Grade(answer, answer is not None and states(answer, item.gold, self.longest_answer))

    def _unmarked(self, gold: str, reply: str) -> str | None:
        """What stands for the answer in a reply without a marker; nothing in an empty one."""
        if number(gold) is not None:
            found = NUMBER.findall(reply)
            return found[-1] if found else None
        sentence = re.split(r"(?<=[.!?])\s|\n", reply.strip(), maxsplit=1)[0]
        return sentence.rstrip(".!") or None

    @property
    def max_tokens(self) -> int:
        return self.longest_reply
