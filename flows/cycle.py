"""The loop as a Prefect flow: every stage and every batch a task. What a stage does is the orchestrator's business.

The store is the only memory, so tasks neither cache nor persist; a retry, a crash and a second run are the same case.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from prefect import flow, task
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogHandler

from flows.running import let_sigterm_cancel
from flows.telling import story_lines
from orchestrator.cycle import teach
from orchestrator.summary import Summary, summarise
from orchestrator.work import Work
from storage.records import Plan

TAGS = {"train": ["gpu"], "examine": ["gpu"], "examine_finally": ["gpu"], "perform": ["teacher"]}
"""Tags whose concurrency limits, set in the UI, queue for the GPU and for the teacher. No task inside another shares one."""


MOST_CAUSES = 50
"""Rows of the artifact that lists causes; the report has all."""
TOLD = (
    "round", "why", "seeds", "targets", "lessons", "calls", "tokens", "usd", "training", "before", "after", "low", "high",
    "points", "per_100_calls", "per_usd",
)  # fmt: skip
"""Columns of the artifact that lists rounds."""


async def as_task(name: str, stage: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """One stage or batch as a Prefect task. Its arguments stay here: Prefect would walk through every one of them."""

    @task(name=name, task_run_name=name, tags=TAGS.get(stage.__name__, []), cache_policy=NO_CACHE, persist_result=False)
    async def carry_out() -> Any:
        return await stage(*arguments)

    return await carry_out()


async def improve_student(work: Work) -> Plan:
    """Teach the student of this run, shown as a flow run that has the recipe's name."""

    @flow(name="improve-student", flow_run_name=f"{work.recipe.name} {work.folder.name}", persist_result=False)
    async def improve() -> Plan:
        let_sigterm_cancel()  # in the place of Prefect's handler, which raises
        plan = await teach(work, as_task)
        await show(summarise(work.store, work.run), work)
        return plan

    try:
        return await improve()
    finally:  # logs and events still on their way would not outlive a server that ends with this command
        await APILogHandler.aflush()
        await _sent(EventsWorker.drain_all())


async def _sent(draining: Any) -> None:
    """Prefect drains at once where no loop runs, and as a coroutine where one does."""
    if inspect.isawaitable(draining):
        await draining


async def show(summary: Summary, work: Work) -> None:
    """What came of the run, on the flow run's page: accuracy by skill, yield by cause, the rounds, and the gate's ruling."""
    skills = [{"skill": skill, **scores} for skill, scores in summary.skills.items()]
    await acreate_table_artifact(table=skills, key="skills", description="Accuracy before and after, by skill")
    causes = [vars(cause) | {"outcome": str(cause.outcome)} for cause in work.store.yields(work.run.key)[:MOST_CAUSES]]
    await acreate_table_artifact(table=causes, key="yield", description="What judges said of drafts, by cause")
    rounds = [{name: getattr(one, name) for name in TOLD} for one in summary.story]
    await acreate_table_artifact(table=rounds, key="rounds", description="What each round cost and brought")
    exams = [{**exam, **exam["measures"]} for exam in summary.exams]
    columns = [name for name in dict.fromkeys(name for exam in exams for name in exam) if name != "measures"]
    table = [{name: exam.get(name) for name in columns} for exam in exams]
    await acreate_table_artifact(table=table, key="exams", description="Every scorecard, with what was measured")
    told = "\n".join(f"- {line}" for line in story_lines(summary))
    report = work.folder / "report.html"
    await acreate_markdown_artifact(
        markdown=f"{told}\n\nReport: `{report}`",
        key="story",
        description="What failed, what was planned, what was ruled",
    )
