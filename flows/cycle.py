"""The loop as a Prefect flow: every stage and every batch a task. What a stage does is the orchestrator's business.

The store is the only memory, so tasks neither cache nor persist; a retry, a crash and a second run are the same case.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.artifacts import show
from flows.bars import Bars
from flows.pulse import pulse
from flows.running import let_sigterm_cancel
from orchestrator.cycle import teach
from orchestrator.reviewing import WaitingForReview
from orchestrator.summary import Summary
from orchestrator.work import Work
from storage.records import Plan

TAGS = {"train": ["gpu"], "examine": ["gpu"], "examine_finally": ["gpu"], "perform": ["teacher"]}
"""Tags whose concurrency limits, set in the UI, queue for the GPU and for the teacher. No task inside another shares one."""


async def as_task(name: str, stage: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """One stage or batch as a Prefect task. Its arguments stay here: Prefect would walk through every one of them."""

    @task(name=name, task_run_name=name, tags=TAGS.get(stage.__name__, []), cache_policy=NO_CACHE, persist_result=False)
    async def carry_out() -> Any:
        return await stage(*arguments)

    return await carry_out()


async def improve(work: Work) -> Plan:
    """What a flow run does with a run, whoever started it: teaches, and shows while it does, under a name that tells."""
    let_sigterm_cancel()  # in the place of Prefect's handler, which raises
    name, bars = f"{work.recipe.name} {work.folder.name}", Bars()
    await _rename(name)

    def tell(event: str, facts: dict[str, Any]) -> None:
        work.tell(event, facts)
        bars.tell(event, facts)

    async def shown(stage_name: str, stage: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """The artifacts are brought up to date once a round's student was examined."""
        made = await as_task(stage_name, stage, *arguments)
        if stage.__name__ == "examine":
            await bars.settled()
            await _rename(f"{name}: {_in_short(await show(work))}")
        return made

    plan = await teach(replace(work, tell=tell), shown)
    await bars.settled()
    await _rename(f"{name}: {_in_short(await show(work))}")
    return plan


async def improve_student(work: Work) -> Plan:
    """Teach the student of this run, as a flow run that this process begins."""

    waited: list[WaitingForReview] = []

    @flow(name="improve-student", persist_result=False)
    async def improve_now() -> Any:
        try:
            with pulse():
                return await improve(work)
        except WaitingForReview as error:  # it did all that it could: no failure in the UI
            waited.append(error)
            return Completed(name="WaitingForReview", message=str(error))

    try:
        plan = await improve_now()
    finally:
        await _everything_sent()
    if waited:
        raise waited[0]
    return plan


async def _everything_sent() -> None:
    """Logs and events still on their way would not outlive a server, or a process, that ends with this command."""
    await APILogHandler.aflush()
    draining: Any = EventsWorker.drain_all()
    if inspect.isawaitable(draining):  # Prefect drains at once where no loop runs, and as a coroutine where one does
        await draining


def _in_short(summary: Summary) -> str:
    """What has come of it so far, for the name of the flow run."""
    before, after = summary.accuracy["before"], summary.accuracy["after"]
    if before is None or after is None:
        return "nothing examined yet"
    ruled = f", {summary.ruling['outcome']}" if summary.ruling else f" after round {summary.rounds}"
    return f"{before:.0%} → {after:.0%}{ruled}"


async def _rename(name: str) -> None:
    async with get_client() as client:
        await client.update_flow_run(UUID(flow_run.get_id()), name=name)
