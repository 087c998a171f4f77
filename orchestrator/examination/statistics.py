"""What can be concluded from right and wrong answers: intervals, paired tests, and how many questions a test needs.

Two students answer the same questions, so they are compared by their pairs. Questions of one cluster (variants of one
item, questions on one document) go right or wrong together; whoever takes them for independent is too sure.
"""

from collections.abc import Hashable, Sequence
from math import ceil, comb, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

# SciPy's statistics take most of a second to import, and every command imports this module: functions ask for them.

Answers = Sequence[bool]
Clusters = Sequence[Hashable]


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """95 % score interval of a proportion (Wilson 1927). Raises ValueError for what is no proportion."""
    from scipy.stats import binomtest

    if not 0 <= right <= n or n == 0:
        raise ValueError(f"{right} right of {n} is no proportion")
    interval = binomtest(right, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def clustered_interval(
    values: Sequence[float], clusters: Clusters, seed: int = 0, resamples: int = 2000
) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of `values`, drawing whole clusters (Cameron, Gelbach & Miller 2008;
    Miller 2024, "Adding Error Bars to Evals", for exams).

    The percentiles are moved outwards as Hesterberg 2015 ("expanded percentile") has it, since those of few clusters
    lie too close; of five clusters it still covers but 91 %. Where all are right or all wrong there is nothing to draw, and
    the interval is Wilson's, a cluster counting as one. Raises ValueError for fewer than two.
    """
    if len(values) and set(values) <= {0, 1} and len(set(values)) == 1 and len(set(clusters)) > 1:
        n = len(set(clusters))
        return wilson_interval(n * int(values[0]), n)
    return _bootstrap(values, clusters, 0.95, seed, resamples)


def paired_interval(
    new: Sequence[float], old: Sequence[float], clusters: Clusters | None = None, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Bootstrap interval of mean(new - old), item by item, or cluster by cluster as `clustered_interval` has it.

    Where all pairs differ alike, as where none does, there is nothing to draw: of answers that are right or wrong it is then
    Tango's (1998), from `noninferior_bound` on either side. Raises ValueError for fewer than two clusters.
    """
    low, high = _bootstrap(_differences(new, old), clusters, level, seed, 2000)
    if low == high and {*new, *old} <= {0, 1}:
        alpha, after, before = (1 - level) / 2, [x == 1 for x in new], [x == 1 for x in old]
        return noninferior_bound(after, before, alpha, clusters), -noninferior_bound(before, after, alpha, clusters)
    return low, high


def mcnemar(only_new: int, only_old: int) -> float:
    """Exact one-sided p of "new is no better" from the discordant pairs (McNemar 1947): each would as likely be either's."""
    return binomial_tail(only_new, only_new + only_old, 0.5)


def paired_p(new: Answers, old: Answers, clusters: Clusters | None = None) -> float:
    """Exact one-sided p of "new is no better": as `mcnemar`, but it is whole clusters that might have gone the other way.

    The randomisation test of matched pairs (Fisher 1935, "The Design of Experiments", section 21), a pair being what
    the two students got right in a cluster. With clusters of one item it is McNemar's test. It is exact for students
    that could change places; k clusters cannot give less than 1 / 2^k.
    """
    from scipy.stats import binom

    sums, _ = _by_cluster(_differences(new, old), clusters)
    if np.abs(sums).max() <= 1:
        return mcnemar(int((sums > 0).sum()), int((sums < 0).sum()))
    chances = np.ones(1)  # at i: that the clusters which go the new one's way are ahead by i answers in all
    for ahead, count in zip(*np.unique(np.abs(sums[sums != 0]).astype(int), return_counts=True), strict=True):
        among = np.zeros(ahead * count + 1)
        among[::ahead] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = np.convolve(chances, among)
    return min(1.0, float(chances[int(sums[sums > 0].sum()) :].sum()))


def noninferior_bound(new: Answers, old: Answers, alpha: float, clusters: Clusters | None = None) -> float:
    """Lower one-sided 1 - alpha bound of accuracy(new) - accuracy(old): Tango's score bound (1998).

    Chosen since it is the inversion of a test that keeps its level at the margin for n of a hundred or so, and has
    width where no pair differs (-z² / (n + z²)); Wald's has none there, and that of Newcombe's method 10 (1998) is
    decided by a correction of the correlation. Clusters make pairs fewer: all counts are divided by their design
    effect (Rao & Scott 1992).
    """
    only_new, only_old, n = _effective_pairs(new, old, clusters)
    low, high = -1.0, (only_new - only_old) / n
    for _ in range(50):
        middle = (low + high) / 2
        if _excess(only_new, only_old, n, middle, alpha) > 0:
            low = middle
        else:
            high = middle
    return low


def pairs_for_bound(
    new: Answers, old: Answers, margin: float, alpha: float, clusters: Clusters | None = None
) -> int | None:
    """How many pairs, of which as many are discordant as of these, would have their bound above -margin; None if none do.

    Where the accuracies stay as they are the chance that so many are enough is about a half.
    """
    only_new, only_old, n = _effective_pairs(new, old, clusters)
    above = only_new - only_old + n * margin
    if above <= 0:
        return None
    # With k times the pairs the gap grows by k and its error by the root of k, for the constrained estimate stays.
    error = above - _excess(only_new, only_old, n, -margin, alpha)
    return int(len(new) * (error / above) ** 2) + 1


def required_pairs(discordant: float, gain: float, alpha: float, power: float) -> int:
    """Pairs for `mcnemar` to find `gain` at `alpha` with `power`, where the share `discordant` of pairs differs.

    Connor's number (1987) is of the asymptotic test. The exact one needs more, a tenth more where few pairs differ, so
    the number is raised by hundredths until the exact power is enough. Raises ValueError for what cannot be.
    """
    if not 0 < gain <= discordant <= 1:
        raise ValueError(
            f"a gain of {gain:g} with {discordant:g} of the pairs discordant: 0 < gain <= discordant <= 1 holds"
        )
    if not 0 < alpha < power < 1:
        raise ValueError(f"power {power:g} at alpha {alpha:g}: 0 < alpha < power < 1 is expected")
    z_alpha, z_power = NormalDist().inv_cdf(1 - alpha), NormalDist().inv_cdf(power)
    n = ceil(((z_alpha * sqrt(discordant) + z_power * sqrt(discordant - gain**2)) / gain) ** 2)
    while _power(n, discordant, gain, alpha) < power:
        n += ceil(n / 100)
    return n


def design_effect(differences: Sequence[float] | NDArray, clusters: Clusters | None = None) -> float:
    """How many clustered items tell as much as one independent item, at least 1 (Kish 1965).

    The variance of the mean by clusters over that by items, to both of which one more cluster is added, of average size
    and all different: where nothing differs, a cluster then counts as one item, instead of every item as one.
    """
    values = np.asarray(differences, dtype=float)
    sums, sizes = _by_cluster(values - values.mean(), clusters)
    size = float(sizes.mean())
    by_item = float(((values - values.mean()) ** 2).sum())
    return max(1.0, (float((sums**2).sum()) + size**2) / (by_item + size))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: those below alpha hold together at alpha (Holm 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def binomial_tail(right: int, n: int, chance: float) -> float:
    """The probability that `right` or more of `n` come right by chance alone."""
    from scipy.stats import binom

    return float(binom.sf(right - 1, n, chance))


def pass_at_k(n: int, c: int, k: int) -> float:
    """The probability that one of `k` answers is right, unbiased, from `c` right of `n` (Chen et al. 2021, equation 1)."""
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"pass@{k} from {c} right of {n}: 0 <= right <= n and 1 <= k <= n are expected")
    return 1 - comb(n - c, k) / comb(n, k)


def brier(confidences: Sequence[float], rights: Answers) -> float:
    """Mean squared distance of confidence from what came, 0 to 1, less is better (Brier 1950, of one class)."""
    stated, came = _stated(confidences, rights)
    return float(((stated - came) ** 2).mean())


def calibration_error(confidences: Sequence[float], rights: Answers, bins: int = 10) -> float:
    """Expected calibration error (Guo et al. 2017, equation 3): |accuracy - confidence| of each bin, weighted by size.

    Bins are of equal width, each with its upper edge: students say few values, 0.9 above all, and bins of equal mass
    would have to part items of one confidence by their order.
    """
    stated, came = _stated(confidences, rights)
    # Divided, not spaced: 7 / 10 is the very number that a confidence of 0.7 is read as.
    places = np.searchsorted(np.arange(1, bins) / bins, stated, side="left")
    gaps = np.bincount(places, weights=came - stated, minlength=bins)
    return float(np.abs(gaps).sum() / len(stated))


def _stated(confidences: Sequence[float], rights: Answers) -> tuple[NDArray, NDArray]:
    stated, came = np.asarray(confidences, dtype=float), np.asarray(rights, dtype=float)
    if len(stated) != len(came) or not len(stated):
        raise ValueError(
            f"{len(stated)} confidences and {len(came)} answers: one confidence for each answer is expected"
        )
    if not ((stated >= 0) & (stated <= 1)).all():
        raise ValueError(f"confidences from {stated.min():g} to {stated.max():g}: 0 to 1 is expected")
    return stated, came


def _differences(new: Sequence[float], old: Sequence[float]) -> NDArray:
    if len(new) != len(old) or not len(new):
        raise ValueError(f"{len(new)} new answers and {len(old)} old ones: one of each for every item is expected")
    return np.asarray(new, dtype=float) - np.asarray(old, dtype=float)


def _by_cluster(values: NDArray, clusters: Clusters | None) -> tuple[NDArray, NDArray]:
    """Sum and size of each cluster; of each value where there are no clusters."""
    if clusters is None:
        return values, np.ones(len(values))
    if len(clusters) != len(values):
        raise ValueError(f"{len(values)} values and {len(clusters)} clusters: the cluster of each value is expected")
    numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    places = np.fromiter((numbers[cluster] for cluster in clusters), dtype=np.intp, count=len(values))
    return np.bincount(places, weights=values), np.bincount(places).astype(float)


def _bootstrap(
    values: Sequence[float] | NDArray, clusters: Clusters | None, level: float, seed: int, resamples: int
) -> tuple[float, float]:
    from scipy.stats import t

    sums, sizes = _by_cluster(np.asarray(values, dtype=float), clusters)
    count = len(sums)
    if count < 2:
        raise ValueError(f"{len(values)} values in {count} clusters: an interval needs two clusters or more")
    # Clusters of one sum and size are interchangeable: how often each kind is drawn is all that a resample is.
    kinds, times = np.unique(np.column_stack([sums, sizes]), axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(count, times / count, size=resamples)
    means = (draws @ kinds[:, 0]) / (draws @ kinds[:, 1])
    tail = NormalDist().cdf(sqrt(count / (count - 1)) * float(t.ppf((1 - level) / 2, count - 1)))
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _power(n: int, discordant: float, gain: float, alpha: float) -> float:
    """Exact power of `mcnemar` with n pairs, over how many of them differ; six deviations of that are all there is."""
    from scipy.stats import binom

    reach = 6 * sqrt(n * discordant * (1 - discordant)) + 1
    differing = np.arange(max(0, int(n * discordant - reach)), min(n, ceil(n * discordant + reach)) + 1)
    too_few = binom.isf(alpha, differing, 0.5)
    found = binom.sf(too_few, differing, (discordant + gain) / (2 * discordant))
    return float((binom.pmf(differing, n, discordant) * found).sum())


def _effective_pairs(new: Answers, old: Answers, clusters: Clusters | None) -> tuple[float, float, float]:
    """Pairs only the new one got right, pairs only the old one did, and all: as if they were independent."""
    differences = _differences(new, old)
    effect = design_effect(differences, clusters)
    only_new, only_old = int((differences > 0).sum()), int((differences < 0).sum())
    return only_new / effect, only_old / effect, len(differences) / effect


def _excess(only_new: float, only_old: float, n: float, difference: float, alpha: float) -> float:
    """By how many answers the new one is further ahead than `alpha` allows if `difference` were the true one.

    Tango 1998: `share` estimates the share of pairs only the old one gets right, given `difference`.
    """
    linear = (2 * n - only_new + only_old) * difference - only_new - only_old
    constant = -only_old * difference * (1 - difference)
    share = (sqrt(max(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
    variance = n * (2 * share + difference * (1 - difference))
    return only_new - only_old - n * difference - NormalDist().inv_cdf(1 - alpha) * sqrt(max(0.0, variance))
