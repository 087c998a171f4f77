"""One solution written from several against one of them chosen."""

from collections.abc import Sequence
from statistics import fmean

from agents.answers import same_answer
from orchestrator.claims.claim import Check, Claim, better, of_arm
from orchestrator.comparison import Comparison, Result
from orchestrator.examination.statistics import paired_interval
from storage.records import Draft, Outcome
from storage.store import Store

FUSES, CHOOSES, SOLVES = "fuse", "choose", "solve"


def check(comparison: Comparison, store: Store) -> list[Check]:
    chosen, fused = of_arm(comparison, 0), of_arm(comparison, 1)
    return [
        _right_more_often(store, fused),
        _right_where_none_is(store, fused),
        better(
            fused, chosen, "the student that learns fusions is better than the one that learns what most teachers say"
        ),
    ]


def _right_more_often(store: Store, results: Sequence[Result]) -> Check:
    """On the questions of which both have one."""
    pairs = list[tuple[bool, bool]]()
    for result in results:
        accepted = {
            key for key, said in store.verdicts(result.run, CHOOSES).items() if said.outcome == Outcome.ACCEPTED
        }
        picked = {d.fields["question"]: _right(d) for d in store.drafts(result.run, SOLVES) if d.key in accepted}
        written = {d.fields["question"]: _right(d) for d in store.drafts(result.run, FUSES)}
        pairs += [(written[question], picked[question]) for question in written if question in picked]
    new, old = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    low, high = paired_interval(new, old)
    told = f"{fmean(old):.1%} → {fmean(new):.1%} of {len(pairs)} questions [{100 * low:+.1f}, {100 * high:+.1f}]"
    return Check("fusions are right more often than what most teachers say", low > 0, told)


def _right_where_none_is(store: Store, results: Sequence[Result]) -> Check:
    found, lost = 0, 0
    for result in results:
        candidates = {draft.key: draft for draft in store.drafts(result.run, SOLVES)}
        for draft in store.drafts(result.run, FUSES):
            if not any(_right(candidates[parent]) for parent in draft.parents):
                lost += 1
                found += _right(draft)
    return Check("some fusion is right where no candidate is", found > 0, f"{found} of {lost} questions")


def _right(draft: Draft) -> bool:
    return same_answer(str(draft.fields["answer"]), str(draft.fields["gold"]))


CLAIM = Claim(
    id="B18",
    says="one solution written from the best parts of several teaches more than one of them chosen",
    source="FusioN (Khairi et al. 2025, +1.8 points of accuracy, +1.1 of reasoning, against the best of N)",
    planted="the fuser: it takes each step from a candidate that has it right, and errs as often as its judgements do; the "
    "candidates' errors are of different steps. Not what a student makes of it",
    arms=("fusion+lessons.once.from=[chosen, practised]", "fusion"),
    check=check,
)
