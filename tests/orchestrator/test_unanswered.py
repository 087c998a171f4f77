"""A request that gets no answer: nothing comes of it, its cause is told, and the step, carried out again, asks again."""

from typing import Any

from agents.kinds import Unanswered
from agents.rehearsal.teacher import Refusal
from storage.store import Store
from tests.conftest import Loop

CAUSE = "no usable answer after all retries"


async def test_what_is_not_answered_is_told_and_asked_again(loop: Loop, store: Store) -> None:
    said: dict[str, int] = {}
    told: list[dict[str, Any]] = []

    def now_and_then(role: str, reply: str | Refusal) -> str | Refusal:
        said[role] = said.get(role, 0) + 1
        if said[role] % 5 == 0:
            raise Unanswered(CAUSE)
        return reply

    def listen(event: str, facts: dict[str, Any]) -> None:
        if event == "batch":
            told.append(facts)

    recipe = loop.recipe()
    loop.tampering = now_and_then
    async with loop.opened(recipe, store, tell=listen) as work:
        from orchestrator import cycle, planning

        plan = planning.current_plan(work)
        await cycle.gather(work, plan)
        for step in recipe.lessons:
            await cycle.produce(work, plan, step, cycle.run_directly)
        lost = sum(facts["unanswered"].get(CAUSE, 0) for facts in told)
        missing = [work_left(work, plan, step) for step in recipe.lessons]
        assert lost == sum(count // 5 for count in said.values()) > 0
        assert sum(missing) >= lost, "what was not answered is still to do"
        assert store.spending(work.run.key).calls == sum(said.values()) - lost, "only answers are paid for"

        loop.tampering = lambda role, reply: reply
        for step in recipe.lessons:
            await cycle.produce(work, plan, step, cycle.run_directly)
        assert sum(work_left(work, plan, step) for step in recipe.lessons) <= unreadable(store, work.run.key)


async def test_a_material_of_which_one_sample_is_missing_is_not_done(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("lessons.solve.samples=3", "seeds={tasks: 10, basics: 2}")
    count = 0

    def one_in_five(role: str, reply: str | Refusal) -> str | Refusal:
        nonlocal count
        count += 1
        if count % 5 == 0:
            raise Unanswered(CAUSE)
        return reply

    loop.tampering = one_in_five
    async with loop.opened(recipe, store) as work:
        from orchestrator import cycle, planning

        plan, solve = planning.current_plan(work), recipe.lessons[0]
        await cycle.gather(work, plan)
        await cycle.produce(work, plan, solve, cycle.run_directly)
        assert work_left(work, plan, solve) > 0
        sent = len(loop.sent)
        loop.tampering = lambda role, reply: reply
        await cycle.produce(work, plan, solve, cycle.run_directly)
        assert len(loop.sent) > sent, "the missing are asked"
        assert len(set(loop.sent)) == len(loop.sent), "and only they"
        per_material = {p: 0 for d in store.drafts(work.run.key, "solve") for p in d.parents}
        for draft in store.drafts(work.run.key, "solve"):
            per_material[draft.parents[0]] += 1
        unread = unreadable(store, work.run.key)
        assert sum(3 - n for n in per_material.values()) <= unread


def work_left(work: Any, plan: Any, step: Any) -> int:
    from orchestrator.production import batches

    return sum(len(keys) for keys in batches(work, plan, step))


def unreadable(store: Store, run: str) -> int:
    """Materials of which nothing was written because their reply could not be read."""
    return sum(count for outcome, count in store.call_outcomes(run).items() if outcome != "read")
