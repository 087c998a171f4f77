"""The single cases that the report shows: rejected drafts, answers before and after, and what was written for failures.

Cases are chosen by rule, the first by their hash, so that nobody picks the pretty ones.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.clauses import FAILURES, MISTAKES, AnyStep, Generate, component_of
from orchestrator.examination.decontamination import JUDGE
from orchestrator.examination.items import CANARY
from orchestrator.standing import Standing
from storage.records import Draft, Outcome, Plan, Seed, Verdict
from storage.store import Store

CASES = 3
CAUSES = 6
"""Causes of a step that are shown one by one, the most frequent first."""
MATERIAL = ("question", "gold", "student_reply")
"""Fields that a draft takes over from what it was written for."""
FIRST = ("text", "rationale", "claimed", "actual", "answer", "gold")
"""The order in which a person reads; JSON is stored in that of the alphabet."""


@dataclass(frozen=True)
class Case:
    """One draft that was not accepted."""

    question: str
    written: str
    reason: str
    evidence: str


@dataclass(frozen=True)
class Cause:
    outcome: Outcome
    reason: str
    count: int
    cases: list[Case]


@dataclass(frozen=True)
class StepStory:
    """What became of the drafts at one step."""

    step: str
    component: str
    generates: bool
    written: int
    accepted: int
    rejected: int
    unreadable: int
    causes: list[Cause]
    more_causes: int
    calls: list[tuple[str, int]]
    """How its calls ended."""


@dataclass(frozen=True)
class Answers:
    question: str
    gold: str
    skill: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """How single answers changed between two students in one exam."""

    exam: str
    gained: int
    lost: int
    answers: list[Answers]


@dataclass(frozen=True)
class NewQuestion:
    failed: str
    question: str
    skill: str
    rejected: str
    """Why it was rejected at once; empty if it was not."""


@dataclass(frozen=True)
class Planned:
    """What the numbers of a plan do not tell."""

    quotas: list[tuple[str, int]]
    """Largest first."""
    weights: list[tuple[str, float]]
    briefs: list[str]
    questions: list[NewQuestion]


def step_story(store: Store, run: str, step: AnyStep, calls: Sequence[tuple[str, int]]) -> StepStory:
    verdicts = store.verdicts(run, step.step)
    generates = isinstance(step, Generate)
    written = len(store.drafts(run, step.step)) if generates else len(verdicts)
    outcomes = Counter(verdict.outcome for verdict in verdicts.values())
    failed = sum(number for outcome, number in calls if outcome not in ("answered", "read"))
    causes, more = _causes(store, verdicts)
    return StepStory(
        step=step.step,
        component=component_of(step).use,
        generates=generates,
        written=written,
        accepted=written - outcomes[Outcome.REJECTED] if generates else outcomes[Outcome.ACCEPTED],
        rejected=outcomes[Outcome.REJECTED],
        unreadable=failed if generates else outcomes[Outcome.UNREADABLE],
        causes=causes,
        more_causes=more,
        calls=list(calls),
    )


def _causes(store: Store, verdicts: Mapping[str, Verdict]) -> tuple[list[Cause], int]:
    groups: dict[tuple[Outcome, str], list[Verdict]] = defaultdict(list)
    for key in sorted(verdicts):
        if verdicts[key].outcome != Outcome.ACCEPTED:
            groups[verdicts[key].outcome, verdicts[key].reason].append(verdicts[key])
    largest = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    shown = largest[:CAUSES]
    drafts = store.by_key(Draft, [verdict.draft for _, group in shown for verdict in group[:CASES]])
    causes = [
        Cause(outcome, reason, len(group), [_case(drafts.get(v.draft), v) for v in group[:CASES]])
        for (outcome, reason), group in shown
    ]
    return causes, len(largest) - len(shown)


def _case(draft: Draft | None, verdict: Verdict) -> Case:
    fields = draft.fields if draft else {}
    own = {name: value for name, value in fields.items() if name not in MATERIAL}
    question = str(fields.get("question", "")) if own else ""
    return Case(
        question, spelled(own or {"question": fields.get("question", "")}), verdict.reason, spelled(verdict.evidence)
    )


def spelled(value: Any) -> str:
    """A JSON value in lines that read without brackets."""
    if isinstance(value, Mapping):
        names = sorted(value, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
        return "\n".join(f"{name}: {spelled(value[name])}" for name in names)
    if isinstance(value, list):
        return "\n".join(", ".join(spelled(part).split("\n")) for part in value)
    return str(value)


def right_for_wrong_reasons(store: Store, standing: Standing) -> tuple[int, int] | None:
    """Of how many drafts with the right answer whose steps were checked, how many rested on a wrong step?"""
    steps = {component_of(step).use: step.step for step in standing.recipe.lessons}
    if not {"answer_match", "arithmetic_steps"} <= set(steps):
        return None
    answers = store.verdicts(standing.run.key, steps["answer_match"])
    checked = store.verdicts(standing.run.key, steps["arithmetic_steps"])
    right = [key for key, verdict in answers.items() if verdict.outcome == Outcome.ACCEPTED and key in checked]
    return sum(checked[key].outcome == Outcome.REJECTED for key in right), len(right)


def comparison(store: Store, standing: Standing) -> Comparison | None:
    """The same questions before and after; None until two students have taken one exam."""
    pair = standing.compared
    if pair.before is None or pair.after is None:
        return None
    # Of several samples the first; what canaries are asked tells nothing of what was taught.
    before = {a.question: a for a in store.attempts(pair.before.student, pair.exam) if a.sample == 0}
    later = [a for a in store.attempts(pair.after.student, pair.exam) if a.sample == 0 and a.skill != CANARY]
    both = [(before[a.question], a) for a in later if a.question in before]
    gained = [(old, new) for old, new in both if new.right and not old.right]
    return Comparison(
        exam=pair.exam,
        gained=len(gained),
        lost=sum(old.right and not new.right for old, new in both),
        answers=[
            Answers(new.question, new.gold, new.skill, old.reply, new.reply)
            for old, new in _of_different_skills(gained, lambda couple: couple[1])
        ],
    )


def _of_different_skills(cases: Iterable[Any], record: Any) -> list[Any]:
    """Three cases, one of each skill as far as there are several."""
    in_order = sorted(cases, key=lambda case: record(case).key)
    turns: Counter[str] = Counter()
    ranked = []
    for place, case in enumerate(in_order):
        ranked.append((turns[record(case).skill], place, case))
        turns[record(case).skill] += 1
    return [case for _, _, case in sorted(ranked, key=lambda entry: entry[:2])[:CASES]]


def left_out(store: Store, run: str) -> list[Case]:
    """Three of the drafts that were left out of a dataset because they repeat an exam question."""
    verdicts = [verdict for _, verdict in sorted(store.verdicts(run, JUDGE).items())][:CASES]
    drafts = store.by_key(Draft, [verdict.draft for verdict in verdicts])
    return [_case(drafts.get(verdict.draft), verdict) for verdict in verdicts]


def planned(store: Store, standing: Standing, number: int) -> Planned:
    """What a round was planned to be about, and some of what was written for it."""
    plan = next((plan for plan in standing.plans if plan.round == number), None)
    if plan is None:
        return Planned([], [], [], [])
    return Planned(
        quotas=_largest(plan.quotas),
        weights=_largest(plan.weights),
        briefs=[spelled(brief) for brief in plan.briefs[:CASES]],
        questions=_written_for(store, standing, plan) if plan.targets else [],
    )


def _largest(shares: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(shares.items(), key=lambda item: (-item[1], item[0]))


def _written_for(store: Store, standing: Standing, plan: Plan) -> list[NewQuestion]:
    """Three of the drafts whose parent is a failure."""
    run = standing.run.key
    failed = (FAILURES, MISTAKES)
    seeds: dict[str, Seed] = {seed.key: seed for stream in failed for seed in store.seeds(run, stream, plan.round)}
    writing = [step for step in standing.recipe.lessons if isinstance(step, Generate)]
    steps = [step.step for step in writing if set(failed) & set(step.sources)]
    drafts = [d for step in steps for d in store.drafts(run, step, plan.round) if d.parents and d.parents[0] in seeds]
    chosen = _of_different_skills(drafts, lambda draft: draft)
    refused = {key: v.reason for step in steps for key, v in store.verdicts(run, step, plan.round).items()}
    return [
        NewQuestion(
            failed=str(seeds[draft.parents[0]].fields.get("question", "")),
            question=str(draft.fields.get("question", "")) or spelled(draft.fields),
            skill=draft.skill,
            rejected=refused.get(draft.key, ""),
        )
        for draft in chosen
    ]
