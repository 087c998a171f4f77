"""Groups failures by skill, cause and text, so that feedback can aim at a group and a person can read what it is about."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, pairwise
from math import log
from typing import Any

REST = "the rest"
"""Stands for terms in the label of what is left of a cell when it has been split."""
NO_SKILL = "all"


@dataclass(frozen=True)
class Failed:
    """One wrong attempt, as clustering reads it."""

    key: str
    skill: str
    cause: str
    question: str
    reply: str
    gold: str


@dataclass(frozen=True)
class Group:
    """Failures that have something in common."""

    label: str
    """Its name from round to round: `trip: arithmetic slip`, and for a part `trip: arithmetic slip (hours, speed)`."""
    keys: tuple[str, ...]
    """The most typical first."""
    skill: str
    cause: str
    size: int
    share: float
    """Of all failures."""
    terms: tuple[str, ...]
    """The words that tell it from the other groups, or a part from the other parts; the most telling first."""


def cluster(
    failed: Sequence[Failed], previous: Collection[str] = (), *, split_above: int = 24, at_least: int = 2
) -> list[Group]:
    """Every failure in one group, the largest first, whatever the order in which they are given.

    Failures of one skill and one cause are a cell. A cell larger than `split_above` is split in two to four parts if
    its texts fall apart; parts smaller than `at_least` are its rest. `previous` are labels of the round before: a part
    that is told by the same terms keeps its label. Raises ValueError for two failures with one key.
    """
    ordered = sorted(failed, key=lambda one: one.key)
    if twice := [key for key, count in Counter(one.key for one in ordered).items() if count > 1]:
        raise ValueError(f"each failure is given once, found {twice[0]!r} more often; leave the doubles out")
    cells: dict[tuple[str, str], list[Failed]] = {}
    for one in ordered:
        cells.setdefault((one.skill, one.cause), []).append(one)
    words = {one.key: _words(f"{one.question} {one.reply}") for one in ordered}
    groups = [
        group
        for (skill, cause), members in cells.items()
        for group in _Cell(f"{_named(skill)}: {cause}", members, words, len(ordered)).groups(
            previous, split_above, at_least
        )
    ]
    return sorted(groups, key=lambda group: (-group.size, group.label))


def _named(skill: str) -> str:
    """No skill is called `all`; a skill of that name goes in quotation marks, or their failures would be one cell's."""
    return f"'{skill}'" if skill.strip("'") == NO_SKILL else skill or NO_SKILL


class _Cell:
    """The failures of one skill and one cause, ordered by key, among all `of` failures."""

    def __init__(self, label: str, members: list[Failed], words: dict[str, set[str]], of: int) -> None:
        self.label, self.members, self.words, self.of = label, members, words, of
        self.vectors = _vectors([f"{one.question}\n{one.reply}" for one in members]) if len(members) > 2 else None

    def groups(self, previous: Collection[str], split_above: int, at_least: int) -> Iterator[Group]:
        everybody = list(range(len(self.members)))
        parts = (
            _parts(self.vectors, bool(self.members[0].skill)) if len(everybody) > max(split_above, 3) else [everybody]
        )
        kept = [part for part in parts if len(part) >= at_least]
        if len(kept) < 2:
            own = {one.key for one in self.members}
            elsewhere = [found for key, found in self.words.items() if key not in own]
            yield self._group(self.label, everybody, _terms(self._words_of(everybody), elsewhere))
            return
        terms = [_terms(self._words_of(part), self._words_of(set(everybody) - set(part))) for part in kept]
        for part, label, told_by in zip(kept, _labels(self.label, terms, previous), terms, strict=True):
            yield self._group(label, part, told_by)
        if rest := sorted(set(everybody).difference(*kept)):
            yield self._group(f"{self.label} ({REST})", rest, ())

    def _words_of(self, places: Collection[int]) -> list[set[str]]:
        return [self.words[self.members[place].key] for place in sorted(places)]

    def _group(self, label: str, places: list[int], terms: tuple[str, ...]) -> Group:
        keys = tuple(self.members[place].key for place in _typical_first(self.vectors, places))
        first = self.members[0]
        return Group(label, keys, first.skill, first.cause, len(keys), len(keys) / self.of, terms)


# --- texts as vectors -----------------------------------------------------------------------------------------------

_MOST = 800  # agglomeration takes time and memory with the square of its texts; the others join the nearest part
_MOST_PARTS = 4
_DIMENSIONS = 16
# Silhouettes of one template filled with other names reach 0.19, of several templates 0.23 at least. Where nobody named
# skills, any topics are better than none.
_GAP, _GAP_UNSKILLED = 0.22, 0.0


def _vectors(texts: Sequence[str]) -> Any:
    """One row of length 1 per text: TF-IDF of its words, pairs of words and pieces of words. Numbers tell of no topic."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(
        analyzer=_features,  # type: ignore[arg-type]
        sublinear_tf=True,
        max_features=4000,
    )
    return vectors.fit_transform(texts)


def _features(text: str) -> list[str]:
    """Four characters to a piece, with the edges of words; the empty piece is in all texts, for some hold no word."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    pieces = [f" {word} "[at : at + 4] for word in words for at in range(max(1, len(word) - 1))]
    return [*words, *map("_".join, pairwise(words)), *(f"{piece}*" for piece in pieces), ""]


def _parts(vectors: Any, skilled: bool) -> list[list[int]]:
    """Places of the texts of two to four parts, or all as one part if they do not fall apart.

    By their words; texts without a skill that do not fall apart so, by what they are about.
    """
    points = vectors.toarray()
    best = _agglomerated(points[:_MOST], _GAP)
    if not skilled and not any(best):
        points = _latent(vectors)
        best = _agglomerated(points[:_MOST], _GAP_UNSKILLED)
    first = points[:_MOST]
    places: dict[int, list[int]] = {}
    for place, part in enumerate(best):
        places.setdefault(part, []).append(place)
    middles = {part: first[chosen].mean(axis=0) for part, chosen in places.items()}
    for place, point in enumerate(points[_MOST:], _MOST):
        distances = {part: float(((point - middle) ** 2).sum()) for part, middle in middles.items()}
        places[min(distances, key=distances.__getitem__)].append(place)
    return sorted(places.values())


def _agglomerated(points: Any, gap: float) -> list[int]:
    """The part of each point, by Ward's agglomeration (1963): as many as give the widest silhouette (Rousseeuw 1987).

    All are of part 0 if no silhouette is wider than `gap`.
    """
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.metrics import silhouette_score

    distinct = len({row.tobytes() for row in points.round(6)})
    best, widest = [0] * len(points), gap
    for parts in range(2, min(_MOST_PARTS, distinct, len(points) - 1) + 1):
        found = AgglomerativeClustering(parts).fit_predict(points)
        width = float(silhouette_score(points, found))
        if width > widest:
            best, widest = found.tolist(), width
    return best


def _latent(vectors: Any) -> Any:
    """What texts are about rather than their words (Deerwester et al. 1990), without what all of them share."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    size = min(_DIMENSIONS, *vectors.shape)
    if size < 3 or not abs(vectors - vectors[[0] * vectors.shape[0]]).max() > 1e-6:  # all alike: nothing to be found
        return vectors.toarray()
    return normalize(TruncatedSVD(size, random_state=0).fit_transform(vectors)[:, 1:])


def _typical_first(vectors: Any, places: list[int]) -> list[int]:
    """The nearest to the middle of all first; of equals the first stays first."""
    if vectors is None:
        return places
    chosen = vectors[places]
    nearness = (chosen @ chosen.mean(axis=0).A1).round(5)
    return [places[i] for i in sorted(range(len(places)), key=lambda i: -nearness[i])]


# --- words ----------------------------------------------------------------------------------------------------------

_MOST_TERMS = 5
_IN_LABEL = 2


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{3,}", text.lower()))


def _terms(inside: Sequence[set[str]], outside: Sequence[set[str]]) -> tuple[str, ...]:
    """The words whose use parts the two most: each one's share of the Kullback-Leibler divergence, counts plus a half."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    here, there = (Counter(word for words in texts for word in words) for texts in (inside, outside))
    weight = {}
    for word in here.keys() - ENGLISH_STOP_WORDS - {"did", "does"}:
        among, elsewhere = (here[word] + 0.5) / (len(inside) + 1), (there[word] + 0.5) / (len(outside) + 1)
        if here[word] > len(inside) / 5 and among > elsewhere:
            weight[word] = among * log(among / elsewhere)
    return tuple(sorted(weight, key=lambda word: (-round(weight[word], 9), word))[:_MOST_TERMS])


def _labels(cell: str, terms: Sequence[tuple[str, ...]], previous: Collection[str]) -> list[str]:
    """The labels of a cell's parts: one of the round before that half of its words still fit, else the leading terms."""
    told = {label: set(label[len(cell) + 2 : -1].split(", ")) for label in previous if label.startswith(f"{cell} (")}
    fits = sorted(
        (-len(words & set(of_part)), label, part)
        for label, words in told.items()
        for part, of_part in enumerate(terms)
        if 2 * len(words & set(of_part)) >= len(words)
    )
    labels: dict[int, str] = {}
    for _, label, part in fits:
        if part not in labels and label not in labels.values():
            labels[part] = label
    for part, of_part in enumerate(terms):
        if part not in labels:
            labels[part] = _new_label(cell, of_part, {*labels.values(), *told})
    return [labels[part] for part in range(len(terms))]


def _new_label(cell: str, terms: tuple[str, ...], taken: Collection[str]) -> str:
    """The leading terms, more of them where a label is taken, and a number where that does not help."""
    leading = [f"{cell} ({', '.join(terms[:most])})" for most in range(min(_IN_LABEL, len(terms)) or 1, len(terms) + 1)]
    numbered = (f"{cell} ({', '.join([*terms[:_IN_LABEL], f'part {number}'])})" for number in count(1))
    return next(label for label in chain(leading, numbered) if label not in taken)
