"""Hands a run's products over: its datasets as files, and the adapter of the student that the probe liked best."""

import json
import shutil
from pathlib import Path

from orchestrator.planning import best_of
from orchestrator.recipe import RecipeError
from orchestrator.standing import recipe_of
from storage.exports import export_dataset
from storage.records import Run, Student
from storage.store import Store

CARD = """# A student's adapter

LoRA adapter {key}, for PEFT. Base: `{base}` (digest {base_digest}). Trained on {dataset}, which lies beside it with its manifest.
`student.json` has the settings; `orchestrator show` has the examination.

The gate: {gate}.
"""
UNRULED = "it has not ruled yet, since the tests have not been read"


def hand_over(store: Store, run: Run, folder: Path, to: Path) -> dict[str, str]:
    """What was written where, by name, and what the gate says of the student.

    Raises RecipeError if the run has nothing to hand over yet.
    """
    student = best_of(store, run, recipe_of(run))
    if student and student.adapter and not (folder / student.adapter).is_dir():
        raise RecipeError(
            f"the adapter of {run.key} is not under {folder}; name the --home that it was carried out with"
        )
    written = {
        f"dataset {dataset.name} of round {dataset.round}": str(
            export_dataset(store, dataset.key, to / f"{dataset.name}-round-{dataset.round}")
        )
        for dataset in store.datasets(run.key)
    }
    if not written:
        raise RecipeError(f"run {run.key} has no dataset yet; carry it on with `orchestrator run {run.recipe_name}`")
    if student and not student.adapter:
        written["adapter"] = "none: the base is still the best student"
    if student and student.adapter:
        ruling = next((r for r in store.rulings(run.key) if r.challenger == student.key), None)
        written["gate"] = ruling.why if ruling else UNRULED
        written["adapter"] = str(_copy_adapter(student, folder, to / "adapter", written["gate"]))
    return written


def _copy_adapter(student: Student, folder: Path, to: Path, gate: str) -> Path:
    shutil.copytree(folder / student.adapter, to, dirs_exist_ok=True)
    facts = student.model_dump(
        mode="json", include={"key", "base", "base_digest", "adapter_digest", "dataset", "settings"}
    )
    (to / "student.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (to / "README.md").write_text(CARD.format(**facts, gate=gate), encoding="utf-8")
    return to
