import random
from collections.abc import Iterator

from pydantic import Field, model_validator

from agents.chunking import Block, windows
from agents.kinds import Fields, Material, Part
from agents.registry import register
from agents.rehearsal.library import MOST, library
from agents.splits import SplitByHash, folded

WHOLE = 10_000
"""Words that no document of the library has."""


@register("rehearsal_documents")
class RehearsalDocuments(SplitByHash):
    """Documents about invented companies, for facts that no model can know; `rehearsal_facts` asks for them.

    All documents are of the part `train`, as knowledge that is asked for without them has to have been taught: of such
    an exam the questions are held back, and not the facts. Give `probe` and `test` shares where documents must not
    cross, as with questions that are asked together with their document.
    """

    kind = "passage"
    probe: float = Field(default=0.0, ge=0, lt=0.5)
    test: float = Field(default=0.0, ge=0, lt=0.5)
    companies: int = Field(default=50, ge=4, le=MOST)
    """How many, each with a document of five sentences."""
    sentences: int | None = Field(default=None, ge=1)
    """Give windows of so many sentences instead of whole documents."""
    stride: int | None = Field(default=None, ge=1)
    """Sentences from the beginning of a window to that of the next; by default windows do not overlap."""

    @model_validator(mode="after")
    def _leaves_no_gap(self) -> "RehearsalDocuments":
        if self.stride is not None and not (self.sentences and self.stride <= self.sentences):
            raise ValueError("`stride` is for windows of `sentences`, and at most as many: others would leave some out")
        return self

    def skills(self) -> list[str]:
        return [""]

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        found = [material for material in self._all() if self.part_of(material.split_key) == part]
        random.Random(seed).shuffle(found)
        yield from found

    def split_key(self, fields: Fields) -> str:
        """The document; a question that is of none has itself."""
        return f"document: {fields['document']}" if "document" in fields else folded(fields.get("question", ""))

    def _all(self) -> Iterator[Material]:
        for company in library(self.companies):
            for number, text in enumerate(self._texts(company.document), 1):
                fields = {"text": text, "document": company.name, "title": company.name}
                yield Material(fields, self.split_key(fields), "", f"library:{company.name}#{number}")

    def _texts(self, document: str) -> list[str]:
        if self.sentences is None:
            return [document]
        cut = windows([Block(document)], self.sentences, self.stride or self.sentences, WHOLE)
        return [window.text for window in cut]
