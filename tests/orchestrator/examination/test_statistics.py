"""Intervals cover what they say, tests keep their level and have their power, and formulas agree with enumeration."""

from collections.abc import Iterator
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from orchestrator.examination.statistics import (
    binomial_tail,
    brier,
    calibration_error,
    clustered_interval,
    design_effect,
    holm,
    mcnemar,
    noninferior_bound,
    paired_interval,
    paired_p,
    pairs_for_bound,
    pass_at_k,
    required_pairs,
    wilson_interval,
)

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from("abcdef")), min_size=1, max_size=24)


def answers(only_new: int, only_old: int, same: int) -> tuple[list[bool], list[bool]]:
    new = [True] * only_new + [False] * only_old + [True] * same
    return new, [False] * only_new + [True] * only_old + [True] * same


def tables(n: int, better: float, worse: float, times: int, seed: int = 1) -> Iterator[tuple[int, int, int]]:
    """Distinct (only_new, only_old, how often) among `times` exams of n items."""
    drawn = np.random.default_rng(seed).multinomial(n, [better, worse, 1 - better - worse], size=times)
    kinds, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)
    yield from ((int(b), int(c), int(count)) for (b, c), count in zip(kinds, counts, strict=True))


def in_clusters(rng: np.random.Generator, clusters: int, size: int) -> list[bool]:
    """Right or wrong answers whose chance is drawn once for each cluster; a half are right in the long run."""
    return (rng.random((clusters, size)) < rng.beta(0.7, 0.7, size=(clusters, 1))).ravel().tolist()


@pytest.mark.parametrize("n", [60, 100, 240])
def test_wilson_covers_a_proportion(n: int) -> None:
    spans = np.array([wilson_interval(right, n) for right in range(n + 1)])
    for share in np.linspace(0.1, 0.9, 17):
        covers = (spans[:, 0] <= share) & (share <= spans[:, 1])
        assert binom.pmf(np.arange(n + 1), n, share)[covers].sum() >= 0.93


def test_wilson_of_nothing_right_begins_at_nothing_and_of_no_proportion_is_refused() -> None:
    low, high = wilson_interval(0, 20)
    assert low == 0
    assert high == pytest.approx(0.1611, abs=1e-4)
    for right, n in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match=f"{right} right of {n} is no proportion"):
            wilson_interval(right, n)


def test_a_clustered_interval_covers_where_one_that_ignores_clusters_does_not() -> None:
    rng, clusters = np.random.default_rng(2), [i // 8 for i in range(240)]
    exams = [in_clusters(rng, 30, 8) for _ in range(400)]

    def coverage(groups: list[int]) -> float:
        spans = [clustered_interval(exam, groups, seed=3, resamples=500) for exam in exams]
        return float(np.mean([low <= 0.5 <= high for low, high in spans]))

    assert coverage(clusters) >= 0.93
    assert coverage(list(range(240))) < 0.75


def test_an_interval_of_few_clusters_covers() -> None:
    drawn = np.random.default_rng(7).normal(size=(2000, 8)).tolist()
    spans = [clustered_interval(means, "abcdefgh", resamples=1000) for means in drawn]
    assert np.mean([low <= 0 <= high for low, high in spans]) >= 0.93


def test_few_clusters_widen_an_interval_and_one_has_none() -> None:
    values = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    low, high = clustered_interval(values, [0, 0, 0, 1, 1, 1])
    assert (low, high) == (2 / 3, 2 / 3)
    assert clustered_interval(values, [0, 1, 1, 1, 1, 1]) == pytest.approx((0.6, 1.0))
    with pytest.raises(ValueError, match="6 values in 1 clusters: an interval needs two clusters or more"):
        clustered_interval(values, ["a"] * 6)
    with pytest.raises(ValueError, match="6 values and 2 clusters"):
        clustered_interval(values, ["a", "b"])


def test_an_interval_follows_from_its_seed_and_narrows_with_its_level() -> None:
    new, old = answers(40, 20, 140)
    assert paired_interval(new, old, seed=4) == paired_interval(new, old, seed=4)
    wide, narrow = paired_interval(new, old), paired_interval(new, old, level=0.5)
    assert wide[0] < narrow[0] < 0.1 < narrow[1] < wide[1]


@pytest.mark.parametrize(("n", "better", "worse"), [(100, 0.12, 0.06), (200, 0.1, 0.1), (400, 0.05, 0.03)])
def test_a_paired_interval_covers_the_difference(n: int, better: float, worse: float) -> None:
    covered = 0
    for only_new, only_old, count in tables(n, better, worse, 1000):
        low, high = paired_interval(*answers(only_new, only_old, n - only_new - only_old))
        covered += count * (low - 1e-9 <= better - worse <= high + 1e-9)
    assert covered >= 930


def test_a_paired_interval_by_cluster_covers_the_difference() -> None:
    rng, clusters = np.random.default_rng(5), [i // 6 for i in range(180)]
    spans = [paired_interval(in_clusters(rng, 30, 6), in_clusters(rng, 30, 6), clusters) for _ in range(400)]
    assert np.mean([low <= 0 <= high for low, high in spans]) >= 0.93


@given(st.integers(0, 12), st.integers(0, 12))
def test_mcnemar_counts_the_ways_in_which_discordant_pairs_can_fall(only_new: int, only_old: int) -> None:
    n = only_new + only_old
    assert mcnemar(only_new, only_old) == pytest.approx(sum(comb(n, k) for k in range(only_new, n + 1)) / 2**n)


@given(PAIRS)
def test_the_clustered_test_counts_the_ways_in_which_clusters_can_fall(pairs: list[tuple[bool, bool, str]]) -> None:
    new, old, clusters = zip(*pairs, strict=True)
    ahead = [sum(n - o for n, o, of in pairs if of == cluster) for cluster in sorted(set(clusters))]
    ways = [
        sum(sign * a for sign, a in zip(signs, ahead, strict=True)) for signs in product((1, -1), repeat=len(ahead))
    ]
    assert paired_p(new, old, clusters) == pytest.approx(np.mean([way >= sum(ahead) for way in ways]))


@given(PAIRS)
def test_clusters_of_one_item_are_mcnemars_test(pairs: list[tuple[bool, bool, str]]) -> None:
    new, old, _ = zip(*pairs, strict=True)
    expected = mcnemar(
        sum(n > o for n, o in zip(new, old, strict=True)), sum(n < o for n, o in zip(new, old, strict=True))
    )
    assert paired_p(new, old) == paired_p(new, old, range(len(new))) == expected


@pytest.mark.parametrize("n", [100, 200, 400])
@pytest.mark.parametrize("discordant", [0.06, 0.1, 0.2, 0.3])
def test_the_bound_passes_a_loss_of_the_whole_margin_as_often_as_its_level_says(n: int, discordant: float) -> None:
    """By enumeration: every table of a probability that matters."""
    better, worse = (discordant - 0.05) / 2, (discordant + 0.05) / 2
    passed = 0.0
    for differing in range(n + 1):
        of_differing = binom.pmf(differing, n, discordant)
        if of_differing < 1e-4:
            continue
        chances = binom.pmf(np.arange(differing + 1), differing, better / (better + worse))
        # The bound rises with only_new: those that pass are the tail from the first that does.
        low, high = 0, differing + 1
        while low < high:
            middle = (low + high) // 2
            if noninferior_bound(*answers(middle, differing - middle, n - differing), 0.05) > -0.05:
                high = middle
            else:
                low = middle + 1
        passed += of_differing * chances[low:].sum()
    assert 0.02 <= passed <= 0.055


def test_the_bound_by_cluster_keeps_its_level_where_one_that_ignores_clusters_does_not() -> None:
    rng, clusters = np.random.default_rng(6), [i // 4 for i in range(400)]
    passed = {"by cluster": 0, "by item": 0}
    for _ in range(500):
        whole = np.repeat(rng.choice([1, -1, 0], p=[0.05, 0.1, 0.85], size=100), 4)
        new, old = (whole > 0).tolist(), (whole < 0).tolist()
        passed["by cluster"] += noninferior_bound(new, old, 0.05, clusters) > -0.05
        passed["by item"] += noninferior_bound(new, old, 0.05) > -0.05
    assert passed["by cluster"] <= 35
    assert passed["by item"] >= 75


@pytest.mark.parametrize("n", [50, 100, 400])
def test_the_bound_has_width_where_no_pair_differs(n: int) -> None:
    z2 = 1.6448536**2
    assert noninferior_bound(*answers(0, 0, n), 0.05) == pytest.approx(-z2 / (n + z2))
    in_fives = noninferior_bound(*answers(0, 0, n), 0.05, [i // 5 for i in range(n)])
    assert in_fives == pytest.approx(-z2 / (n / 5 + z2))


def test_the_bound_of_whole_exams_that_differ_is_a_share() -> None:
    assert noninferior_bound(*answers(0, 20, 0), 0.05) == -1
    z2 = 1.6448536**2
    assert noninferior_bound(*answers(20, 0, 0), 0.05) == pytest.approx((20 - z2) / (20 + z2))


@given(st.integers(0, 6), st.integers(0, 6), st.integers(8, 60), st.integers(1, 12))
def test_the_pairs_for_a_bound_are_those_with_which_it_passes(
    only_new: int, only_old: int, same: int, times: int
) -> None:
    new, old = answers(only_new, only_old, same)
    pairs = pairs_for_bound(new, old, 0.05, 0.05)
    passes = noninferior_bound(new * times, old * times, 0.05) > -0.05
    assert passes == (pairs is not None and len(new) * times >= pairs)


@pytest.mark.parametrize(
    ("discordant", "gain", "alpha"),
    [(0.05, 0.05, 0.05), (0.05, 0.03, 0.05), (0.3, 0.1, 0.05), (0.2, 0.03, 0.05), (0.2, 0.08, 0.025), (1.0, 0.3, 0.05)],
)
def test_the_required_pairs_have_the_power_they_are_required_for(discordant: float, gain: float, alpha: float) -> None:
    n = required_pairs(discordant, gain, alpha, 0.8)
    found = tables(n, (discordant + gain) / 2, (discordant - gain) / 2, 4000)
    power = sum(count for b, c, count in found if mcnemar(b, c) < alpha) / 4000
    assert 0.78 <= power <= 0.85


@pytest.mark.parametrize(
    ("discordant", "gain", "alpha", "power"),
    [(0.1, 0.2, 0.05, 0.8), (0.1, 0.0, 0.05, 0.8), (1.2, 0.1, 0.05, 0.8), (0.2, 0.1, 0.0, 0.8), (0.2, 0.1, 0.05, 0.05)],
)
def test_pairs_for_what_cannot_be_are_refused(discordant: float, gain: float, alpha: float, power: float) -> None:
    with pytest.raises(ValueError, match=r"0 < (gain <= discordant <= 1 holds|alpha < power < 1 is expected)"):
        required_pairs(discordant, gain, alpha, power)


def test_a_cluster_that_moves_together_counts_as_one_item() -> None:
    together = [1, 1, 1, 1, 0, 0, 0, 0, -1, -1, -1, -1] * 5
    clusters = [i // 4 for i in range(60)]
    assert design_effect(together, clusters) == pytest.approx(4)
    assert design_effect(together) == design_effect(together, range(60)) == 1
    assert design_effect([1, -1, 1, -1] * 15, clusters) == 1


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_adjusts_no_more_than_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= a <= min(1, p * len(p_values)) for p, a in zip(p_values, adjusted, strict=True))
    assert min(adjusted) == min(1, min(p_values) * len(p_values))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 8))
def test_pass_at_k_is_the_share_of_choices_with_a_right_one(rights: list[bool], k: int) -> None:
    n, c = len(rights), sum(rights)
    if k > n:
        with pytest.raises(ValueError, match=f"pass@{k} from {c} right of {n}"):
            pass_at_k(n, c, k)
    else:
        assert pass_at_k(n, c, k) == pytest.approx(np.mean([any(chosen) for chosen in combinations(rights, k)]))


def test_chance_alone_gets_some_right() -> None:
    assert binomial_tail(0, 10, 0.25) == 1
    assert binomial_tail(2, 2, 0.25) == pytest.approx(1 / 16)
    assert binomial_tail(1, 40, 0.0) == 0


def test_confidence_is_measured_by_what_came() -> None:
    stated, came = [0.9, 0.9, 0.7, 0.61, 0.0, 1.0], [True, False, True, False, False, True]
    assert brier(stated, came) == pytest.approx((0.01 + 0.81 + 0.09 + 0.3721) / 6)
    # 0.7 and 0.61 share a bin, whose upper edge is 0.7: 1 right of 2 at 0.655; and 1 right of 2 at 0.9.
    assert calibration_error(stated, came) == pytest.approx((2 * 0.155 + 2 * 0.4) / 6)
    assert calibration_error(stated[::-1], came[::-1]) == pytest.approx(calibration_error(stated, came))
    assert calibration_error(stated, came, bins=1) == pytest.approx(abs(3 - sum(stated)) / 6)
    for measure in (brier, calibration_error):
        with pytest.raises(ValueError, match="confidences from 0 to 7"):
            measure([7, 0], [True, True])
        with pytest.raises(ValueError, match="0 confidences and 0 answers"):
            measure([], [])


def test_answers_that_are_no_pairs_are_refused() -> None:
    for compare in (paired_interval, paired_p):
        with pytest.raises(ValueError, match="2 new answers and 1 old ones"):
            compare([True, False], [True])
