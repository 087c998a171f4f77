import json
from collections.abc import Sequence

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Ask, Concluded, Conversation, ExamItem, Inference, Said
from orchestrator.retrieval import Shelf


@register("reranked_retrieval")
class RerankedRetrieval(Inference):
    """Shows passages with the question: BM25 by the question, put in order by a second student (KARD, Kang et al. 2023, §3.3).

    The reranker, the student of another job, reads each candidate with the question, and is asked how likely it finds
    `yes` and `no` to follow; what counts is the difference. What is shown is the field `knowledge`, the best last.
    Unlike entries that were written about one question (`gated_retrieval`), a passage may be about the very item:
    that is what is looked for. The scorecard says which share of the questions were shown a passage that holds the
    gold answer. Departs from the paper: few candidates and not 100; several samples and their vote are the exam's.
    """

    measures_hits = True
    text: str = "text"
    """Field of a shelf's draft that is the passage."""
    candidates: int = Field(default=8, ge=1)
    """How many the reranker reads."""
    entries: int = Field(default=1, ge=1)
    """How many are shown."""
    reranker: str | None = None
    """The job whose student puts them in order; null leaves them in the order of BM25."""
    labels: tuple[str, str] = ("yes", "no")
    """What that student was taught to say of a passage that helps, and of one that does not."""
    skills: list[str] = []
    """Skills whose questions are looked up for; none names all. Questions of other skills are asked bare."""

    def converse(self, item: ExamItem, shelf: Shelf) -> Conversation:
        found = self._candidates(item, shelf)
        if self.reranker and len(found) > self.entries:
            said = yield [Ask({"knowledge": text}, self.reranker, self.labels) for text in found]
            found = in_order(found, said)
        best = found[: self.entries]
        shown = {"knowledge": "\n\n".join(reversed(best))} if best else {}
        [replied] = yield [Ask(shown)]
        return Concluded(replied, shown)

    def jobs(self) -> list[str]:
        return [self.reranker] if self.reranker else []

    def _candidates(self, item: ExamItem, shelf: Shelf) -> list[str]:
        if self.skills and item.skill not in self.skills:
            return []
        ranked = shelf.ranked(item.question, [self.text])
        return list(dict.fromkeys(str(draft.fields[self.text]) for draft in ranked))[: self.candidates]


def in_order(texts: Sequence[str], said: Sequence[Said]) -> list[str]:
    """The texts by how much likelier yes is than no, equals as they come. `said` are replies to choices."""
    odds = [_odds(each.reply) for each in said]
    return [texts[place] for place in sorted(range(len(texts)), key=lambda place: -odds[place])]


def _odds(reply: str) -> float:
    """In nats."""
    (yes, *_), (no, *_) = json.loads(reply)
    return yes - no
