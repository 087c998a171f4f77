from collections.abc import Sequence

from pydantic import Field

from agents.kinds import Judgement, Selection, accepted, rejected
from agents.registry import register
from storage.keyed import content_key
from storage.records import Draft


@register("sampled")
class Sampled(Selection):
    """Keeps `most` drafts of the stream, chosen by a chance that its content carries, so that a few hundred can be
    labelled by somebody dear.

    The same drafts are chosen whatever their order and in whichever run, and with a higher `most` those of a lower one are
    among them.
    """

    most: int = Field(default=300, ge=1)

    def choose(
        self, drafts: Sequence[Draft], earlier: Sequence[Draft], labelled: Sequence[tuple[Draft, bool]] = ()
    ) -> list[Judgement]:
        chosen = {draft.key for draft in sorted(drafts, key=_chance)[: self.most]}
        told = f"one of {len(chosen)} drawn from {len(drafts)}"
        return [accepted(told) if draft.key in chosen else rejected("not drawn") for draft in drafts]


def _chance(draft: Draft) -> str:
    return content_key("sampled", draft.fields)
