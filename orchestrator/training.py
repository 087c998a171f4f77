"""Trains the jobs of a round: a job file, a child process, a student."""

import hashlib
import json
from pathlib import Path
from typing import Any

from orchestrator.clauses import Job
from orchestrator.work import Work
from orchestrator.worker_process import WorkerFailed, carry_out
from storage.records import Entry, Plan, Student

BASE_ROUND = 0
"""Round of the untouched base, the student that every learning curve starts from."""


def base_student(work: Work, job: Job) -> Student:
    """The base of a job as a student of its own, so that it can be examined like any other."""
    base = work.machine.base(work.recipe.students[job.student].base)
    student = Student.new(run=work.run.key, round=BASE_ROUND, job=job.job, base=base, base_digest=base_digest(base))
    work.store.add(student)
    return student


def student_of(work: Work, job: Job, round_number: int) -> Student:
    """The student of a job and round, the base being that of round 0."""
    if round_number == BASE_ROUND:
        return base_student(work, job)
    found = _student_of_round(work, job, round_number)
    if found is None:
        raise LookupError(f"job {job.job!r} has no student of round {round_number}")
    return found


async def train(work: Work, plan: Plan, datasets: dict[str, str]) -> list[Student]:
    """One student for each job of the recipe; a job that is done already is not done again."""
    return [await _train(work, plan, job, datasets[job.dataset]) for job in work.recipe.training]


async def _train(work: Work, plan: Plan, job: Job, dataset: str) -> Student:
    base = work.machine.base(work.recipe.students[job.student].base)
    goes_on = job.init == "previous" and plan.round - 1 > BASE_ROUND  # the base is nobody's parent, examined or not
    parent = _student_of_round(work, job, plan.round - 1) if goes_on else None
    settings = {"trainer": job.objective.trainer, "lora": job.lora.model_dump(), "seed": work.recipe.seed}
    settings["settings"] = job.objective.settings()
    student = Student.new(
        run=work.run.key,
        round=plan.round,
        job=job.job,
        base=base,
        base_digest=base_digest(base),
        dataset=dataset,
        parent=parent.key if parent else "",
        settings=settings,
    )
    known = work.store.by_key(Student, [student.key]).get(student.key)
    if known and (work.folder / known.adapter / "adapter_config.json").is_file():
        return known
    folder = work.round_folder(plan) / job.job
    result = await carry_out(
        {
            "kind": "train",
            "folder": str(folder.resolve()),
            "base": base,
            "adapter": str((work.folder / parent.adapter).resolve()) if parent and parent.adapter else None,
            "rows": str(_write_rows(work, dataset, folder).resolve()),
            "student": student.key,
            "adapter_digest": parent.adapter_digest if parent else "",
            **settings,
        },
        lambda event: work.tell("training", event),
    )
    if known and known.adapter_digest != result["adapter_digest"]:
        raise WorkerFailed(
            f"the adapter of {known.key} was lost and its training, carried out again, ended with another one; "
            "it needs a run of its own, e.g. --set seed=1"
        )
    student.adapter = str((folder / "adapter").relative_to(work.folder))
    student.adapter_digest = result["adapter_digest"]
    student.metrics = {name: result[name] for name in ("steps", "loss", "rows", "tokens", "seconds")}
    entry = Entry.new(run=work.run.key, round=plan.round, stage="train", subject=student.key, seconds=result["seconds"])
    work.store.add(student, entry)
    return student


def _student_of_round(work: Work, job: Job, round_number: int) -> Student | None:
    return next((s for s in work.store.students(work.run.key) if (s.round, s.job) == (round_number, job.job)), None)


def _write_rows(work: Work, dataset: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rows.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for row in work.store.dataset_rows(dataset):
            out.write(json.dumps(row.content, sort_keys=True) + "\n")
    return path


def base_digest(folder: str) -> str:
    """Hash of a base's weight files and configuration; large files by size and their first and last megabyte."""
    digest = hashlib.sha256()
    for path in [*sorted(Path(folder).glob("*.safetensors")), Path(folder) / "config.json"]:
        digest.update(f"{path.name}:{path.stat().st_size}".encode())
        with path.open("rb") as content:
            digest.update(content.read(1 << 20))
            content.seek(max(0, path.stat().st_size - (1 << 20)))
            digest.update(content.read())
    return digest.hexdigest()


def as_job_facts(student: Student, work: Work) -> dict[str, Any]:
    """Where a student lies: its base and, if it has one, its adapter."""
    adapter = str((work.folder / student.adapter).resolve()) if student.adapter else None
    return {"base": student.base, "adapter": adapter}
