from typing import Any

from agents.kinds import Fields
from agents.registry import register
from orchestrator.kinds import Format, Messages, Shape


@register("preference")
class Preference(Format):
    """Two replies to a question, of which the student is to prefer one: `chosen` to `rejected`, each whole."""

    shape = Shape.PREFERENCE

    def prompt(self, fields: Fields) -> Messages:
        return [{"role": "user", "content": str(fields["question"])}]

    def row(self, fields: Fields) -> dict[str, Any]:
        replies = {
            name: [{"role": "assistant", "content": str(fields[name]).strip()}] for name in ("chosen", "rejected")
        }
        return {"prompt": self.prompt(fields), **replies}
