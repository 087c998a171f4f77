from itertools import islice

from pydantic import Field

from agents.answers import final_answer
from agents.kinds import Source, SourceError
from agents.quoting import altered, hold
from agents.registry import register
from orchestrator.kinds import Exam, ExamItem, Format, Grade


@register("quoted_answer")
class QuotedAnswer(Exam):
    """Asks for the passages of a text that answer a question: right are exact quotes that hold the answer.

    LLMQuoter (Bezerra and Weigang 2025). The source gives `question`, `gold` and the `text` (`within`). A reply quotes
    one passage a line, or behind a marker; a line that is no span of the text makes it no answer. Who quotes more than
    `longest_quotes` words is wrong: the whole text holds every answer.
    """

    per_skill: int = Field(default=20, ge=1)
    within: str = "text"
    """Field that holds the text."""
    longest_quotes: int = Field(default=40, ge=1)
    """Words."""
    longest_reply: int = Field(default=96, ge=8)
    """Tokens after which a reply is cut."""

    def items(self, source: Source, form: Format, seed: int) -> list[ExamItem]:
        """Raises SourceError for a source whose materials have no text."""
        there = [
            (skill, material)
            for skill in source.skills()
            for material in islice(source.materials(self.part, skill, seed), self.per_skill)
        ]
        if bare := next((m for _, m in there if self.within not in m.fields), None):
            raise SourceError(
                f"there is nothing to quote from: the source's materials have {', '.join(bare.fields)}, expected "
                f"{self.within!r}; name the field with `within`, or ask from a source that gives texts (with `keep`)"
            )
        return [
            ExamItem(m.fields["question"], str(m.fields["gold"]), form.prompt(m.fields), skill, m.split_key, m.fields)
            for skill, m in there
        ]

    def grade(self, item: ExamItem, reply: str) -> Grade:
        quotes = final_answer(reply) or reply.strip()
        if not quotes or altered(quotes, str(item.fields.get(self.within, ""))):
            return Grade(None, False)
        short = len(quotes.split()) <= self.longest_quotes
        return Grade(quotes, short and hold(quotes, item.gold))

    @property
    def max_tokens(self) -> int:
        return self.longest_reply
