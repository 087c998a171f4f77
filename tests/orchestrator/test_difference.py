"""Two runs, held against each other: what differs is named, and what is the same is not."""

import json

import pytest

from orchestrator.difference import ABSENT, Change, difference
from orchestrator.machine import Machine, ModelEntry
from orchestrator.setups import packages, setup_of
from storage.records import Run
from storage.store import Store
from tests.conftest import Loop


async def taught(loop: Loop, store: Store, *edits: str) -> Run:
    key, _ = await loop.teach(loop.recipe(*edits), store)
    run = store.run(key)
    assert run
    return run


async def test_a_run_does_not_differ_from_itself(loop: Loop, store: Store) -> None:
    run = await taught(loop, store)
    found = difference(store, run, run)
    assert found.same
    assert {each.exam for each in found.scores} == {"probe", "test", "retention"}
    assert all((each.difference, each.low is not None and each.low <= 0) == (0, True) for each in found.scores)
    json.dumps(found.as_json())


async def test_what_an_edit_changes_is_named_by_clause_stage_lesson_and_score(loop: Loop, store: Store) -> None:
    first = await taught(loop, store)
    second = await taught(
        loop, store, "seeds.tasks=8", "lessons.right_answer.to=matching", "lessons.sound_steps.from=matching"
    )
    found = difference(store, first, second)
    assert not found.same
    assert Change("seeds.tasks", 16, 8) in found.recipe
    assert Change("lessons.right_answer.to", "right", "matching") in found.recipe
    assert found.setup == []
    assert {each.place: (each.first, each.second) for each in found.stages}["round 1 seeds"] == (18, 10)
    lessons = next(each for each in found.datasets if each.round == 1)
    assert lessons.both > 0
    assert lessons.only_first > 0
    mine = {row.draft for each in store.datasets(first.key) for row in store.dataset_rows(each.key)}
    assert lessons.examples_first
    assert set(lessons.examples_first) <= mine
    score = next(each for each in found.scores if each.exam == "test")
    assert score.shared == score.first["n"]
    assert score.difference == pytest.approx(score.second["accuracy"] - score.first["accuracy"])
    assert score.p is not None
    assert 0 <= score.p <= 1


async def test_models_packages_and_prices_are_compared_and_no_key_is_kept(loop: Loop, store: Store) -> None:
    first, second = await taught(loop, store), await taught(loop, store, "seed=1")
    address = "https://me:hidden-password@api.example.com/v1?token=hidden-token"
    entry = ModelEntry(
        endpoint=address, model="m", key_env="HIDDEN_KEY", usd_per_million_prompt=1, usd_per_million_completion=2
    )
    setup = setup_of(second, loop.recipe(), Machine(default=entry))
    assert "hidden" not in setup.model_dump_json().lower()
    setup = setup_of(second, loop.recipe(), Machine(default=entry)).model_copy()
    store.add(setup)
    found = difference(store, first, second)
    places = {each.place: each for each in found.setup}
    assert places["models.teacher.endpoint"].second == "https://api.example.com/v1"
    assert places["models.teacher.model"] == Change("models.teacher.model", "rehearsal-teacher", "m")
    assert places["prices.m.prompt_usd_per_million"] == Change("prices.m.prompt_usd_per_million", ABSENT, 1.0)
    assert not [place for place in places if place.startswith(("packages", "code"))]
    assert "pydantic" in packages()


async def test_a_run_of_before_setups_were_kept_says_so(loop: Loop, store: Store) -> None:
    run = await taught(loop, store)
    old = Run.new(recipe_name="demo", recipe_digest="old", recipe=run.recipe)
    store.add(old)
    found = difference(store, old, run)
    assert found.setup == []
    assert "unknown" in found.unknown[0]
    assert found.scores == []
