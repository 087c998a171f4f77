from functools import cached_property

from pydantic import Field

from agents.kinds import Fields, Generator, Source, Teacher, UnfitDraft, Writing
from agents.passages import Passages
from agents.registry import part, register


@register("look_up")
class LookUp(Generator):
    """Adds the passages that say most about a query as `knowledge`, by BM25 and by rule (KARD, Kang et al. 2023, §3.2).

    The query is all that it is shown: by default the rationale, which knows the answer and finds the right passage where
    a question would not. In exams nobody has a rationale, so that what a student learns to read there, and what it
    is given later, are found in two ways. `shows: [question]` looks up as exams do. A draft of which no passage shares
    a word with the query is written with nothing as `knowledge`.
    """

    writes = "grounded"
    reads = ("rationale",)
    asks = False
    among: part(Source)  # type: ignore[valid-type]
    """The source of the passages, as under `sources:`; those of its part `train` are looked through."""
    text: str = "text"
    """Field of its materials that is the passage."""
    entries: int = Field(default=1, ge=1)
    """Passages that are added, a blank line between them, the best last: what stands next to the question is read best."""

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        found = self._passages.best("\n".join(map(str, fields.values())), self.entries)
        return [Writing({"knowledge": "\n\n".join(reversed(found))})]

    @cached_property
    def _passages(self) -> Passages:
        try:
            return Passages(self.among, self.text)
        except ValueError as error:
            raise UnfitDraft(f"{self.use}: {error}") from error
