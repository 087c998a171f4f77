from typing import Any

from agents.kinds import Fields
from agents.prompts import fill, read_filled
from agents.registry import register
from orchestrator.kinds import Format, Messages, Shape


@register("hidden_context")
class HiddenContext(Format):
    """The student is shown a question, and its teacher a text before it; both reply the same.

    A draft without the field `hides` hides nothing, so that one dataset holds lessons that need no text too.
    """

    shape = Shape.PRIVILEGED
    hides: str = "text"
    """The field with the text."""
    reply: str = "{rationale}\n#### {answer}"
    """What is replied, with the names of fields in braces, where something is hidden."""
    otherwise: str = "{rationale}\n#### {answer}"
    """What is replied where nothing is."""

    def prompt(self, fields: Fields) -> Messages:
        return [{"role": "user", "content": str(fields["question"])}]

    def row(self, fields: Fields) -> dict[str, Any]:
        hidden, [asked] = self._hidden(fields), self.prompt(fields)
        full = f"{hidden}\n\n{asked['content']}" if hidden else asked["content"]
        reply = fill(self._form(fields), **fields).strip()
        return {
            "prompt": [asked],
            "completion": [{"role": "assistant", "content": reply}],
            "full_prompt": [{**asked, "content": full}],
        }

    def read(self, fields: Fields, reply: str) -> dict[str, Any] | None:
        return read_filled(self._form(fields), reply)

    def _hidden(self, fields: Fields) -> str:
        return str(fields.get(self.hides, "")).strip()

    def _form(self, fields: Fields) -> str:
        return self.reply if self._hidden(fields) else self.otherwise
