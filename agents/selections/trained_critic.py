import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from pydantic import Field
from scipy.stats import binomtest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from agents.kinds import Judgement, Selection, UnfitDraft, accepted, rejected
from agents.registry import register
from storage.records import Draft

WORD = re.compile(r"\w+")
PAIRED_WORDS = 32
"""Words of a field that are paired with those of the next fields; a longer text would have too many pairs."""
Texts = tuple[str, ...]
Example = tuple[Draft, bool]


@register("trained_critic")
class TrainedCritic(Selection):
    """Learns from labelled drafts which ones are good, and keeps those that score as high as a target recall allows
    (Symbolic Knowledge Distillation, West et al. 2022, §4: the critic).

    A logistic regression on words, neighbours, and pairs of words of different fields, which say what goes with what: a
    head with its tail. The labelled drafts are parted by split key into those it is fitted to and
    those of validation; the cut is the highest score at which `recall` of the good drafts *of validation* are kept, so a
    lower recall keeps a part of what a higher one keeps. The evidence has the cut and how precision, recall and
    the scores themselves (Brier 1950) came out on validation. A labelled draft keeps its label, whatever it scores.

    Departs from the paper: no language model is fitted, and the cut is not averaged with that of a test set, as the
    authors' code does. Raises UnfitDraft for fewer than `at_least` labels, or labels of one kind.
    """

    learns = True
    fields: tuple[str, ...] = Field(default=("question", "answer"), min_length=1)
    recall: float = Field(default=0.8, gt=0, le=1)
    """The share of the good drafts that may not be lost; the paper's filters are .9 to .5, from lenient to strict."""
    validation: float = Field(default=0.3, gt=0, lt=1)
    """Share of the split keys whose labels set the cut."""
    at_least: int = Field(default=40, ge=4)

    def choose(
        self, drafts: Sequence[Draft], earlier: Sequence[Draft], labelled: Sequence[Example] = ()
    ) -> list[Judgement]:
        if not drafts:
            return []
        fitted, held = self._parted(labelled)
        critic = _critic()
        critic.fit([self._texts(draft) for draft, _ in fitted], [good for _, good in fitted])
        validated = _Validation.of(
            self._scores(critic, [draft for draft, _ in held]), [g for _, g in held], self.recall
        )
        evidence = {"recall_asked": self.recall, "fitted_to": len(fitted), **validated.told()}
        labels = {draft.key: good for draft, good in labelled}
        scores = self._scores(critic, drafts)
        return [
            _judged(score, validated.cut, labels.get(draft.key), evidence)
            for draft, score in zip(drafts, scores, strict=True)
        ]

    def _parted(self, labelled: Sequence[Example]) -> tuple[list[Example], list[Example]]:
        if len(labelled) < self.at_least:
            raise UnfitDraft(
                f"{self.use} learns from {self.at_least} labelled drafts or more, and has {len(labelled)}; let the step "
                "that `labels` names judge more of them"
            )
        in_order = sorted(labelled, key=lambda each: (self._texts(each[0]), each[1]))  # the fit depends on it, a little
        held = [each for each in in_order if _chance(each[0]) < self.validation]
        fitted = [each for each in in_order if _chance(each[0]) >= self.validation]
        for part, examples in (("fit to", fitted), ("validate on", held)):
            good = sum(label for _, label in examples)
            if not 0 < good < len(examples):
                raise UnfitDraft(
                    f"{self.use} needs good and bad drafts to {part}, and has {good} good of {len(examples)}; label more "
                    "drafts, or of more split keys"
                )
        return fitted, held

    def _texts(self, draft: Draft) -> Texts:
        return tuple(str(draft.fields[name]) for name in self.fields)

    def _scores(self, critic: Pipeline, drafts: Sequence[Draft]) -> list[float]:
        return critic.predict_proba([self._texts(draft) for draft in drafts])[:, 1].tolist()


@dataclass(frozen=True)
class _Validation:
    """What a cut keeps of the labelled drafts that the critic was not fitted to."""

    cut: float
    n: int
    good: int
    kept: int
    kept_good: int
    brier: float

    @classmethod
    def of(cls, scores: Sequence[float], good: Sequence[bool], recall: float) -> "_Validation":
        cut = cut_at(scores, good, recall)
        kept = [label for score, label in zip(scores, good, strict=True) if score >= cut]
        brier = float(np.mean((np.asarray(scores) - np.asarray(good, dtype=float)) ** 2))
        return cls(cut, len(good), sum(good), len(kept), sum(kept), brier)

    def told(self) -> dict[str, Any]:
        return {
            "threshold": self.cut,
            "labelled_for_it": self.n,
            "precision": _share(self.kept_good, self.kept),
            "recall": _share(self.kept_good, self.good),
            "good_before": _share(self.good, self.n),
            "brier": round(self.brier, 4),
        }


def cut_at(scores: Sequence[float], good: Sequence[bool], recall: float) -> float:
    """The highest score at which this share of the good ones, or more, are kept."""
    of_good = sorted((score for score, label in zip(scores, good, strict=True) if label), reverse=True)
    return of_good[math.ceil(recall * len(of_good) - 1e-9) - 1]


def _judged(score: float, cut: float, label: bool | None, evidence: dict[str, Any]) -> Judgement:
    if label is not None:
        judge = accepted if label else rejected
        return judge(f"labelled {'good' if label else 'bad'}", score=score, evidence={**evidence, "label": label})
    if score >= cut:
        return accepted(f"scores {score:.2f}, the cut being {cut:.2f}", score=score, evidence=evidence)
    return rejected("below the cut", score=score, evidence=evidence)


def _share(k: int, n: int) -> dict[str, Any]:
    """A share with Wilson's interval of 95 %."""
    interval = binomtest(k, n).proportion_ci(method="wilson")
    return {"share": round(k / n, 4), "low": round(float(interval.low), 4), "high": round(float(interval.high), 4)}


def _chance(draft: Draft) -> float:
    """From 0 to 1, one for all drafts of a split key: what is about one thing is not on both sides."""
    return int.from_bytes(hashlib.sha256(f"critic {draft.split_key}".encode()).digest()[:4], "big") / 2**32


def _critic() -> Pipeline:
    """Few labels and many features, of which few matter: the L1 penalty leaves the others at nothing. No chance in it."""
    # scikit-learn also takes a function here, which its signature does not say.
    features = CountVectorizer(analyzer=_features, binary=True, min_df=2)  # pyright: ignore[reportArgumentType]
    return make_pipeline(
        features, LogisticRegression(C=3.0, l1_ratio=1, solver="liblinear", max_iter=2000, random_state=0)
    )


def _features(texts: Texts) -> set[str]:
    """Words and pairs of neighbours of each text, and every word of a text with every word of a later one.

    A word that another of the texts has as well is `=`, whichever it is: that they share it is what can be learned of it.
    """
    words = [WORD.findall(text.lower()) for text in texts]
    others = [{w for j, told in enumerate(words) if j != i for w in told} for i, _ in enumerate(words)]
    said = [["=" if w in other else w for w in told] for told, other in zip(words, others, strict=True)]
    found = {f"{place} {word}" for place, text in enumerate(said) for word in text}
    found |= {f"{place} {one} {two}" for place, text in enumerate(said) for one, two in pairwise(text)}
    for one, two in combinations([dict.fromkeys(text[:PAIRED_WORDS]) for text in said], 2):
        found |= {f"{word}|{other}" for word in one for other in two}
    return found
