"""The court: a judge is heard on cases whose truth is known before it may judge, and its shares are corrected after.

Here a judge is a critic asked of a model. What it is wrong about is measured: both kinds of error, whether the order of
a pair, the length of a text or the family of its writer sways it. All intervals are of 95 %.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from statistics import NormalDist, fmean, pstdev

from pydantic import Field

from agents.kinds import Critic, Teacher, UnreadableReply
from orchestrator.clause import Clause
from orchestrator.examination.families import family
from orchestrator.examination.statistics import wilson_interval
from storage.records import Draft, Outcome

Z95 = NormalDist().inv_cdf(0.975)
RIDGE = 0.1
"""Penalty on the squared coefficients of the length regression, halved: a normal prior of variance 10."""


@dataclass(frozen=True)
class Case:
    """What a judge said of one item whose truth is known."""

    key: str
    truth: bool
    """Whether the item is good."""
    verdict: bool | None
    """Whether the judge accepted it; None if its reply could not be read, which is no verdict."""
    flipped: bool | None
    """Whether a pair shown in the other order was judged otherwise; None where no pair is judged."""
    length: int
    """Characters of what was judged."""
    family: str
    """Family of the model that wrote it; empty if no model did."""


class Bar(Clause):
    """What a judge must reach before it may judge.

    Ability is held to its estimate. A bias is held against a judge only if it is larger than allowed and its interval
    leaves zero out: on few cases an unbiased judge would else often look biased.
    """

    youden: float = Field(default=0.5, gt=0, le=1)
    """Least sensitivity + specificity - 1 (Youden 1950); 0.5 is a balanced accuracy of 0.75, 0 is guessing."""
    flips: float = Field(default=0.25, ge=0, le=1)
    """Largest share of pairs that are judged otherwise in the other order."""
    length_slope: float = Field(default=0.5, ge=0)
    """Largest change, up or down, in the log odds of acceptance for one standard deviation of length."""
    own_family: float = Field(default=0.1, ge=0, le=1)
    """Largest surplus in the share accepted of its own family's items."""
    cases: int = Field(default=30, ge=2)
    """Fewest cases with a verdict."""
    of_either: int = Field(default=10, ge=1)
    """Fewest of them that are good, and fewest that are not."""


@dataclass(frozen=True)
class Measured:
    """An estimate and its interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Corrected(Measured):
    """A share or mean from which a judge's errors are taken out; the interval is the wider for them."""


@dataclass(frozen=True)
class Calibration:
    """What a judge is worth, by cases whose truth is known. A measure is None where no case tells anything of it."""

    true_positives: int
    """Good items that were accepted."""
    false_negatives: int
    false_positives: int
    true_negatives: int
    """Bad items that were rejected."""
    unreadable: int
    """Cases without a verdict: in none of the four counts, nor in any measure."""
    sensitivity: Measured | None
    """Share of the good that is accepted."""
    specificity: Measured | None
    """Share of the bad that is rejected."""
    flips: Measured | None
    """Share of pairs that were judged otherwise in the other order."""
    length_slope: Measured | None
    """Change in the log odds of acceptance for one standard deviation of length, at equal truth."""
    own_family: Measured | None
    """Share accepted of the items that the judge's family wrote, less that of the others', at equal truth."""

    @property
    def good(self) -> int:
        return self.true_positives + self.false_negatives

    @property
    def bad(self) -> int:
        return self.true_negatives + self.false_positives

    @property
    def n(self) -> int:
        """Cases with a verdict."""
        return self.good + self.bad

    @property
    def youden(self) -> float | None:
        """Sensitivity + specificity - 1."""
        if self.sensitivity is None or self.specificity is None:
            return None
        return self.sensitivity.estimate + self.specificity.estimate - 1


def calibrate(cases: Sequence[Case], judge_family: str = "") -> Calibration:
    """What the judge of these cases is worth. Without `judge_family`, no preference for it is measured.

    Raises ValueError for a case that comes twice: it would count as two and narrow every interval.
    """
    twice = [key for key, times in Counter(case.key for case in cases).items() if times > 1]
    if twice:
        raise ValueError(
            f"{len(twice)} cases come more than once, {twice[0]!r} first; expected each once; leave out copies"
        )
    read = [case for case in cases if case.verdict is not None]
    count = Counter((case.truth, case.verdict) for case in read)
    shown_twice = [case.flipped for case in read if case.flipped is not None]
    return Calibration(
        true_positives=count[True, True],
        false_negatives=count[True, False],
        false_positives=count[False, True],
        true_negatives=count[False, False],
        unreadable=len(cases) - len(read),
        sensitivity=_share(count[True, True], count[True, True] + count[True, False]),
        specificity=_share(count[False, False], count[False, False] + count[False, True]),
        flips=_share(sum(shown_twice), len(shown_twice)),
        length_slope=_length_slope(read),
        own_family=_own_family(read, judge_family) if judge_family else None,
    )


def refusals(calibration: Calibration, bar: Bar) -> list[str]:
    """Why this judge may not judge, a sentence for each reason; empty if it may."""
    return [*_too_few(calibration, bar), *_too_weak(calibration, bar), *_swayed(calibration, bar)]


def corrected(accepted: int, n: int, calibration: Calibration) -> Corrected:
    """The share of good items among n, of which the judge accepted so many; unread verdicts are in neither.

    The estimate is Rogan & Gladen's (1978). The interval is that of Lang & Reiczigel (2014): it takes in that
    sensitivity and specificity are themselves estimated, from cases that are none of the n. Both are clipped to [0, 1],
    so an interval of no width says that the judge's errors alone do not explain what it said. Raises ValueError for
    counts that are no share, and for a judge no better than guessing, from whose verdicts nothing follows.
    """
    if not 0 <= accepted <= n or n == 0:
        raise ValueError(f"{accepted} accepted of {n} is no share; expected 0 to n of at least 1")
    youden = calibration.youden
    if youden is None or youden <= 0 or calibration.sensitivity is None or calibration.specificity is None:
        found = "unknown" if youden is None else f"{youden + 1:.2f}"
        raise ValueError(
            f"the judge's sensitivity + specificity is {found}; expected more than 1, since no share can be corrected "
            "by a judge that is no better than guessing; choose another judge, or hear it on more cases"
        )
    estimate = _clip((accepted / n + calibration.specificity.estimate - 1) / youden)
    low, high = _lang_reiczigel(accepted, n, calibration)
    return Corrected(estimate, min(low, estimate), max(high, estimate))


async def hear(critic: Critic, teacher: Teacher, items: Sequence[tuple[Draft, bool]]) -> list[Case]:
    """One case for each draft and whether it is good, in order. An unreadable reply is no verdict; other errors are
    raised."""
    # A recipe may name a Bar, and production reads recipes.
    from orchestrator.production import together

    return await together(_case(critic, teacher, draft, truth) for draft, truth in items)


async def _case(critic: Critic, teacher: Teacher, draft: Draft, truth: bool) -> Case:
    try:
        said = await critic.judge(draft, teacher)
        outcome, evidence = said.outcome, said.evidence
    except UnreadableReply:
        outcome, evidence = Outcome.UNREADABLE, {}
    return Case(
        key=draft.key,
        truth=truth,
        verdict=None if outcome is Outcome.UNREADABLE else outcome is Outcome.ACCEPTED,
        flipped=evidence.get("flipped"),
        length=sum(len(str(value)) for value in draft.fields.values()),
        family=family(draft.producer.partition(" ")[2]),
    )


def _share(count: int, n: int) -> Measured | None:
    return Measured(count / n, *wilson_interval(count, n)) if n else None


def _clip(share: float) -> float:
    return min(1.0, max(0.0, share))


def _lang_reiczigel(accepted: int, n: int, calibration: Calibration) -> tuple[float, float]:
    good, bad, z2 = calibration.good + 2, calibration.bad + 2, Z95**2
    sensitivity, specificity = (calibration.true_positives + 1) / good, (calibration.true_negatives + 1) / bad
    share = (accepted + z2 / 2) / (n + z2)
    youden = sensitivity + specificity - 1
    if youden <= 0:  # so few cases that, a success and a failure more, it might as well be guessing
        return 0.0, 1.0
    middle = (share + specificity - 1) / youden
    by_good, by_bad = sensitivity * (1 - sensitivity) / good, specificity * (1 - specificity) / bad
    shift = 2 * z2 * (middle * by_good - (1 - middle) * by_bad)
    error = sqrt(share * (1 - share) / (n + z2) + middle**2 * by_good + (1 - middle) ** 2 * by_bad) / youden
    return _clip(middle + shift - Z95 * error), _clip(middle + shift + Z95 * error)


def _length_slope(read: Sequence[Case]) -> Measured | None:
    """Of a logistic regression of acceptance on truth and standardised length; None if all lengths are equal.

    Acceptance and not error: a liking for length makes a judge err more often on the bad and less often on the good,
    which cancels out in the errors. Truth stands beside length so that bad items which happen to be long are not held
    against the judge, as Dubois et al. (2024) keep model and instruction beside length. The interval is Wald's,
    from the curvature of the penalised likelihood.
    """
    if not read or not (spread := pstdev(case.length for case in read)):
        return None
    # Three times as slow to import as the rest of the orchestrator, and only a hearing needs it.
    import numpy as np
    from scipy.optimize import minimize

    middle = fmean(case.length for case in read)
    known = np.array([(1.0, 1.0 if case.truth else -1.0, (case.length - middle) / spread) for case in read])
    sign = np.array([1.0 if case.verdict else -1.0 for case in read])

    def loss(slopes: np.ndarray) -> tuple[float, np.ndarray]:
        odds = sign * (known @ slopes)
        pull = sign * np.exp(-np.logaddexp(0, odds))
        return np.logaddexp(0, -odds).sum() + RIDGE / 2 * slopes @ slopes, RIDGE * slopes - known.T @ pull

    slopes = minimize(loss, np.zeros(3), jac=True, method="BFGS").x
    accepted = np.exp(-np.logaddexp(0, -(known @ slopes)))
    curvature = known.T @ (known * (accepted * (1 - accepted))[:, None]) + RIDGE * np.eye(3)
    half = Z95 * float(np.linalg.inv(curvature)[2, 2]) ** 0.5
    return Measured(float(slopes[2]), float(slopes[2]) - half, float(slopes[2]) + half)


def _own_family(read: Sequence[Case], judge_family: str) -> Measured | None:
    """Mantel & Haenszel's (1959) difference of shares over good and bad items; None if no truth has both sides.

    Favouring one's own at equal truth is the self-preference of Panickssery et al. (2024), set apart from the judge's
    own family writing better. Each variance has a success and a failure added (Agresti & Caffo 2000): two of two is no
    certainty.
    """
    difference = error = weights = 0.0
    for truth in (True, False):
        own = [case.verdict for case in read if case.truth is truth and case.family == judge_family]
        others = [case.verdict for case in read if case.truth is truth and case.family != judge_family]
        if own and others:
            weight = len(own) * len(others) / (len(own) + len(others))
            weights += weight
            difference += weight * (own.count(True) / len(own) - others.count(True) / len(others))
            error += weight**2 * (_agresti_caffo(own) + _agresti_caffo(others))
    if not weights:
        return None
    estimate, half = difference / weights, Z95 * sqrt(error) / weights
    return Measured(estimate, max(-1.0, estimate - half), min(1.0, estimate + half))


def _agresti_caffo(verdicts: Sequence[bool | None]) -> float:
    share = (verdicts.count(True) + 1) / (len(verdicts) + 2)
    return share * (1 - share) / (len(verdicts) + 2)


def _too_few(calibration: Calibration, bar: Bar) -> Iterator[str]:
    unread = f" ({calibration.unreadable} more could not be read)" if calibration.unreadable else ""
    for found, expected, what in (
        (calibration.n, bar.cases, "cases"),
        (calibration.good, bar.of_either, "good cases"),
        (calibration.bad, bar.of_either, "bad cases"),
    ):
        if found < expected:
            yield f"it gave verdicts on {found} {what}{unread}; expected at least {expected}; label more {what}"


def _too_weak(calibration: Calibration, bar: Bar) -> Iterator[str]:
    sensitivity, specificity, youden = calibration.sensitivity, calibration.specificity, calibration.youden
    if sensitivity and specificity and youden is not None and youden < bar.youden:
        yield (
            f"it accepts {sensitivity.estimate:.0%} of the good and rejects {specificity.estimate:.0%} of the bad, "
            f"a Youden index of {youden:.2f}; expected at least {bar.youden:.2f}; choose a stronger judge, or say in its "
            "prompt what makes an item bad"
        )
    if calibration.flips and calibration.flips.estimate > bar.flips:
        yield (
            f"it judges {calibration.flips.estimate:.0%} of pairs otherwise in the other order; expected at most "
            f"{bar.flips:.0%}; choose another judge, or let it judge one item at a time"
        )


def _swayed(calibration: Calibration, bar: Bar) -> Iterator[str]:
    slope, own = calibration.length_slope, calibration.own_family
    if slope and abs(slope.estimate) > bar.length_slope and slope.low * slope.high > 0:
        odds, most = exp(slope.estimate), exp(bar.length_slope)
        yield (
            f"at equal truth it prefers {'long' if slope.estimate > 0 else 'short'} texts: one standard deviation of "
            f"length multiplies the odds of acceptance by {odds:.2f}; expected between {1 / most:.2f} and {most:.2f}; "
            "tell it that length is no merit, or choose another judge"
        )
    if own and own.estimate > bar.own_family and own.low > 0:
        yield (
            f"at equal truth it accepts its own family's items {own.estimate * 100:.0f} points more often than the "
            f"others'; expected at most {bar.own_family * 100:.0f}; choose a judge of a family that writes none of them"
        )
