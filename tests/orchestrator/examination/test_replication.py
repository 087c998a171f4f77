"""Intervals over trainings and questions: what they cover, and what follows from how they are made."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from orchestrator.examination.replication import Paired, accuracy_interval, standard_errors
from orchestrator.examination.statistics import (
    clustered_interval,
    noninferior_bound,
    paired_interval,
    paired_p,
    wilson_interval,
)

TIMES = 500


def sheets(
    values: Any, per_cluster: int = 1, nested: bool = False
) -> tuple[list[dict[str, float]], list[dict[str, str]]]:
    """Answers and clusters of each training, from (trainings, questions); nested: no training has another's questions."""
    answers, clusters = list[dict[str, float]](), list[dict[str, str]]()
    for training, row in enumerate(np.asarray(values, dtype=float)):
        mine = f"{training}/" if nested else ""
        answers.append({f"{mine}q{i}": float(value) for i, value in enumerate(row)})
        clusters.append({f"{mine}q{i}": f"{mine}c{i // per_cluster}" for i in range(len(row))})
    return answers, clusters


def pair(differences: Any, per_cluster: int = 1, nested: bool = False) -> Paired:
    new, clusters = sheets(differences, per_cluster, nested)
    return Paired(new, [dict.fromkeys(one, 0.0) for one in new], clusters)


def drawn(
    rng: np.random.Generator, trainings: int, questions: int, between: float, nested: bool = False, gap: float = 0.0
) -> NDArray:
    """Differences of right and wrong answers; trainings differ by `between` (sd), questions by .3."""
    shape = (trainings, questions) if nested else (1, questions)
    hard = rng.normal(0.5, 0.3, shape)
    new, old = (hard + rng.normal(0, between / np.sqrt(2), (trainings, 1)) + shift for shift in (gap, 0.0))
    return (rng.random((trainings, questions)) < new).astype(float) - (rng.random((trainings, questions)) < old)


def pooled(differences: NDArray) -> tuple[float, float]:
    """The interval over (seed, question) pairs, clustered by question: what leaves out that trainings differ."""
    flat = differences.ravel().tolist()
    return paired_interval(flat, [0.0] * len(flat), list(range(differences.shape[1])) * len(differences))


def covers(span: tuple[float, float]) -> bool:
    return span[0] <= 0 <= span[1]


# --- what they cover ------------------------------------------------------------------------------------------------


def test_the_interval_covers_where_trainings_differ_and_one_over_questions_does_not() -> None:
    rng = np.random.default_rng(1)
    exams = [drawn(rng, 5, 120, between=0.1) for _ in range(TIMES)]
    assert np.mean([covers(pair(exam).interval()) for exam in exams]) >= 0.93
    assert np.mean([covers(pooled(exam)) for exam in exams[:150]]) < 0.85


@pytest.mark.parametrize("trainings", [2, 3])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("between", [0.0, 0.1])
def test_so_it_does_with_two_or_three_trainings(trainings: int, nested: bool, between: float) -> None:
    rng = np.random.default_rng(2)
    exams = [drawn(rng, trainings, 120, between, nested) for _ in range(TIMES)]
    assert np.mean([covers(pair(exam, nested=nested).interval()) for exam in exams]) >= 0.93


def test_so_it_does_where_seeds_share_half_their_questions_and_these_go_together_by_fours() -> None:
    rng, covered = np.random.default_rng(3), 0
    for _ in range(TIMES):
        liked = np.repeat(rng.normal(0, 0.4, 60), 4)
        answers, clusters = list[dict[str, float]](), list[dict[str, int]]()
        for _ in range(4):
            asked = np.flatnonzero(np.repeat(rng.permutation(60) < 30, 4))
            values = rng.normal(0, 0.1) + liked[asked] + rng.normal(0, 0.3, len(asked))
            answers.append({f"q{i}": float(value) for i, value in zip(asked, values, strict=True)})
            clusters.append({f"q{i}": int(i) // 4 for i in asked})
        covered += covers(Paired(answers, [dict.fromkeys(one, 0.0) for one in answers], clusters).interval())
    assert covered >= 0.93 * TIMES


@pytest.mark.parametrize(("trainings", "nested"), [(2, False), (3, True), (5, False)])
def test_an_equal_arm_is_seldom_found_better(trainings: int, nested: bool) -> None:
    rng = np.random.default_rng(4)
    chances = [pair(drawn(rng, trainings, 120, 0.1, nested), nested=nested).p() for _ in range(TIMES)]
    assert np.mean([p <= 0.025 for p in chances]) <= 0.025 + 2.6 * np.sqrt(0.025 * 0.975 / TIMES)


def test_a_better_arm_is_found() -> None:
    rng = np.random.default_rng(5)
    chances = [pair(drawn(rng, 5, 120, 0.05, gap=0.2)).p() for _ in range(100)]
    assert np.mean([p <= 0.025 for p in chances]) > 0.9


def test_an_accuracy_covers_what_such_trainings_get() -> None:
    rng, covered = np.random.default_rng(6), 0
    for _ in range(TIMES):
        share = np.clip(rng.normal(0.7, 0.1, 120) + rng.normal(0, 0.08, (3, 1)), 0, 1)
        low, high = accuracy_interval(*sheets(rng.random((3, 120)) < share))
        covered += low <= 0.7 <= high
    assert covered >= 0.93 * TIMES


# --- what follows from how they are made ----------------------------------------------------------------------------

whole_exams = st.integers(2, 5).flatmap(
    lambda k: st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=k, max_size=k), min_size=8, max_size=40)
)


@given(whole_exams)
def test_a_crossed_variance_is_that_of_cornfield_and_tukey(columns: list[list[int]]) -> None:
    values = np.asarray(columns, dtype=float).T
    k, n = values.shape
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    of_trainings, of_questions = n * values.mean(axis=1).var(ddof=1), k * values.mean(axis=0).var(ddof=1)
    residual = (rest**2).sum() / ((k - 1) * (n - 1))
    both = max(of_trainings + of_questions - residual, of_trainings, of_questions)
    if of_questions > 1e-9:  # else the fourth is left out, or the first
        spread = of_trainings**2 / (k - 1) + of_questions**2 / (n - 1) + residual**2 / ((k - 1) * (n - 1))
        error, df = standard_errors(*sheets(values))[-1]
        assert error**2 == pytest.approx(both / (n * k))
        assert df == pytest.approx(max(both**2 / spread, min(k, n) - 1))


@given(whole_exams)
def test_nested_questions_leave_the_trainings_means_and_t(columns: list[list[int]]) -> None:
    values = np.asarray(columns, dtype=float).T
    means = values.mean(axis=1)
    errors = standard_errors(*sheets(values, nested=True))
    if means.var() > 1e-9:
        assert errors[0] == pytest.approx((means.std(ddof=1) / np.sqrt(len(means)), len(means) - 1))
    assert len(errors) <= 3


@given(whole_exams, st.booleans())
def test_swapping_the_arms_turns_every_sign(columns: list[list[int]], nested: bool) -> None:
    one = pair(np.asarray(columns).T, nested=nested)
    other = Paired(one.old, one.new, one.clusters)
    assert other.difference == pytest.approx(-one.difference)
    assert other.interval() == pytest.approx(tuple(-end for end in reversed(one.interval())))
    assert other.means == one.means[::-1]
    assert one.p() + other.p() >= 1 - 1e-9


@given(whole_exams, st.booleans())
def test_p_the_interval_and_the_bound_say_the_same(columns: list[list[int]], nested: bool) -> None:
    one = pair(np.asarray(columns).T, nested=nested)
    low, high = one.interval()
    assert -1 <= low <= one.difference + 1e-12
    assert one.difference - 1e-12 <= high <= 1
    assert one.bound(0.025) == pytest.approx(low)
    if abs(one.p() - 0.025) > 1e-6:
        assert (one.p() < 0.025) == (low > 0)


@settings(max_examples=40)
@given(whole_exams)
def test_it_is_no_narrower_than_one_over_questions_alone(columns: list[list[int]]) -> None:
    values = np.asarray(columns, dtype=float).T
    (low, high), (from_, to) = pair(values).interval(), pooled(values)
    drawn_too_wide = 0.15 * (to - from_) + 1e-9  # the other is of 2,000 resamples, and not symmetric
    assert high - low >= to - from_ - drawn_too_wide or (low, high) == (-1, 1)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=40), st.integers(1, 2))
def test_one_training_is_what_the_questions_alone_say(answers: Sequence[tuple[bool, bool]], size: int) -> None:
    new, clusters = sheets([[a for a, _ in answers]], size)
    old, _ = sheets([[b for _, b in answers]], size)
    one, lists = Paired(new, old, clusters), ([a for a, _ in answers], [b for _, b in answers], [*clusters[0].values()])
    assert one.interval() == paired_interval(*lists)
    assert one.p() == paired_p(*lists)
    assert one.bound(0.05) == noninferior_bound(lists[0], lists[1], 0.05, lists[2])
    assert one.over == f"over {len(answers)} questions of one training, so not over trainings"
    assert accuracy_interval(new, clusters) == clustered_interval(list(map(float, lists[0])), lists[2])


# --- where nothing varies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trainings", [1, 2, 5])
@pytest.mark.parametrize("nested", [False, True])
def test_where_no_answer_differs_the_interval_has_width(trainings: int, nested: bool) -> None:
    one = pair(np.zeros((trainings, 100)), nested=nested)
    low, high = one.interval()
    questions = 100 * trainings if nested else 100
    assert high == -low == pytest.approx(1 - wilson_interval(questions, questions)[0], rel=0.03)
    assert one.p() >= 0.5


def test_a_cluster_counts_as_one_question_where_nothing_differs() -> None:
    assert pair(np.zeros((2, 100)), 5).interval() == pytest.approx(pair(np.zeros((2, 20))).interval())


def test_where_all_differ_alike_there_is_width_and_no_certainty() -> None:
    one = pair(np.ones((3, 50)))
    low, high = one.interval()
    assert high == 1
    assert 0.9 < low < 0.95
    assert 0 < one.p() < 1e-9
    assert accuracy_interval(*sheets(np.ones((3, 50)))) == pytest.approx((low, 1))


def test_what_it_is_over_is_said() -> None:
    assert pair(np.zeros((2, 7)), nested=True).over == "over 2 trainings and 14 questions"
    assert pair(np.zeros((2, 7))).over == "over 2 trainings and 7 questions"


def test_what_is_no_pair_of_arms_is_refused() -> None:
    (one,), (clusters,) = sheets([[1, 0]])
    for new, old in (([], []), ([one], [{"other": 1.0}]), ([{}], [{}])):
        with pytest.raises(ValueError, match="with the same questions for each seed"):
            Paired(new, old, [clusters] * len(new))
    with pytest.raises(ValueError, match="1 clusters: an interval needs two clusters or more"):
        pair([[1, 0], [0, 1]], per_cluster=2).interval()
