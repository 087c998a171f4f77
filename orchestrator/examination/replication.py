"""What can be concluded from several trainings: intervals over trainings and questions, of one arm and of two.

Two trainings of one recipe differ, as two questions do. Whoever asks how good a recipe is, and not how good its first
student, draws both, and has to count the variance of both (Brennan 2001, "Generalizability Theory", chapter 2; for
exams Miller 2024, "Adding Error Bars to Evals"; for seeds Bouthillier et al. 2021). The answers to all questions
under all trainings are a crossed design, whose mean has the variance (Cornfield & Tukey 1956)

    (MS_trainings + MS_questions - MS_residual) / (trainings * questions).

Where each seed of chance draws questions of its own they are nested in the trainings, and the trainings' means hold all
variance there is. An exam may lie between: some questions are drawn again, others not. So the covariance of two
trainings' means is estimated from the clusters that both were asked: with all of them it is
(MS_questions - MS_residual) / (trainings * questions) to the letter, with none it is nothing.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from statistics import NormalDist, fmean

import numpy as np
from numpy.typing import NDArray

from orchestrator.examination.statistics import clustered_interval, noninferior_bound, paired_interval, paired_p

# SciPy's statistics take most of a second to import, and every command imports this module: functions ask for them.

Answers = Mapping[str, float]
"""One training's: by question, whether the answer is right, or the share of its samples that are."""
Clusters = Mapping[str, Hashable]
"""Of each question; the same key in two trainings is the same cluster."""
Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Paired:
    """Two arms that were asked the same questions: an entry of each list is one seed, that trained one student of each."""

    new: Sequence[Answers]
    old: Sequence[Answers]
    clusters: Sequence[Clusters]

    def __post_init__(self) -> None:
        pairs = [{*new} == {*old} for new, old in zip(self.new, self.old, strict=True)]
        if not pairs or not all(pairs) or not all(self.new):
            raise ValueError("two arms with the same questions for each seed, at least one, are expected")

    @property
    def trainings(self) -> int:
        return len(self.new)

    @property
    def over(self) -> str:
        """What the interval is over, in words."""
        questions = len({question for answers in self.new for question in answers})
        if self.trainings == 1:
            return f"over {questions} questions of one training, so not over trainings"
        return f"over {self.trainings} trainings and {questions} questions"

    @property
    def means(self) -> tuple[float, float]:
        """New and old accuracy, each training counting the same."""
        return _grand_mean(self.new), _grand_mean(self.old)

    @property
    def gaps(self) -> list[float]:
        """new - old of each training, all its questions counting the same."""
        return [fmean(one.values()) for one in self._differences]

    @property
    def difference(self) -> float:
        return fmean(self.gaps)

    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference. Raises ValueError for fewer than two clusters.

        Of one training it is `paired_interval`, over its questions alone: how much trainings differ is then unknown.
        """
        if self.trainings > 1:
            half = max(_quantile(0.975, df) * error for error, df in self._errors)
            return max(-1.0, self.difference - half), min(1.0, self.difference + half)
        return paired_interval(*self._lists)

    def p(self) -> float:
        """One-sided p of "new is no better": of one training `paired_p`, which takes right and wrong answers alone."""
        if self.trainings == 1:
            return paired_p(*self._lists)
        from scipy.stats import t

        return max(float(t.sf(self.difference / error, df)) for error, df in self._errors)

    def bound(self, alpha: float) -> float:
        """Lower one-sided 1 - alpha bound of the difference: of one training `noninferior_bound`, as `p` has it."""
        if self.trainings == 1:
            new, old, clusters = self._lists
            return noninferior_bound(new, old, alpha, clusters)
        return max(-1.0, self.difference - max(_quantile(1 - alpha, df) * error for error, df in self._errors))

    @cached_property
    def _differences(self) -> list[dict[str, float]]:
        return [{q: new[q] - old[q] for q in new} for new, old in zip(self.new, self.old, strict=True)]

    @cached_property
    def _errors(self) -> list[tuple[float, float]]:
        return standard_errors(self._differences, self.clusters)

    @property
    def _lists(self) -> tuple[list, list, list[Hashable]]:
        """Of the one training there is."""
        (new,), (old,), (clusters,) = self.new, self.old, self.clusters
        return [*new.values()], [old[q] for q in new], [clusters[q] for q in new]


def accuracy_interval(trainings: Sequence[Answers], clusters: Sequence[Clusters]) -> tuple[float, float]:
    """95 % interval of the mean accuracy of one arm's trainings; of one training `clustered_interval` of its questions.

    Raises ValueError for fewer than two clusters.
    """
    if len(trainings) == 1:
        (answers,), (keys,) = trainings, clusters
        return clustered_interval([float(value) for value in answers.values()], [keys[q] for q in answers])
    mean = _grand_mean(trainings)
    half = max(_quantile(0.975, df) * error for error, df in standard_errors(trainings, clusters))
    return max(0.0, mean - half), min(1.0, mean + half)


def standard_errors(trainings: Sequence[Answers], clusters: Sequence[Clusters]) -> list[tuple[float, float]]:
    """Of the mean over two trainings or more: (standard error, degrees of freedom) of t; the widest is to be taken.

    In this order, those of them that are not nothing:

    1. The trainings' means alone, df = trainings - 1: exact where questions are nested in trainings.
    2. The clusters of questions alone, as if one more training would come out the same.
    3. What Wilson's and Tango's intervals have where all answers agree, a cluster counting as one question: t at 0.975
       makes z² / (n + z²) of it. Nothing seen to vary is no proof that nothing does.
    4. Where two trainings share clusters, both: `max(MS_s + MS_i - MS_r, MS_s, MS_i)` by Satterthwaite's (1946) df.

    The fourth alone covers the truth in 88 % of comparisons of two trainings that differ much, since by chance two often
    look alike; with the first beside it in 95 %. From five trainings on the first is hardly ever the wider.
    Raises ValueError for fewer than two clusters.
    """
    count = len(trainings)
    sums, shared = _deviations(trainings, clusters)
    number = sums.shape[1]
    by_training = float(np.var([fmean(answers.values()) for answers in trainings], ddof=1)) / count
    whole, own = float((sums.sum(axis=0) ** 2).sum()), float((sums**2).sum())
    by_cluster = whole / count**2  # MS_i / (trainings * questions) where all is crossed and balanced
    residual = max(0.0, count * own - whole) / (count**2 * (count - 1))  # MS_r, likewise
    found = [
        (sqrt(by_training), count - 1.0),
        (sqrt(by_cluster), number - 1.0),
        (Z / (number + Z**2), number - 1.0),
    ]
    if shared:
        variance = max(by_training + by_cluster - residual, by_training, by_cluster)
        parts = (by_training, count - 1), (by_cluster, number - 1), (residual, (count - 1) * (number - 1))
        spread = sum(part**2 / df for part, df in parts)
        if spread > 0:
            found.append((sqrt(variance), max(variance**2 / spread, min(count, number) - 1.0)))
    return [(error, df) for error, df in found if error > 0]


def _deviations(trainings: Sequence[Answers], clusters: Sequence[Clusters]) -> tuple[NDArray, bool]:
    """(trainings, clusters): by how much each cluster moves a training's mean, and whether any is in two trainings.

    Each row is scaled so that its sum of squares is the unbiased variance of that training's mean over its clusters.
    """
    places = {key: i for i, key in enumerate(dict.fromkeys(keys[q] for keys in clusters for q in keys))}
    if len(places) < 2:
        raise ValueError(f"{len(places)} clusters: an interval needs two clusters or more")
    sums, asked = np.zeros((len(trainings), len(places))), np.zeros((len(trainings), len(places)), dtype=bool)
    for row, (answers, keys) in enumerate(zip(trainings, clusters, strict=True)):
        values = np.fromiter(answers.values(), dtype=float, count=len(answers))
        where = np.fromiter((places[keys[q]] for q in answers), dtype=np.intp, count=len(answers))
        sums[row] = np.bincount(where, weights=values - values.mean(), minlength=len(places)) / len(values)
        asked[row, where] = True
        own = int(asked[row].sum())
        sums[row] *= sqrt(own / max(1, own - 1))
    return sums, bool((asked.sum(axis=0) > 1).any())


def _grand_mean(trainings: Sequence[Answers]) -> float:
    return fmean(fmean(answers.values()) for answers in trainings)


def _quantile(share: float, df: float) -> float:
    from scipy.stats import t

    return float(t.ppf(share, df))
