"""Passages found by the rationale, by a reranker and by the question, and what they are worth."""

from collections.abc import Sequence
from statistics import fmean

from agents.quoting import hold
from orchestrator.claims.claim import Check, Claim, better, not_worse, of_arm
from orchestrator.comparison import Comparison, Result
from orchestrator.examination.items import CANARY
from orchestrator.examination.statistics import paired_interval
from storage.store import Store

TEST, LOOKS_UP = "test", "look_up"
MARGIN = 0.05
"""What a passage more may cost and not count as hurting."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    none, question, reranked, two = (of_arm(comparison, place) for place in range(4))
    return [
        _privileged(store, reranked),
        _found_more_often(store, reranked, question),
        better(question, none, "passages found by the question are better than none"),
        better(reranked, question, "passages that the reranker puts first are better than those found by the question"),
        not_worse(two, reranked, "a second passage does not hurt", MARGIN),
    ]


def _privileged(store: Store, results: Sequence[Result]) -> Check:
    """Of other questions: exams have no rationales. So it is a bound, and compared without an interval."""
    drafts = [draft for result in results for draft in store.drafts(result.run, LOOKS_UP)]
    oracle = [hold(str(draft.fields["knowledge"]), str(draft.fields["gold"])) for draft in drafts]
    found = [hit for result in results for hit in _hits(store, result).values()]
    told = (
        f"{fmean(oracle or [0]):.1%} of {len(oracle)} lessons, {fmean(found or [0]):.1%} of {len(found)} exam questions"
    )
    says = "the rationale finds the answer at least as often as the reranker does"
    return Check(says, bool(oracle and found) and fmean(oracle) >= fmean(found), told)


def _found_more_often(store: Store, new: Sequence[Result], old: Sequence[Result]) -> Check:
    pairs = list[tuple[bool, bool]]()
    for after, before in zip(new, old, strict=True):
        reranked, ranked = _hits(store, after), _hits(store, before)
        pairs += [(reranked[question], ranked[question]) for question in reranked if question in ranked]
    says = "the reranker finds the answer more often than the question does"
    if not pairs:
        return Check(says, False, "no question was looked up for in both arms")
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    low, high = paired_interval(ours, theirs)
    told = f"{fmean(theirs):.1%} → {fmean(ours):.1%} of {len(pairs)} questions [{100 * low:+.1f}, {100 * high:+.1f}]"
    return Check(says, low > 0, told)


def _hits(store: Store, result: Result) -> dict[str, bool]:
    """Of each question of the test whether the best student was shown the answer."""
    examined = {card.student: card.round for card in store.scorecards(result.run) if card.exam == TEST}
    best = max(examined, key=lambda student: examined[student])  # the other one is the base
    attempts = [attempt for attempt in store.attempts(best, TEST) if attempt.skill != CANARY]
    return {a.question: hold(str(a.shown.get("knowledge", "")), a.gold) for a in attempts}


CLAIM = Claim(
    id="B13",
    says="a rationale finds better passages than the question, a reranker learns to find them from the question, and one passage "
    "more does not hurt",
    source="KARD (Kang et al. 2023)",
    planted="that the question may miss: a fact is asked in words that its document has not, while the rationale names its "
    "value; not what the reranker learns of it, nor what a student makes of the passages",
    arms=("kard+inference=single", "kard+inference.reranker=null", "kard", "kard+inference.entries=2"),
    check=check,
)
