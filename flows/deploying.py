"""Deployments on a Prefect server: made, listed, and the work pool and automation that they need."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType, WorkerStatus
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.schedules import Cron, Interval
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from flows.mistakes import NothingThere
from flows.pulse import watch_pulses
from flows.scheduled import improve_on_schedule
from flows.timing import Timing

TAG = "improve-student"


async def make_ready(pool: str) -> None:
    """The work pool of processes, and the automation that marks silent flow runs; what is there already is left."""
    async with get_client() as client:
        try:
            await client.read_work_pool(pool)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            with suppress(ObjectAlreadyExists):  # another command made it since
                await client.create_work_pool(WorkPoolCreate(name=pool, type="process", base_job_template=template))
    await watch_pulses()


@dataclass(frozen=True)
class Deployed:
    """A deployment as it is now."""

    id: str
    is_new: bool
    """Whether there was none of this name."""
    workers: int
    """How many of its pool are there to carry its runs out."""


async def deploy(name: str, parameters: dict[str, Any], timing: Timing, pool: str, folder: Path) -> Deployed:
    """Its runs begin in `folder`, from which paths in edits are understood."""
    await make_ready(pool)
    deployment = await improve_on_schedule.ato_deployment(
        name=name,
        schedules=_schedules(timing),
        parameters=parameters,
        description=f"Carries out recipe {parameters['recipe']}: {timing}.",
        tags=[TAG],
        work_pool_name=pool,
        job_variables={"working_dir": str(folder), "env": {"PYTHONUNBUFFERED": "1"}},
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    async with get_client() as client:
        before = await _named(client, name)
        workers = await client.read_workers_for_work_pool(pool)
        key = str(await deployment.aapply())
        return Deployed(key, before is None, sum(worker.status == WorkerStatus.ONLINE for worker in workers))


async def remove(name: str) -> None:
    """The deployment and what is planned of it; its flow runs stay, and one under way goes on. Raises NothingThere."""
    async with get_client() as client:
        found = await _named(client, name)
        if found is None:
            there = ", ".join(sorted(row["deployment"] for row in await listed())) or "none"
            raise NothingThere(f"no deployment is named {name!r}; there are: {there}")
        await client.delete_deployment(found.id)


async def _named(client: PrefectClient, name: str) -> Any:
    with suppress(ObjectNotFound):
        return await client.read_deployment_by_name(f"{improve_on_schedule.name}/{name}")
    return None


def _schedules(timing: Timing) -> list[Any]:
    if timing.cron:
        return [Cron(timing.cron, timezone=timing.timezone)]
    return [Interval(timing.every, timezone=timing.timezone)] if timing.every else []


async def listed() -> list[dict[str, Any]]:
    """Each deployment of the flow: its schedule, its next run, and how its last one stands."""
    async with get_client() as client:
        mine = FlowFilter(name=FlowFilterName(any_=[improve_on_schedule.name]))
        return [await _line(client, each) for each in await client.read_deployments(flow_filter=mine)]


async def _line(client: PrefectClient, deployment: Any) -> dict[str, Any]:
    planned = await _runs(client, deployment, FlowRunFilterStateType(any_=[StateType.SCHEDULED]), "ASC")
    begun = await _runs(client, deployment, FlowRunFilterStateType(not_any_=[StateType.SCHEDULED]), "DESC")
    state = begun[0].state if begun else None
    return {
        "deployment": deployment.name,
        "recipe": Path(deployment.parameters.get("recipe", "")).stem,
        "schedule": ", ".join(_told(each) for each in deployment.schedules) or "by hand",
        "pool": deployment.work_pool_name,
        "next run": _when(planned[0].expected_start_time) if planned else None,
        "last run": _when(begun[0].start_time or begun[0].expected_start_time) if begun else None,
        "last state": f"{state.name}: {state.message}" if state and state.message else state and state.name,
    }


async def _runs(client: PrefectClient, deployment: Any, kind: FlowRunFilterStateType, order: str) -> list[Any]:
    return await client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=kind)),
        sort=FlowRunSort[f"EXPECTED_START_TIME_{order}"],
        limit=1,
    )


def _told(schedule: Any) -> str:
    plan, paused = schedule.schedule, "" if schedule.active else ", paused"
    if isinstance(plan, CronSchedule):
        return f"{Timing(cron=plan.cron, timezone=plan.timezone or 'UTC')}{paused}"
    return f"{Timing(every=plan.interval) if isinstance(plan, IntervalSchedule) else plan}{paused}"


def _when(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M %Z}" if moment else None
