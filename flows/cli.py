"""The command line: each verb a few lines, since the work is elsewhere. A user's mistake gets two lines and exit code 2."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Teach a small model from a large one: teachers write lessons, critics judge them, a LoRA is trained and "
    "examined, and the next lessons are written for what it got wrong. Start with [bold]orchestrator demo[/].",
)
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
        err.print(Text.assemble(("error", "bold red"), " ", message), soft_wrap=True)
        raise typer.Exit(code)

    return wrapped


def _interrupt(_number: int, _frame: object) -> None:
    """A polite end is an interruption like any other: what is done is kept."""
    raise KeyboardInterrupt


@app.command()
@explained
def demo(home: Home = HOME, edits: Edits = None, without_prefect: Plain = False, as_json: AsJson = False) -> None:
    """Teach the embedded student in the rehearsal world: no key, no GPU, no network, about three minutes."""
    if not as_json:
        out.print(
            "The teacher of this demo is a [bold]program[/] that answers over HTTP like any other model, with planted "
            "errors; the student, the critics, the training and the examination are real.\n",
            soft_wrap=True,
        )
    _carry_out("demo", edits, None, home, None, without_prefect, as_json)


@app.command()
@explained
def run(
    recipe: Annotated[str, typer.Argument(help="Recipe file, or name of a shipped recipe.")],
    edits: Edits = None,
    machine: MachineFile = None,
    home: Home = HOME,
    store: StoreUrl = None,
    without_prefect: Plain = False,
    as_json: AsJson = False,
) -> None:
    """Carry out a recipe, or go on with it: same recipe, same run; nothing that is done is done again."""
    _carry_out(recipe, edits, machine, home, store, without_prefect, as_json)


@app.command()
@explained
def check(recipe: str, edits: Edits = None, as_json: AsJson = False) -> None:
    """Read a recipe without running it: prints it with all defaults filled, and its digest."""
    import yaml

    from orchestrator.recipe import load_recipe

    loaded = load_recipe(recipe, edits)
    if as_json:
        print(json.dumps({"digest": loaded.digest, "recipe": loaded.resolved()}))
        return
    print(yaml.safe_dump(loaded.resolved(), sort_keys=False, allow_unicode=True).rstrip())
    out.print(f"\n[green]ok[/] {loaded.name} can be carried out; its digest is {loaded.digest}")


@app.command()
@explained
def recipes(as_json: AsJson = False) -> None:
    """List the shipped recipes."""
    from orchestrator.recipe import load_recipe, shipped_recipes

    loaded = [load_recipe(path) for path in shipped_recipes().values()]
    _print_rows([{"recipe": r.name, "about": r.about, "paper": r.paper or ""} for r in loaded], as_json)


@app.command()
@explained
def parts(kind: Annotated[str | None, typer.Argument(help="e.g. critic")] = None, as_json: AsJson = False) -> None:
    """List the components that recipes are made of, or those of one kind, with their options."""
    from orchestrator.parts import describe_parts

    _print_rows(describe_parts(kind), as_json)


@app.command()
@explained
def show(name: RunName = None, home: Home = HOME, store: StoreUrl = None, as_json: AsJson = False) -> None:
    """Show what a run came to: accuracy by skill, yield by cause, and why each round was planned as it was."""
    from flows.telling import print_summary
    from orchestrator.report.page import write_report
    from orchestrator.summary import summarise

    with _opened(home, store, name) as (opened, found):
        report = write_report(opened, found, _folder(home, found.key))
        summary = summarise(opened, found)
        if as_json:
            print(json.dumps({**summary.as_json(), "report": str(report)}))
        else:
            print_summary(summary, opened.yields(found.key), report, out)


@app.command()
@explained
def export(
    name: RunName = None,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("export"),
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's datasets (JSONL with a manifest) and its best student's adapter to a folder."""
    from orchestrator.handover import hand_over

    with _opened(home, store, name) as (opened, found):
        written = hand_over(opened, found, _folder(home, found.key), to)
    if as_json:
        print(json.dumps(written))
    else:
        for what, place in written.items():
            out.print(f"{what}: {place}", markup=False, soft_wrap=True)


@app.command()
@explained
def doctor(machine: MachineFile = None, home: Home = HOME, store: StoreUrl = None, as_json: AsJson = False) -> None:
    """Look at this machine: Python, packages, disk, store, base model, and one token from each teacher."""
    from orchestrator.doctor import examine_machine

    findings = examine_machine(machine, home, store or str(home / "store.sqlite"))
    _print_rows([vars(finding) for finding in findings], as_json)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


@app.command("try")
@explained
def try_part(
    part: Annotated[str, typer.Argument(help="A critic, verifier, selection or generator, e.g. answer_match.")],
    rows: Annotated[Path, typer.Option("--in", help="JSONL file of rows, e.g. question, gold, rationale, answer.")],
    edits: Annotated[list[str] | None, typer.Option("--set", help="Option of the component, name=value.")] = None,
    machine: MachineFile = None,
    as_json: AsJson = False,
) -> None:
    """Apply one component to rows of your own: prints one verdict or draft a line."""
    from orchestrator.trial import try_component

    for line in asyncio.run(try_component(part, rows, edits or [], machine)):
        if as_json:
            print(json.dumps(line))
        else:
            row, outcome = line.pop("row"), line.pop("outcome", "draft")
            out.print(Text.assemble(f"{row:>4}  ", (outcome, "bold"), f"  {json.dumps(line)}"), soft_wrap=True)


def _carry_out(
    recipe: str,
    edits: list[str] | None,
    machine: Path | None,
    home: Path,
    store: str | None,
    without_prefect: bool,
    as_json: bool,
) -> None:
    from flows.running import carry_out
    from flows.telling import print_summary

    console = err if as_json else out
    done = carry_out(recipe, edits or [], machine, home, store, without_prefect, console)
    if as_json:
        print(json.dumps({**done.summary.as_json(), "seconds": done.seconds, "report": str(done.report)}))
    else:
        print_summary(done.summary, done.causes, done.report, out)


@contextmanager
def _opened(home: Path, store: str | None, name: str | None) -> Iterator[tuple[Any, Any]]:
    from flows.mistakes import NothingThere
    from storage.store import open_store

    place = store or str(home / "store.sqlite")
    if store is None and not Path(place).exists():
        raise NothingThere(f"there is no store at {place} yet; run `orchestrator demo` first, or name another --home")
    with open_store(place) as opened:
        runs = opened.runs()
        if not runs:
            raise NothingThere(f"the store {place} holds no run yet; `orchestrator demo` makes one")
        yield opened, opened.find_run(name) if name else runs[0]


def _folder(home: Path, key: str) -> Path:
    from orchestrator.cycle import run_folder

    return run_folder(home, key)


def _print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(value)) for value in row.values()))
    out.print(table)


def main() -> None:
    app(prog_name="orchestrator")


if __name__ == "__main__":
    sys.exit(main())
