from functools import cached_property
from itertools import chain, zip_longest

from pydantic import Field

from agents.kinds import Fields, Generator, Source, Teacher, UnfitDraft, Writing
from agents.passages import Passages
from agents.registry import part, register


@register("label_passages")
class LabelPassages(Generator):
    """Says of passages whether they are the one that the rationale finds: lessons for a reranker (KARD, Kang et al. 2023, §3.3).

    One draft a passage, with the passage as `knowledge` and a `label`. Candidates are the best for the rationale and the
    best for the question, half and half, by BM25. Departs from the paper: its targets are the softmax of the scores
    under the rationale; here the best of them is `yes` and all others are `no`.
    """

    writes = "labelled passage"
    reads = ("question", "rationale")
    asks = False
    among: part(Source)  # type: ignore[valid-type]
    """The source of the passages, as under `sources:`; those of its part `train` are looked through."""
    text: str = "text"
    """Field of its materials that is the passage."""
    others: int = Field(default=3, ge=1)
    """Passages with the label no."""
    labels: tuple[str, str] = ("yes", "no")

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        """Nothing where no passage shares a word with the rationale."""
        privileged = self._passages.best(str(fields["rationale"]), self.others + 1)
        public = self._passages.best(str(fields["question"]), self.others + 1)
        if not privileged:
            return []
        mixed = chain.from_iterable(zip_longest(public, privileged[1:]))
        wrong = [text for text in dict.fromkeys(mixed) if text and text != privileged[0]][: self.others]
        yes, no = self.labels
        labelled = [(privileged[0], yes), *((text, no) for text in wrong)]
        return [Writing({"knowledge": text, "label": label}) for text, label in labelled]

    @cached_property
    def _passages(self) -> Passages:
        try:
            return Passages(self.among, self.text)
        except ValueError as error:
            raise UnfitDraft(f"{self.use}: {error}") from error
