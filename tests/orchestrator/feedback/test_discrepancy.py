"""The laws of DDK's update, and what the ratio of errors is made of."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.feedback.discrepancy import Discrepancy
from orchestrator.kinds import Taught
from tests.orchestrator.feedback.scripted import a_card, a_plan, cards, progress

SKILLS = "abcde"
ROUND = st.fixed_dictionaries({skill: st.floats(0, 1) for skill in SKILLS})
RATIOS = st.fixed_dictionaries({skill: st.floats(0, 10) for skill in SKILLS})
SHARES = st.fixed_dictionaries({skill: st.floats(0.001, 1) for skill in SKILLS}).map(
    lambda parts: {skill: part / sum(parts.values()) for skill, part in parts.items()}
)
SMOOTHING = st.floats(0.01, 1)


def discrepancy(**options: Any) -> Discrepancy:
    return Discrepancy(use="discrepancy", **options)


def after(rounds: list[dict[str, float]], **facts: Any) -> Any:
    known = {"plans": [a_plan(i + 1) for i in range(len(rounds))], "cards": cards(rounds)}
    return progress(rounds[-1], **{**known, **facts})


@given(st.lists(ROUND, min_size=1, max_size=5), SMOOTHING, st.integers(0, 300))
def test_shares_add_up_to_one_and_none_is_below_its_floor(
    rounds: list[dict[str, float]], smoothing: float, seeds: int
) -> None:
    plan = discrepancy(smoothing=smoothing, seeds=seeds).next_plan(after(rounds))
    assert sum(plan.weights.values()) == pytest.approx(1)
    assert min(plan.weights.values()) >= (1 - smoothing) / len(SKILLS) - 1e-12
    assert sum(plan.quotas.values()) == seeds
    assert all(abs(plan.quotas[skill] - seeds * plan.weights[skill]) < 1 + 1e-9 for skill in SKILLS)


@given(st.floats(0, 1), st.integers(1, 5), SMOOTHING)
def test_equal_ratios_leave_even_shares_even(error: float, rounds: int, smoothing: float) -> None:
    plan = discrepancy(smoothing=smoothing).next_plan(after([dict.fromkeys(SKILLS, error)] * rounds))
    assert plan.weights == pytest.approx(dict.fromkeys(SKILLS, 1 / len(SKILLS)))


@given(RATIOS, SMOOTHING)
def test_while_the_ratios_stay_the_share_of_the_worst_never_falls(ratios: dict[str, float], smoothing: float) -> None:
    policy, worst = discrepancy(smoothing=smoothing), max(ratios, key=ratios.__getitem__)
    shares = [dict.fromkeys(SKILLS, 1 / len(SKILLS))]
    for _ in range(8):
        shares.append(policy.updated(shares[-1], ratios))
    of_worst = [share[worst] for share in shares]
    assert all(after >= before - 1e-12 for before, after in pairwise(of_worst))


@given(st.lists(RATIOS, min_size=1, max_size=6), SMOOTHING)
def test_whatever_the_others_do_the_worst_of_every_round_is_never_below_an_even_share(
    rounds: list[dict[str, float]], smoothing: float
) -> None:
    policy, shares = discrepancy(smoothing=smoothing), dict.fromkeys(SKILLS, 1 / len(SKILLS))
    for ratios in rounds:
        shares = policy.updated(shares, {**ratios, "a": 10.0})
        assert shares["a"] == max(shares.values())


@given(SHARES, RATIOS)
def test_unsmoothed_the_share_of_the_worst_never_falls_wherever_it_starts(
    shares: dict[str, float], ratios: dict[str, float]
) -> None:
    worst = max(ratios, key=ratios.__getitem__)
    assert discrepancy(smoothing=1).updated(shares, ratios)[worst] >= shares[worst] - 1e-12


def test_smoothing_draws_a_large_share_down_even_where_its_ratio_is_the_largest() -> None:
    shares = discrepancy().updated({"a": 0.7, "b": 0.3}, {"a": 1.01, "b": 1.0})
    assert shares["a"] == pytest.approx(0.5 * 0.7021 + 0.25, abs=1e-4)


def test_the_ratio_is_of_the_students_error_to_the_teachers_so_far_within_bounds() -> None:
    taught = {
        (1, "trip"): Taught(20, 20, 16),
        (2, "trip"): Taught(20, 20, 8),
        (1, "film"): Taught(20, 20, 20),
        (1, "add"): Taught(99, 99, 0),  # of no probed source
    }
    errors = {"trip": 0.4, "film": 0.5, "lead": 0.2}
    known = after([errors, errors], taught=taught)
    of_first, of_second = (discrepancy(bound=5).ratios(known, card) for card in known.cards[1:])
    assert of_first == pytest.approx({"trip": 0.4 / 0.2, "film": 5.0, "lead": 0.2 / 0.1})
    assert of_second == pytest.approx({"trip": 0.4 / 0.4, "film": 5.0, "lead": 0.2 / (16 / 60)})


def test_a_skill_that_the_teacher_cannot_do_either_gets_less_than_one_that_it_can() -> None:
    taught = {(1, "trip"): Taught(20, 20, 8), (1, "film"): Taught(20, 20, 18)}
    plan = discrepancy(seeds=100).next_plan(after([{"trip": 0.5, "film": 0.4}], taught=taught))
    assert plan.weights["film"] > plan.weights["trip"]
    assert plan.why.startswith("film is furthest behind its teacher (40% wrong to 10%) and has 7")


def test_the_base_moves_nothing() -> None:
    errors = {"a": 0.1, "b": 0.9}
    alone = progress(errors, cards=[a_card(errors, 1)])
    with_base = progress(errors, cards=[a_card({"a": 1.0, "b": 0.0}, 0), a_card(errors, 1)])
    assert discrepancy().next_plan(alone) == discrepancy().next_plan(with_base)
