import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field
from sklearn.cluster import AgglomerativeClustering
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_distances

from agents.kinds import Fields, Generator, Teacher, UnfitDraft, Writing
from agents.registry import register

WORD = re.compile(r"\w+")


@register("merge_alike")
class MergeAlike(Generator):
    """Writes one draft for each cluster of candidates that say nearly the same: its best, with the cluster's `size`
    (NeuroComparatives, Howard et al. 2024).

    Texts are compared by TF-IDF of those words that not all of them have, and clustered by mean distance, below `distance`;
    the best is that which is nearest to all of its cluster, the larger before others. A candidate counts as many as its own
    `size`, or one. For a step with `together`, e.g. `{by: [first, second], shows: [statement]}`; what it shows of the best goes
    on. Raises UnfitDraft for a material that is no group.
    Departs from the paper: no sentence embeddings, and no score of a beam search to tell the best by.
    """

    writes = "cluster"
    reads = ("candidates",)
    asks = False
    text: str = "statement"
    """Field of a candidate that is compared."""
    distance: float = Field(default=0.5, gt=0, le=1)
    """Cosine distance, 0 to 1, at which two clusters are told apart."""
    ignore: tuple[str, ...] = ()
    """Words that make no difference, such as adverbs of frequency. To TF-IDF an opposite is a word like any other."""

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        if "candidates" not in fields:
            raise UnfitDraft(
                f"{self.use} merges several candidates; say which belong together, e.g. "
                f"`together: {{by: [question], shows: [{self.text}]}}`"
            )
        by_text: dict[str, Mapping[str, Any]] = {str(one[self.text]): one for one in reversed(fields["candidates"])}
        often = Counter[str]()
        for one in fields["candidates"]:
            often[str(one[self.text])] += int(one.get("size", 1))
        texts = sorted(often)
        apart = _distances(texts, self.ignore)
        found = []
        for members in _clusters(apart, self.distance):
            weights = np.array([often[texts[i]] for i in members])
            best = min(members, key=lambda i, w=weights, m=members: (float(apart[i, m] @ w), -often[texts[i]], i))
            found.append(Writing({**by_text[texts[best]], "size": int(weights.sum())}))
        return found


def _distances(texts: Sequence[str], ignore: Collection[str]) -> np.ndarray:
    """Between every two texts, by the words that tell any two of them apart; texts that have none of these are alike."""
    words = [set(WORD.findall(text.lower())) - {word.lower() for word in ignore} for text in texts]
    telling = [" ".join(sorted(own - set.intersection(*words))) for own in words]
    if not any(telling):
        return np.zeros((len(texts), len(texts)))
    distances = cosine_distances(TfidfVectorizer(token_pattern=r"\w+").fit_transform(telling))
    same = np.array([not text for text in telling])
    distances[np.ix_(same, same)] = 0
    np.fill_diagonal(distances, 0)
    return distances


def _clusters(distances: np.ndarray, distance: float) -> list[list[int]]:
    """The members of each cluster, in the order of its first."""
    if len(distances) == 1:
        return [[0]]
    fitted = AgglomerativeClustering(
        n_clusters=None,  # pyright: ignore[reportArgumentType]  # as documented beside a threshold; the stub says int
        metric="precomputed",
        linkage="average",
        distance_threshold=distance,
    ).fit(distances)
    found: dict[int, list[int]] = {}
    for place, label in enumerate(fitted.labels_):
        found.setdefault(int(label), []).append(place)
    return list(found.values())
