import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from heapq import nsmallest
from typing import Literal

from pydantic import Field

from agents.kinds import Judgement, Selection, accepted, rejected
from agents.registry import register
from storage.records import Draft

WORD = re.compile(r"\w+")
Words = tuple[str, ...]
Word = tuple[str, int]
"""A word, and the how manieth of its text it is."""
NEARLY = 1e-9
"""What a product of a computer may be off: a word too many is compared rather than one too few."""


@register("near_duplicates")
class NearDuplicates(Selection):
    """Keeps a draft unless its text is too much like that of one kept before it (Self-Instruct, Wang et al. 2022, §2.2;
    Lion, Jiang et al. 2023).

    `rouge_l` is the F-measure of the longest common subsequence of words (Lin 2004), `jaccard` the share of words that two
    texts have in common; both take `fields` without regard to case and marks. No pair is missed, and few are compared: two
    texts that are so like share one of their rarest words, so a text meets those alone that share one of its own (prefix
    filtering: Chaudhuri et al. 2006; Bayardo et al. 2007), and enough words besides that are more frequent (the positional
    filter: Xiao et al. 2008). Texts of one template that are nearly too like still meet each other: of n such texts, that
    are kept, the time grows with the square. Of drafts that are alike the first stays; those of rounds before come first.
    """

    fields: tuple[str, ...] = Field(default=("question",), min_length=1)
    measure: Literal["rouge_l", "jaccard"] = "rouge_l"
    at_most: float = Field(default=0.7, ge=0, lt=1)
    """The highest likeness at which a draft is kept; both papers' value."""

    def choose(
        self, drafts: Sequence[Draft], earlier: Sequence[Draft], labelled: Sequence[tuple[Draft, bool]] = ()
    ) -> list[Judgement]:
        texts = [self._words(draft) for draft in (*earlier, *drafts)]
        kept = _Kept(self.measure, self.at_most, texts)
        for draft, words in zip(earlier, texts, strict=False):
            kept.add(draft.key, words)
        judgements = []
        for draft, words in zip(drafts, texts[len(earlier) :], strict=True):
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
    """Texts, found by their rarest words: which of them a new one is too like."""

    def __init__(self, measure: str, at_most: float, all_texts: Iterable[Words]) -> None:
        self._in_order, self._at_most = measure == "rouge_l", at_most
        # Two texts of n and m words that are more alike have more than this share of n + m words in common.
        self._shared = at_most / 2 if self._in_order else at_most / (1 + at_most)
        self._often = Counter(one for words in all_texts for one in self._counted(words))
        self._keys: list[str] = []
        self._texts: list[Words] = []
        self._sets: list[frozenset[Word]] = []
        self._places: defaultdict[Word, defaultdict[tuple[int, int], list[int]]] = defaultdict(
            lambda: defaultdict(list)
        )
        """Which texts have a word among their rarest, by their length and by how many words of theirs are rarer."""

    def add(self, key: str, words: Words) -> None:
        counted = self._counted(words)
        for rarer, one in enumerate(self._rarest(counted)):
            self._places[one][len(counted), rarer].append(len(self._keys))
        self._keys.append(key)
        self._texts.append(words)
        self._sets.append(frozenset(counted))

    def too_like(self, words: Words) -> tuple[str, float] | None:
        """The first text that is more like this one than is allowed, and how like it is."""
        counted = frozenset(self._counted(words))
        for place in sorted(self._met(counted)):
            likeness = self._bound(counted, self._sets[place])
            if likeness > self._at_most and self._in_order:
                likeness = rouge_l(words, self._texts[place])
            if likeness > self._at_most:
                return self._keys[place], likeness
        return None

    def _met(self, counted: frozenset[Word]) -> set[int]:
        """Texts that may be too like. Where the rarest word in common stands far back in either text, the few words that
        are more frequent are all that they can share: such texts are passed by together, however many they are."""
        size, found = len(counted), set[int]()
        for rarer, one in enumerate(self._rarest(counted)):
            for (other, other_rarer), places in self._places.get(one, {}).items():
                if min(size - rarer, other - other_rarer) > self._shared * (size + other) - NEARLY:
                    found.update(places)
        return found

    def _bound(self, one: frozenset[Word], other: frozenset[Word]) -> float:
        """How like two texts can be: words in common bound the longest common subsequence; for Jaccard they are all there is."""
        size, shared = len(one) + len(other), len(one & other)
        return 2 * shared / size if self._in_order else shared / (size - shared)

    def _rarest(self, counted: Collection[Word]) -> list[Word]:
        """So many of the rarest words of a text, the rarest first, that whatever shares none of them with its own rarest is
        not as like: of n words, what is too like has more than s / (1 - s) in common, where s is the share of both."""
        common = math.floor(self._shared / (1 - self._shared) * len(counted) - NEARLY)
        return nsmallest(len(counted) - max(0, common), counted, key=lambda one: (self._often[one], one))

    def _counted(self, words: Words) -> Collection[Word]:
        """Each word with its number in the text, so that what two texts share is a set; for Jaccard each word once."""
        if not self._in_order:
            return {(word, 1) for word in words}
        seen: Counter[str] = Counter()
        counted = set[Word]()
        for word in words:
            seen[word] += 1
            counted.add((word, seen[word]))
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
