"""Which of some texts say most about a query: Okapi BM25."""

from collections.abc import Sequence
from typing import Any

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
