"""The command line: each verb a few lines, since the work is elsewhere. A user's mistake gets two lines and exit code 2."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from flows import deploy_verbs, init_verb, lineage_verbs, student_verbs
from flows.review import verb as review_verb
from flows.tape_verbs import tape
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
    Plain,
    RunName,
    StoreUrl,
    err,
    explained,
    folder_of,
    opened_run,
    out,
    print_rows,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Teach a small model from a large one: teachers write lessons, critics judge them, a LoRA is trained and "
    "examined, and the next lessons are written for what it got wrong. Start with [bold]orchestrator demo[/].",
)
app.add_typer(tape, name="tape")


@app.command()
@explained
def demo(home: Home = HOME, edits: Edits = None, without_prefect: Plain = False, as_json: AsJson = False) -> None:
    """Teach the embedded student in the rehearsal world: no key, no GPU, no network, about six minutes."""
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
    max_usd: MaxUsd = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_minutes: MaxMinutes = None,
    without_prefect: Plain = False,
    as_json: AsJson = False,
) -> None:
    """Carry out a recipe, or go on with it: same recipe, same run; nothing that is done is done again."""
    caps = {"usd": max_usd, "calls": max_calls, "tokens": max_tokens, "minutes": max_minutes}
    capped = [f"budget.{name}={cap}" for name, cap in caps.items() if cap is not None]
    _carry_out(recipe, [*(edits or []), *capped], machine, home, store, without_prefect, as_json)


@app.command()
@explained
def plan(
    recipe: Annotated[str, typer.Argument(help="Recipe file, or name of a shipped recipe.")],
    pilot: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Ask for about so many seeds first, beside the run's own budget and within caps as high; "
            "the run will not pay for them again.",
        ),
    ] = None,
    edits: Edits = None,
    machine: MachineFile = None,
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Say what a run will cost and give before it begins: calls, tokens, money, time and lessons, with intervals."""
    from flows.telling import print_outlook
    from orchestrator.forecast import look_ahead
    from orchestrator.machine import load_machine
    from orchestrator.recipe import load_recipe
    from storage.store import open_store

    loaded, models = load_recipe(recipe, edits), load_machine(machine)
    with open_store(store or home / "store.sqlite") as opened:
        outlook = look_ahead(loaded, models, opened, home, pilot)
    if as_json:
        print(json.dumps(outlook.as_json()))
    else:
        print_outlook(outlook, pilot is not None, out)


@app.command()
@explained
def compare(
    arms: Annotated[list[str], typer.Argument(help="Recipes, with edits behind +, e.g. demo demo+seeds.tasks=1000.")],
    budget: Annotated[
        str | None, typer.Option(help="What each arm may spend with each seed: calls=2000, tokens=… or usd=….")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="How often each arm is carried out, each time by another chance.")
    ] = 3,
    edits: Edits = None,
    machine: MachineFile = None,
    home: Home = HOME,
    store: StoreUrl = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say what would be carried out, and about how many calls it would take."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Carry out recipes, or settings of one, as paired arms at equal budget, and say which is better and how surely."""
    from flows.comparing import carry_out_arms, foresee_arms, keep, print_comparison, print_foreseen
    from orchestrator.comparison import parse_arms, parse_budget
    from orchestrator.machine import load_machine
    from storage.store import open_store

    parsed, cap, models = parse_arms(arms, edits or []), parse_budget(budget), load_machine(machine)
    console = err if as_json else out
    with open_store(store or home / "store.sqlite") as opened:
        if dry_run:
            foreseen = foresee_arms(parsed, seeds, cap, models, opened)
            print(json.dumps(foreseen)) if as_json else print_foreseen(foreseen, out)
            return
        comparison = carry_out_arms(parsed, seeds, cap, models, opened, home, console)
    page = keep(comparison, home)
    if as_json:
        print(json.dumps({**comparison.as_json(), "page": str(page)}))
    else:
        print_comparison(comparison, page, out)


@app.command("claims")
@explained
def try_claims(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Claims to try, e.g. B7; without one, they are listed.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How often each arm is carried out; default: the claim's.")
    ] = None,
    machine: MachineFile = None,
    home: Home = Path("claims"),
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Carry out findings of the papers as experiments, and say which of them hold here. `all` tries every one."""
    from flows.claiming import print_claim, try_claim
    from orchestrator.claims.claim import chosen
    from orchestrator.machine import load_machine

    found = chosen([] if ids in (None, [], ["all"]) else ids or [])
    if not ids:
        print_rows([{"claim": c.id, "says": c.says, "arms": len(c.arms), "seeds": c.seeds} for c in found], as_json)
        return
    models, console = load_machine(machine), err if as_json else out
    told = [try_claim(claim, seeds, models, home, store, console) for claim in found]
    for each in told if not as_json else []:
        print_claim(each, out)
    if as_json:
        print(json.dumps(told))
    if not all(each["held"] for each in told):
        raise typer.Exit(1)


@app.command()
@explained
def check(recipe: str, edits: Edits = None, as_json: AsJson = False) -> None:
    """Read a recipe without running it: prints it with all defaults filled, and its digest."""
    import yaml

    from agents.registry import components_in
    from orchestrator.recipe import load_recipe
    from orchestrator.standing import unchecked

    loaded = load_recipe(recipe, edits)
    missing = dict.fromkeys(lack for component in components_in(loaded) if (lack := component.missing()))
    notes = [*unchecked(loaded), *missing]
    if as_json:
        print(json.dumps({"digest": loaded.digest, "notes": notes, "recipe": loaded.resolved()}))
        return
    print(yaml.safe_dump(loaded.resolved(), sort_keys=False, allow_unicode=True).rstrip())
    for sentence in notes:
        out.print(f"\n[yellow]note[/] {sentence}", highlight=False)
    out.print(f"\n[green]ok[/] {loaded.name} can be carried out; its digest is {loaded.digest}")


@app.command()
@explained
def recipes(as_json: AsJson = False) -> None:
    """List the shipped recipes by family; docs/seed-systems.md says which system of the papers each carries out."""
    from orchestrator.recipe import family_of, load_recipe, shipped_recipes

    shipped = {name: (family_of(path), load_recipe(path)) for name, path in shipped_recipes().items()}
    if as_json:
        rows = [{"recipe": n, "family": f, "about": r.about, "paper": r.paper or ""} for n, (f, r) in shipped.items()]
        print_rows(rows, as_json)
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    # those to begin with first, the ground of experiments last
    for family in sorted({family for family, _ in shipped.values()}, key=lambda name: (name == "claims", name)):
        table.add_row(f"[bold]{family or 'to begin with'}[/]")
        for name, (of, recipe) in shipped.items():
            if of == family:
                table.add_row(f"  [cyan]{name}[/]", Text(recipe.about))
    out.print(table)


@app.command()
@explained
def parts(kind: Annotated[str | None, typer.Argument(help="e.g. critic")] = None, as_json: AsJson = False) -> None:
    """List the components that recipes are made of, or those of one kind, with their options."""
    from orchestrator.parts import describe_parts

    print_rows(describe_parts(kind), as_json)


@app.command()
@explained
def show(name: RunName = None, home: Home = HOME, store: StoreUrl = None, as_json: AsJson = False) -> None:
    """Show what a run came to: accuracy by skill, yield by cause, and why each round was planned as it was."""
    from flows.comparing import arm_of
    from flows.telling import print_summary
    from orchestrator.report.page import write_report
    from orchestrator.summary import summarise

    with opened_run(home, store, name) as (opened, found):
        report = write_report(opened, found, folder_of(home, found.key))
        summary, compared = summarise(opened, found), arm_of(home, found.key)
        if as_json:
            print(json.dumps({**summary.as_json(), "report": str(report), "compared": compared}))
        else:
            if compared:
                told = f"arm {compared['arm']} with seed {compared['seed']} of the comparison in {home}"
                out.print(told, markup=False, soft_wrap=True)
            print_summary(summary, opened.yields(found.key), report, out)


@app.command()
@explained
def why(
    draft: Annotated[str, typer.Argument(help="Key of a draft, or its beginning; reports and datasets name them.")],
    name: RunName = None,
    home: Home = HOME,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Tell where a draft comes from: seed, prompt, raw reply, what judges said, and what it cost."""
    from flows.telling import print_lineage
    from orchestrator.why import why as lineage_of

    with opened_run(home, store, name) as (opened, found):
        lineage = lineage_of(opened, found, draft)
    if as_json:
        print(json.dumps(lineage.as_json()))
    else:
        print_lineage(lineage, out)


@app.command()
@explained
def doctor(machine: MachineFile = None, home: Home = HOME, store: StoreUrl = None, as_json: AsJson = False) -> None:
    """Look at this machine: Python, packages, GPU, disk, store, base, Prefect, and one token from each teacher."""
    from flows.local_server import look_for_server
    from orchestrator.doctor import examine_machine

    findings = [*examine_machine(machine, home, store or str(home / "store.sqlite")), look_for_server(home)]
    print_rows([vars(finding) for finding in findings], as_json)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


@app.command()
@explained
def prices(
    model: Annotated[str | None, typer.Argument(help="Only the price that this model would get.")] = None,
    machine: MachineFile = None,
    as_json: AsJson = False,
) -> None:
    """List what models charge, in USD per million tokens, since when, and where that was read."""
    from orchestrator.machine import load_machine

    loaded = load_machine(machine)
    rows = [*loaded.own_prices(model), *loaded.tables.rows(model)]
    if model and not rows and not as_json:
        out.print(f"the price of {model} is unknown; say it in the machine file", markup=False, soft_wrap=True)
        return
    print_rows(rows[:1] if model else rows, as_json)


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


init_verb.add_to(app)
deploy_verbs.add_to(app)
student_verbs.add_to(app)
lineage_verbs.add_to(app)
review_verb.add_to(app)


def main() -> None:
    if sys.argv[1:2] in (["run"], ["demo"]):
        from agents.carrier import Carrier

        Carrier.prepare()
    app(prog_name="orchestrator")


if __name__ == "__main__":
    sys.exit(main())
