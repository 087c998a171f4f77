"""The passages of a source, looked up by BM25."""

from itertools import islice

from agents.bm25 import BM25
from agents.kinds import Source

MOST = 200_000
"""Passages that are held at once; a source without end would never be read whole."""


class Passages:
    """What a source's materials of the part `train` say in one field, each text once."""

    def __init__(self, source: Source, field: str) -> None:
        """Raises ValueError for materials without that field."""
        materials = (m for skill in source.skills() for m in source.materials("train", skill, 0))
        self._texts = list(dict.fromkeys(_text(m.fields, field, source.use) for m in islice(materials, MOST)))
        self._index = BM25(self._texts)

    def best(self, query: str, most: int) -> list[str]:
        """Those that share a word with the query, the best first."""
        return [self._texts[place] for place in self._index.ranked(query)[:most]]


def _text(fields: dict[str, object], field: str, source: str) -> str:
    if field not in fields:
        raise ValueError(f"the passages of {source} are in no field {field!r}; its materials have: {', '.join(fields)}")
    return str(fields[field])
