from math import ceil
from typing import Any

from agents.kinds import Fields
from agents.prompts import read_filled
from agents.registry import register
from orchestrator.kinds import Format, Messages


@register("knowledge_then_question")
class KnowledgeThenQuestion(Format):
    """The student reads knowledge, if there is any, and then the question; it writes the rationale, then the answer.

    A draft without the field `knowledge`, and a question that nothing was retrieved for, is shown bare, so that one
    dataset teaches both (NesyCD, Liao et al. 2024). With `fades` the lessons of each round show less of the knowledge,
    by a linear schedule, and those of the last none (SKIntern, Liao et al. 2025). Departs from the paper: what is left
    out are the last words, not those that a compressor finds dispensable, and a step of the schedule is a round.
    """

    marker: str = "####"
    fades: bool = False

    def prompt(self, fields: Fields) -> Messages:
        knowledge, question = str(fields.get("knowledge", "")).strip(), str(fields["question"])
        return [{"role": "user", "content": f"{knowledge}\n\n{question}" if knowledge else question}]

    def row(self, fields: Fields) -> dict[str, Any]:
        reply = f"{str(fields['rationale']).strip()}\n{self.marker} {str(fields['answer']).strip()}"
        return {"prompt": self.prompt(fields), "completion": [{"role": "assistant", "content": reply}]}

    def read(self, fields: Fields, reply: str) -> dict[str, Any] | None:
        return read_filled(f"{{rationale}}\n{self.marker} {{answer}}", reply)

    def row_at(self, fields: Fields, progress: float) -> dict[str, Any]:
        if not self.fades:
            return self.row(fields)
        words = str(fields.get("knowledge", "")).split()
        left = words[: ceil(round((1 - progress) * len(words), 9))]
        return self.row(
            {**fields, "knowledge": " ".join(left) if len(left) < len(words) else fields.get("knowledge", "")}
        )
