"""`orchestrator server`, `deploy`, `worker` and `deployments`: recipes on a schedule."""

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from rich.text import Text

from flows.verbs import (
    HOME,
    AsJson,
    Edits,
    Home,
    MachineFile,
    MaxCalls,
    MaxMinutes,
    MaxTokens,
    MaxUsd,
    StoreUrl,
    err,
    explained,
    out,
    print_rows,
)

T = TypeVar("T")
POOL = "training"
Pool = Annotated[
    str, typer.Option(help="Work pool: workers of one pool start its runs, and one run of a pool trains at a time.")
]


@explained
def server(
    home: Home = HOME,
    host: Annotated[str, typer.Option(help="Address to listen on; there are no users and no passwords.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 4200,
    as_json: AsJson = False,
) -> None:
    """Serve Prefect's API and UI on this machine until it is interrupted. Other verbs with the same --home find it."""
    from flows import prefect_settings
    from flows.local_server import lasting_server, serve_on

    prefect_settings.apply(home)
    with lasting_server(home, host, port) as (address, process):
        from flows.pulse import watch_pulses

        _asked(watch_pulses())
        if as_json:
            print(json.dumps({"ui": address, "api": f"{address}/api"}), flush=True)
        else:
            out.print(f"the UI is at {address}; elsewhere: PREFECT_API_URL={address}/api", soft_wrap=True)
        serve_on(home, process)


@explained
def deploy(
    recipe: Annotated[str, typer.Argument(help="Recipe file, or name of a shipped recipe.")],
    cron: Annotated[str | None, typer.Option(help="When, e.g. '0 3 * * *' for every night at three.")] = None,
    every: Annotated[str | None, typer.Option(help="How often, e.g. 30m, 6h, 1d; without either, by hand.")] = None,
    timezone: Annotated[str, typer.Option(help="Time zone of --cron, e.g. Europe/London.")] = "UTC",
    name: Annotated[str | None, typer.Option(help="Name of the deployment; default: the recipe's.")] = None,
    pool: Pool = POOL,
    overlap: Annotated[
        Literal["wait", "skip"], typer.Option(help="What a run does while another cycle of its pool trains.")
    ] = "wait",
    per: Annotated[
        Literal["day", "week", "month"] | None,
        typer.Option(help="Caps are shared by all runs of the store in such a period, not each run's own."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Where nothing is new, carry the recipe out again with the next seed.")
    ] = False,
    edits: Edits = None,
    machine: MachineFile = None,
    home: Home = HOME,
    store: StoreUrl = None,
    max_usd: MaxUsd = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_minutes: MaxMinutes = None,
    as_json: AsJson = False,
) -> None:
    """Put a recipe on a schedule; a worker carries it out. The same name again changes the deployment."""
    from flows.timing import check_name, read_timing
    from orchestrator.machine import load_machine
    from orchestrator.recipe import load_recipe

    timing = read_timing(cron, every, timezone)
    check_name("--name", name or "")
    check_name("--pool", pool)
    caps = {"max_usd": max_usd, "max_calls": max_calls, "max_tokens": max_tokens, "max_minutes": max_minutes}
    loaded = load_recipe(recipe, edits)
    load_machine(machine).entries(loaded.roles, priced=max_usd is not None)  # what is wrong with them is said now
    parameters: dict[str, Any] = {
        "recipe": str(Path(recipe).resolve()) if Path(recipe).is_file() else recipe,
        "edits": edits or [],
        "machine": machine and str(machine.resolve()),
        "home": str(home.resolve()),
        "store": store and _without_password(store),
        **caps,
        "per": per,
        "overlap": overlap,
        "again": again,
        "turns": pool,
    }
    ui = _found(home)
    from flows import deploying

    called = name or loaded.name
    made = _asked(deploying.deploy(called, parameters, timing, pool, Path.cwd()))
    page = f"{ui}/deployments/deployment/{made.id}"
    if as_json:
        told = {"deployment": called, "id": made.id, "schedule": str(timing), "pool": pool, "page": page}
        print(json.dumps({**told, "new": made.is_new, "workers": made.workers}))
        return
    what = Text.assemble("deployment ", (called, "bold"), "" if made.is_new else ", changed")
    out.print(what.append(f": recipe {loaded.name}, {timing}; {page}"), soft_wrap=True)
    carried = f"its runs are carried out by `orchestrator worker --pool {pool}`"
    out.print(carried if made.workers else f"{carried}, and none is there yet", markup=False, soft_wrap=True)


@explained
def worker(
    pool: Pool = POOL,
    limit: Annotated[int | None, typer.Option(min=1, help="How many runs at once, waiting ones included.")] = None,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """Carry out what deployments schedule, each run in a process of its own, until it is interrupted."""
    from flows.timing import check_name

    check_name("--pool", pool)
    ui = _found(home)
    from flows import deploying

    _asked(deploying.make_ready(pool))
    if as_json:
        print(json.dumps({"pool": pool, "ui": ui}), flush=True)
    err.print(f"worker of pool [bold]{pool}[/]; the flow runs are shown at {ui}", soft_wrap=True)
    words = ["-m", "prefect", "worker", "start", "--type", "process", "--pool", pool]
    # Prefect's own command in the place of this one: a signal or a kill reaches the worker itself
    os.execv(sys.executable, [sys.executable, *words, *(["--limit", str(limit)] if limit else [])])


@explained
def deployments(
    remove: Annotated[str | None, typer.Option(help="Take this deployment away; what its runs made is kept.")] = None,
    home: Home = HOME,
    as_json: AsJson = False,
) -> None:
    """List the deployments: schedule, next run, and how the last one ended. Or remove one."""
    from flows.timing import check_name

    check_name("--remove", remove or "")
    _found(home)
    from flows import deploying

    if remove:
        _asked(deploying.remove(remove))
        if as_json:
            print(json.dumps({"removed": remove}))
        else:
            out.print(f"deployment {remove} is removed; a run of it under way goes on", markup=False, soft_wrap=True)
        return
    rows = _asked(deploying.listed())
    if not rows and not as_json:
        out.print("there is no deployment yet; `orchestrator deploy RECIPE --every 1d` makes one")
        return
    if as_json:
        print_rows(rows, as_json)
    for row in rows if not as_json else []:
        out.print(
            Text.assemble((row["deployment"], "bold"), f" of {row['recipe']}, {row['schedule']}, pool {row['pool']}")
        )
        for what in ("next run", "last run", "last state"):
            out.print(f"  {what:<10} {row[what] or 'none yet'}", markup=False, soft_wrap=True)


def _without_password(store: str) -> str:
    """The store's address as deployments may hold it, which everyone sees in the UI. Raises StoreError."""
    from storage.engine import StoreError, address

    read = address(store)
    if read.password or any("password" in name.lower() for name in read.query):
        raise StoreError(
            "a deployment's parameters are shown in the UI, so --store may hold no password; leave it out, and give it to "
            "the worker, as PGPASSWORD or in ~/.pgpass"
        )
    return str(read.database) if read.drivername == "sqlite" else store


def _found(home: Path) -> str:
    """The UI's address of the server that is there. Prefect reads its settings when it is imported, so not before this."""
    from flows import prefect_settings
    from flows.local_server import find_server

    prefect_settings.apply(home)
    return find_server(home)


def _asked(question: Coroutine[Any, Any, T]) -> T:
    """What the server says. Raises NoServer where it does not answer, or refuses."""
    from httpx import TransportError
    from prefect.exceptions import PrefectHTTPStatusError

    from flows.local_server import NoServer

    api = os.environ["PREFECT_API_URL"]
    try:
        return asyncio.run(question)
    except TransportError as error:
        raise NoServer(f"the Prefect server at {api} does not answer: {error}") from error
    except PrefectHTTPStatusError as error:
        raise NoServer(f"the Prefect server at {api} refuses: {str(error).partition(' - Response')[0]}") from error


def add_to(app: typer.Typer) -> None:
    for verb in (server, deploy, worker, deployments):
        app.command()(verb)
