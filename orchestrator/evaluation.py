"""Examines students: asks through the worker, grades here, keeps every attempt, and draws intervals."""

import json
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import NormalDist

from agents.kinds import Part, SourceError
from orchestrator.kinds import Exam, ExamItem
from orchestrator.recipe import Recipe
from orchestrator.training import as_job_facts
from orchestrator.work import Work
from orchestrator.worker_process import carry_out
from storage.keyed import content_key
from storage.records import Attempt, Entry, Failure, Scorecard, Student

Z95 = NormalDist().inv_cdf(0.975)


def exam_items(recipe: Recipe, name: str) -> list[ExamItem]:
    """The questions of one exam, in the form in which the last job's lessons are written. Raises SourceError for none."""
    exam = recipe.exams[name]
    form = recipe.datasets[recipe.training[-1].dataset].format
    items = exam.items(recipe.sources[exam.source], form, recipe.seed)
    if not items:
        raise SourceError(
            f"exam {name!r} has no questions: source {exam.source!r} gives none for its part {exam.part!r}; "
            "give the source more questions, or set its shares"
        )
    return items


def guarded_keys(recipe: Recipe) -> frozenset[str]:
    """Split keys of every exam item: what no lesson may be about."""
    return frozenset(item.split_key for name in recipe.exams for item in exam_items(recipe, name))


def exams_of(recipe: Recipe, part: Part) -> list[str]:
    """By name: the order in which a recipe says them is not kept with the run."""
    return sorted(name for name, exam in recipe.exams.items() if exam.part == part)


def probed_sources(recipe: Recipe) -> set[str]:
    """The sources that the student is taught to answer, as against those that it must only not forget."""
    return {recipe.exams[name].source for name in exams_of(recipe, "probe")}


async def examine(work: Work, student: Student, exams: Sequence[str]) -> list[Scorecard]:
    """A scorecard for each exam. Exams that are done already are not asked again."""
    known = {card.exam: card for card in work.store.scorecards(work.run.key) if card.student == student.key}
    missing = [name for name in exams if name not in known]
    if missing:
        known |= await _examine(work, student, missing)
    return [known[name] for name in exams]


async def _examine(work: Work, student: Student, exams: Sequence[str]) -> dict[str, Scorecard]:
    items = {f"{name}/{i}": item for name in exams for i, item in enumerate(exam_items(work.recipe, name))}
    folder = work.folder / f"round-{student.round}" / f"{student.job}-{'-'.join(exams)}"
    replies = await _ask(work, student, items, folder, max(work.recipe.exams[name].max_tokens for name in exams))
    cards, records = {}, []
    for name in exams:
        graded = [
            _attempt(work, student, name, item, *replies[key])
            for key, item in items.items()
            if key.startswith(f"{name}/")
        ]
        cards[name] = _scorecard(work, student, name, graded)
        records += [*graded, *_failures(work, graded), cards[name]]
    work.store.add(*records)  # at once: half of these exams could not be told from a job of its own
    for card in cards.values():
        work.tell("examined", {"round": card.round, "exam": card.exam, "accuracy": card.accuracy, "n": card.n})
    return cards


async def _ask(
    work: Work, student: Student, items: dict[str, ExamItem], folder: Path, max_tokens: int
) -> dict[str, tuple[str, int]]:
    folder.mkdir(parents=True, exist_ok=True)
    questions = folder / "questions.jsonl"
    lines = [json.dumps({"key": key, "prompt": item.prompt}) for key, item in items.items()]
    questions.write_text("\n".join(lines) + "\n", encoding="utf-8")
    facts = {"folder": str(folder.resolve()), "questions": str(questions.resolve()), "max_tokens": max_tokens}
    job = {
        "kind": "answer",
        **facts,
        **as_job_facts(student, work),
        "student": student.key,
        "asked": content_key("asked", lines),
    }
    result = await carry_out(job, lambda event: work.tell("examining", event))
    entry = Entry.new(
        run=work.run.key,
        round=student.round,
        stage="examine",
        subject=f"{student.key} {folder.name}",
        seconds=result["seconds"],
    )
    work.store.add(entry)
    with (folder / "replies.jsonl").open(encoding="utf-8") as replies:
        return {r["key"]: (r["reply"], r["tokens"]) for r in map(json.loads, replies)}


def _attempt(work: Work, student: Student, name: str, item: ExamItem, reply: str, tokens: int) -> Attempt:
    exam: Exam = work.recipe.exams[name]
    answer, right = exam.grade(item, reply)
    return Attempt.new(
        run=work.run.key,
        round=student.round,
        student=student.key,
        exam=name,
        question=item.question,
        gold=item.gold,
        reply=reply,
        answer=answer,
        right=right,
        skill=item.skill,
        split_key=item.split_key,
        tokens=tokens,
    )


def _failures(work: Work, attempts: Sequence[Attempt]) -> list[Failure]:
    """The probe's wrong attempts, clustered by skill and by what went wrong. A test's failures steer nothing."""
    if not attempts or work.recipe.exams[attempts[0].exam].part != "probe":
        return []
    return [
        Failure.new(
            run=work.run.key,
            round=attempt.round,
            attempt=attempt.key,
            cluster=f"{attempt.skill or 'all'}: {cause}",
            skill=attempt.skill,
            cause=cause,
        )
        for attempt in attempts
        if not attempt.right
        for cause in ["no final answer" if attempt.answer is None else "wrong answer"]
    ]


def _scorecard(work: Work, student: Student, exam: str, attempts: Sequence[Attempt]) -> Scorecard:
    skills = {skill: [a for a in attempts if a.skill == skill] for skill in dict.fromkeys(a.skill for a in attempts)}
    whole = _score(attempts)
    return Scorecard.new(
        run=work.run.key,
        round=student.round,
        student=student.key,
        exam=exam,
        n=len(attempts),
        accuracy=whole["accuracy"],
        low=whole["low"],
        high=whole["high"],
        skills={skill: _score(group) for skill, group in skills.items()},
    )


def _score(attempts: Sequence[Attempt]) -> dict[str, float]:
    n, right = len(attempts), sum(attempt.right for attempt in attempts)
    low, high = wilson_interval(right, n)
    return {"n": n, "accuracy": right / n, "low": low, "high": high}


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """95 % score interval of a proportion (Wilson 1927)."""
    if not 0 <= right <= n or n == 0:
        raise ValueError(f"{right} right of {n} is no proportion")
    share, z2 = right / n, Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)
