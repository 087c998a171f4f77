"""`orchestrator who-taught`, `forget`, `diff`, `lock`, `reproduce` and `store copy`: lineage as commands."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from flows.verbs import HOME, AsJson, Home, MachineFile, RunName, StoreUrl, err, explained, opened_run, out

if TYPE_CHECKING:
    from orchestrator.difference import Change, Difference
    from orchestrator.who_taught import Teaching

SHOWN = 40
"""Changes that a person is shown of one kind; --json has all."""
LONGEST = 300
"""Characters of a lesson that a person is shown."""

stores = typer.Typer(no_args_is_help=True, help="Move a store.")


@explained
def who_taught(
    item: Annotated[str | None, typer.Argument(help="An exam question's text, or the beginning of its key.")] = None,
    exam: Annotated[str | None, typer.Option(help="Its exam; without a question, all questions of the exam.")] = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="Only those that the student got wrong.")] = False,
    most: Annotated[int, typer.Option(min=1, help="How many lessons of each question.")] = 5,
    name: Annotated[str | None, typer.Option("--run", help="Run key, its beginning, or a recipe's name.")] = None,
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Find the lessons nearest to an exam question: who wrote them, and what the student made of it."""
    from orchestrator.who_taught import who_taught as taught_by

    with opened_run(home, store, name) as (opened, run):
        found = taught_by(opened, run, item, exam, wrong=wrong, most=most)
    if as_json:
        print(json.dumps([each.as_json() for each in found]))
        return
    for each in found:
        _print_teaching(each)
    if not found:
        out.print("no question of that kind: none was got wrong", markup=False)


@explained
def forget(
    what: Annotated[
        str, typer.Argument(help="A source's name, a file or document, a teacher's model, or a draft's key.")
    ],
    reason: Annotated[str, typer.Option(help="Why; it is kept and shown.")] = "",
    kind: Annotated[
        str | None, typer.Option("--as", help="source, origin, teacher or draft, where a name means several.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be touched.")] = False,
    name: Annotated[str | None, typer.Option("--run", help="Run in which the name is looked up.")] = None,
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw something and all that descends from it. Nothing is deleted; the next run of the recipe does without it."""
    from flows.mistakes import NothingThere
    from orchestrator.forgetting import forget as withdraw
    from orchestrator.withdrawals import counted, told
    from storage.provenance import Taken

    if kind is not None and kind not in set(Taken):
        raise NothingThere(f"--as {kind} is no kind of thing; expected one of {', '.join(Taken)}")
    with opened_run(home, store, name) as (opened, run):
        done = withdraw(opened, run, what, reason, Taken(kind) if kind else None, dry=dry_run)
        names = {each.key: each.recipe_name for each in opened.runs()}
    if as_json:
        print(json.dumps(done.as_json()))
        return
    said = "would be withdrawn" if dry_run and not done.known else told(done.withdrawal)
    lines = [f"{done.withdrawal.kind} {done.withdrawal.what} {said}" if dry_run and not done.known else said]
    lines += [f"  run {key}, {names[key]}: {counted(nouns)}" for key, nouns in done.runs.items()]
    new = f"{done.marked:,} records {'would be' if dry_run else 'were'} marked"
    again = "; `orchestrator run` of a recipe above begins a run without it, and pays for no reply again"
    out.print("\n".join([*lines, new + (again if done.runs else "")]), markup=False, soft_wrap=True)


@explained
def diff(
    first: Annotated[str, typer.Argument(help="Run key, its beginning, or a recipe's name.")],
    second: Annotated[str, typer.Argument(help="The run that it is compared with.")],
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Say what differs between two runs: method, models, code, packages, prices, stages, lessons and scores."""
    from orchestrator.difference import difference

    with opened_run(home, store, first) as (opened, run):
        found = difference(opened, run, opened.find_run(second))
    if as_json:
        print(json.dumps(found.as_json()))
    else:
        _print_difference(found)


@explained
def lock(
    to: Annotated[Path, typer.Option(help="File to write, e.g. run.lock.json.")],
    name: RunName = None,
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Write what went into a run and what came out to one file, by which `reproduce` compares."""
    from orchestrator.locks import lock as locked
    from orchestrator.locks import write_lock

    with opened_run(home, store, name) as (opened, run):
        found = locked(opened, run)
    write_lock(found, to)
    counts = {"components": len(found.components), "data": len(found.data), "products": len(found.products)}
    if as_json:
        print(json.dumps({"file": str(to), "run": found.run, **counts}))
    else:
        held = ", ".join(f"{count} {noun}" for noun, count in counts.items())
        out.print(f"{to}: run {found.run}, {held}", markup=False, soft_wrap=True)


@explained
def reproduce(
    file: Annotated[Path, typer.Argument(help="A file of `orchestrator lock`.")],
    tape: Annotated[Path | None, typer.Option(help="Take replies from this tape; what it lacks is asked.")] = None,
    machine: MachineFile = None,
    home: Annotated[Path | None, typer.Option(help="Empty folder to keep the run in.")] = None,
    as_json: AsJson = False,
) -> None:
    """Carry a locked run out again, in a store of its own, and say what comes out otherwise; exit code 1 if something does."""
    from flows.running import until_told
    from orchestrator.locks import read_lock
    from orchestrator.machine import load_machine
    from orchestrator.reproducing import reproduce as carried_out

    locked = read_lock(file)
    models = load_machine(machine) if machine else None
    err.print(f"carrying out run {locked.run} of recipe {locked.recipe['name']} again", markup=False, soft_wrap=True)
    found = until_told(carried_out(locked, tape, models, home))
    if as_json:
        print(json.dumps(found.as_json()))
    else:
        _print_changes("what went in", found.inputs)
        _print_changes("what came out", found.products)
        asked = f"{found.bought:,} requests were asked of endpoints"
        said = "all that came out is the same" if found.same else f"{len(found.products)} products differ"
        out.print(f"{said}; {found.same_products} products are equal, {asked}", markup=False, soft_wrap=True)
    if not found.same:
        raise typer.Exit(1)


@stores.command("copy")
@explained
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="SQLite file or PostgreSQL URL.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Another, empty or left by an unfinished copy.")],
    as_json: AsJson = False,
) -> None:
    """Copy every record of a store to another place and verify it. Adapters and reports stay in the runs' folder."""
    from flows.mistakes import NothingThere
    from storage.copying import copy_store
    from storage.engine import address
    from storage.store import open_store

    place = address(source)
    if place.drivername == "sqlite" and not Path(str(place.database)).exists():
        raise NothingThere(f"there is no store at {place.database}; name the file or the URL of one")

    def tell(table: str, done: int, of: int) -> None:
        if err.is_terminal:
            err.print(f"{table} {done:,} of {of:,}", markup=False)

    with open_store(source) as opened, open_store(target) as other:
        done = copy_store(opened, other, tell)
    if as_json:
        print(json.dumps(done.as_json()))
        return
    held = ", ".join(f"{count:,} {table}" for table, count in sorted(done.rows.items()) if count)
    lines = [f"{done.source} → {done.target}: {held or 'nothing'}; {done.new:,} of these rows are new there"]
    lines += [f"  run {run} has the fingerprint {digest} in both" for run, digest in done.runs.items()]
    out.print("\n".join(lines), markup=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    app.command("who-taught")(who_taught)
    for verb in (forget, diff, lock, reproduce):
        app.command()(verb)
    app.add_typer(stores, name="store")


def _print_teaching(found: "Teaching") -> None:
    told: list[str | tuple[str, str]] = [(f"\n{found.question}\n", "bold")]
    told.append(f"{found.exam}, {found.skill or 'no skill'}, key {found.key}; right is {found.gold}\n")
    for other in found.others:
        who = f"student of round {other.round}" if other.round else "base"
        told.append((f"  {who}: {'right' if other.right else 'wrong'}\n", "green" if other.right else "yellow"))
    told.append(f"reply: {found.reply}\nleak: {found.verdict}\n")
    for lesson in found.lessons:
        place = (
            f"{', '.join(lesson.datasets)}; written in round {lesson.round} by {lesson.producer}, step {lesson.step}"
        )
        told += [(f"{lesson.similarity:.2f} ", "bold"), f"{lesson.words:.0%} of its words  {lesson.draft}  {place}\n"]
        told.append((f"  {' '.join(lesson.text.split())[:LONGEST]}\n", "dim"))
    if not found.lessons:
        told.append("no lesson shares a word with it\n")
    out.print(Text.assemble(*told), soft_wrap=True)


def _print_difference(found: "Difference") -> None:
    out.print(f"{found.first} → {found.second}", markup=False, soft_wrap=True)
    for sentence in found.unknown:
        out.print(sentence, markup=False, soft_wrap=True)
    _print_changes("recipe", found.recipe)
    _print_changes("setup", found.setup)
    _print_changes("stages", found.stages)
    for each in found.datasets:
        line = f"round {each.round}, dataset {each.name}: {each.both:,} lessons in both, {each.only_first:,} only in the first"
        shown = f" ({', '.join(each.examples_second)})" if each.examples_second else ""
        out.print(f"{line}, {each.only_second:,} only in the second{shown}", markup=False, soft_wrap=True)
    for each in found.scores:
        sides = " → ".join(
            f"{card['accuracy']:.1%} [{card['low']:.1%}, {card['high']:.1%}]" for card in (each.first, each.second)
        )
        tested = "no question in common"
        if each.difference is not None:
            width = "" if each.low is None or each.high is None else f" [{each.low * 100:+.1f}, {each.high * 100:+.1f}]"
            tested = f"{each.difference * 100:+.1f} points{width} on {each.shared} questions of both, p = {each.p:.3g}"
        out.print(f"{each.exam}: {sides}; {tested}", markup=False, soft_wrap=True)
    if found.same:
        out.print("nothing differs", markup=False)


def _print_changes(title: str, changes: "list[Change]") -> None:
    for each in changes[:SHOWN]:
        out.print(f"{title}: {each.place}: {each.first} → {each.second}", markup=False, soft_wrap=True)
    if len(changes) > SHOWN:
        out.print(f"{title}: and {len(changes) - SHOWN} more; --json has all", markup=False)
