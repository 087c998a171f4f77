from typing import Any

from agents.kinds import Fields, UnfitDraft
from agents.registry import register
from orchestrator.kinds import Format, Messages, Shape

LABELS = {"yes": True, "no": False}


@register("labelled_reply")
class LabelledReply(Format):
    """A reply to a question, and whether it is a good one: the fields `reply`, whole, and `good`, yes or no."""

    shape = Shape.BINARY

    def prompt(self, fields: Fields) -> Messages:
        return [{"role": "user", "content": str(fields["question"])}]

    def row(self, fields: Fields) -> dict[str, Any]:
        reply = [{"role": "assistant", "content": str(fields["reply"]).strip()}]
        if fields["good"] not in LABELS:
            raise UnfitDraft(
                f"format labelled_reply reads whether a reply is `good`, yes or no; found {fields['good']!r}"
            )
        return {"prompt": self.prompt(fields), "completion": reply, "label": LABELS[fields["good"]]}
