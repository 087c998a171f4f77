from collections import defaultdict
from collections.abc import Sequence

from pydantic import Field

from agents.kinds import Judgement, Selection, accepted, rejected
from agents.registry import register
from agents.splits import folded
from storage.records import Draft


@register("enough_phrasings")
class EnoughPhrasings(Selection):
    """Keeps the drafts of what is said in at least so many ways, and says which share of the whole that is.

    The coverage report of Knowledge-Instruct (Ovadia et al. 2025): the score of every verdict is the share of facts with
    `at_least` paraphrases, of this round and those before. With `drops: false` it reports and rejects nothing.
    """

    of: str = "fact"
    """Field that says what is the same thing."""
    ways: str = "paraphrase"
    """Field that says it; ways that differ by case and spacing alone are one."""
    at_least: int = Field(default=3, ge=1)
    drops: bool = True

    def choose(
        self, drafts: Sequence[Draft], earlier: Sequence[Draft], labelled: Sequence[tuple[Draft, bool]] = ()
    ) -> list[Judgement]:
        ways: defaultdict[str, set[str]] = defaultdict(set)
        for draft in (*earlier, *drafts):
            ways[self._said(draft)].add(folded(draft.fields.get(self.ways, "")))
        enough = {said for said, found in ways.items() if len(found) >= self.at_least}
        covered = len(enough) / len(ways) if ways else 0.0
        judgements = []
        for draft in drafts:
            said = self._said(draft)
            keep = accepted if said in enough or not self.drops else rejected
            reason = "said in enough ways" if said in enough else "said in too few ways"
            evidence = {"ways": len(ways[said]), "covered": len(enough), "of": len(ways)}
            judgements.append(keep(reason, score=covered, evidence=evidence))
        return judgements

    def _said(self, draft: Draft) -> str:
        return folded(draft.fields.get(self.of, ""))
