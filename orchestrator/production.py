"""From seeds to judged drafts: carries out one step of the lessons on one batch of materials.

A stage asks the store what is already done and does the rest, so a retry, a crash and a second run are the same case.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agents.kinds import (
    Critic,
    Fields,
    Generator,
    Judgement,
    Nobody,
    ScoredSelection,
    Teacher,
    Unanswered,
    UnfitDraft,
    UnreadableReply,
    Verifier,
    Writing,
    accepted,
    rejected,
)
from agents.teacher import BudgetSpent, PriceUnknown
from orchestrator.clauses import AnyStep, Generate, Judge, Review, Select, Weigh, component_of, roles_of
from orchestrator.covered import covered
from orchestrator.grouping import CANDIDATES, Group, grouped
from orchestrator.recipe import RecipeError
from orchestrator.reviewing import is_reviewed, rule
from orchestrator.streams import Streams
from orchestrator.weighing import weigh
from orchestrator.work import Work
from storage.records import NO_ROOM, Draft, Entry, Outcome, Plan, Seed, Verdict

T = TypeVar("T")
BATCH = 256
SPLIT_GUARD = "split_guard"
"""Judge that rejects a new item which belongs to an exam. It is always on; a recipe cannot remove it."""

NOT_ASKED = "not asked"
"""Why a draft passes a judge that the recipe's `only` keeps from judging it."""


class Unpaid(Unanswered):
    """A request that was not sent, for the budget had no room for it."""


@dataclass(frozen=True)
class Yield:
    """What came of one batch."""

    written: int = 0
    accepted: int = 0
    rejected: int = 0
    unreadable: int = 0
    unanswered: Mapping[str, int] = field(default_factory=dict)
    """Requests that got no answer, by cause: nothing came of them; the step, carried out again, asks again."""


def stream(work: Work, name: str, round_number: int) -> list[Seed | Draft]:
    """The materials of a stream in one round: seeds, or the drafts that a step let through."""
    return _of_keys(work, list(_streams(work).keys(name, round_number)))


def batches(work: Work, plan: Plan, step: AnyStep) -> list[list[str]]:
    """Keys of the materials that this step has still to do, in batches; who judges them together needs all at once."""
    keys = _streams(work).inputs(step, plan.round)
    if isinstance(step, Generate):
        done = work.store.parents(work.run.key, step.step, plan.round)
    else:
        done = work.store.judged(work.run.key, step.step, plan.round).keys()
    if isinstance(step, Generate) and step.together:
        return _batches_of_groups(work, step, keys, done)
    open_keys = [key for key in keys if key not in done]
    if isinstance(step, Select | Weigh | Review):
        return [keys] if open_keys and is_reviewed(work, step, keys) else []
    return [open_keys[i : i + BATCH] for i in range(0, len(open_keys), BATCH)]


def _batches_of_groups(work: Work, step: Generate, keys: list[str], done: Collection[str]) -> list[list[str]]:
    """A group is done if what was written of it is named after it; it is never parted."""
    waiting = [group for group in _units(step, _of_keys(work, keys)) if group.key not in done]
    members = [[member.key for member in _members(group)] for group in waiting]
    return [[key for group in members[i : i + BATCH] for key in group] for i in range(0, len(members), BATCH)]


def _units(step: Generate, materials: Sequence[Seed | Draft]) -> Sequence[Seed | Draft | Group]:
    """What the generator gets one by one."""
    if step.together is None:
        return materials
    with _explained(step, materials[0] if materials else None):
        return grouped(materials, step.together)


def _members(unit: Seed | Draft | Group) -> Sequence[Seed | Draft]:
    return unit.members if isinstance(unit, Group) else [unit]


def at_once(work: Work, step: AnyStep) -> int:
    """How many batches to carry out side by side, so that the teachers' places stay full while one comes to its end."""
    return 2 + sum(work.teachers[role].places for role in roles_of(step)) // BATCH


async def perform(work: Work, plan: Plan, step: AnyStep, keys: Sequence[str]) -> Yield:
    """Carry out one step on these materials and commit what came of it."""
    materials = _of_keys(work, keys)
    with work.ledger.spending_on(plan.round, step.step):
        if isinstance(step, Generate):
            return await _generate(work, plan, step, materials)
        drafts = [m for m in materials if isinstance(m, Draft)]
        if isinstance(step, Judge):
            return await _judge(work, plan, step, drafts)
        if isinstance(step, Weigh):
            return await _weigh(work, plan, step, drafts)
        if isinstance(step, Review):
            return _commit(work, plan, step, *rule(work, step, drafts))
        return _select(work, plan, step, drafts)


async def _generate(work: Work, plan: Plan, step: Generate, materials: Sequence[Seed | Draft]) -> Yield:
    asked = [
        (unit, role, i) for unit in _units(step, materials) for role in (step.role or [""]) for i in range(step.samples)
    ]
    before = covered(work, plan, step, sorted({unit.key for unit, _, _ in asked}))
    written = await together(_write(work, step, m, role, i, before.get(m.key)) for m, role, i in asked)
    await work.ledger.flush()  # a draft that is there says that its call has been read
    pairs = list(zip(asked, written, strict=True))
    # A material that has a draft counts as done: what lacks one of its answers is left whole for another time.
    unfinished = {material.key for (material, _, _), writings in pairs if isinstance(writings, Unanswered)}
    drafts = [
        _draft(work, plan, step, material, role, sample, writing)
        for (material, role, sample), writings in pairs
        if material.key not in unfinished
        for writing in (writings if isinstance(writings, list) else [])
    ]
    leaks = [
        _split_verdict(work, step, draft) for draft in drafts if step.generate.opens and draft.split_key in work.guarded
    ]
    work.store.add(*drafts, *leaks, *_shortage(work, plan, step, written))
    unread = sum(isinstance(writings, UnreadableReply) for writings in written)
    return Yield(written=len(drafts), rejected=len(leaks), unreadable=unread, unanswered=_causes(written))


def _causes(results: Sequence[Any]) -> Counter[str]:
    return Counter(str(result) for result in results if isinstance(result, Unanswered))


async def _write(
    work: Work, step: Generate, material: Seed | Draft | Group, role: str, sample: int, before: str | None
) -> list[Writing] | UnreadableReply | Unanswered:
    """What was written, or why nothing was: a reply that could not be read is stored as such, one that never came is not."""
    generator: Generator = step.generate
    with _explained(step, material):
        visible = {
            name: material.fields[name] for name in step.shows or generator.reads if _shown(step, material, name)
        }
        if isinstance(material, Group):
            visible[CANDIDATES] = material.candidates
        if before:
            visible["covered"] = before
        try:
            return await generator.write(visible, _teacher(work, role).several(step.samples), sample)
        except (UnreadableReply, Unanswered) as error:
            return error
        except BudgetSpent as error:
            return unpaid(work, error)


def _shown(step: Generate, material: Seed | Draft | Group, name: str) -> bool:
    """A field that the recipe shows must be there; one that the generator reads by itself need not be."""
    return step.shows is not None or name in material.fields


@contextmanager
def _explained(step: AnyStep, material: Seed | Draft | Group | None) -> Iterator[None]:
    """A component that is given what it cannot use says which field it misses, or why."""
    try:
        yield
    except KeyError as error:
        has = ", ".join(material.fields) if material else "nothing"
        reader = component_of(step).use
        raise RecipeError(f"step {step.step!r}: {reader} reads {error}, but what it is given has: {has}") from error
    except UnfitDraft as error:
        raise RecipeError(f"step {step.step!r}: {error}") from error


def _draft(
    work: Work, plan: Plan, step: Generate, material: Seed | Draft | Group, role: str, sample: int, writing: Writing
) -> Draft:
    generator: Generator = step.generate
    fields = writing.fields if generator.opens else {**material.fields, **writing.fields}
    split_key = _split_key(work, fields) if generator.opens else material.split_key
    model = work.teachers[role].model if role else ""
    return Draft.new(
        run=work.run.key,
        round=plan.round,
        step=step.step,
        kind=generator.writes,
        fields={**fields, **step.adds},
        parents=[member.key for member in _members(material)],
        skill=material.skill,
        split_key=split_key,
        producer=f"{generator.signature} {model}".strip(),
        call=writing.call,
        sample=sample,
    )


def _split_key(work: Work, fields: Fields) -> str:
    """A new item may be an exam's of any source, so it has the key by which it is one, if there is such a key."""
    keys = [source.split_key(fields) for _, source in sorted(work.recipe.sources.items())]
    return next((key for key in keys if key in work.guarded), keys[0])


def _split_verdict(work: Work, step: Generate, draft: Draft) -> Verdict:
    return Verdict.new(
        run=work.run.key,
        draft=draft.key,
        step=step.step,
        judge=SPLIT_GUARD,
        outcome=Outcome.REJECTED,
        reason="belongs to an exam",
        evidence={"split_key": draft.split_key},
    )


async def _judge(work: Work, plan: Plan, step: Judge, drafts: Sequence[Draft]) -> Yield:
    asked = [draft for draft in drafts if step.concerns(draft.fields)]
    judgements: Sequence[Judgement | Unanswered]
    if isinstance(step.judge, Verifier):
        with _explained(step, asked[0] if asked else None):
            judgements = await step.judge.judge_all(asked)
    else:
        judgements = await together(_judgement(work, step, draft) for draft in asked)
    await work.ledger.flush()
    let_by = [draft for draft in drafts if not step.concerns(draft.fields)]
    return _commit(work, plan, step, [*asked, *let_by], [*judgements, *(accepted(NOT_ASKED) for _ in let_by)])


async def _judgement(work: Work, step: Judge, draft: Draft) -> Judgement | Unanswered:
    """If no answer came, the draft stays unjudged; the step, carried out again, asks again."""
    judge: Critic = step.judge
    with _explained(step, draft):
        author = draft.producer.partition(" ")[2]
        roles = [role for role in step.role if not (step.but_author and work.teachers[role].model == author)]
        if not roles:
            raise RecipeError(
                f"step {step.step!r}: a draft by {author!r} has nobody to judge it but its author; bind the roles "
                f"{', '.join(step.role)} to different models, or leave `but_author` out"
            )
        said = await together(_said(work, judge, draft, work.teachers[role]) for role in roles)
        missing = next((each for each in said if isinstance(each, Unanswered)), None)
        if missing:
            return missing
        judgements = {role: each for role, each in zip(roles, said, strict=True) if isinstance(each, Judgement)}
        return judgements[roles[0]] if len(step.role) == 1 else judge.sum_up(judgements)


async def _said(work: Work, judge: Critic, draft: Draft, teacher: Teacher) -> Judgement | Unanswered:
    try:
        return await judge.judge(draft, teacher)
    except UnreadableReply as error:
        return Judgement(Outcome.UNREADABLE, str(error), call=error.call)
    except Unanswered as error:
        return error
    except BudgetSpent as error:
        return unpaid(work, error)


def unpaid(work: Work, error: BudgetSpent) -> Unpaid:
    """A run that trains on what it bought goes on without the answer; any other ends here. Raises the error."""
    if work.recipe.budget.then != "train" or isinstance(error, PriceUnknown):
        raise error
    return Unpaid("the budget has no room for it")


def _shortage(work: Work, plan: Plan, step: AnyStep, results: Sequence[Any]) -> list[Entry]:
    """A line in the ledger if the budget had no room: a run that goes on after a crash says so as one that never died."""
    if not any(isinstance(result, Unpaid) for result in results):
        return []
    return [Entry.new(run=work.run.key, round=plan.round, stage=step.step, subject=f"{NO_ROOM} {plan.round}")]


async def _weigh(work: Work, plan: Plan, step: Weigh, drafts: Sequence[Draft]) -> Yield:
    with _explained(step, drafts[0] if drafts else None):
        texts = [step.judge.texts(draft.fields) for draft in drafts]
    weighed = [(draft, own) for draft, own in zip(drafts, texts, strict=True) if own]
    blank = [draft for draft, own in zip(drafts, texts, strict=True) if not own]
    weights = await weigh(work, plan, step, [own for _, own in weighed])
    judgements = step.judge.judge([draft for draft, _ in weighed], weights)
    return _commit(
        work,
        plan,
        step,
        [*(draft for draft, _ in weighed), *blank],
        [*judgements, *(rejected("has no text to weigh") for _ in blank)],
    )


def _select(work: Work, plan: Plan, step: Select, drafts: Sequence[Draft]) -> Yield:
    keys = [key for number in range(1, plan.round) for key in _streams(work).let_through(step, step.to, number)]
    earlier = [draft for draft in _of_keys(work, keys) if isinstance(draft, Draft)]
    with _explained(step, drafts[0] if drafts else None):
        labelled = _labelled(work, plan, step)
        if isinstance(step.select, ScoredSelection):
            judgements = step.select.choose(drafts, earlier, labelled, _scores(work, plan, step, drafts))
        else:
            judgements = step.select.choose(drafts, earlier, labelled)
    return _commit(work, plan, step, drafts, judgements)


def _scores(work: Work, plan: Plan, step: Select, drafts: Sequence[Draft]) -> dict[str, float]:
    """What the step that `scores` names gave these drafts. Raises UnfitDraft where it judges and gives no scores at all."""
    verdicts = work.store.verdicts(work.run.key, step.scores or "", plan.round)
    said = [verdicts[draft.key] for draft in drafts if draft.key in verdicts]
    read = [verdict for verdict in said if verdict.outcome != Outcome.UNREADABLE and verdict.reason != NOT_ASKED]
    scores = {verdict.draft: verdict.score for verdict in read if verdict.score is not None}
    if drafts and not scores and (read or not said):
        raise UnfitDraft(
            f"{step.select.use} goes by scores, and step {step.scores!r} gave none of these {len(drafts)} drafts a score; "
            "name a step that judged these very drafts and gives scores"
        )
    return scores


def _labelled(work: Work, plan: Plan, step: Select) -> list[tuple[Draft, bool]]:
    if step.labels is None:
        return []
    judged = {
        key: outcome == Outcome.ACCEPTED
        for number in range(1, plan.round + 1)
        for key, outcome in work.store.judged(work.run.key, step.labels, number).items()
        if outcome != Outcome.UNREADABLE
    }
    drafts = [draft for draft in _of_keys(work, sorted(judged)) if isinstance(draft, Draft)]
    judge = next(one for one in work.recipe.lessons if one.step == step.labels and isinstance(one, Judge))
    return [(draft, judged[draft.key]) for draft in drafts if judge.concerns(draft.fields)]


def _commit(
    work: Work,
    plan: Plan,
    step: Judge | Weigh | Select | Review,
    drafts: Sequence[Draft],
    judgements: Sequence[Judgement | Unanswered],
) -> Yield:
    judge = component_of(step).signature
    pairs = zip(drafts, judgements, strict=True)
    judged = [(draft, judgement) for draft, judgement in pairs if isinstance(judgement, Judgement)]
    work.store.add(
        *(
            Verdict.new(run=work.run.key, draft=draft.key, step=step.step, judge=judge, **_as_fields(judgement))
            for draft, judgement in judged
        ),
        *_shortage(work, plan, step, judgements),
    )
    count = Counter(judgement.outcome for _, judgement in judged)
    outcomes = count[Outcome.ACCEPTED], count[Outcome.REJECTED], count[Outcome.UNREADABLE]
    return Yield(0, *outcomes, _causes(judgements))


def _as_fields(judgement: Judgement) -> dict[str, Any]:
    return {name: getattr(judgement, name) for name in ("outcome", "reason", "score", "evidence", "call")}


async def together(waiting: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order; the first failure ends the others and is raised itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in waiting]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def _streams(work: Work) -> Streams:
    return Streams(work.recipe, work.store, work.run.key)


def _teacher(work: Work, role: str) -> Teacher:
    return work.teachers[role] if role else Nobody()


def _of_keys(work: Work, keys: Sequence[str]) -> list[Seed | Draft]:
    """These materials alone: a batch that read the whole round for them would make a step quadratic."""
    found: dict[str, Seed | Draft] = {**work.store.by_key(Seed, keys), **work.store.by_key(Draft, keys)}
    return [found[key] for key in sorted(found)]
