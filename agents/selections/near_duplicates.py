import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from agents.kinds import Judgement, Selection, accepted, rejected
from agents.registry import register
from storage.records import Draft

WORD = re.compile(r"\w+")
Words = tuple[str, ...]


@register("near_duplicates")
class NearDuplicates(Selection):
    """Keeps a draft unless its text is too much like that of one kept before it (Self-Instruct, Wang et al. 2022, §2.2;
    Lion, Jiang et al. 2023).

    `rouge_l` is the F-measure of the longest common subsequence of words (Lin 2004), `jaccard` the share of words that two
    texts have in common; both take `fields` without regard to case and marks. No pair is missed: a text is compared
    with all that could be as like, which those are that share enough words with it. Of drafts that are alike the first
    stays; those of rounds before come first.
    """

    fields: tuple[str, ...] = Field(default=("question",), min_length=1)
    measure: Literal["rouge_l", "jaccard"] = "rouge_l"
    at_most: float = Field(default=0.7, ge=0, lt=1)
    """The highest likeness at which a draft is kept; both papers' value."""

    def choose(
        self, drafts: Sequence[Draft], earlier: Sequence[Draft], labelled: Sequence[tuple[Draft, bool]] = ()
    ) -> list[Judgement]:
        kept = _Kept(self.measure, self.at_most)
        for draft in earlier:
            kept.add(draft.key, self._words(draft))
        judgements = []
        for draft in drafts:
            words = self._words(draft)
            if (found := kept.too_like(words)) is None:
                kept.add(draft.key, words)
                judgements.append(accepted("new"))
            else:
                key, likeness = found
                judgements.append(rejected("near duplicate", score=likeness, evidence={"of": key}))
        return judgements

    def _words(self, draft: Draft) -> Words:
        text = " ".join(str(draft.fields.get(name, "")) for name in self.fields)
        return tuple(WORD.findall(text.lower())) or (text.strip(),)


class _Kept:
    """Texts, found by their words: which of them a new one is too like."""

    def __init__(self, measure: str, at_most: float) -> None:
        self._in_order, self._at_most = measure == "rouge_l", at_most
        self._keys: list[str] = []
        self._texts: list[Words] = []
        self._sizes = array("d")
        self._places: defaultdict[tuple[str, int], array[int]] = defaultdict(lambda: array("q"))
        """Which texts have a word at least so many times."""

    def add(self, key: str, words: Words) -> None:
        counted = self._counted(words)
        for one in counted:
            self._places[one].append(len(self._keys))
        self._keys.append(key)
        self._texts.append(words)
        self._sizes.append(len(counted))

    def too_like(self, words: Words) -> tuple[str, float] | None:
        """The first text that is more like this one than is allowed, and how like it is."""
        counted = self._counted(words)
        found = [np.frombuffer(self._places[one], dtype=np.int64) for one in counted if one in self._places]
        if not found:
            return None
        shared = np.bincount(np.concatenate(found), minlength=len(self._keys))
        sizes = np.frombuffer(self._sizes, dtype=np.float64) + len(counted)
        # Words in common bound the longest common subsequence; for Jaccard they are all there is.
        bounds = 2 * shared / sizes if self._in_order else shared / (sizes - shared)
        for place in np.flatnonzero(bounds > self._at_most):
            likeness = rouge_l(words, self._texts[place]) if self._in_order else float(bounds[place])
            if likeness > self._at_most:
                return self._keys[place], likeness
        return None

    def _counted(self, words: Words) -> list[tuple[str, int]]:
        """Each word with its number in the text, so that what two texts share is a set; for Jaccard each word once."""
        if not self._in_order:
            return [(word, 1) for word in dict.fromkeys(words)]
        seen: Counter[str] = Counter()
        counted = []
        for word in words:
            seen[word] += 1
            counted.append((word, seen[word]))
        return counted


def rouge_l(one: Words, other: Words) -> float:
    """F-measure of the longest common subsequence of two texts, from 0 to 1; 1 for the same texts."""
    return 2 * _common(one, other) / (len(one) + len(other))


def _common(one: Words, other: Words) -> int:
    """Length of the longest common subsequence, a word of `other` at a time in the bits of one number (Hyyrö 2004)."""
    masks: dict[str, int] = {}
    for place, word in enumerate(one):
        masks[word] = masks.get(word, 0) | 1 << place
    every = (1 << len(one)) - 1
    row = every
    for word in other:
        met = row & masks.get(word, 0)
        row = ((row + met) | (row - met)) & every
    return len(one) - row.bit_count()
