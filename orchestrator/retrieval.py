"""The shelf of drafts that inferences search, by BM25."""

from collections.abc import Sequence
from typing import Any

from agents.bm25 import BM25
from storage.records import Draft


class Shelf(Sequence[Draft]):
    """Drafts that can be looked up. What they are found by is counted once, however many look."""

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self._drafts = list(drafts)
        self._indices: dict[tuple[str, ...], BM25] = {}

    def __len__(self) -> int:
        return len(self._drafts)

    def __getitem__(self, place: Any) -> Any:
        return self._drafts[place]

    def ranked(self, query: str, by: Sequence[str]) -> list[Draft]:
        """Those that share a word with the query in the fields `by`, the best first; a field that one lacks has no words."""
        names = tuple(by)
        if names not in self._indices:
            texts = ["\n".join(str(draft.fields.get(name, "")) for name in names) for draft in self._drafts]
            self._indices[names] = BM25(texts)
        return [self._drafts[place] for place in self._indices[names].ranked(query)]
