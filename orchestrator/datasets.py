"""Freezes the lessons of a round into hashed datasets."""

from typing import Any

from orchestrator.clauses import DatasetSpec
from orchestrator.examination.decontamination import clear
from orchestrator.production import stream
from orchestrator.recipe import RecipeError
from orchestrator.withdrawals import refuse_superseded
from orchestrator.work import Work
from storage.records import Dataset, DatasetRow, Draft, Plan
from storage.store import rows_digest


class NoLessons(Exception):
    """Nothing was accepted, so there is nothing to train on; the message counts why."""


def freeze(work: Work, plan: Plan) -> dict[str, str] | None:
    """Key of each dataset of the recipe, by name; None if a round after the first brought none of them a new lesson.

    A dataset that is still empty is left out if all its jobs go on from another job: they hand its adapter on.
    Raises RecipeError, ExamLeaked, Superseded, and NoLessons where there is nothing to train on at all.
    """
    refuse_superseded(work.store, work.recipe, work.run)
    specs = work.recipe.datasets.items()
    if plan.round > 1 and not any(d.round == plan.round for _, spec in specs for d in _lessons(work, plan, spec)):
        return None
    frozen = {name: _freeze(work, plan, name, spec) for name, spec in specs}
    cannot_wait = {job.dataset for job in work.recipe.training if not job.after}
    for name, key in frozen.items():
        if key is None and name in cannot_wait:
            raise NoLessons(_why_empty(work, plan, name))
    return {name: key for name, key in frozen.items() if key is not None}


def _freeze(work: Work, plan: Plan, name: str, spec: DatasetSpec) -> str | None:
    """None if there is nothing to freeze."""
    lessons = _lessons(work, plan, spec)
    _refuse_exam_items(work, name, lessons)
    drafts = spec.mixture.arrange(clear(work, f"dataset {name!r}", lessons), plan, work.recipe.seed)
    if not drafts:
        return None
    contents = [_row(name, spec, draft, _progress(work, plan)) for draft in drafts]
    rows = [
        DatasetRow(dataset="", position=i, draft=draft.key, content=content)
        for i, (draft, content) in enumerate(zip(drafts, contents, strict=True))
    ]
    facts = {"round": plan.round, "name": name, "format": spec.format.signature, "size": len(rows)}
    dataset = Dataset.new(run=work.run.key, digest=rows_digest(rows), **facts)
    for row in rows:
        row.dataset = dataset.key
    work.store.add(*rows)
    work.store.add(dataset)  # last: a dataset that is there is whole
    return dataset.key


def _lessons(work: Work, plan: Plan, spec: DatasetSpec) -> list[Draft]:
    rounds = range(1, plan.round + 1) if spec.rounds == "all" else [plan.round]
    found = {m.key: m for number in rounds for name in spec.sources for m in stream(work, name, number)}
    return [draft for draft in found.values() if isinstance(draft, Draft)]


def _progress(work: Work, plan: Plan) -> float:
    """How far the rounds are on their way: 0 in the first, 1 in the last, which may also be the only one."""
    later = work.recipe.stop.rounds - 1
    return (plan.round - 1) / later if later else 1.0


def _row(name: str, spec: DatasetSpec, draft: Draft, progress: float) -> dict[str, Any]:
    try:
        return spec.format.row_at(draft.fields, progress)
    except KeyError as error:
        has = ", ".join(draft.fields)
        raise RecipeError(
            f"dataset {name!r}: format {spec.format.use} reads {error}, but drafts of step {draft.step!r} have: {has}"
        ) from error


def _refuse_exam_items(work: Work, name: str, drafts: list[Draft]) -> None:
    leaked = [draft for draft in drafts if draft.split_key in work.guarded]
    if leaked:
        raise RecipeError(
            f"dataset {name!r} would hold {len(leaked)} lessons on exam items, the first from step {leaked[0].step!r}; "
            "lessons from `failures` must pass a generator that writes new items"
        )


def _why_empty(work: Work, plan: Plan, name: str) -> str:
    causes = [
        f"{y.step}: {y.count} {y.outcome}" + (f", {y.reason}" if y.reason else "")
        for y in work.store.yields(work.run.key, plan.round)
    ]
    listed = "; ".join(causes[:6]) or "no draft was written"
    return f"dataset {name!r} is empty in round {plan.round}: {listed}. `orchestrator show` has examples of each"
