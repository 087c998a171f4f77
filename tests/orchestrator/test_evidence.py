"""What runs tell of their steps: every call that the work rests on, and only inputs of which it is known what came."""

import asyncio
from pathlib import Path

import pytest

from agents.rehearsal.teacher import Refusal
from agents.teacher import BudgetSpent
from orchestrator.evidence import Evidence, earlier, pilot, seen_in
from orchestrator.machine import Machine
from storage.records import Run
from storage.store import Store
from tests.conftest import Loop

EDITS = ("seeds={tasks: 200, basics: 20}", "feedback.seeds=40", "feedback.failures=20")


async def piloted(loop: Loop, store: Store, *edits: str, seeds: int = 66) -> tuple[dict[str, Evidence], Run]:
    place = loop.runs / Path(store.place).stem
    return await asyncio.to_thread(pilot, loop.recipe(*EDITS, *edits), Machine(), store, place, seeds)


def sometimes_unreadable(loop: Loop) -> None:
    """Every fourth first reply is no JSON, every repair is answered, and every eleventh request is refused."""
    firsts = 0

    def tampered(role: str, reply: str | Refusal) -> str | Refusal:
        nonlocal firsts
        firsts += 1
        return Refusal("no") if firsts % 11 == 0 else "hm" if firsts % 4 == 0 else reply

    loop.tampering = tampered


async def test_a_call_that_an_earlier_pilot_paid_for_is_a_call(loop: Loop, store: Store) -> None:
    first, paid = await piloted(loop, store)
    sent = len(loop.sent)
    again, run = await piloted(loop, store, "stop.rounds=3")
    assert run.key != paid.key
    assert len(loop.sent) == sent, "all is paid for"
    assert store.spending(run.key).calls == 0
    for step in ("solve", "referee"):
        assert len(again[step].purchases) > 0.9 * len(first[step].purchases) > 0
        assert again[step].calls() == pytest.approx(first[step].calls(), rel=0.05)
        assert again[step].outputs == first[step].outputs
        assert again[step].prompt is not None
    assert sum(len(found.purchases) for found in first.values()) == store.spending(paid.key).calls


async def test_a_repair_is_two_calls_whoever_paid_and_a_refusal_an_input(loop: Loop, store: Store) -> None:
    sometimes_unreadable(loop)
    first, _ = await piloted(loop, store)
    solve = first["solve"]
    assert solve.inputs == 66
    assert solve.lost == 0
    assert solve.outputs < solve.inputs < len(solve.purchases)
    again, _ = await piloted(loop, store, "stop.rounds=3")
    assert (again["solve"].inputs, again["solve"].outputs) == (solve.inputs, solve.outputs)
    assert again["solve"].lost == solve.inputs - solve.outputs, "a refusal that another run paid for names nobody"
    assert again["solve"].calls() == pytest.approx(solve.calls(), rel=0.1)


async def test_what_a_run_left_undone_is_no_evidence(loop: Loop, store: Store) -> None:
    recipe = loop.recipe(*EDITS, "budget.calls=120")
    with pytest.raises(BudgetSpent):
        await loop.teach(recipe, store)
    [run] = store.runs()
    assert store.spending(run.key).calls == 120
    assert all(found.inputs == 0 and not found.purchases for found in seen_in(store, run, recipe).values())
    assert earlier(store, recipe, Machine()) == ({}, [])


async def test_of_a_run_that_stopped_the_steps_that_it_went_past_are_evidence(loop: Loop, store: Store) -> None:
    recipe = loop.recipe(*EDITS, "budget.calls=260")
    with pytest.raises(BudgetSpent):
        await loop.teach(recipe, store)
    [run] = store.runs()
    found = seen_in(store, run, recipe)
    assert found["solve"].inputs == 220
    assert found["right_answer"].inputs == found["solve"].outputs
    assert found["referee"].inputs == 0
