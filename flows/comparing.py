"""Carries out the arms of a comparison one after another, and tells what came of them."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.running import until_told
from flows.screen import Screen
from orchestrator.comparison import Arm, Comparison, Result, Row, arm_recipe, compare, result_of
from orchestrator.cycle import open_work, run_directly, teach
from orchestrator.machine import Machine
from orchestrator.recipe import Recipe
from orchestrator.report.comparison_page import write_comparison
from orchestrator.report.page import write_report
from storage.records import Run
from storage.store import Store


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
    recipes = [(arm, seed, arm_recipe(arm, seed, currency, cap)) for seed in range(seeds) for arm in arms]
    results: list[Result] = []
    for number, (arm, seed, recipe) in enumerate(recipes, 1):
        console.print(Text.assemble((f"\n{number}/{len(recipes)} {arm.label}", "bold"), f", seed {seed}"))
        run = until_told(_teach(recipe, machine, store, home, console))
        results.append(result_of(store, run, recipe, arm, currency))
    return compare(sorted(results, key=lambda r: [arm.label for arm in arms].index(r.arm)), currency, cap)


async def _teach(recipe: Recipe, machine: Machine, store: Store, home: Path, console: Console) -> Run:
    with Screen(console) as screen:
        async with open_work(recipe, machine, store, home, tell=screen.tell) as work:
            screen.work = work
            await teach(work, run_directly)
            write_report(store, work.run, work.folder)
            return work.run


def keep(comparison: Comparison, home: Path) -> Path:
    """The page and, beside it, the figures as JSON."""
    page = home / "comparison.html"
    page.with_suffix(".json").write_text(json.dumps(comparison.as_json(), indent=1) + "\n", encoding="utf-8")
    write_comparison(comparison, page)
    return page


def print_comparison(comparison: Comparison, page: Path, console: Console) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    names = ("arm", "seeds", comparison.currency, "accuracy", "to the first", "p", "agree", "kept")
    for name in names:
        table.add_column(name, justify="left" if name == "arm" else "right", overflow="fold")
    for row in comparison.rows:
        table.add_row(*map(Text, _cells(row, comparison.currency)))  # an arm's label may hold what looks like markup
    console.print()
    console.print(table)
    cap = f", at most {comparison.cap:g} {comparison.currency} each" if comparison.cap else ""
    console.print(
        f"\naccuracy on the test with 95 % intervals{cap}; differences are paired by question, p is one-sided and adjusted "
        f"for the number of arms (Holm); kept is what is not taught\nplot: {page}",
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
