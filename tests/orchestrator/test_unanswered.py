"""A request that gets no answer: nothing comes of it, its cause is told, and a later run asks again."""

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


def work_left(work: Any, plan: Any, step: Any) -> int:
    from orchestrator.production import batches

    return sum(len(keys) for keys in batches(work, plan, step))


def unreadable(store: Store, run: str) -> int:
    """Materials of which nothing was written because their reply could not be read."""
    return sum(count for outcome, count in store.call_outcomes(run).items() if outcome != "read")
