from collections.abc import Sequence

from pydantic import Field

from agents.kinds import Judgement, Selection, accepted, rejected
from agents.registry import register
from storage.keyed import content_key
from storage.records import Draft


@register("cap_per_group")
class CapPerGroup(Selection):
    """Keeps at most `most` drafts of each group, those of one group saying the same in the field `by`.

    Which ones is left to a chance that their content carries. Drafts kept in rounds before count toward the cap.
    """

    by: str = "relation"
    most: int = Field(default=100, ge=1)

    def choose(
        self, drafts: Sequence[Draft], earlier: Sequence[Draft], labelled: Sequence[tuple[Draft, bool]] = ()
    ) -> list[Judgement]:
        room: dict[str, int] = {}
        for draft in earlier:
            room[self._group(draft)] = room.get(self._group(draft), self.most) - 1
        judged: dict[str, Judgement] = {}
        for draft in sorted(drafts, key=_chance):
            group = self._group(draft)
            left = room.setdefault(group, self.most)
            told = f"{self.by}: {group or 'nothing'}"
            judged[draft.key] = accepted(told) if left > 0 else rejected(f"{told} has {self.most} already")
            room[group] = left - 1
        return [judged[draft.key] for draft in drafts]

    def _group(self, draft: Draft) -> str:
        return str(draft.fields.get(self.by, ""))


def _chance(draft: Draft) -> str:
    return content_key("cap_per_group", draft.fields)
