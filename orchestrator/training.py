"""Trains the jobs of a round: a job file, a child process, a student."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.clauses import Job
from orchestrator.taught import rows_for
from orchestrator.teaching import Distillation
from orchestrator.work import Work
from orchestrator.worker_process import WorkerFailed, carry_out
from storage.records import Entry, Plan, Student

BASE_ROUND = 0
"""Round of the untouched base, the student that every learning curve starts from."""

METRICS = ("steps", "loss", "rows", "tokens", "seconds", "tokens_per_second", "supervised_tokens", "peak_memory")
"""What of a training's result is kept with its student: tokens are of all epochs, memory is in bytes."""


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
    """One student for each job of the recipe, in their order; a job that is done already is not done again.

    `datasets` lacks those that hold no lessons yet: a job that goes on from another then hands that one's adapter on.
    """
    made: dict[str, Student] = {}
    for job in work.recipe.training:
        parent = made[job.after] if job.after else _previous(work, plan, job)
        if job.dataset in datasets:
            made[job.job] = await _train(work, plan, job, datasets[job.dataset], parent, _teacher(work, job, made))
        else:
            made[job.job] = _hand_on(work, plan, job, parent)
    return list(made.values())


def _teacher(work: Work, job: Job, made: Mapping[str, Student]) -> Student | None:
    """Whose logits teach: the student of an earlier job of the round, or an untrained base of the recipe."""
    teacher = job.objective.teacher if isinstance(job.objective, Distillation) else None
    if teacher is None or teacher.told:
        return None
    if teacher.job:
        return made[teacher.job]
    base = work.machine.base(work.recipe.students[str(teacher.student)].base)
    return Student.new(run=work.run.key, round=BASE_ROUND, job=job.job, base=base, base_digest=base_digest(base))


def _previous(work: Work, plan: Plan, job: Job) -> Student | None:
    goes_on = job.init == "previous" and plan.round - 1 > BASE_ROUND  # the base is nobody's parent, examined or not
    return _student_of_round(work, job, plan.round - 1) if goes_on else None


def _hand_on(work: Work, plan: Plan, job: Job, parent: Student | None) -> Student:
    """The student of a job that had nothing to train on: its parent's adapter, under the job's own name."""
    if parent is None:
        raise LookupError(f"job {job.job!r} has no lessons and nothing to hand on")
    student = Student.new(
        run=work.run.key,
        round=plan.round,
        job=job.job,
        parent=parent.key,
        **parent.model_dump(include={"base", "base_digest", "dataset", "settings", "adapter", "adapter_digest"}),
    )
    work.store.add(student)
    return student


async def _train(
    work: Work, plan: Plan, job: Job, dataset: str, parent: Student | None, teacher: Student | None
) -> Student:
    base = work.machine.base(work.recipe.students[job.student].base)
    settings = {"trainer": job.objective.trainer, "lora": job.lora.model_dump(), "seed": work.recipe.seed}
    settings |= {"settings": job.objective.settings(), "own": job.objective.own()}
    if teacher:
        settings["own"]["taught_by"] = teacher.key
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
            "rows": str(_write_rows(work, job, dataset, folder).resolve()),
            "student": student.key,
            "adapter_digest": parent.adapter_digest if parent else "",
            **settings,
            **({"own": settings["own"] | {"teacher": as_job_facts(teacher, work)}} if teacher else {}),
            **({"gpus": work.machine.gpus, "parallel": work.machine.parallel} if work.machine.gpus > 1 else {}),
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
    student.metrics = {name: result[name] for name in METRICS}
    entry = Entry.new(run=work.run.key, round=plan.round, stage="train", subject=student.key, seconds=result["seconds"])
    work.store.add(student, entry)
    return student


def _student_of_round(work: Work, job: Job, round_number: int) -> Student | None:
    return next((s for s in work.store.students(work.run.key) if (s.round, s.job) == (round_number, job.job)), None)


def _write_rows(work: Work, job: Job, dataset: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rows.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for content in rows_for(work.store, job, dataset):
            out.write(json.dumps(content, sort_keys=True) + "\n")
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
