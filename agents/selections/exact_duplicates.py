from collections.abc import Sequence

from agents.kinds import Judgement, Selection, accepted, rejected
from agents.registry import register
from storage.records import Draft


@register("exact_duplicates")
class ExactDuplicates(Selection):
    """Keeps the first draft of each text, comparing `fields` without regard to case and spacing."""

    fields: tuple[str, ...] = ("question", "answer")

    def choose(
        self, drafts: Sequence[Draft], earlier: Sequence[Draft], labelled: Sequence[tuple[Draft, bool]] = ()
    ) -> list[Judgement]:
        first = {self._text(draft): draft.key for draft in reversed(earlier)}
        judgements = []
        for draft in drafts:
            original = first.setdefault(self._text(draft), draft.key)
            same = original != draft.key
            judgements.append(rejected("duplicate", evidence={"of": original}) if same else accepted("new"))
        return judgements

    def _text(self, draft: Draft) -> tuple[str, ...]:
        return tuple(" ".join(str(draft.fields.get(name, "")).lower().split()) for name in self.fields)
