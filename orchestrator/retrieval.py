"""Which of some texts say most about a query: Okapi BM25; and the shelf of drafts that is searched by it."""

from collections.abc import Sequence
from typing import Any

from storage.records import Draft

WORDS = r"(?u)\w+"


class BM25:
    """Texts ranked by the words that they share with a query (Robertson & Zaragoza 2009, §3.4).

    A word w that is `f` times in a text of length `l` gives it

        log(1 + (N - n + ½) / (n + ½)) · f · (k1 + 1) / (f + k1 · (1 - b + b · l / mean l))

    where n of the N texts hold w. The 1 in the logarithm is not theirs: without it a word that is in more than half of
    the texts would count against those that hold it. A word counts once, however often the query says it, and in
    whatever case of letters.
    """

    def __init__(self, texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        self._words = CountVectorizer(token_pattern=WORDS, lowercase=True)
        self._weights: Any = None
        """Of each text (row) and word (column); None if no text has a word."""
        if any(map(self._words.build_analyzer(), texts)):
            self._weights = _weights(self._words.fit_transform(texts), k1, b)

    def scores(self, query: str) -> list[float]:
        """Of each text, in their order; empty if no text has a word."""
        if self._weights is None:
            return []
        asked = self._words.transform([query]).minimum(1)
        return (self._weights @ asked.T).toarray()[:, 0].tolist()

    def ranked(self, query: str) -> list[int]:
        """Places of the texts that share a word with the query, the best first, equals in their order."""
        scores = self.scores(query)
        return sorted((i for i, score in enumerate(scores) if score > 0), key=lambda i: (-round(scores[i], 9), i))


def _weights(counts: Any, k1: float, b: float) -> Any:
    import numpy as np

    lengths = counts.sum(axis=1).A1
    held_by = counts.getnnz(axis=0)
    rarity = np.log(1 + (counts.shape[0] - held_by + 0.5) / (held_by + 0.5))
    flat = k1 * (1 - b + b * lengths / lengths.mean())
    weights = counts.tocoo().astype(float)
    weights.data *= rarity[weights.col] * (k1 + 1) / (weights.data + flat[weights.row])
    return weights.tocsr()


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
