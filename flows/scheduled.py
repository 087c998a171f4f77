"""The flow that a deployment runs: a cycle of a recipe whenever its schedule says so, if there is something to do."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.flow_runs import asuspend_flow_run
from prefect.logging import get_run_logger
from prefect.states import Completed, Crashed, Failed
from pydantic import Field
from rich.console import Console

from agents.teacher import BudgetSpent, PriceUnknown
from flows.cycle import improve
from flows.mistakes import MISTAKES, explain
from flows.pulse import pulse
from flows.running import carry_out_in
from flows.telling import sentence
from orchestrator.cycle import AlreadyRunning
from orchestrator.machine import load_machine
from orchestrator.occasion import NoWork, Period, what_is_due, within_allowance
from orchestrator.recipe import load_recipe
from orchestrator.reviewing import WaitingForReview
from orchestrator.summary import summarise
from orchestrator.turns import NotItsTurn, Overlap, TurnLost, turn
from orchestrator.worker_process import WorkerFailed
from storage.store import open_store

Cap = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]
WAITS_S = 30 * 86_400
"""After so long without reviews the flow run fails; the run itself goes on whenever its recipe is carried out again."""


@flow(name="improve-student", flow_run_name="{recipe}", persist_result=False)
async def improve_on_schedule(
    recipe: Annotated[str, Field(min_length=1, examples=["demo"])],
    edits: list[str] = [],  # noqa: B006 - the form in the UI shows it, and nobody changes it
    machine: Text | None = None,
    home: Text = "runs",
    store: Text | None = None,
    max_usd: Cap | None = None,
    max_calls: Count | None = None,
    max_tokens: Count | None = None,
    max_minutes: Annotated[float, Field(gt=0)] | None = None,
    per: Period | None = None,
    overlap: Overlap = "wait",
    again: bool = False,
    turns: Text = "training",
) -> State[Any]:
    """Carries out a recipe, or goes on with it, as `orchestrator run` does; ends as NoWork where there is nothing to do.

    Where a person is waited for it is suspended, and goes on when it is resumed, or with the next run.

    Args:
        recipe: Recipe file, or name of a shipped recipe.
        edits: Edits of the recipe, each a.b=c, made before it is checked.
        machine: YAML file that says which model plays which role, at what price; without one, the rehearsal teacher.
        home: Folder of the store, the runs and their reports.
        store: PostgreSQL URL or SQLite file; without one, HOME/store.sqlite.
        max_usd: Dollars that may be spent, by each run or in each period.
        max_calls: Calls that may be made, by each run or in each period.
        max_tokens: Tokens that may be used, by each run or in each period.
        max_minutes: Minutes after which this flow run makes no more calls.
        per: Period in which all runs of the store share the caps; without one, they are each run's own.
        overlap: What to do while another cycle trains; wait for it, or skip this time.
        again: When nothing is new, carry the recipe out again by another chance, in a run with the next seed.
        turns: Cycles of one store that name the same turns train one after another.
    """
    caps = {"usd": max_usd, "calls": max_calls, "tokens": max_tokens, "minutes": max_minutes}
    capped = [*edits, *(f"budget.{name}={cap}" for name, cap in caps.items() if cap is not None)]
    place = store or str(Path(home) / "store.sqlite")

    async def cycle() -> str:
        loaded, models = load_recipe(recipe, capped), load_machine(Path(machine) if machine else None)
        with open_store(place) as opened:
            doing, same = f"recipe {loaded.name}", f"{loaded.digest}{' again' if again else ''}"
            async with turn(opened, turns, doing, overlap, get_run_logger().info, same):
                loaded = load_recipe(recipe, capped)  # it, or a file of its sources, may have changed while this waited
                due = within_allowance(opened, what_is_due(opened, loaded, again), per, datetime.now(UTC))
                run, report = await carry_out_in(due, models, opened, Path(home), Console(), improve)
            return f"{sentence(summarise(opened, run))}; report: {report.resolve()}"

    try:
        with pulse():
            return await _state_of(cycle)
    except WaitingForReview as error:
        get_run_logger().info(f"{error}; or resume this flow run then")
    # after the pulse: a suspended run is silent. By a key of its own: what is resumed too early waits once more
    await asuspend_flow_run(timeout=WAITS_S, key=str(uuid4()))
    return Completed(name="NoWork", message="it was resumed while it was being suspended; the next run goes on")


async def _state_of(cycle: Any) -> State[Any]:
    """How it ended, in one word and one sentence. What nobody foresaw keeps its traceback."""
    try:
        return Completed(message=await cycle())
    except (NoWork, NotItsTurn, AlreadyRunning) as error:
        ended = Completed(name="NoWork", message=str(error))
    except PriceUnknown as error:
        ended = Failed(message=str(error))
    except BudgetSpent as error:
        ended = Completed(name="BudgetSpent", message=str(error))
    except (WorkerFailed, TurnLost) as error:
        ended = Crashed(message=f"{error}\nThe next run goes on from where this one was.")
    except (KeyboardInterrupt, WaitingForReview):
        raise
    except MISTAKES as error:
        ended = Failed(message=explain(error)[0])
    get_run_logger().log(20 if ended.is_completed() else 40, ended.message or "")
    return ended
