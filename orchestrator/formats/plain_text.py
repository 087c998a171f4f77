from typing import Any

from agents.kinds import Fields
from agents.registry import register
from orchestrator.kinds import Format, Messages, Shape


@register("plain_text")
class PlainText(Format):
    """A text as it is, for continued pre-training; an exam shows the question alone."""

    shape = Shape.TEXT
    field: str = "text"
    """The draft's field that holds it."""

    def prompt(self, fields: Fields) -> Messages:
        return [{"role": "user", "content": str(fields["question"])}]

    def row(self, fields: Fields) -> dict[str, Any]:
        return {"text": str(fields[self.field]).strip()}
