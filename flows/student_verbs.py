"""`orchestrator preflight`, `export`, `chat` and `serve`: what is done with lessons and students besides a run."""

import asyncio
import json
import os
import subprocess
import sys
from errno import ENOENT
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    folder_of,
    opened_run,
    out,
)

if TYPE_CHECKING:
    from orchestrator.preflight import Looked

StudentName = Annotated[
    str | None,
    typer.Argument(
        help="Student's key, or a run's, or its beginning, or a recipe's name; default: the newest run's best."
    ),
]
ROWS = (".jsonl", ".json", ".parquet")
STATES = {"ok": "green", "warn": "yellow", "refuse": "bold red"}


@explained
def preflight(
    what: Annotated[str | None, typer.Argument(help="A run, or a file of rows (.jsonl, .parquet).")] = None,
    base: Annotated[
        str | None, typer.Option(help="Base to look with: a folder, or a name of the machine file.")
    ] = None,
    machine: MachineFile = None,
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Look at lessons as a training would read them, without training: what is learned of two rows, faults, memory, time."""
    from orchestrator.machine import load_machine
    from orchestrator.preflight import look_at_file, look_at_run

    models = load_machine(machine)
    if what and Path(what).suffix in ROWS and not Path(what).is_file():
        raise FileNotFoundError(ENOENT, "no such file of rows", what)
    if what and Path(what).is_file():
        looked = [asyncio.run(look_at_file(Path(what), models, base or "embedded"))]
    else:
        with opened_run(home, store, what) as (opened, found):
            looked = asyncio.run(look_at_run(opened, found, models, base))
    if as_json:
        print(json.dumps([each.as_json() for each in looked]))
    else:
        for each in looked:
            _print_looked(each)
    if any(each.refused for each in looked):
        raise typer.Exit(1)


@explained
def export(
    name: RunName = None,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("export"),
    merged: Annotated[
        bool, typer.Option("--merged", help="Also write the student as plain weights, and compare its replies.")
    ] = False,
    float32: Annotated[
        bool, typer.Option("--float32", help="Store them unrounded, not as the base is stored.")
    ] = False,
    agreement: Annotated[
        float, typer.Option(min=0, max=1, help="Share of replies that must be identical to the examined student's.")
    ] = 0.9,
    forms: Annotated[
        list[str] | None,
        typer.Option(
            "--form", help="Also as messages, prompt-completion, alpaca, sharegpt, dpo or kto; can be repeated."
        ),
    ] = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="Also as Parquet.")] = False,
    terms: Annotated[Path | None, typer.Option(help="Table of your own of what teachers' terms say.")] = None,
    withdrawn: Annotated[
        bool, typer.Option("--withdrawn", help="Also what descends from something that was withdrawn (`forget`).")
    ] = False,
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's datasets and its best student to a folder, each with a card that says where it comes from."""
    from orchestrator.handover import Wanted, hand_over
    from orchestrator.merged import merge
    from orchestrator.student_places import find_student
    from orchestrator.withdrawals import refuse_withdrawn

    with opened_run(home, store, name) as (opened, found):
        folder, whole = folder_of(home, found.key), None
        best = find_student(opened, found.key, found) if merged else None
        if best and best.student.adapter:
            if not withdrawn:  # before minutes are spent on merging
                refuse_withdrawn(opened, best.run, [best.student.key])
            whole = asyncio.run(merge(best, folder, to / "merged", agreement=agreement, float32=float32))
        written = hand_over(opened, found, folder, to, Wanted(forms or (), parquet, terms, withdrawn), whole)
    if as_json:
        print(json.dumps(written))
    else:
        for each, place in written.items():
            out.print(f"{each}: {place}", markup=False, soft_wrap=True)


@explained
def chat(
    name: StudentName = None,
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Talk with a student, greedily, as exams do. `/new` begins afresh; an empty line or the end of the input ends it."""
    from orchestrator.chatting import MOST_TOKENS, talking
    from orchestrator.student_places import find_student

    with opened_run(home, store, None) as (opened, newest):
        found = find_student(opened, name, newest)
        folder = folder_of(home, found.run.key)
        adapter, place = found.adapter(folder), folder / "chat"
    err.print(f"student of round {found.student.round}, run {found.run.recipe_name}; loading", markup=False)
    with talking(found.student.base, adapter, place) as talk:
        while text := _asked("" if as_json or not sys.stdin.isatty() else "you> "):
            if text == "/new":
                talk.forget()
            elif as_json:
                print(json.dumps({"said": text, "reply": talk.ask(text), "finished": talk.finished}), flush=True)
            else:
                out.print(talk.ask(text), markup=False, soft_wrap=True)
                if not talk.finished:
                    err.print(f"cut after {MOST_TOKENS} tokens: it did not come to an end", markup=False)


@explained
def serve(
    name: StudentName = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Serve a student in the OpenAI protocol by an engine that is installed: vLLM, else `transformers serve`."""
    from orchestrator.merged import merge
    from orchestrator.serving import command, engine
    from orchestrator.student_places import find_student

    which = engine()
    with opened_run(home, store, None) as (opened, newest):
        found = find_student(opened, name, newest)
        run_folder = folder_of(home, found.run.key)
        place = run_folder / f"round-{found.student.round}" / found.student.job / "merged"
        asyncio.run(merge(found, run_folder, place))
    url, model = f"http://{host}:{port}/v1", str(place.resolve())
    if as_json:
        print(json.dumps({"engine": which, "url": url, "model": model, "student": found.student.key}), flush=True)
    else:
        told = f"{which} serves the student of round {found.student.round} at {url}; requests name the model {model}"
        out.print(told, markup=False, soft_wrap=True)
    offline = {"HF_HUB_OFFLINE": "1", **os.environ}  # all it needs lies in the folder
    raise typer.Exit(subprocess.run(command(which, place, host, port), env=offline, check=False).returncode)


def add_to(app: typer.Typer) -> None:
    for verb in (preflight, export, chat, serve):
        app.command()(verb)


def _asked(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        return ""


def _print_looked(looked: "Looked") -> None:
    for row in looked.shown:
        pieces = [(text, "green" if learned else "dim") for text, learned in row["pieces"]]
        out.print(Text.assemble((f"row {row['row']}, {row['part']}: ", "bold"), *pieces), soft_wrap=True)
    if looked.shown:
        out.print(Text.assemble(("green", "green"), " is learned, ", ("dim", "dim"), " is read\n"))
    passed = [finding["check"] for finding in looked.findings if finding["state"] == "ok"]
    out.print(Text.assemble(("ok", STATES["ok"]), f"  {', '.join(passed)}"), soft_wrap=True)
    for finding in (each for each in looked.findings if each["state"] != "ok"):
        out.print(
            Text.assemble((finding["state"], STATES[finding["state"]]), f"  {finding['check']}: {finding['found']}"),
            soft_wrap=True,
        )
        if finding["fix"]:
            out.print(Text(f"        {finding['fix']}", style="bold"), soft_wrap=True)
    figures = looked.figures
    if "memory" in figures:
        held = ", ".join(f"{name} {size / 2**20:,.0f}" for name, size in figures["memory"].items())
        out.print(f"memory in MiB: {held}; about {figures['seconds']:,.0f} s to train", markup=False, soft_wrap=True)
    said = "would be refused" if looked.refused else "can be trained on"
    out.print(f"{figures['rows']:,} rows, base {looked.base}: {said}", markup=False, soft_wrap=True)
