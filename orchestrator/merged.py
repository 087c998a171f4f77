"""The merged weights of a student, and whether they answer as the student did that was examined."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.recipe import Recipe, RecipeError
from orchestrator.standing import main_exam, recipe_of
from orchestrator.student_places import Found
from orchestrator.worker_process import carry_out
from storage.keyed import content_key

OF = "student.json"
"""What says in a merged folder whose weights it holds; `student_worker.merging` writes it."""
PROMPTS = 50
"""Held-out prompts that both are asked."""
AGREEMENT = 0.9
"""Share of replies that must be identical. Rounding to bfloat16 turns few greedy replies; a wrong template turns all."""


class ParityFailed(Exception):
    """What would be handed over does not answer as the student that was examined; the message shows the first difference."""


@dataclass(frozen=True)
class Merged:
    folder: Path
    parity: dict[str, Any]
    """`prompts`, `identical`, `tokens`, `differing`, as the worker compared them."""
    turns: dict[str, Any] | None
    end: str
    stored: str
    """Type of the weights."""


async def merge(
    found: Found,
    run_folder: Path,
    to: Path,
    *,
    agreement: float = AGREEMENT,
    float32: bool = False,
    tell: Callable[[dict[str, Any]], None] = lambda event: None,
) -> Merged:
    """Plain weights in `to`, asked and compared. Raises ParityFailed, RecipeError, WorkerFailed.

    The prompts are those of the student's own exam. One that is merged and compared already is taken as it is; a folder with
    anything but an earlier student of this kind in it is left alone, and refused.
    """
    student, adapter = found.student, found.adapter(run_folder)
    folder = run_folder / f"round-{student.round}" / student.job / "merge"
    folder.mkdir(parents=True, exist_ok=True)
    to.parent.mkdir(
        parents=True, exist_ok=True
    )  # here, where a folder that cannot be is a person's mistake, and not a job's
    whose = {"student": student.key, "adapter_digest": student.adapter_digest, "float32": float32}
    if _lies_in(to) != whose:
        (folder / "result.json").unlink(missing_ok=True)
    questions = _prompts(found, run_folder, folder)
    job = {
        "kind": "merge",
        "folder": str(folder.resolve()),
        "base": student.base,
        "adapter": adapter,
        **whose,
        "questions": str(questions.resolve()),
        "asked": content_key("asked", questions.read_text(encoding="utf-8")),
        "to": str(to.resolve()),
    }
    result = await carry_out(job, tell)
    merged = Merged(to, result["parity"], result["turns"], result["end"], result["stored"])
    check_parity(merged, agreement)
    return merged


def _lies_in(to: Path) -> dict[str, Any] | None:
    """Whose weights a folder holds; None if it is not there or empty. Raises RecipeError for a folder of something else."""
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return None
    try:
        return json.loads((to / OF).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"{to} holds something that is no merged student, and would be overwritten; move it away, or export to another folder"
        ) from error


def check_parity(merged: Merged, agreement: float) -> None:
    """Raises ParityFailed, and takes the weights away: nobody should serve them."""
    found = merged.parity
    if found["identical"] >= agreement:
        return
    shutil.rmtree(merged.folder, ignore_errors=True)
    apart = found["differing"]
    asked = apart["prompt"][-1]["content"] if isinstance(apart["prompt"], list) else apart["prompt"]
    more = "; --float32 stores the weights unrounded" if merged.stored != "float32" else ""
    raise ParityFailed(
        f"the merged weights answer {found['identical']:.0%} of {found['prompts']} held-out prompts as the student did, and "
        f"{agreement:.0%} are asked for (mean agreement of tokens {found['tokens']:.0%}){more}. They were not written. "
        f"The first that differs:\n  prompt    {asked}\n  trained   {apart['trained']}\n  exported  {apart['exported']}"
    )


def _prompts(found: Found, run_folder: Path, folder: Path) -> Path:
    """A file of prompts as the student was examined with them: of the test, else of the probe."""
    recipe = recipe_of(found.run)
    lines = _asked(found, run_folder, recipe)
    if not lines:
        raise RecipeError(
            f"no exam of the student of round {found.student.round} lies under {run_folder}, so there are no held-out prompts "
            "to compare on; name the --home that the run was carried out with"
        )
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in _spread(lines)), encoding="utf-8")
    return path


def _asked(found: Found, run_folder: Path, recipe: Recipe) -> list[dict[str, Any]]:
    """Questions that it answered in words; one that chose among given continuations said nothing to compare."""
    files = sorted((run_folder / f"round-{found.student.round}").glob(f"{found.student.job}-*/questions.jsonl"))
    lines = [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    open_ = [line for line in lines if not line.get("choices")]
    for exam in (main_exam(recipe, "test"), main_exam(recipe, "probe")):
        if exam and (mine := [line for line in open_ if line["key"].startswith(f"{exam}/")]):
            return mine
    return open_


def _spread(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """So many of them, evenly, since exams go skill by skill."""
    step = max(1, len(lines) / PROMPTS)
    return [lines[int(i * step)] for i in range(min(PROMPTS, len(lines)))]
