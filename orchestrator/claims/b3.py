"""Chains of thought with wrong answers dropped against all of them, by how often the teacher errs."""

from collections.abc import Sequence

from orchestrator.claims.claim import Check, Claim, better, not_worse, of_arm
from orchestrator.comparison import Comparison, Result, paired
from storage.store import Store

RATES = (".1", ".3", ".5")
UNSOUND = "?error_rate=.1&wrong_reason_rate=.4"
"""A teacher that is seldom wrong, and often right for a wrong reason."""
MARGIN = 0.05
"""What the filter may cost where there is little to drop."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    pairs = [(of_arm(comparison, 2 * place), of_arm(comparison, 2 * place + 1)) for place in range(len(RATES) + 1)]
    *by_rate, (matched, executed) = pairs
    (few_kept, few_dropped), *more = by_rate
    found = [
        not_worse(few_dropped, few_kept, f"at an error rate of {RATES[0]}, the filter costs nothing", MARGIN),
        *(
            better(dropped, kept, f"at an error rate of {rate}, dropping wrong answers teaches more")
            for rate, (kept, dropped) in zip(RATES[1:], more, strict=True)
        ),
        _grows([paired(dropped, kept).difference for kept, dropped in by_rate]),
        better(executed, matched, "where right answers have wrong reasons, checking the calculations teaches more"),
    ]
    return [*found, _dropped(store, [dropped for _, dropped in by_rate])]


def _grows(gaps: Sequence[float]) -> Check:
    """From the least error to the most; what lies between is within chance of either."""
    told = ", ".join(f"{100 * gap:+.1f} points at {rate}" for gap, rate in zip(gaps, RATES, strict=True))
    return Check("the more the teacher errs, the more the filter is worth", gaps[-1] > gaps[0], told)


def _dropped(store: Store, arms: Sequence[Sequence[Result]]) -> Check:
    """Without it a filter that let everything pass, or a teacher that did not err, would look like a finding."""
    shares = [_share_dropped(store, arm) for arm in arms]
    told = ", ".join(f"{share:.0%} at {rate}" for share, rate in zip(shares, RATES, strict=True))
    says = "the filter drops more, the more the teacher errs"
    return Check(says, 0 < shares[0] < shares[1] < shares[2], told)


def _share_dropped(store: Store, results: Sequence[Result]) -> float:
    """Of all that was written, what is not in the dataset."""
    written = sum(len(store.drafts(result.run, "solve")) for result in results)
    kept = sum(dataset.size for result in results for dataset in store.datasets(result.run))
    return 1 - kept / written


def _arms() -> tuple[str, ...]:
    """For each rate of error, all that was written and what has the right answer; then what is unsound, by two filters."""
    told = "wrong-rationales+roles.teacher.rehearsal=rehearsal-teacher"
    by_rate = [
        f"{told}?error_rate={rate}+datasets.lessons.from={kept}" for rate in RATES for kept in ("solutions", "right")
    ]
    return (*by_rate, *(f"{told}{UNSOUND}+datasets.lessons.from={kept}" for kept in ("right", "sound")))


CLAIM = Claim(
    id="B3",
    says="chains of thought whose answer is wrong had better be dropped, the more so the more the teacher errs",
    source="Teaching Small Language Models to Reason (Magister et al. 2022), PaD (Zhu et al. 2023), KARD (Kang et al. 2023)",
    planted="the errors, at random, of .1, .3 and .5 of the chains, and wrong reasons of right answers in .4 of another's; "
    "that answers and calculations can be checked without an error; not what a student makes of either",
    arms=_arms(),
    check=check,
)
