"""What the verbs of the command line share: their options, how a mistake is told, how rows are printed."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Home = Annotated[Path, typer.Option(help="Folder of the store, the runs and their reports.")]
StoreUrl = Annotated[
    str | None, typer.Option("--store", help="PostgreSQL URL or SQLite file; default: HOME/store.sqlite.")
]
MachineFile = Annotated[
    Path | None, typer.Option("--machine", help="YAML file: which model plays which role, at what price.")
]
Edits = Annotated[list[str] | None, typer.Option("--set", help="Edit of the recipe, a.b=c; can be repeated.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output; all else goes to standard error.")]
Plain = Annotated[
    bool, typer.Option("--without-prefect", help="Carry the loop out directly, without flow runs and UI.")
]
MaxUsd = Annotated[float | None, typer.Option("--max-usd", min=0, help="Stop in order before more is spent.")]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", min=0, help="Stop in order before more calls are made.")]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", min=0, help="Stop in order before more tokens are used.")
]
MaxMinutes = Annotated[float | None, typer.Option("--max-minutes", min=0, help="Make no call after so many minutes.")]
RunName = Annotated[str | None, typer.Argument(help="Run key, its beginning, or a recipe's name; default: the newest.")]

HOME = Path("runs")


def explained(command: Callable[..., Any]) -> Callable[..., Any]:
    """A mistake of the user prints what was found and the way out; a bug keeps its traceback."""

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        from flows.mistakes import MISTAKES, explain

        signal.signal(signal.SIGTERM, _interrupt)
        try:
            return command(*arguments, **options)
        except MISTAKES as error:
            mistake: BaseException = error
        except BaseException as error:
            # what Prefect makes of SIGTERM while a flow runs; named, since Prefect is not imported for the other verbs
            if type(error).__name__ != "TerminationSignal":
                raise
            mistake = KeyboardInterrupt()
        message, code = explain(mistake)
        if options.get("as_json"):
            print(json.dumps({"error": message, "kind": type(mistake).__name__}))
        label = ("paused", "bold yellow") if type(mistake).__name__ == "WaitingForReview" else ("error", "bold red")
        err.print(Text.assemble(label, " ", message), soft_wrap=True)
        raise typer.Exit(code)

    return wrapped


def _interrupt(_number: int, _frame: object) -> None:
    """A polite end is an interruption like any other: what is done is kept."""
    raise KeyboardInterrupt


@contextmanager
def opened_run(home: Path, store: str | None, name: str | None) -> Iterator[tuple[Any, Any]]:
    from flows.mistakes import NothingThere
    from orchestrator.evidence import PILOT
    from storage.store import open_store

    place = store or str(home / "store.sqlite")
    if store is None and not Path(place).exists():
        raise NothingThere(f"there is no store at {place} yet; run `orchestrator demo` first, or name another --home")
    with open_store(place) as opened:
        runs = opened.runs()
        if not runs:
            raise NothingThere(f"the store {place} holds no run yet; `orchestrator demo` makes one")
        newest = next((run for run in runs if not run.recipe_name.endswith(PILOT)), runs[0])
        yield opened, opened.find_run(name) if name else newest


def folder_of(home: Path, key: str) -> Path:
    from orchestrator.cycle import run_folder

    return run_folder(home, key)


def print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row.values()))
    out.print(table)
