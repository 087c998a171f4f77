from itertools import islice

from pydantic import Field

from agents.answers import final_answer, same_answer
from agents.kinds import Source
from agents.registry import register
from orchestrator.kinds import Exam, ExamItem, Format, Grade


@register("final_answer")
class FinalAnswer(Exam):
    """Asks questions with a known answer and compares the final answer that the reply marks."""

    per_skill: int = Field(default=20, ge=1)
    longest_reply: int = Field(default=160, ge=8)
    """Tokens after which a reply is cut; a cut reply seldom has a final answer and is then wrong."""

    def items(self, source: Source, form: Format, seed: int) -> list[ExamItem]:
        found = []
        for skill in source.skills():
            for material in islice(source.materials(self.part, skill, seed), self.per_skill):
                question, gold = material.fields["question"], material.fields["gold"]
                prompt = form.prompt(material.fields)
                found.append(ExamItem(question, gold, prompt, skill, material.split_key, material.fields))
        return found

    def grade(self, item: ExamItem, reply: str) -> Grade:
        answer = final_answer(reply)
        return Grade(answer, answer is not None and same_answer(answer, item.gold))

    @property
    def max_tokens(self) -> int:
        return self.longest_reply
