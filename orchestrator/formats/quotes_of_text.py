from typing import Any

from agents.kinds import Fields
from agents.prompts import read_filled
from agents.registry import register
from orchestrator.kinds import Format, Messages


@register("quotes_of_text")
class QuotesOfText(Format):
    """The student reads a text, then a question, and writes what of the text answers it (LLMQuoter, Bezerra and Weigang 2025).

    A draft without `quotes` is a rationale and an answer, and one without `text` shows the question alone, so that what
    a student could do before can be in the lessons and in the exams besides.
    """

    marker: str = "####"

    def prompt(self, fields: Fields) -> Messages:
        text, question = str(fields.get("text", "")).strip(), str(fields["question"])
        return [{"role": "user", "content": f"{text}\n{question}" if text else question}]

    def row(self, fields: Fields) -> dict[str, Any]:
        if "quotes" in fields:
            reply = str(fields["quotes"]).strip()
        else:
            reply = f"{str(fields['rationale']).strip()}\n{self.marker} {str(fields['answer']).strip()}"
        return {"prompt": self.prompt(fields), "completion": [{"role": "assistant", "content": reply}]}

    def read(self, fields: Fields, reply: str) -> dict[str, Any] | None:
        """What is said of a text without a marked answer is quotes."""
        solution = read_filled(f"{{rationale}}\n{self.marker} {{answer}}", reply)
        return solution or (read_filled("{quotes}", reply) if fields.get("text") else None)
