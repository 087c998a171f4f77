"""When the rounds end: each rule a pure function of the progress so far, the first reason that holds is the one said."""

from collections.abc import Sequence
from statistics import fmean

from orchestrator.clauses import Stop, Worth
from orchestrator.kinds import Progress
from orchestrator.recipe_text import RecipeError

FACTORS = tuple(step / 20 for step in range(2, 21))
"""By which gains may shrink from round to round. Not below a tenth: few rounds tell little about a curve."""


def reason_to_stop(stop: Stop, progress: Progress) -> str:
    """One sentence; empty if there is reason to go on."""
    rules = (_rounds_done, _good_enough, _nothing_failed, _plateau, _not_worth_it)
    return next((reason for rule in rules if (reason := rule(stop, progress))), "")


def _rounds_done(stop: Stop, progress: Progress) -> str:
    if progress.plan.round < stop.rounds:
        return ""
    return "the one round is done" if stop.rounds == 1 else f"all {stop.rounds} rounds are done"


def _good_enough(stop: Stop, progress: Progress) -> str:
    accuracy = progress.card.accuracy
    if stop.good_enough is None or accuracy < stop.good_enough:
        return ""
    return f"the probe is answered {accuracy:.1%} right, and {stop.good_enough:.1%} is good enough"


def _nothing_failed(_stop: Stop, progress: Progress) -> str:
    return "" if progress.failures else f"nothing failed in round {progress.plan.round}"


def _plateau(stop: Stop, progress: Progress) -> str:
    """No round of the last `patience` beat what was best before them by more than `plateau`."""
    accuracies = [card.accuracy for card in progress.cards]
    if stop.plateau == 0 or len(accuracies) <= stop.patience:
        return ""
    before, recent = accuracies[: -stop.patience], accuracies[-stop.patience :]
    gain = max(recent) - max(before)
    if gain >= stop.plateau:
        return ""
    rounds = "the last round" if stop.patience == 1 else f"the last {stop.patience} rounds"
    said = (
        f"gained {100 * gain:.1f} points"
        if gain > 0
        else f"lost {-100 * gain:.1f} points"
        if gain
        else "gained nothing"
    )
    return f"{rounds} {said} on the probe, and fewer than {100 * stop.plateau:g} do not pay"


def _not_worth_it(stop: Stop, progress: Progress) -> str:
    """Marginal gain against marginal price, which is taken to be the last round's."""
    if stop.worth is None or len(progress.cards) < 2:
        return ""
    points = expected_gain([card.accuracy for card in progress.cards])
    price = _price_of_last_round(stop.worth, progress)
    (currency, worth), *_ = stop.worth.model_dump(exclude_none=True).items()
    if price is None:
        raise RecipeError(
            "stop.worth is in dollars, but what the last round cost is unknown; give its models a price in the machine "
            "file, or say the worth in calls or tokens"
        )
    if points * worth >= price:
        return ""
    return (
        f"another round is expected to gain {points:.1f} points, worth {_amount(points * worth, currency)}, and to cost "
        f"{_amount(price, currency)}"
    )


def expected_gain(accuracies: Sequence[float]) -> float:
    """Points that the next round is expected to gain, from two accuracies or more, the base's first.

    Gains are taken to shrink by a steady factor, as on a curve that nears its ceiling exponentially: of the factors in
    FACTORS the one whose curve, with base and height free, is nearest to all accuracies by least squares. One gain is
    taken to come again. A curve that falls promises nothing, and none promises more than is left to 1.
    """
    n = len(accuracies)
    ways = [[_reached(factor, k) for k in range(n)] for factor in FACTORS]
    _, height, factor = min((*_nearest(way, accuracies), factor) for way, factor in zip(ways, FACTORS, strict=True))
    gain = (accuracies[-1] - accuracies[0]) if n == 2 else height * (_reached(factor, n) - _reached(factor, n - 1))
    return 100 * max(0.0, min(gain, 1.0 - accuracies[-1]))


def _reached(factor: float, rounds: int) -> float:
    """What so many rounds have gained, in gains of the first."""
    return float(sum(factor**k for k in range(rounds)))


def _nearest(way: Sequence[float], accuracies: Sequence[float]) -> tuple[float, float]:
    """Squared error and height of the multiple of `way`, from anywhere, that is nearest to the accuracies."""
    middle, mean = fmean(way), fmean(accuracies)
    points = [(x - middle, y - mean) for x, y in zip(way, accuracies, strict=True)]
    height = sum(x * y for x, y in points) / sum(x * x for x, _ in points)
    return sum((y - height * x) ** 2 for x, y in points), height


def _price_of_last_round(worth: Worth, progress: Progress) -> float | None:
    spent = progress.spent.get(progress.plan.round)
    if spent is None:
        return 0.0
    if worth.usd is not None:
        return None if spent.unpriced else spent.usd
    return float(spent.calls if worth.calls is not None else spent.prompt_tokens + spent.completion_tokens)


def _amount(amount: float, currency: str) -> str:
    return f"${amount:,.2f}" if currency == "usd" else f"{amount:,.0f} {currency}"
