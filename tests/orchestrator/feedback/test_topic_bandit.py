"""A scripted target is taught through many rounds by what the bandit draws."""

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from orchestrator.feedback.topic_bandit import TopicBandit, change_p
from orchestrator.kinds import NextPlan, Progress, Taught
from storage.records import Attempt, Plan
from tests.orchestrator.feedback.scripted import a_card, a_plan, an_attempt, attempts, progress

OUTCOMES = st.lists(st.booleans(), min_size=1, max_size=60)
LEAVES = ["a", "b", "c", "d", "e"]
EXAMINED = 10
"""Questions of each leaf in a probe."""


def bandit(**options: Any) -> TopicBandit:
    return TopicBandit(use="topic_bandit", **options)


def taught_for(
    policy: TopicBandit,
    rounds: int,
    rate: Callable[[int, str], float],
    leaves: list[str] = LEAVES,
    first: Mapping[str, int] | None = None,
    seed: int = 0,
) -> list[NextPlan]:
    """Plans of the rounds after the first; `rate` says how often the target is wrong, by round and skill."""
    chance = random.Random(seed)
    plans: list[Plan] = [a_plan(1)]
    earlier: dict[int, list[Attempt]] = {}
    taught = {(1, skill): Taught(seeds=count) for skill, count in (first or dict.fromkeys(leaves, 10)).items()}
    made: list[NextPlan] = []
    for number in range(1, rounds + 1):
        sat = [an_attempt(s, chance.random() >= rate(number, s), i, number) for s in leaves for i in range(EXAMINED)]
        card = a_card({skill: rate(number, skill) for skill in leaves}, number)
        levels = dict.fromkeys(leaves, 1)
        known = {"attempts": sat, "earlier": dict(earlier), "taught": taught, "seed": seed}
        following = policy.next_plan(Progress(list(plans), [card], levels=levels, **known))
        plans.append(a_plan(number + 1, following.quotas))
        earlier[number] = sat
        made.append(following)
    return made


def weak_until(last: int) -> Callable[[int, str], float]:
    """A target that is weak in leaf c up to this round, and as good there as elsewhere from then on."""
    return lambda number, skill: 0.9 if skill == "c" and number <= last else 0.2


def shares_of_c(policy: TopicBandit, last: int, rounds: int) -> list[float]:
    """By round, as a mean of twenty targets."""
    runs = [taught_for(policy, rounds, weak_until(last), seed=seed) for seed in range(20)]
    return [sum(plan.quotas["c"] for plan in plans) / (len(plans) * policy.seeds) for plans in zip(*runs, strict=True)]


def test_a_leaf_in_which_the_target_is_weak_is_drawn_more_and_no_longer_a_window_after_it_is_strong() -> None:
    policy, even = bandit(seeds=40, window=20), 1 / len(LEAVES)
    shares = shares_of_c(policy, last=4, rounds=8)
    assert min(shares[:4]) > 4 * even
    after = shares[4 + policy.window // EXAMINED - 1 :]
    assert max(after) < 2 * even
    assert sum(after) / len(after) < 1.5 * even


def test_without_forgetting_it_would_be_drawn_for_long_after() -> None:
    assert min(shares_of_c(bandit(seeds=40, reset_at=0), last=4, rounds=6)) > 0.8


def test_leaves_that_were_never_taught_are_opened_in_the_sources_order_and_in_time() -> None:
    leaves = [f"s{i:02}" for i in range(20)]
    plans = taught_for(bandit(seeds=10), 20, lambda *_: 0.3, leaves, first={"s00": 5, "s01": 5})
    taught, first = {"s00", "s01"}, list[list[str]]()
    for plan in plans:
        first.append([skill for skill, quota in plan.quotas.items() if quota and skill not in taught])
        taught |= set(first[-1])
    assert taught == set(leaves)
    assert [skill for skills in first for skill in skills] == leaves[2:]
    assert 0 < len(first[0]) < 18
    assert "for the first time" in plans[0].why
    assert "for the first time" not in plans[-1].why


def test_a_weak_branch_is_drawn_more_than_a_strong_one_and_an_unknown_one_is_opened() -> None:
    wrong = {"maths/add": 20, "maths/halve": 20, "words: rhyme": 2, "words: spell": 2}
    known = {"attempts": attempts(wrong), "taught": {(1, skill): Taught(seeds=5) for skill in wrong}}
    levels = dict.fromkeys([*wrong, "music/tune"], 1)
    plan = bandit(seeds=200).next_plan(progress({"maths/add": 0.5}, levels=levels, **known))
    assert plan.quotas["maths/add"] + plan.quotas["maths/halve"] > 5 * (
        plan.quotas["words: rhyme"] + plan.quotas["words: spell"]
    )
    assert plan.quotas["music/tune"] >= 1


def test_only_the_probe_is_a_reward() -> None:
    taught = {(1, skill): Taught(seeds=5) for skill in "ab"}
    in_probe = attempts({"a": 24, "b": 0})
    in_practice = attempts({"a": 0, "b": 24}, exam="practice", n=200)
    errors = {"a": 1.0, "b": 0.0}
    plans = [
        bandit(seeds=50).next_plan(progress(errors, attempts=sat, taught=taught))
        for sat in (in_probe, [*in_practice, *in_probe])
    ]
    assert plans[0] == plans[1]
    assert plans[0].quotas == {"a": 50, "b": 0}


def test_without_seeds_every_quota_is_none_at_all() -> None:
    plan = bandit(seeds=0).next_plan(progress({"a": 0.5, "b": 0.5}))
    assert plan.quotas == {"a": 0, "b": 0}


def test_the_order_of_attempts_does_not_matter_and_the_seed_does() -> None:
    taught = {(1, skill): Taught(seeds=5) for skill in "abc"}
    errors, sat = {"a": 0.5, "b": 0.5, "c": 0.5}, attempts({"a": 12, "b": 12, "c": 12})
    plan = bandit().next_plan(progress(errors, attempts=sat, taught=taught))
    assert plan == bandit().next_plan(progress(errors, attempts=sat[::-1], taught=taught))
    assert plan != bandit().next_plan(progress(errors, attempts=sat, taught=taught, seed=1))
    assert sum(plan.quotas.values()) == 200


@given(OUTCOMES, OUTCOMES)
def test_the_test_of_change_is_the_likelihood_ratio_test(older: list[bool], recent: list[bool]) -> None:
    def likelihood(outcomes: list[bool], p: float) -> float:
        return sum(math.log(p if outcome else 1 - p) for outcome in outcomes)

    def best(outcomes: list[bool]) -> float:
        return likelihood(outcomes, sum(outcomes) / len(outcomes))

    statistic = 2 * (best(older) + best(recent) - best(older + recent))
    assert change_p(older, recent) == pytest.approx(chi2.sf(max(0.0, statistic), 1), abs=1e-6)


@given(st.lists(OUTCOMES, max_size=5), st.integers(1, 30), st.floats(0, 1))
def test_a_belief_counts_at_least_the_window_and_at_most_all(
    rounds: list[list[bool]], window: int, reset_at: float
) -> None:
    total = sum(map(len, rounds))
    wrong, right = bandit(window=window, reset_at=reset_at).belief(rounds)
    assert min(window, total) <= wrong + right - 2 <= total
    assert bandit(reset_at=0).belief(rounds) == (1 + sum(map(sum, rounds)), 1 + total - sum(map(sum, rounds)))


def test_a_change_is_forgotten_to_the_window_and_not_within_the_first_round() -> None:
    assert bandit().belief([[True] * 30, [False] * 30]) == (1, 21)
    assert bandit().belief([[True] * 30 + [False] * 30]) == (31, 31)
