"""Carries out a recipe from the command line: store, teachers, Prefect, screen, report."""

import asyncio
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from flows import prefect_settings
from flows.local_server import prefect_server
from flows.screen import Screen
from orchestrator.cycle import open_work, run_directly, teach
from orchestrator.machine import Machine, load_machine
from orchestrator.recipe import Recipe, load_recipe
from orchestrator.report.page import write_report
from orchestrator.summary import Summary, summarise
from orchestrator.work import Work
from storage.records import Run
from storage.store import StepYield, Store, open_store

T = TypeVar("T")
Teaching = Callable[[Work], Awaitable[Any]]


@dataclass(frozen=True)
class Done:
    summary: Summary
    causes: list[StepYield]
    report: Path
    seconds: float


def carry_out(
    recipe: str,
    edits: list[str],
    machine_file: Path | None,
    home: Path,
    store_url: str | None,
    without_prefect: bool,
    console: Console,
) -> Done:
    """Teach, show, and leave a report, also of a run that was interrupted."""
    began = time.monotonic()
    loaded, machine = load_recipe(recipe, edits), load_machine(machine_file)
    with open_store(store_url or home / "store.sqlite") as store:
        teaching = _directly if without_prefect else _as_flow(home, console)
        run, report = until_told(carry_out_in(loaded, machine, store, home, console, teaching))
        return Done(summarise(store, run), store.yields(run.key), report, round(time.monotonic() - began, 1))


def until_told(work: Coroutine[Any, Any, T]) -> T:
    """Runs it; SIGTERM ends it as Ctrl-C does, by cancelling it and not what is on its way, which is paid for."""

    async def told() -> T:
        let_sigterm_cancel()
        return await work

    try:
        return asyncio.run(told())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def let_sigterm_cancel() -> None:
    """From now on SIGTERM cancels the task that calls this. A handler that raised would do so wherever the loop is."""
    if (task := asyncio.current_task()) and threading.current_thread() is threading.main_thread():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def carry_out_in(
    recipe: Recipe, machine: Machine, store: Store, home: Path, console: Console, teaching: Teaching
) -> tuple[Run, Path]:
    """The run and its report, which is left also of a run that was interrupted; `teaching` is how the loop is called."""
    work: Work | None = None
    with Screen(console) as screen:
        try:
            async with open_work(recipe, machine, store, home, tell=screen.tell) as opened:
                screen.work = work = opened
                await teaching(opened)
            return work.run, work.folder / "report.html"
        finally:  # also of a run that was interrupted, once the store knows why
            if work:
                write_report(store, work.run, work.folder)


async def _directly(work: Work) -> None:
    await teach(work, run_directly)


def _as_flow(home: Path, console: Console) -> Teaching:
    async def teaching(work: Work) -> None:
        prefect_settings.apply(home)
        with prefect_server(home) as ui:
            console.print(
                f"run {work.folder.name} of recipe [bold]{work.recipe.name}[/]; the flow run is shown at {ui}\n"
            )
            # Prefect reads its settings when it is imported, so not before they are made
            from flows.cycle import improve_student

            await improve_student(work)

    return teaching
