"""How varied the lessons of a round are, and how much of them is new: the sameness that a teacher falls into shows here.

What is measured are the texts that the trainer reads, of at most `SAMPLE` lessons of each round, the first by their hash,
so that a round of a hundred thousand costs no more than one of three thousand and a second look sees the same.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer

from storage.store import Store

SAMPLE = 3000
"""Lessons of a round that are looked at."""
COMPARED = 1000
"""Of them, those that are compared with one another: the effective number takes square time."""
WORD = re.compile(r"\w+")
Words = Sequence[str]
Trigram = tuple[str, str, str]


@dataclass(frozen=True)
class Diversity:
    """Of the lessons of one round. A share of distinct n-grams falls as more lessons are looked at: compare equal numbers."""

    lessons: int
    """How many were looked at."""
    distinct_1: float
    distinct_2: float
    """Different words, and pairs of neighbours, as a share of all (Li et al. 2016, distinct-n)."""
    new_trigrams: float | None
    """Share of the round's different trigrams that no lesson looked at of an earlier round has; None in the first."""
    different: float
    """The lessons are as varied as so many of a hundred that have nothing in common: the Vendi score of order 2
    (Friedman and Dieng 2023; Pasarkar and Dieng 2024) of the cosines of their TF-IDF, for a hundred lessons."""


def varied_in_words(found: Diversity) -> str:
    """The figures as a person says them."""
    new = "" if found.new_trigrams is None else f"{found.new_trigrams:.0%} of the trigrams are new, "
    grams = f"distinct-1 {found.distinct_1:.3f}, distinct-2 {found.distinct_2:.3f}"
    return f"{new}{grams}, as varied as {found.different:.0f} of 100 unlike ones ({found.lessons:,} looked at)"


def diversity_of(store: Store, run: str, rounds: Sequence[int]) -> dict[int, Diversity]:
    """By round, of those that have lessons; `rounds` in order."""
    found, seen = dict[int, Diversity](), set[Trigram]()
    for number in rounds:
        texts = [_text(content) for content in store.lesson_rows(run, number, SAMPLE)]
        if texts:
            words = [WORD.findall(text.lower()) for text in texts]
            trigrams = {three for text in words for three in zip(text, text[1:], text[2:], strict=False)}
            new = len(trigrams - seen) / len(trigrams) if found and trigrams else None
            pairs = [two for text in words for two in pairwise(text)]
            singles = [word for text in words for word in text]
            found[number] = Diversity(len(texts), _distinct(singles), _distinct(pairs), new, different(texts))
            seen |= trigrams
    return found


def _distinct(grams: Sequence[Any]) -> float:
    return len(set(grams)) / len(grams) if grams else 0.0


def different(texts: Sequence[str]) -> float:
    """Of a hundred texts so like and unlike as these, how many there are in effect: 1 if all are the same, 100 if no two
    share a word.

    The Vendi score of order 2 of n texts is n² over the sum of all squared similarities, a text's own included. Taken as
    it stands it would grow with n; here it is that of a hundred texts, two of which are on average as like as two of these.
    """
    compared = [text for text in texts[:COMPARED] if text.strip()]
    if len(compared) < 2:
        return 100.0 if compared else 1.0
    vectors = TfidfVectorizer(token_pattern=r"\S+").fit_transform(compared)
    alike = vectors @ vectors.T
    of_two = (float(alike.multiply(alike).sum()) - len(compared)) / (len(compared) * (len(compared) - 1))
    return 100 / (1 + 99 * max(0.0, min(1.0, of_two)))


def _text(content: Mapping[str, Any]) -> str:
    return "\n".join(_strings(content))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name in sorted(value.keys() - {"role"}):  # who speaks in a message is no text of a lesson
            yield from _strings(value[name])
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
