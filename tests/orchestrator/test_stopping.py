"""When rounds end: each rule by its table, what the next round is expected to gain, and what it is worth on whole curves."""

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.clauses import Stop, Worth
from orchestrator.kinds import Progress
from orchestrator.recipe_text import RecipeError
from orchestrator.stopping import expected_gain, reason_to_stop
from storage.accounts import Spending
from storage.records import Failure, Plan, Scorecard

FAILED = Failure.new(run="r", round=1, attempt="a", cluster="c")
CURVES = Path(__file__).parents[1] / "data" / "curves.json"
"""A list of {accuracies, costs}: of the base and after each round, and what each round cost. Absent until recorded."""


def progress(*accuracies: float, spent: Any = None, failures: Any = (FAILED,)) -> Progress:
    facts = {"run": "r", "exam": "probe", "n": 100, "low": 0.0, "high": 1.0}
    return Progress(
        plans=[Plan.new(run="r", round=number, why="before") for number in range(1, max(2, len(accuracies)))],
        cards=[
            Scorecard.new(**facts, round=number, student=f"s{number}", accuracy=accuracy)
            for number, accuracy in enumerate(accuracies)
        ],
        failures=failures,
        spent=spent or {},
    )


def cost(calls: int = 100, usd: float | None = 1.0, unpriced: int = 0) -> Spending:
    return Spending(calls, 7 * calls, 3 * calls, usd, unpriced, 9.0)


def reason(found: Progress, rounds: int = 9, **rules: Any) -> str:
    return reason_to_stop(Stop(rounds=rounds, **rules), found)


# --- one rule at a time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rounds", "done", "said"),
    [(1, 1, "the one round is done"), (3, 3, "all 3 rounds are done"), (3, 4, "all 3 rounds are done"), (3, 2, "")],
)
def test_rounds_end_when_they_are_done(rounds: int, done: int, said: str) -> None:
    assert reason(progress(*[0.1] * (done + 1)), rounds) == said


def test_without_a_failure_there_is_nothing_to_go_on_for() -> None:
    assert reason(progress(0.1, 0.2, failures=())) == "nothing failed in round 1"


@pytest.mark.parametrize(("accuracy", "stops"), [(0.899, False), (0.9, True), (1.0, True)])
def test_good_enough_is_reached_at_its_very_value(accuracy: float, stops: bool) -> None:
    assert bool(reason(progress(0.1, accuracy), good_enough=0.9)) == stops


def test_good_enough_says_both_figures() -> None:
    assert reason(progress(0.1, 0.95), good_enough=0.9) == "the probe is answered 95.0% right, and 90.0% is good enough"


PLATEAUS = [
    ((0.1, 0.2), 0.01, 1, ""),
    ((0.1, 0.105), 0.01, 1, "the last round gained 0.5 points on the probe, and fewer than 1 do not pay"),
    ((0.5, 0.5), 0.01, 1, "the last round gained nothing on the probe, and fewer than 1 do not pay"),
    ((0.5, 0.48), 0.01, 1, "the last round lost 2.0 points on the probe, and fewer than 1 do not pay"),
    ((0.5, 0.48), 0.01, 2, ""),
    ((0.5, 0.48, 0.5), 0.01, 2, "the last 2 rounds gained nothing on the probe, and fewer than 1 do not pay"),
    ((0.5, 0.3, 0.6), 0.01, 2, ""),
    ((0.1, 0.6, 0.3, 0.6), 0.01, 1, "the last round gained nothing on the probe, and fewer than 1 do not pay"),
    ((0.5, 0.5), 0.0, 1, ""),
]


@pytest.mark.parametrize(("accuracies", "plateau", "patience", "said"), PLATEAUS)
def test_a_plateau_is_what_the_last_rounds_add_to_the_best_before(
    accuracies: Any, plateau: float, patience: int, said: str
) -> None:
    assert reason(progress(*accuracies), plateau=plateau, patience=patience) == said


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.floats(0.001, 0.5), st.integers(1, 4))
def test_more_patience_never_stops_a_run_earlier(accuracies: list[float], plateau: float, patience: int) -> None:
    """If the rounds up to now are too few or enough for the more patient, they are enough for the less patient or were."""
    stops = [
        n
        for n in range(2, len(accuracies) + 1)
        if reason(progress(*accuracies[:n]), 99, plateau=plateau, patience=patience + 1)
    ]
    for n in stops:
        assert any(reason(progress(*accuracies[:m]), 99, plateau=plateau, patience=patience) for m in range(2, n + 1))


def test_the_first_reason_that_holds_is_the_one_that_is_said() -> None:
    assert reason(progress(0.5, 0.95, failures=()), 1, good_enough=0.9) == "the one round is done"
    assert "good enough" in reason(progress(0.5, 0.95, failures=()), good_enough=0.9)


# --- worth ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [{}, {"usd": 1, "calls": 2}, {"usd": 0}, {"tokens": -1}])
def test_worth_is_said_in_one_currency(said: Any) -> None:
    with pytest.raises(ValidationError):
        Worth(**said)


@pytest.mark.parametrize(
    ("worth", "price"),
    [({"calls": 10.0}, "100 calls"), ({"tokens": 100.0}, "1,000 tokens"), ({"usd": 0.1}, "$1.00")],
)
def test_a_round_that_costs_more_than_its_points_are_worth_is_not_begun(worth: Any, price: str) -> None:
    """One round gained 20 points for 100 calls, 1,000 tokens or a dollar; the next is expected to gain five."""
    curve = progress(0.1, 0.5, 0.7, 0.75, spent={3: cost()})
    points = expected_gain([0.1, 0.5, 0.7, 0.75])
    assert 1 < points < 9.9
    said = reason(curve, worth=worth)
    assert said.startswith(f"another round is expected to gain {points:.1f} points, worth ")
    assert said.endswith(f"and to cost {price}")
    assert not reason(curve, worth={name: value * 10 / points + 0.001 for name, value in worth.items()})


def test_only_the_last_round_is_the_price() -> None:
    spent = {1: cost(10**6), 2: cost(1)}
    assert not reason(progress(0.1, 0.4, 0.6, spent=spent), worth={"calls": 1})


def test_what_costs_nothing_is_always_worth_it() -> None:
    assert not reason(progress(0.5, 0.5, 0.5, spent={1: cost()}), worth={"calls": 1})


def test_an_unknown_price_is_no_price_in_dollars_and_does_not_matter_in_calls() -> None:
    curve = progress(0.1, 0.2, 0.25, spent={2: cost(usd=0.5, unpriced=1)})
    with pytest.raises(RecipeError, match="what the last round cost is unknown; give its models a price"):
        reason(curve, worth={"usd": 1})
    assert reason(curve, worth={"calls": 1})


# --- the next gain --------------------------------------------------------------------------------------------------

curves = st.lists(st.floats(0, 1), min_size=2, max_size=8)


@given(curves)
def test_a_gain_is_never_a_loss_and_never_passes_the_top(accuracies: list[float]) -> None:
    assert 0 <= expected_gain(accuracies) <= 100 * (1 - accuracies[-1])


@given(st.floats(0, 0.3), st.floats(0.05, 0.6), st.sampled_from([0.2, 0.35, 0.5, 0.75, 0.9]), st.integers(3, 7))
def test_a_curve_that_nears_its_ceiling_exponentially_is_foretold(
    base: float, height: float, factor: float, rounds: int
) -> None:
    curve = [base + height * (1 - factor**k) for k in range(rounds + 1)]
    assert expected_gain(curve[:-1]) == pytest.approx(100 * (curve[-1] - curve[-2]), abs=1e-6)


@given(curves, st.floats(0.1, 1))
def test_a_curve_of_a_smaller_scale_promises_less_in_proportion(accuracies: list[float], scale: float) -> None:
    halved = [accuracy / 2 for accuracy in accuracies]
    if expected_gain(halved) < 100 * (1 - max(accuracies)) / 2:
        smaller = [scale * accuracy for accuracy in halved]
        assert expected_gain(smaller) == pytest.approx(scale * expected_gain(halved), abs=1e-3)


@pytest.mark.parametrize(
    ("accuracies", "points"),
    [((0.2, 0.2), 0), ((0.2, 0.1), 0), ((0.2, 0.5), 30), ((0.2, 0.9), 10), ((0.6, 0.4, 0.2), 0), ((0.3, 0.3, 0.3), 0)],
)
def test_what_falls_or_stays_promises_nothing_and_one_gain_may_come_again(accuracies: Any, points: float) -> None:
    assert expected_gain(accuracies) == pytest.approx(points, abs=1e-9)


def test_one_bad_round_among_good_ones_is_not_the_end() -> None:
    assert expected_gain([0.1, 0.25, 0.38, 0.36]) > 1


# --- whole curves ---------------------------------------------------------------------------------------------------

WORTHS = (1, 3, 10, 30, 100, 300)
NEAR = 0.9
"""Share of the best stop's utility that counts as near it."""


def synthetic(number: int, questions: int) -> Iterator[tuple[list[float], list[float], list[float]]]:
    """What is true, what a probe of so many questions shows of it, and what each round costs."""
    chance = random.Random(number)
    for _ in range(number):
        base, top, rate = chance.uniform(0, 0.25), chance.uniform(0.3, 0.95), chance.uniform(0.25, 1.5)
        true = [base + (top - base) * (1 - math.exp(-rate * k)) for k in range(13)]
        seen = [sum(chance.random() < t for _ in range(questions)) / questions for t in true]
        yield true, seen, [100 * chance.uniform(0.8, 1.2) for _ in range(12)]


def share_near_the_best(found: Any) -> float:
    """How often the rule stops where points times worth less cost is at least NEAR the best that any stop gives."""
    near = total = 0
    for true, seen, costs in found:
        for worth in WORTHS:
            utility = [100 * max(true[: k + 1]) * worth - sum(costs[:k]) for k in range(len(true))]
            stops = (k for k in range(1, len(true)) if stops_after(seen[: k + 1], costs[k - 1], worth))
            at = next(stops, len(true) - 1)
            best = max(utility[1:])  # the first round is carried out in any case
            near += utility[at] >= best - (1 - NEAR) * abs(best)
            total += 1
    return near / total


def stops_after(accuracies: list[float], calls: float, worth: float) -> str:
    spent = {len(accuracies) - 1: cost(round(calls))}
    return reason(progress(*accuracies, spent=spent), 99, worth={"calls": worth})


@pytest.mark.parametrize(("questions", "least"), [(60, 0.8), (240, 0.85), (2000, 0.88)])
def test_on_saturating_curves_the_rule_stops_near_the_best_place(questions: int, least: float) -> None:
    assert share_near_the_best(synthetic(60, questions)) >= least


def test_on_recorded_curves_the_rule_stops_near_the_best_place() -> None:
    recorded = [(curve["accuracies"], curve["accuracies"], curve["costs"]) for curve in json.loads(CURVES.read_text())]
    assert recorded
    assert all(len(seen) == len(costs) + 1 for _, seen, costs in recorded)
    assert share_near_the_best(recorded) >= 0.8
