"""What is forecast before a run, from nothing, from a pilot and from earlier runs, and how it is settled afterwards."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.endpoint import Price
from orchestrator.evidence import ENOUGH, Evidence, earlier, shrunk
from orchestrator.forecast import Outlook, forecast, look_ahead
from orchestrator.hindsight import compared
from orchestrator.machine import Machine
from storage.records import Run
from storage.store import Purchase, Store
from tests.conftest import Loop

EDITS = ("seeds={tasks: 200, basics: 20}", "feedback.seeds=40", "feedback.failures=20")
"""More than the tests of the loop have, so that a tenth of it says something."""


def outlook(loop: Loop, evidence: dict[str, Evidence], price: Price | None = None) -> Outlook:
    recipe = loop.recipe(*EDITS)
    entries = Machine().entries(recipe.roles)
    return forecast(recipe, entries, dict.fromkeys(entries, price), evidence, "a test", {})


def seen(inputs: int, outputs: int, calls: int = 0, tokens: int = 100) -> Evidence:
    return Evidence(inputs, outputs, [Purchase(tokens, tokens, 0.001, 0.2)] * calls)


def test_what_is_known_exactly_is_forecast_exactly(loop: Loop) -> None:
    found = outlook(loop, {"solve": seen(100_000, 100_000, 100_000)}, Price(1, 1))
    solve = found.stages[0]
    assert solve.calls.low == solve.calls.likely == solve.calls.high == 220
    assert solve.tokens.likely == pytest.approx(220 * 200)
    assert solve.usd is not None
    assert solve.usd.likely == pytest.approx(0.22)
    assert solve.accepted.low > 215


def test_the_less_is_known_the_wider_is_the_interval(loop: Loop) -> None:
    nothing, little, much = (
        outlook(loop, e) for e in ({}, {"solve": seen(10, 7, 10)}, {"solve": seen(1000, 700, 1000)})
    )
    widths = [(o.stages[0].accepted.high - o.stages[0].accepted.low) for o in (nothing, little, much)]
    assert widths[0] > widths[1] > widths[2]
    assert not nothing.stages[0].known
    assert much.stages[0].known


def test_an_unknown_price_stays_unknown(loop: Loop) -> None:
    assert outlook(loop, {"solve": seen(100, 70, 100)}).usd is None


def test_nine_runs_of_ten_end_within_the_interval(loop: Loop) -> None:
    """The shares that a pilot of 40 shows are one draw of the truth; the interval must hold the run's draw all the same."""
    import random

    chance, held, truth = random.Random(5), 0, 0.7
    for _ in range(60):
        pilot = sum(chance.random() < truth for _ in range(40))
        run = sum(chance.random() < truth for _ in range(220))
        span = outlook(loop, {"solve": seen(40, pilot, 40)}).stages[0].accepted
        held += span.low <= run <= span.high
    assert held / 60 >= 0.8


async def pilot_of(loop: Loop, store: Store, seeds: int) -> Outlook:
    recipe = loop.recipe(*EDITS)
    return await asyncio.to_thread(look_ahead, recipe, Machine(), store, loop.runs / Path(store.place).stem, seeds)


async def test_a_pilot_is_paid_for_once_and_the_forecast_is_settled(loop: Loop, store: Store) -> None:
    loop.worker.enough = 1000  # a student that learns nothing needs every round
    found = await pilot_of(loop, store, 66)
    pilot = store.runs()[0]
    assert pilot.recipe_name == "demo-pilot"
    paid = store.spending(pilot.key).calls
    assert paid == len(loop.sent) > 50
    assert "a pilot of 6" in found.basis

    key, _ = await loop.teach(loop.recipe(*EDITS), store)
    assert len(set(loop.sent)) == len(loop.sent), "what the pilot asked is not asked again"
    assert store.spending(key).calls == len(loop.sent) - paid
    lines = {line["what"]: line for line in compared(store, Run.model_validate(store.run(key)))}
    assert lines.keys() == {"calls", "tokens", "lessons"}
    assert lines["calls"]["actual"] == store.spending(key).calls
    assert lines["lessons"]["actual"] == store.lessons(key)
    assert lines["lessons"]["held"], lines
    assert all(abs(line["wrong"]) < 0.5 for line in lines.values()), lines


async def test_an_earlier_run_of_the_same_steps_is_evidence(loop: Loop, store: Store) -> None:
    await loop.teach(loop.recipe(*EDITS), store)
    found, names = earlier(store, loop.recipe(*EDITS, "seed=7"), Machine())
    assert names == ["demo"]
    assert found["solve"].inputs >= ENOUGH
    assert 0.5 < found["solve"].outputs / found["solve"].inputs <= 1
    other, names = earlier(store, loop.recipe(*EDITS, "lessons.solve.generate.temperature=0.1"), Machine())
    assert "solve" not in other
    assert earlier(store, loop.recipe(*EDITS), Machine.model_validate({"default": {"model": "another"}}))[0].keys() == {
        step for step in found if not found[step].purchases
    }


def test_a_pilot_asks_every_source_for_something(loop: Loop) -> None:
    small = shrunk(loop.recipe("seeds={tasks: 1000, basics: 3}"), 20)
    assert small.seeds == {"tasks": 20, "basics": 1}
    assert shrunk(loop.recipe("seeds={tasks: 5, basics: 3}"), 100).seeds == {"tasks": 5, "basics": 3}


def test_looking_ahead_asks_nobody(loop: Loop, new_store: Callable[[str], Store]) -> None:
    with new_store("fresh") as store:
        found = look_ahead(loop.recipe(), Machine(), store, loop.runs, None)
        assert not loop.sent
        assert found.basis == "the recipe alone"
        assert len(store.forecasts(Run.new(recipe_name="demo", recipe_digest=loop.recipe().digest).key)) == 1
