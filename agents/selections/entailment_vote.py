from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from pydantic import Field

from agents.kinds import Judgement, Selection, accepted, rejected
from agents.registry import register
from storage.records import Draft


@register("entailment_vote")
class EntailmentVote(Selection):
    """Keeps a statement unless those that contradict it weigh as much as those that agree with it, itself among them
    (the vote of NeuroComparatives, Howard et al. 2024).

    Drafts that agree in the fields `by` vote together. A draft weighs its `size`, how many statements it stands for, and
    its `relations` say of others `entail` or `contradict`; `relate_statements` writes them. The score is the share of the
    weight that is for it.
    """

    by: tuple[str, ...] = Field(default=("pair",), min_length=1)
    text: str = "statement"
    """Field by which `relations` name a statement."""

    def choose(
        self, drafts: Sequence[Draft], earlier: Sequence[Draft], labelled: Sequence[tuple[Draft, bool]] = ()
    ) -> list[Judgement]:
        sizes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for draft in drafts:
            sizes[self._group(draft)][str(draft.fields[self.text])] += int(draft.fields["size"])
        return [self._vote(draft, sizes[self._group(draft)]) for draft in drafts]

    def _vote(self, draft: Draft, sizes: Mapping[str, int]) -> Judgement:
        own = str(draft.fields[self.text])
        relations = {**draft.fields["relations"], own: "entail"}
        mass = {
            how: sum(sizes.get(text, 0) for text, related in relations.items() if related == how)
            for how in ("entail", "contradict")
        }
        against, agree = mass["contradict"], mass["entail"]
        evidence = {"for": agree, "against": against}
        judge = rejected if against >= agree else accepted
        reason = "outvoted by what contradicts it" if against >= agree else f"{agree} for it, {against} against it"
        return judge(reason, score=agree / (agree + against or 1), evidence=evidence)

    def _group(self, draft: Draft) -> str:
        return str([draft.fields[name] for name in self.by])
