"""Looks at rows before anything is trained on them: those of a run's last dataset, or of a file of one's own."""

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet

from orchestrator.clauses import Lora
from orchestrator.kinds import Objective
from orchestrator.machine import Machine
from orchestrator.objectives.sft import SFT
from orchestrator.recipe import Recipe, RecipeError
from orchestrator.standing import recipe_of
from orchestrator.teaching import Distillation
from orchestrator.worker_process import carry_out
from storage.records import Run
from storage.store import Store


class UnreadableRows(Exception):
    """A file that holds no rows; the message says what was found and what to do."""


@dataclass(frozen=True)
class Looked:
    """What was found. A training would be refused if a finding's state is `refuse`."""

    base: str
    findings: list[dict[str, str]]
    figures: dict[str, Any]
    shown: list[dict[str, Any]]
    """Rows in pieces: (text, whether it is learned)."""

    @property
    def refused(self) -> bool:
        return any(finding["state"] == "refuse" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "refused": self.refused}


async def look_at_run(store: Store, run: Run, machine: Machine, base: str | None = None) -> list[Looked]:
    """Of every job of the recipe whose dataset has lessons. Raises RecipeError if none has."""
    recipe = recipe_of(run)
    newest = {dataset.name: dataset for dataset in store.datasets(run.key)}
    jobs = [job for job in recipe.training if job.dataset in newest]
    if not jobs:
        raise RecipeError(f"run {run.key} has no dataset yet; carry it on with `orchestrator run {run.recipe_name}`")
    found = []
    for job in jobs:
        rows = (row.content for row in store.dataset_rows(newest[job.dataset].key))
        place = machine.base(base or recipe.students[job.student].base)
        found.append(await _look(rows, place, job.objective, job.lora, _teacher(job.objective, recipe, machine)))
    return found


def _teacher(objective: Objective, recipe: Recipe, machine: Machine) -> str | None:
    """Base of the model whose logits teach; None where none does, or where it is a student of the same round, whose base
    is looked at in its own job."""
    teacher = objective.teacher if isinstance(objective, Distillation) else None
    return machine.base(recipe.students[teacher.student].base) if teacher and teacher.student else None


async def look_at_file(path: Path, machine: Machine, base: str = "embedded") -> Looked:
    """As plain supervised fine-tuning with the defaults would read it. Raises UnreadableRows."""
    return await _look(map(as_row, _read(path)), machine.base(base), SFT(use="sft"), Lora())


def as_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row as trainers here read it: what is a conversation is parted before its last reply, plain texts become turns."""
    row = {name: value for name, value in row.items() if value is not None}
    if isinstance(row.get("messages"), list) and row["messages"]:
        return {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}
    if isinstance(row.get("prompt"), str):
        row["prompt"] = [{"role": "user", "content": row["prompt"]}]
    for name in ("completion", "chosen", "rejected"):
        if isinstance(row.get(name), str):
            row[name] = [{"role": "assistant", "content": row[name]}]
    return row


async def _look(
    rows: Iterable[dict[str, Any]], base: str, objective: Objective, lora: Lora, teacher: str | None = None
) -> Looked:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rows.jsonl"
        with path.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
        job = {
            "kind": "preflight",
            "folder": place,
            "base": base,
            "rows": str(path),
            "trainer": objective.trainer,
            "settings": objective.settings(),
            "own": objective.own() | ({"teacher": {"base": teacher}} if teacher else {}),
            "lora": lora.model_dump(),
        }
        found = await carry_out(job, lambda event: None)
    return Looked(base, found["findings"], found["figures"], found["shown"])


def _read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path).to_pylist()
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UnreadableRows(f"{path}, line {number} is not JSON ({error}); expected one row a line") from error
        if not isinstance(row, dict):
            raise UnreadableRows(
                f"{path}, line {number} holds {type(row).__name__}, expected an object with named fields"
            )
        rows.append(row)
    return rows
