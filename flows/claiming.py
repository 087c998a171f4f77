"""Carries out the experiments of claims, and tells which of their checks held."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from flows.comparing import carry_out_arms, keep
from orchestrator.claims.claim import Check, Claim
from orchestrator.comparison import parse_arms, parse_budget
from orchestrator.machine import Machine
from storage.store import open_store


def try_claim(
    claim: Claim, seeds: int | None, machine: Machine, home: Path, store: str | None, console: Console
) -> dict[str, Any]:
    """The claim, its checks and figures, as plain data. Each claim has a home of its own below `home`."""
    place = home / claim.id.lower()
    arms, budget = parse_arms(claim.arms), parse_budget(claim.budget)
    with open_store(store or place / "store.sqlite") as opened:
        comparison = carry_out_arms(arms, seeds or claim.seeds, budget, machine, opened, place, console)
        checks = claim.check(comparison, opened)
    page = keep(comparison, place)
    told = {name: getattr(claim, name) for name in ("id", "says", "source", "planted")}
    return {
        **told,
        "held": all(check.held for check in checks),
        "seeds": seeds or claim.seeds,
        "checks": [asdict(c) for c in checks],
        "page": str(page),
    }


def print_claim(told: dict[str, Any], console: Console) -> None:
    state = ("held", "bold green") if told["held"] else ("did not hold", "bold red")
    console.print(Text.assemble("\n", (told["id"], "bold"), f": {told['says']}: ", state), soft_wrap=True)
    print_checks([Check(**check) for check in told["checks"]], console)
    alone = ", so how much trainings differ is unknown" if told["seeds"] == 1 else ""
    console.print(f"  seeds: {told['seeds']}{alone}", soft_wrap=True, markup=False)
    if told["planted"]:
        console.print(f"  planted: {told['planted']}", soft_wrap=True, markup=False)
    console.print(f"  page: {told['page']}", soft_wrap=True, markup=False)


def print_checks(checks: Sequence[Check], console: Console) -> None:
    for check in checks:
        mark = ("yes", "green") if check.held else ("no ", "red")
        console.print(Text.assemble("  ", mark, f"  {check.says}: {check.figures}"), soft_wrap=True)
