"""What a schedule finds to do: a new run, an unfinished one, nothing; and what its period has left to spend."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.occasion import NoWork, beginning_of, next_after, what_is_due, within_allowance
from orchestrator.recipe import Recipe
from storage.records import Entry
from storage.store import Store
from tests.conftest import Loop

NOW = datetime.now(UTC)


def grown(path: Path, count: int) -> Path:
    rows = [{"question": f"What is {n} and {n}?", "answer": str(2 * n)} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


async def test_a_run_is_due_until_it_has_finished(loop: Loop, store: Store) -> None:
    recipe = loop.recipe()
    assert what_is_due(store, recipe, again=False) is recipe
    run, _ = await loop.teach(recipe, store)
    with pytest.raises(NoWork, match=rf"nothing is new since run {run[-32:-20]} ended \(.+\): its recipe"):
        what_is_due(store, recipe, again=False)


@pytest.mark.parametrize("why", ["", "the budget of 5 calls has no room"])
async def test_one_that_was_interrupted_or_met_a_cap_is_due(loop: Loop, store: Store, why: str) -> None:
    recipe = loop.recipe()
    run, _ = await loop.teach(recipe, store)
    store.end_run(run, why)
    assert what_is_due(store, recipe, again=False) is recipe


async def test_again_is_another_chance_and_goes_on_until_it_has_finished(loop: Loop, store: Store) -> None:
    recipe = loop.recipe()
    assert what_is_due(store, recipe, again=True).seed == 0
    await loop.teach(recipe, store)
    second = what_is_due(store, recipe, again=True)
    assert second.seed == 1
    assert second.digest != recipe.digest
    run, _ = await loop.teach(second, store)
    store.end_run(run, "")
    assert what_is_due(store, recipe, again=True).digest == second.digest
    store.end_run(run, store.plans(run)[-1].why)
    assert what_is_due(store, recipe, again=True).seed == 2


def test_a_source_that_has_grown_is_a_recipe_of_its_own(loop: Loop, tmp_path: Path) -> None:
    edits = ("seeds={tasks: 4}",)
    source = f"sources.tasks.path={grown(tmp_path / 'tasks.jsonl', 40)}"

    def digest() -> str:
        return loop.recipe(source, *edits, place="given-solutions", small=()).digest

    before = digest()
    assert digest() == before
    grown(tmp_path / "tasks.jsonl", 41)
    assert digest() != before


def paid(store: Store, recipe: Recipe, calls: int, usd: float, run: str = "another") -> None:
    store.add(
        *(
            Entry.new(run=run, round=1, stage="solve", subject=f"call:{run}:{n}", usd=usd / calls, prompt_tokens=10)
            for n in range(calls)
        )
    )


def test_without_a_period_caps_are_the_runs_own(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("budget.usd=1")
    paid(store, recipe, 5, 9.0)
    assert within_allowance(store, recipe, None, NOW) is recipe


def test_runs_share_what_a_period_has(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("budget.usd=10", "budget.calls=8")
    paid(store, recipe, 5, 4.0)
    left = within_allowance(store, recipe, "month", NOW)
    assert left.budget.usd == pytest.approx(6.0)
    assert left.budget.calls == 3
    assert left.digest == recipe.digest


def test_when_nothing_is_left_it_is_said_when_there_will_be(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("budget.calls=5")
    paid(store, recipe, 5, 4.0)
    with pytest.raises(NoWork, match=r"no budget is left: 5 of 5 calls are spent since .* the next day begins on"):
        within_allowance(store, recipe, "day", NOW)


@given(
    st.sampled_from(["day", "week", "month"]),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_periods_follow_each_other_without_a_gap(per: str, now: datetime) -> None:
    begin = beginning_of(per, now)  # type: ignore[arg-type]
    following = next_after(per, begin)  # type: ignore[arg-type]
    assert begin <= now < following
    assert beginning_of(per, following) == following  # type: ignore[arg-type]
