"""Hands a run's products over: its datasets as files, and the student that the probe liked best, each with its card."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.cards import UNRULED, Told, dataset_card, model_card
from orchestrator.merged import Merged
from orchestrator.planning import best_of
from orchestrator.recipe import RecipeError
from orchestrator.serving import modelfile
from orchestrator.standing import recipe_of
from orchestrator.student_places import Found
from orchestrator.summary import summarise
from orchestrator.terms import terms_of
from orchestrator.withdrawals import refuse_withdrawn, withdrawn_of
from storage.exports import export_dataset
from storage.records import Dataset, Run, Student
from storage.store import Store


@dataclass(frozen=True)
class Wanted:
    """In which forms the datasets are wanted, whose table of terms comes first, and whether nothing is held back."""

    forms: Sequence[str] = ()
    parquet: bool = False
    terms: Path | None = None
    withdrawn: bool = False
    """Whether what descends from something withdrawn is handed over all the same."""


PLAIN = Wanted()


def hand_over(
    store: Store, run: Run, folder: Path, to: Path, wanted: Wanted = PLAIN, merged: Merged | None = None
) -> dict[str, str]:
    """What was written where, by name, and what the gate says of the student.

    `merged` lies at its place already and gets its card. Raises RecipeError if the run has nothing to hand over yet, and
    StillWithdrawn for what is not to be used any more, unless it is wanted all the same; a file then says what it is.
    """
    student = best_of(store, run, recipe_of(run))
    adapter = Found(run, student).adapter(folder) if student else None
    datasets = store.datasets(run.key)
    if not datasets:
        raise RecipeError(f"run {run.key} has no dataset yet; carry it on with `orchestrator run {run.recipe_name}`")
    if not wanted.withdrawn:
        refuse_withdrawn(store, run, [*(dataset.key for dataset in datasets), *([student.key] if student else [])])
    told = _told(store, run, student, wanted)
    written = {
        f"dataset {dataset.name} of round {dataset.round}": str(_write_dataset(store, dataset, told, to, wanted))
        for dataset in datasets
    }
    if student and not student.adapter:
        written["adapter"] = "none: the base is still the best student, and there is nothing to merge"
    if student and adapter:
        lessons = next((dataset for dataset in datasets if dataset.key == student.dataset), None)
        written["gate"] = told.gate
        written["adapter"] = str(_copy_adapter(student, Path(adapter), to / "adapter"))
        (to / "adapter" / "README.md").write_text(model_card(told, student, lessons, None), encoding="utf-8")
        if merged:
            written |= _describe_merged(merged, told, student, lessons)
    if gone := withdrawn_of(store, run):
        written["withdrawn"] = "; ".join(each["told"] for each in gone)
        (to / "WITHDRAWN.txt").write_text("".join(f"{each['told']}\n" for each in gone), encoding="utf-8")
    written["terms"] = f"{told.terms.kind}: {', '.join(told.terms.by_model) or 'no teacher'} (not legal advice)"
    return written


def _told(store: Store, run: Run, student: Student | None, wanted: Wanted) -> Told:
    ruling = next((r for r in store.rulings(run.key) if student and r.challenger == student.key), None)
    steps = {
        step.step for step in recipe_of(run).lessons
    }  # who judged lessons chose among them, and counts as a teacher
    models = {count.model for count in store.calls_by_stage(run.key) if count.stage in steps}
    return Told(run, summarise(store, run), terms_of(models, wanted.terms), ruling.why if ruling else UNRULED)


def _write_dataset(store: Store, dataset: Dataset, told: Told, to: Path, wanted: Wanted) -> Path:
    folder = to / f"{dataset.name}-round-{dataset.round}"
    rows = export_dataset(store, dataset.key, folder, wanted.forms, parquet=wanted.parquet)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "README.md").write_text(dataset_card(told, dataset, manifest), encoding="utf-8")
    return rows


def _copy_adapter(student: Student, adapter: Path, to: Path) -> Path:
    shutil.copytree(adapter, to, dirs_exist_ok=True)
    facts = student.model_dump(
        mode="json", include={"key", "base", "base_digest", "adapter_digest", "dataset", "settings"}
    )
    (to / "student.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return to


def _describe_merged(merged: Merged, told: Told, student: Student, lessons: Dataset | None) -> dict[str, str]:
    """What was written of it, and how alike it answers."""
    folder, parity = merged.folder, merged.parity
    (folder / "README.md").write_text(model_card(told, student, lessons, merged), encoding="utf-8")
    (folder / "parity.json").write_text(json.dumps(parity, indent=1) + "\n", encoding="utf-8")
    if found := modelfile(merged.turns, merged.end):
        (folder / "Modelfile").write_text(found, encoding="utf-8")
    same = f"{parity['identical']:.0%} of {parity['prompts']} replies identical, tokens agree in {parity['tokens']:.1%}"
    return {"merged": str(folder), "parity": same}
