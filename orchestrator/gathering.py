"""From plan to seeds: what the sources give, the failures that lessons are written for, feedback's briefs, and what the
student itself has written."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from agents.kinds import Fields, Material
from orchestrator.clauses import ATTEMPTS, BRIEFS, FAILURES, MISTAKES
from orchestrator.examination.items import CANARY, exam_items, exams_of, probed_sources
from orchestrator.withdrawals import barred
from orchestrator.work import Work
from storage.records import Attempt, Failure, Plan, Seed

SEEDS_AT_ONCE = 1000


def gather(work: Work, plan: Plan) -> int:
    """Put this round's seeds into the store; returns how many the round has."""
    count, seeds = 0, chain(_source_seeds(work, plan), _fed_seeds(work, plan), _attempts(work, plan))
    while some := list(islice(seeds, SEEDS_AT_ONCE)):
        work.store.add(*some)
        count += len(some)
    return count


def _source_seeds(work: Work, plan: Plan) -> Iterator[Seed]:
    for name, source in work.recipe.lesson_sources().items():
        yield from _draw(work, plan, name, _quotas(work, plan, name, source.skills()))


def _quotas(work: Work, plan: Plan, name: str, skills: list[str]) -> dict[str, int]:
    """Seeds of each skill: as the plan says for a source that is probed, as the recipe says for any other."""
    if plan.quotas and name in probed_sources(work.recipe):
        return {skill: plan.quotas.get(skill, 0) for skill in skills}
    count = work.recipe.seeds[name]
    if isinstance(count, dict):
        return {skill: count.get(skill, 0) for skill in skills}
    share, left = divmod(count, len(skills))
    return {skill: share + (i < left) for i, skill in enumerate(skills)}


def _draw(work: Work, plan: Plan, name: str, quotas: dict[str, int]) -> Iterator[Seed]:
    """The next materials of each skill that no earlier round has used, and that are no exam's in another source."""
    source = work.recipe.sources[name]
    used = work.store.seed_origins(work.run.key, name, plan.round)
    without = barred(work.store, work.recipe)

    def fresh(skill: str) -> Iterator[Material]:
        found = without.leaves(name, source.materials("train", skill, work.recipe.seed))
        return (m for m in found if m.origin not in used and m.split_key not in work.guarded)

    return (
        Seed.new(
            run=work.run.key,
            round=plan.round,
            stream=name,
            kind=source.kind,
            fields=material.fields,
            skill=material.skill,
            split_key=material.split_key,
            origin=material.origin,
        )
        for skill, quota in quotas.items()
        for material in islice(fresh(skill), quota)
    )


def _fed_seeds(work: Work, plan: Plan) -> Iterator[Seed]:
    """What feedback chose: the failures that lessons are written for, and its briefs."""
    failures = work.store.by_key(Failure, plan.targets)
    attempts = work.store.by_key(Attempt, [failure.attempt for failure in failures.values()])
    without = barred(work.store, work.recipe).sources
    for failure in failures.values():
        attempt = attempts[failure.attempt]
        if work.recipe.exams[attempt.exam].source in without:
            continue
        practice = work.recipe.exams[attempt.exam].part == "train" and attempt.split_key not in work.guarded
        yield Seed.new(
            run=work.run.key,
            round=plan.round,
            stream=MISTAKES if practice else FAILURES,
            kind="failure",
            fields={
                "question": attempt.question,
                "gold": attempt.gold,
                "student_reply": attempt.reply,
                "cause": failure.cause,
            },
            skill=attempt.skill,
            split_key=attempt.split_key,
            origin=attempt.key,
        )
    for number, brief in enumerate(plan.briefs):
        yield Seed.new(
            run=work.run.key,
            round=plan.round,
            stream=BRIEFS,
            kind="brief",
            fields=dict(brief),
            skill=str(brief.get("skill", "")),
            split_key=f"brief:{plan.round}:{number}",
            origin=plan.key,
        )


def _attempts(work: Work, plan: Plan) -> Iterator[Seed]:
    """All that the student of the round before wrote in practice, if a step reads it; the plan has no say in it."""
    if not any(ATTEMPTS in step.sources for step in work.recipe.lessons):
        return
    without = barred(work.store, work.recipe).sources
    for exam in (each for each in exams_of(work.recipe, "train") if work.recipe.exams[each].source not in without):
        asked = {item.question: item.fields for item in exam_items(work.recipe, exam)}
        for attempt in work.store.attempts_of(work.run.key, [exam]):
            fit = attempt.skill != CANARY and attempt.split_key not in work.guarded
            if attempt.round == plan.round - 1 and fit:
                yield Seed.new(
                    run=work.run.key,
                    round=plan.round,
                    stream=ATTEMPTS,
                    kind="attempt",
                    fields=_of_attempt(work, attempt, asked.get(attempt.question, {})),
                    skill=attempt.skill,
                    split_key=attempt.split_key,
                    origin=attempt.key,
                )


def _of_attempt(work: Work, attempt: Attempt, asked: Fields) -> dict[str, Any]:
    """What was asked and shown, what the student replied, and what its reply has in the form in which it was asked.

    Exam and sample keep equal replies apart.
    """
    shown = {**asked, **attempt.shown, "question": attempt.question}
    form = work.recipe.datasets[work.recipe.training[-1].dataset].format
    return {
        **shown,
        "gold": attempt.gold,
        "student_reply": attempt.reply,
        "reply_fields": (form.read(shown, attempt.reply) if attempt.finished else None) or {},
        "answer": attempt.answer or "",
        "right": "yes" if attempt.right else "no",
        "exam": attempt.exam,
        "sample": attempt.sample,
    }
