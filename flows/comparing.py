"""Carries out the arms of a comparison one after another, and tells what came of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.running import until_told
from flows.screen import Screen
from orchestrator.comparison import CURRENCIES, Arm, Comparison, Result, Row, arm_recipes, compare, result_of
from orchestrator.cycle import open_work, run_directly, teach
from orchestrator.evidence import earlier
from orchestrator.forecast import forecast
from orchestrator.machine import Machine
from orchestrator.recipe import Recipe
from orchestrator.report.comparison_page import write_comparison
from orchestrator.report.page import write_report
from storage.records import Run
from storage.store import Store

FIGURES = "comparison.json"


def carry_out_arms(
    arms: Sequence[Arm],
    seeds: int,
    budget: tuple[str, float | None],
    machine: Machine,
    store: Store,
    home: Path,
    console: Console,
) -> Comparison:
    """Every arm with every seed, seed by seed, so that an interrupted comparison has whole pairs. All recipes are read first."""
    currency, cap = budget
    recipes = [
        (arm, seed, recipe)
        for seed in range(seeds)
        for arm, recipe in zip(arms, arm_recipes(arms, seed, currency, cap), strict=True)
    ]
    results: list[Result] = []
    for number, (arm, seed, recipe) in enumerate(recipes, 1):
        console.print(Text.assemble((f"\n{number}/{len(recipes)} {arm.label}", "bold"), f", seed {seed}"))
        run = until_told(_teach(recipe, machine, store, home, console))
        results.append(result_of(store, run, recipe, arm, currency))
    return compare(sorted(results, key=lambda r: [arm.label for arm in arms].index(r.arm)), currency, cap)


def foresee_arms(
    arms: Sequence[Arm], seeds: int, budget: tuple[str, float | None], machine: Machine, store: Store
) -> list[dict[str, Any]]:
    """What `carry_out_arms` would carry out, an entry an arm; nothing is asked, trained or written.

    The calls are those of one seed, forecast from earlier runs in the store. Raises RecipeError and MachineError.
    """
    by_arm = zip(*(arm_recipes(arms, seed, *budget) for seed in range(seeds)), strict=True)
    return [_foreseen(arm, recipes, machine, store) for arm, recipes in zip(arms, by_arm, strict=True)]


def _foreseen(arm: Arm, recipes: Sequence[Recipe], machine: Machine, store: Store) -> dict[str, Any]:
    """Of the recipes of each seed."""
    first = recipes[0]
    entries = machine.entries(first.roles, priced=first.budget.usd is not None)
    evidence, earlier_runs = earlier(store, first, machine)
    prices = {role: machine.price(entry) for role, entry in entries.items()}
    calls = forecast(first, entries, prices, evidence, ", ".join(earlier_runs), {}).calls
    return {
        "arm": arm.label,
        "recipe": first.name,
        "seeds": [recipe.seed for recipe in recipes],
        "digests": [recipe.digest for recipe in recipes],
        "budget": first.budget.model_dump(mode="json", exclude_none=True),
        "calls": {"likely": round(calls.likely), "low": round(calls.low), "high": round(calls.high)},
        "known": bool(earlier_runs),
    }


def print_foreseen(foreseen: Sequence[dict[str, Any]], console: Console) -> None:
    for told in foreseen:
        caps = [f"{told['budget'][name]:,.15g} {name}" for name in CURRENCIES if name in told["budget"]]
        calls = f"{told['calls']['likely']:,} calls [{told['calls']['low']:,}, {told['calls']['high']:,}]"
        unknown = "" if told["known"] else "; with no earlier run to go by, as if all that is written were kept"
        lines = [
            f"recipe {told['recipe']}",
            *(f"seed {seed}: {digest}" for seed, digest in zip(told["seeds"], told["digests"], strict=True)),
            f"each seed may take {' and '.join(caps)}" if caps else "no cap",
            f"without a cap a seed would take {calls}{unknown}",
        ]
        console.print(Text.assemble((told["arm"], "bold"), *(f"\n  {line}" for line in lines)), soft_wrap=True)
    console.print("\nnothing was started; without --dry-run the arms are carried out", soft_wrap=True)


async def _teach(recipe: Recipe, machine: Machine, store: Store, home: Path, console: Console) -> Run:
    with Screen(console) as screen:
        async with open_work(recipe, machine, store, home, tell=screen.tell) as work:
            screen.work = work
            await teach(work, run_directly)
            write_report(store, work.run, work.folder)
            return work.run


def keep(comparison: Comparison, home: Path) -> Path:
    """The page and, beside it, the figures as JSON."""
    figures, page = home / FIGURES, home / "comparison.html"
    whole = figures.with_suffix(".new")  # `show` reads the figures, and must never find half of them
    whole.write_text(json.dumps(comparison.as_json(), indent=1) + "\n", encoding="utf-8")
    whole.replace(figures)
    write_comparison(comparison, page)
    return page


def arm_of(home: Path, run: str) -> dict[str, Any] | None:
    """Arm and seed that a run was in the home's last comparison; None if it was none."""
    figures = home / FIGURES
    results = json.loads(figures.read_text(encoding="utf-8"))["results"] if figures.exists() else []
    return next(({"arm": r["arm"], "seed": r["seed"]} for r in results if r["run"] == run), None)


def print_comparison(comparison: Comparison, page: Path, console: Console) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    names = ("arm", "seeds", comparison.currency, "accuracy", "to the first", "p", "agree", "kept")
    for name in names:
        table.add_column(name, justify="left" if name == "arm" else "right", overflow="fold")
    for row in comparison.rows:
        table.add_row(*map(Text, _cells(row, comparison.currency)))  # an arm's label may hold what looks like markup
    console.print()
    console.print(table)
    cap = f", at most {comparison.cap:,.15g} {comparison.currency} each" if comparison.cap else ""
    console.print(
        f"\naccuracy on the test with 95 % intervals {comparison.over}{cap}; differences are paired by question and seed, p is "
        f"one-sided and adjusted for the number of arms (Holm); kept is what is not taught\nplot: {page}",
        soft_wrap=True,
        markup=False,
    )


def _cells(row: Row, currency: str) -> list[str]:
    spent = f"{row.spent:,.2f}" if currency == "usd" else f"{row.spent:,.0f}"
    cells = [row.arm, str(row.seeds), spent, f"{row.accuracy:.1%} [{100 * row.low:.1f}, {100 * row.high:.1f}]"]
    if row.difference is None or row.difference_low is None or row.difference_high is None or row.p is None:
        cells += ["", "", ""]
    else:
        low, high = 100 * row.difference_low, 100 * row.difference_high
        cells += [f"{100 * row.difference:+.1f} [{low:+.1f}, {high:+.1f}]", f"{row.p:.2g}", f"{row.agree}/{row.seeds}"]
    return [*cells, "" if row.retention is None else f"{row.retention:.0%}"]
