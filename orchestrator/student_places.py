"""Which student a person means, and where its weights lie."""

from dataclasses import dataclass
from pathlib import Path

from orchestrator.planning import best_of
from orchestrator.recipe import RecipeError
from orchestrator.standing import recipe_of
from storage.records import Run, Student
from storage.store import Store, StoreError


@dataclass(frozen=True)
class Found:
    run: Run
    student: Student

    def adapter(self, run_folder: Path) -> str | None:
        """Folder of its adapter, absolute; None for a base. Raises RecipeError if it is not there."""
        if not self.student.adapter:
            return None
        place = run_folder / self.student.adapter
        if not place.is_dir():
            raise RecipeError(
                f"the adapter of {self.run.key} is not under {run_folder}; name the --home that it was carried out with"
            )
        return str(place.resolve())


def find_student(store: Store, name: str | None, newest: Run) -> Found:
    """The student whose key begins so, or the best student of the run of this name; without one, of the newest run.

    Raises StoreError if nobody is called so, RecipeError if the run has no student yet.
    """
    if name is None:
        return _best(store, newest)
    try:
        return _best(store, store.find_run(name))
    except StoreError as error:
        return _by_key(store, name, error)


def _by_key(store: Store, name: str, otherwise: StoreError) -> Found:
    found = [(run, s) for run in store.runs() for s in store.students(run.key) if _begins(s.key, name)]
    if len(found) != 1:
        several = (
            f"{len(found)} students' keys begin so; give more digits."
            if found
            else "Nor does a student's key begin so."
        )
        raise StoreError(f"{otherwise} {several}") from otherwise
    return Found(*found[0])


def _begins(key: str, name: str) -> bool:
    return bool(name) and (key.startswith(name) or key.rpartition(":")[2].startswith(name))


def _best(store: Store, run: Run) -> Found:
    student = best_of(store, run, recipe_of(run))
    if student is None:
        raise RecipeError(f"run {run.key} has no student yet; carry it on with `orchestrator run {run.recipe_name}`")
    return Found(run, student)
