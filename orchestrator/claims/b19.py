"""Lessons in the style that the student learns best from against lessons in all styles."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from orchestrator.claims.claim import Check, Claim, better, gained, of_arm
from orchestrator.comparison import Comparison, Result
from orchestrator.examination.replication import Paired
from storage.records import Plan
from storage.store import Store

PRACTICE = "practice"


def check(comparison: Comparison, store: Store) -> list[Check]:
    both, preferred = of_arm(comparison, 0), of_arm(comparison, 1)
    return [
        better(preferred, both, "accuracy is higher than with lessons in both styles"),
        _of_more_use(store, preferred, both),
        _is_the_one_liked(store, preferred),
    ]


def _of_more_use(store: Store, new: Sequence[Result], old: Sequence[Result]) -> Check:
    """Of the questions that the last round taught in both arms, seed by seed and pair by pair."""
    says = "its lessons are of more use: the questions they teach are then answered right more often"
    before = {result.seed: _outcomes(store, result.run) for result in old}
    ours, theirs = list[Mapping[str, float]](), list[Mapping[str, float]]()
    for result in new:
        mine, control = _outcomes(store, result.run), before.get(result.seed, {})
        both = [question for question in mine if question in control]
        if both:
            ours.append({question: mine[question] for question in both})
            theirs.append({question: control[question] for question in both})
    questions = [{question: question for question in answers} for answers in ours]
    if len({question for asked in questions for question in asked}) < 2:
        return Check(says, held=False, figures="the last rounds of both arms taught fewer than two questions in common")
    return gained(Paired(ours, theirs, questions), says)


def _is_the_one_liked(store: Store, results: Sequence[Result]) -> Check:
    told, agree = list[str](), True
    for result in results:
        use, last = liked(store, result.run), _taught(store, result.run)[-1]
        chosen = Counter(str(brief["style"]) for brief in last.briefs).most_common(1)[0][0]
        agree &= chosen == max(use, key=lambda style: use[style])
        told.append(f"seed {result.seed} {_name(chosen)} ({', '.join(f'{_name(s)} {v:.0%}' for s, v in use.items())})")
    return Check("the style that is chosen is the one that practice liked", agree, "; ".join(told))


def liked(store: Store, run: str) -> Mapping[str, float]:
    """By style: the share of the questions taught in it, before the last round, that were then answered right."""
    found: dict[str, list[float]] = {}
    for plan in _taught(store, run)[:-1]:
        outcome = _practised(store, run, plan.round)
        for brief in plan.briefs:
            if str(brief["question"]) in outcome:
                found.setdefault(str(brief["style"]), []).append(outcome[str(brief["question"])])
    return {style: fmean(values) for style, values in sorted(found.items())}


def _outcomes(store: Store, run: str) -> dict[str, float]:
    """Of the questions that the last round taught: the share of the answers to them that are then right."""
    last = _taught(store, run)[-1]
    outcome = _practised(store, run, last.round)
    return {question: outcome[question] for question in _questions(last) if question in outcome}


def _taught(store: Store, run: str) -> list[Plan]:
    return [plan for plan in store.plans(run) if plan.briefs and not plan.stop]


def _questions(plan: Plan) -> Iterator[str]:
    return (str(brief["question"]) for brief in plan.briefs)


def _practised(store: Store, run: str, number: int) -> dict[str, float]:
    answers: dict[str, list[bool]] = {}
    for attempt in store.attempts_of(run, [PRACTICE]):
        if attempt.round == number:
            answers.setdefault(attempt.question, []).append(attempt.right)
    return {question: fmean(rights) for question, rights in answers.items()}


def _name(style: str) -> str:
    return style.split(":")[0].split(".")[0].lower()


CLAIM = Claim(
    id="B19",
    says="lessons in the style that the student has been seen to learn best from teach more than lessons in all styles",
    source="ARTE (Liu et al. 2024, 37.6 to 42.0)",
    planted="the styles: told to be short, the rehearsal teacher leaves the columns of calculations out; that a small "
    "student needs them is not planted",
    arms=("preferred-style+feedback.explore=.5", "preferred-style"),
    check=check,
)
