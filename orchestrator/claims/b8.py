"""A teacher that is shown the mistake against one that is not, on the same mistakes."""

from collections.abc import Sequence
from statistics import fmean

from orchestrator.claims.claim import Check, Claim, of_arm
from orchestrator.comparison import Comparison, Result
from orchestrator.examination.statistics import mcnemar, paired_interval
from storage.records import Outcome
from storage.store import Store

BLIND, HINTED, SHOWN = "blind", "hinted", "shown"
"""The steps that write about a mistake: from the question alone, with the right answer, and with the mistake besides."""
ALPHA = 0.05


def check(comparison: Comparison, store: Store) -> list[Check]:
    unplanted, planted = of_arm(comparison, 0), of_arm(comparison, 1)
    return [
        _more_often(store, planted, HINTED, BLIND, "a hint makes its solutions right more often"),
        _more_often(store, planted, SHOWN, HINTED, "the mistake, shown besides the hint, makes them so once more"),
        _nothing(store, unplanted, "where its teacher does not heed mistakes, nothing is found"),
    ]


def _more_often(store: Store, results: Sequence[Result], new: str, old: str, says: str) -> Check:
    """McNemar's exact test on the mistakes that both steps wrote about."""
    ours, theirs = _paired(store, results, new, old)
    only = [sum(a > b for a, b in zip(*pair, strict=True)) for pair in ((ours, theirs), (theirs, ours))]
    p = mcnemar(*only)
    return Check(says, p < ALPHA, f"{_change(ours, theirs)}, p = {p:.2g}")


def _nothing(store: Store, results: Sequence[Result], says: str) -> Check:
    ours, theirs = _paired(store, results, SHOWN, HINTED)
    low, high = paired_interval(ours, theirs)
    return Check(says, low <= 0 <= high, f"{_change(ours, theirs)} [{100 * low:+.1f}, {100 * high:+.1f}]")


def _change(ours: Sequence[bool], theirs: Sequence[bool]) -> str:
    gap = 100 * (fmean(ours) - fmean(theirs))
    return f"{fmean(theirs):.1%} → {fmean(ours):.1%} of {len(ours)} mistakes, {gap:+.1f} points"


def _paired(store: Store, results: Sequence[Result], new: str, old: str) -> tuple[list[bool], list[bool]]:
    """Whether each mistake's solutions are right. One that either step could not write about is in neither list."""
    ours, theirs = list[bool](), list[bool]()
    for result in results:
        first, second = _rights(store, result.run, new), _rights(store, result.run, old)
        both = [mistake for mistake in first if mistake in second]
        ours += [first[mistake] for mistake in both]
        theirs += [second[mistake] for mistake in both]
    return ours, theirs


def _rights(store: Store, run: str, step: str) -> dict[str, bool]:
    """By mistake: whether what this step wrote about it has the right answer."""
    said = store.verdicts(run, "right_answer")
    drafts = store.drafts(run, step)
    return {d.parents[0]: said[d.key].outcome == Outcome.ACCEPTED for d in drafts if d.key in said}


CLAIM = Claim(
    id="B8",
    says="a teacher that sees the student's mistake beside the right answer writes right solutions more often",
    source="Learn-to-Reason (Wang et al. 2023, 1.6 to 3 points)",
    planted="all of it: with the gold answer shown the rehearsal teacher makes a third of its errors, with the mistake shown "
    "half of these (`heeds_mistakes`), nothing where that is 0; what is tested is that steps, visibility and verdicts carry it",
    arms=(
        "shown-mistakes+roles.teacher.rehearsal=rehearsal-teacher?error_rate=.45&heeds_mistakes=0",
        "shown-mistakes",
    ),
    check=check,
)
