"""A gate of a person in a recipe: the run waits, goes on, and passes on what he let through."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.clauses import Review
from orchestrator.cycle import run_directly, teach
from orchestrator.machine import Machine, ModelEntry
from orchestrator.recipe import SHIPPED, Recipe, RecipeError
from orchestrator.reviewing import EDITED, NOT_SEEN, WaitingForReview, drawn, unseen, waiting
from orchestrator.streams import Streams
from orchestrator.tapes import record, replay
from storage.persons import BY_HAND, said_of, say, take_back
from storage.records import Draft, Outcome, Run, Verdict
from storage.store import Store
from tests.conftest import Loop

ADA, BEN = "person:ada", "person:ben"


def gated(loop: Loop, folder: Path, **review: object) -> Recipe:
    told = yaml.safe_load((SHIPPED / "demo.yaml").read_text())
    last = told["lessons"][-1]
    gate = {"step": "look", "review": review, "from": "unseen", "to": last["to"], "rejected_to": "refused"}
    told["lessons"] = [*told["lessons"][:-1], {**last, "to": "unseen"}, gate]
    path = folder / "gated.yaml"
    path.write_text(yaml.safe_dump({**told, "name": "gated"}))
    return loop.recipe(place=path)


async def stopped(loop: Loop, recipe: Recipe, store: Store) -> str:
    with pytest.raises(WaitingForReview) as waits:
        await loop.teach(recipe, store)
    return str(waits.value)


def awaited(store: Store, recipe: Recipe) -> list[str]:
    found = waiting(store, store.runs()[0], recipe)
    return found[2] if found else []


def judged(store: Store, key: str, who: str, outcome: str, **more: object) -> None:
    run = store.runs()[0].key
    say(store, Verdict.new(run=run, draft=key, step=BY_HAND, judge=who, outcome=Outcome(outcome), **more))


def through(store: Store, recipe: Recipe, stream: str = "lessons") -> set[str]:
    return set(Streams(recipe, store, store.runs()[0].key).keys(stream, 1))


async def test_a_run_waits_in_order_and_the_same_command_goes_on(loop: Loop, store: Store, tmp_path: Path) -> None:
    recipe = gated(loop, tmp_path, drafts=3)
    said = await stopped(loop, recipe, store)
    assert said.startswith("waiting for 3 reviews at step 'look' of round 1: orchestrator review ")
    assert store.runs()[0].ended == said
    sample = awaited(store, recipe)
    assert (len(sample), loop.worker.done) == (3, [])
    judged(store, sample[0], ADA, "rejected", reason="says nothing")
    judged(store, sample[1], ADA, "accepted")
    asked = len(loop.sent)
    assert "waiting for 1 review at" in await stopped(loop, recipe, store)
    assert (awaited(store, recipe), len(loop.sent)) == (sample, asked)  # the same drafts, and nothing is bought again
    judged(store, sample[2], BEN, "accepted")
    assert "of round 2" in await stopped(loop, recipe, store)
    assert (sample[0] in through(store, recipe), sample[0] in through(store, recipe, "refused")) == (False, True)
    assert set(sample[1:]) < through(store, recipe)
    ruled = store.verdicts(store.runs()[0].key, "look", 1)
    assert ruled[sample[0]].reason == "says nothing"
    assert sum(NOT_SEEN in verdict.reason for verdict in ruled.values()) == len(ruled) - 3
    for key in awaited(store, recipe):
        judged(store, key, ADA, "accepted")
    _, plan = await loop.teach(recipe, store)
    assert plan.stop
    assert store.verify() == []


async def test_one_rejection_is_enough_wherever_the_draft_is(loop: Loop, store: Store, tmp_path: Path) -> None:
    recipe = gated(loop, tmp_path, drafts=2)
    await stopped(loop, recipe, store)
    sample = awaited(store, recipe)
    beside = next(key for key in Streams(recipe, store, store.runs()[0].key).keys("unseen", 1) if key not in sample)
    for key in sample:
        judged(store, key, ADA, "accepted")
    for key in (sample[0], beside):
        judged(store, key, BEN, "rejected")
    await stopped(loop, recipe, store)
    assert {sample[0], beside} & through(store, recipe) == set()
    assert sample[1] in through(store, recipe)


async def test_too_few_accepted_and_the_rest_does_not_pass(loop: Loop, store: Store, tmp_path: Path) -> None:
    recipe = gated(loop, tmp_path, drafts=4, at_least=0.75)
    await stopped(loop, recipe, store)
    sample = awaited(store, recipe)
    for key, outcome in zip(sample, ("accepted", "accepted", "rejected", "rejected"), strict=True):
        judged(store, key, ADA, outcome)
    await stopped(loop, recipe, store)
    assert through(store, recipe) == set(sample[:2])


def edited(store: Store, key: str, **fields: str) -> Draft:
    [old] = store.by_key(Draft, [key]).values()
    same = {name: getattr(old, name) for name in ("run", "round", "kind", "skill", "split_key")}
    new = Draft.new(**same, step=BY_HAND, producer=ADA, fields={**old.fields, **fields}, parents=[key])
    facts = {"run": old.run, "step": BY_HAND, "judge": ADA}
    kept = Verdict.new(**facts, draft=new.key, outcome=Outcome.ACCEPTED)
    gone = Verdict.new(
        **facts, draft=key, outcome=Outcome.REJECTED, evidence={EDITED: new.key}, created_at=kept.created_at
    )
    say(store, gone, kept, drafts=[new])
    return new


async def test_an_edited_draft_takes_the_place_of_the_old_one_and_becomes_a_lesson(
    loop: Loop, store: Store, tmp_path: Path
) -> None:
    recipe = gated(loop, tmp_path, drafts=2)
    await stopped(loop, recipe, store)
    sample = awaited(store, recipe)
    first = edited(store, sample[0], rationale="said once more")
    second = edited(store, first.key, rationale="said twice more")
    gone = edited(store, sample[1], rationale="taken back")
    take_back(store, store.runs()[0].key, ADA)
    judged(store, sample[1], ADA, "accepted")
    await stopped(loop, recipe, store)
    assert {sample[0], first.key, gone.key} & through(store, recipe) == set()
    assert {second.key, sample[1]} <= through(store, recipe)
    rows = [row for dataset in store.datasets(store.runs()[0].key) for row in store.dataset_rows(dataset.key)]
    assert any("said twice more" in str(row.content) for row in rows if row.draft == second.key)


async def test_an_edit_into_an_exam_question_does_not_pass(loop: Loop, store: Store, tmp_path: Path) -> None:
    recipe = gated(loop, tmp_path, drafts=1)
    await stopped(loop, recipe, store)
    [key] = awaited(store, recipe)
    probe = recipe.sources["tasks"]
    asked = next(iter(probe.materials("probe", "trip", 0)))
    new = edited(store, key, question=str(asked.fields["question"]))
    async with loop.opened(recipe, store) as work:
        assert asked.split_key in work.guarded
        with pytest.raises(WaitingForReview):
            await teach(work, run_directly)
    assert new.key not in through(store, recipe)
    assert store.verdicts(store.runs()[0].key, "look", 1)[new.key].reason == "belongs to an exam"


async def test_what_is_taken_back_after_the_gate_changes_no_lesson(loop: Loop, store: Store, tmp_path: Path) -> None:
    recipe = gated(loop, tmp_path, drafts=1)
    await stopped(loop, recipe, store)
    [key] = awaited(store, recipe)
    judged(store, key, ADA, "rejected")
    await stopped(loop, recipe, store)
    before = through(store, recipe)
    take_back(store, store.runs()[0].key, ADA)
    assert said_of(store, [key]) == {}
    await stopped(loop, recipe, store)
    assert through(store, recipe) == before


async def test_a_tape_has_what_persons_ruled_and_wrote(loop: Loop, store: Store, tmp_path: Path) -> None:
    recipe = gated(loop, tmp_path, drafts=2)
    await stopped(loop, recipe, store)
    sample = awaited(store, recipe)
    edited(store, sample[0], rationale="said once more")
    judged(store, sample[1], ADA, "rejected")
    await stopped(loop, recipe, store)
    machine = Machine(default=ModelEntry(max_tokens=200))  # as the loop's line is
    await record(store, store.runs()[0], machine, tmp_path / "run.tape.gz")
    replayed = await replay(tmp_path / "run.tape.gz")
    assert replayed.same
    assert replayed.datasets


def test_a_gate_says_one_size(loop: Loop, tmp_path: Path) -> None:
    for review in ({}, {"drafts": 3, "share": 0.1}, {"drafts": 0}, {"share": 1.5}, {"drafts": 3, "by": "me"}):
        with pytest.raises(RecipeError):
            gated(loop, tmp_path, **review)


STEP = Review.model_validate({"step": "look", "review": {"drafts": 5}, "from": "a", "to": "b"})


@given(st.sets(st.text("abcdef", min_size=3, max_size=8), min_size=7, max_size=40))
def test_a_draft_that_joins_moves_at_most_one_other_out_of_the_sample(keys: set[str]) -> None:
    recipe = Recipe.model_construct(seed=0)
    *before, new = sorted(keys)
    old, now = set(drawn(recipe, STEP, before)), set(drawn(recipe, STEP, [*before, new]))
    assert len(old) == len(now) == 5
    assert now - old <= {new}


def test_a_tenth_of_thirty_is_three_and_of_one_is_one() -> None:
    step = Review.model_validate({"step": "look", "review": {"share": 0.1}, "from": "a", "to": "b"})
    sizes = [len(drawn(Recipe.model_construct(seed=0), step, [str(i) for i in range(n)])) for n in (0, 1, 30, 31)]
    assert sizes == [0, 1, 3, 4]


def test_what_nobody_judged_is_unseen(store: Store) -> None:
    assert unseen(store, ["a", "b"]) == ["a", "b"]


def test_no_recipe_has_changed_its_digest_for_the_new_clause(loop: Loop) -> None:
    assert "review" not in str(loop.recipe().method())


def test_a_run_that_does_not_wait_has_no_gate(store: Store, loop: Loop) -> None:
    recipe = loop.recipe()
    run = Run.new(recipe_name="demo", recipe_digest=recipe.digest, recipe=recipe.method())
    store.add(run)
    assert waiting(store, run, recipe) is None
