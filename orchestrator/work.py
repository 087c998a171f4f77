"""What every stage of a run is given: the recipe, the store, the teachers, and the run's own folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.kinds import Teacher
from orchestrator.ledger import RunLedger
from orchestrator.machine import Machine
from orchestrator.recipe import Recipe
from storage.records import Plan, Run
from storage.store import Store


@dataclass(frozen=True)
class Work:
    """One run in progress. Stages take it and a plan; what is done already, the store knows."""

    recipe: Recipe
    run: Run
    store: Store
    ledger: RunLedger
    machine: Machine
    folder: Path
    """`runs/<run>`: jobs, adapters and the report; nothing that the store does not know how to make again."""
    teachers: Mapping[str, Teacher] = field(default_factory=dict)
    """By role."""
    guarded: frozenset[str] = frozenset()
    """Split keys of every exam item: no lesson may have one of them."""
    contaminated: frozenset[str] | None = None
    """Keys of the drafts that hold an exam question, where that is known, as on a tape; None where it has to be found out."""
    tell: Callable[[str, dict[str, Any]], None] = lambda event, facts: None
    """Told what happens while it happens: the screen listens here."""

    def round_folder(self, plan: Plan) -> Path:
        return self.folder / f"round-{plan.round}"
