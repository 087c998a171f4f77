"""What is forecast before a run, from nothing, from a pilot and from earlier runs, and how it is settled afterwards."""

import asyncio
import random
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from agents.endpoint import Price
from flows.telling import print_outlook
from orchestrator import forecast as forecasting
from orchestrator.clauses import roles_of
from orchestrator.evidence import Evidence, earlier, shrunk
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
    assert solve.usd.likely == pytest.approx(220 * 200 / 1e6), "at today's prices, not as it was charged"
    assert solve.accepted.low > 215


def test_the_less_is_known_the_wider_is_the_interval(loop: Loop) -> None:
    nothing, little, much = (
        outlook(loop, e) for e in ({}, {"solve": seen(10, 7, 10)}, {"solve": seen(1000, 700, 1000)})
    )
    widths = [(o.stages[0].accepted.high - o.stages[0].accepted.low) for o in (nothing, little, much)]
    assert widths[1] > widths[2]
    assert nothing.stages[0].accepted.low > 200, "what nothing is known of is counted as going on"
    assert not nothing.stages[0].known
    assert much.stages[0].known


def test_an_unknown_price_stays_unknown(loop: Loop) -> None:
    assert outlook(loop, {"solve": seen(100, 70, 100)}).usd is None


def test_nine_runs_of_ten_end_within_the_interval(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shares that a pilot of 40 shows are one draw of the truth; the interval must hold the run's draw all the same."""
    monkeypatch.setattr(forecasting, "DRAWS", 200)

    chance, held, truth = random.Random(5), 0, 0.7
    for _ in range(30):
        pilot = sum(chance.random() < truth for _ in range(40))
        run = sum(chance.random() < truth for _ in range(220))
        span = outlook(loop, {"solve": seen(40, pilot, 40)}).stages[0].accepted
        held += span.low <= run <= span.high
    assert held / 30 >= 0.7


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
    assert f"the pilot cost {paid} calls, price unknown, beside the run's own budget" in told(found)

    key, _ = await loop.teach(loop.recipe(*EDITS), store)
    assert len(set(loop.sent)) == len(loop.sent), "what the pilot asked is not asked again"
    assert store.spending(key).calls == len(loop.sent) - paid
    lines = {line["what"]: line for line in compared(store, Run.model_validate(store.run(key)))}
    assert lines.keys() == {"calls", "tokens", "lessons"}
    assert lines["calls"]["actual"] == store.spending(key).calls
    assert lines["lessons"]["actual"] == store.lessons(key)
    assert lines["lessons"]["held"], lines
    assert all(abs(line["wrong"]) < 0.5 for what, line in lines.items() if what != "tokens"), lines


async def test_an_earlier_run_of_the_same_steps_is_evidence(loop: Loop, store: Store) -> None:
    await loop.teach(loop.recipe(*EDITS), store)
    found, names = earlier(store, loop.recipe(*EDITS, "seed=7"), Machine())
    assert names == ["demo"]
    assert found["solve"].inputs >= 20
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


def test_a_pilot_is_a_run_of_its_own(loop: Loop) -> None:
    recipe = loop.recipe()
    whole = recipe.digest  # read once, it is kept
    small = shrunk(recipe, 20)
    assert small.digest != whole
    assert small.budget == recipe.budget


def test_prompts_and_completions_are_priced_apart(loop: Loop) -> None:
    told = Evidence(1000, 1000, [Purchase(1000, 10, 5.0, 0.2)] * 1000)
    solve = outlook(loop, {"solve": told}, Price(1, 100)).stages[0]
    assert solve.usd is not None
    assert solve.usd.likely == pytest.approx(220 * (1000 + 1000) / 1e6)


def test_what_was_charged_counts_where_no_price_is_known(loop: Loop) -> None:
    recipe = loop.recipe(*EDITS)
    charged = {step.step: seen(100, 100, 100) for step in recipe.lessons if roles_of(step)}
    found = outlook(loop, charged)
    assert found.stages[0].usd is not None
    assert found.stages[0].usd.likely == pytest.approx(0.22)
    assert found.usd is not None
    unknown = charged | {"referee": Evidence(100, 100, [Purchase(9, 9, None, 0.2)] * 100)}
    assert outlook(loop, unknown).usd is None


def test_tokens_that_were_not_reported_are_unknown_and_not_none(loop: Loop) -> None:
    silent = Evidence(100, 100, [Purchase(0, 0, None, 0.2)] * 100)
    solve = outlook(loop, {"solve": silent}, Price(1, 1)).stages[0]
    assert solve.tokens.high > solve.tokens.low > 0


def test_the_time_of_batches_is_the_provider_s(loop: Loop) -> None:
    recipe = loop.recipe(*EDITS)
    live = Machine().entries(recipe.roles)
    batch = {role: entry.model_copy(update={"batch": True}) for role, entry in live.items()}
    prices = dict.fromkeys(live, Price(1, 1))
    slow, found = (forecast(recipe, entries, prices, {}, "a test", {}) for entries in (live, batch))
    assert slow.seconds.likely > 0
    assert "up to a day" not in told(slow)
    assert found.seconds.high == 0
    assert found.stages[0].batch
    assert not found.stages[1].batch, "it asks nobody"
    assert "batch steps take up to a day each on top" in told(found)


def told(found: Outlook) -> str:
    out = Console(file=StringIO(), width=200)
    print_outlook(found, True, out)
    return out.file.getvalue()  # type: ignore[attr-defined]


def test_looking_ahead_asks_nobody(loop: Loop, new_store: Callable[[str], Store]) -> None:
    with new_store("fresh") as store:
        found = look_ahead(loop.recipe(), Machine(), store, loop.runs, None)
        assert not loop.sent
        assert found.basis == "the recipe alone"
        assert len(store.forecasts(Run.new(recipe_name="demo", recipe_digest=loop.recipe().digest).key)) == 1


def test_the_students_own_attempts_are_forecast_as_practice_asks_for_them(loop: Loop) -> None:
    counted = "per_skill: 3, samples: 5, temperature: 1, canaries: 2"
    practice = f"exams.practice={{use: final_answer, source: tasks, part: train, {counted}}}"
    for edits, more in (((), 0), (("lessons.solve.from=[tasks, basics, attempts]",), 4 * 3 * 5)):
        recipe = loop.recipe(*EDITS, practice, *edits)
        entries = Machine().entries(recipe.roles)
        exact = {"solve": seen(100_000, 100_000, 100_000)}
        found = forecast(recipe, entries, dict.fromkeys(entries), exact, "a test", {})
        assert {stage.round: stage.calls.likely for stage in found.stages if stage.step == "solve"} == {
            1: 220,
            2: 60 + more,
        }
