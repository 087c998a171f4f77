from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Ask, Concluded, Conversation, ExamItem, Inference
from orchestrator.retrieval import Shelf


@register("gated_retrieval")
class GatedRetrieval(Inference):
    """Asks a student that is not sure once more, with what the shelf holds about the question (NesyCD, Liao et al. 2024).

    What is read of a shelf's draft is its `knowledge`, found by BM25 under that text and the question that it came from,
    or as `by` says: names of that question may lead to entries that have nothing else in common with what is asked.
    The entries are shown in the field `knowledge`, a blank line between them, the best last: what stands next to the
    question is read best. Departs from the paper: an entry that was written about this very item is left out, lest what
    is measured be its answer; and of entries with the same words one is shown.
    """

    gate: float = Field(default=0.68, ge=0, le=1)
    """Margin at or below which a student is not sure: the mean gap between its two likeliest tokens, over the first
    sixteen. 1 asks every question once more."""
    entries: int = Field(default=3, ge=1)
    by: list[str] = Field(default=["question", "knowledge"], min_length=1)
    """Fields of a draft whose words it is found by; one that it lacks has none."""

    def converse(self, item: ExamItem, shelf: Shelf) -> Conversation:
        """A reply without a margin says nothing of how sure it was, and counts as not sure."""
        [said] = yield [Ask()]
        if said.margin is not None and said.margin > self.gate:
            return Concluded(said)
        if not (shown := self._found(item, shelf)):
            return Concluded(said)
        [again] = yield [Ask(shown)]
        return Concluded(again, shown)

    def _found(self, item: ExamItem, shelf: Shelf) -> dict[str, str]:
        ranked = shelf.ranked(item.question, self.by)
        texts = dict.fromkeys(str(draft.fields["knowledge"]) for draft in ranked if draft.split_key != item.split_key)
        best = list(texts)[: self.entries]
        return {"knowledge": "\n\n".join(reversed(best))} if best else {}
