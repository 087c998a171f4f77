from typing import Any

from agents.kinds import Fields
from agents.prompts import fill
from agents.registry import register
from orchestrator.kinds import SOLUTION, Format, Messages, Shape


@register("verifiable")
class Verifiable(Format):
    """A question, a solution of it, and what tells whether another is right: for objectives that reward replies."""

    shape = Shape.VERIFIABLE
    tells: list[str] = ["question", "gold"]
    """Fields of the draft that the verifier reads; the student sees none but the question."""

    def prompt(self, fields: Fields) -> Messages:
        return [{"role": "user", "content": str(fields["question"])}]

    def row(self, fields: Fields) -> dict[str, Any]:
        reply = fill(SOLUTION, rationale=str(fields["rationale"]).strip(), answer=str(fields["answer"]).strip())
        told = {name: fields[name] for name in self.tells}
        return {"prompt": self.prompt(fields), "completion": [{"role": "assistant", "content": reply}], "fields": told}
