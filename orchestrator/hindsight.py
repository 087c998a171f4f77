"""How wrong a forecast was: what a run did cost and give, beside what was expected before it began."""

from typing import Any

from storage.records import Forecast, Run
from storage.store import Store

COMPARED = ("calls", "tokens", "usd", "lessons")


def settle(store: Store, run: Run) -> None:
    """Write beside the newest forecast of a run what came of it. A run that was not forecast has nothing to settle."""
    made = store.forecasts(run.key)
    if made:
        spent = store.spending(run.key)
        tokens = spent.prompt_tokens + spent.completion_tokens
        actual = {"calls": spent.calls, "tokens": tokens, "usd": spent.usd, "lessons": store.lessons(run.key)}
        actual["rounds"] = max((student.round for student in store.students(run.key)), default=0)
        store.settle_forecast(made[-1].key, actual)


def compared(store: Store, run: Run) -> list[dict[str, Any]]:
    """One line for each quantity of a settled forecast: expected, its interval, what it was, how wrong that is."""
    made = store.forecasts(run.key)
    return [line for what in COMPARED if (line := _line(made[-1], what))] if made else []


def _line(forecast: Forecast, what: str) -> dict[str, Any] | None:
    span, actual = forecast.expected.get(what), forecast.actual.get(what)
    if span is None or actual is None:
        return None
    rounds = max(stage["round"] for stage in forecast.expected["stages"])
    wrong = (span["likely"] - actual) / actual if actual else None
    return {"what": what, **span, "actual": actual, "wrong": wrong, "held": span["low"] <= actual <= span["high"]} | {
        "rounds": forecast.actual.get("rounds"),
        "rounds_expected": rounds,
    }
