"""`orchestrator tape`: record and replay."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from flows.verbs import (
    HOME,
    AsJson,
    Home,
    MachineFile,
    RunName,
    StoreUrl,
    err,
    explained,
    opened_run,
    out,
)

tape = typer.Typer(no_args_is_help=True, help="Record a run's calls in one file, and replay them offline.")


@tape.command("record")
@explained
def record_tape(
    to: Annotated[Path, typer.Option(help="File to write, e.g. first-run.tape.gz.")],
    name: RunName = None,
    machine: MachineFile = None,
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Write all that a run's datasets were made of to one file, without secrets. Give the machine file of the run."""
    from orchestrator.machine import load_machine
    from orchestrator.tapes import record

    with opened_run(home, store, name) as (opened, found):
        taped = asyncio.run(record(opened, found, load_machine(machine), to))
    for warning in taped.warnings:
        err.print(Text.assemble(("warning", "bold yellow"), " ", warning), soft_wrap=True)
    if as_json:
        print(json.dumps(taped.as_json()))
    else:
        held = f"{taped.calls:,} calls, {taped.seeds:,} seeds, {len(taped.datasets)} datasets, {taped.bytes:,} bytes"
        out.print(f"{taped.path}: {held}", markup=False, soft_wrap=True)


@tape.command("replay")
@explained
def replay_tape(
    file: Annotated[Path, typer.Argument(help="A file of `orchestrator tape record`.")],
    home: Annotated[Path | None, typer.Option(help="Empty folder to keep the replayed store in.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a tape's datasets anew, offline, and say whether they are the same, byte for byte; exit code 1 if not."""
    from orchestrator.tapes import replay

    replayed = asyncio.run(replay(file, home))
    if as_json:
        print(json.dumps(replayed.as_json()))
    else:
        if replayed.changed:
            out.print(replayed.changed, markup=False, soft_wrap=True)
        for made in replayed.datasets:
            line = f"round {made.round}  {made.name}  {made.rows:,} rows  {made.digest}  {made.standing}"
            out.print(line, markup=False, soft_wrap=True)
    if not replayed.same:
        raise typer.Exit(1)
