from typing import Any

from agents.kinds import Fields
from agents.prompts import read_filled
from agents.registry import register
from orchestrator.kinds import Format, Messages


@register("rationale_then_answer")
class RationaleThenAnswer(Format):
    """The student reads the question and writes the rationale, then the answer behind a marker (chain of thought)."""

    marker: str = "####"

    def prompt(self, fields: Fields) -> Messages:
        return [{"role": "user", "content": str(fields["question"])}]

    def row(self, fields: Fields) -> dict[str, Any]:
        reply = f"{str(fields['rationale']).strip()}\n{self.marker} {str(fields['answer']).strip()}"
        return {"prompt": self.prompt(fields), "completion": [{"role": "assistant", "content": reply}]}

    def read(self, fields: Fields, reply: str) -> dict[str, Any] | None:
        return read_filled(f"{{rationale}}\n{self.marker} {{answer}}", reply)
