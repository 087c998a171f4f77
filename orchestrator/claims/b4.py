"""Reviews by three colleagues against the right answer alone, on solutions that are right for a wrong reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.claims.claim import Check, Claim, of_arm
from orchestrator.comparison import Comparison, Result
from storage.records import Outcome
from storage.store import Store

LENIENT, STRICT = 3.0, 4.0
"""Grades that the mean of the reviewers' has to be above."""
ALPHA = 0.05


@dataclass(frozen=True)
class Reviewed:
    """One solution with the right answer that reviewers could grade."""

    sound: bool
    grade: float


def check(comparison: Comparison, store: Store) -> list[Check]:
    guessed, reviewed = (_reviewed(store, of_arm(comparison, place)) for place in range(2))
    lenient, strict = ([each for each in reviewed if each.grade > bar] for bar in (LENIENT, STRICT))
    seen, seen_told = _sounder(reviewed, LENIENT)
    blind, blind_told = _sounder(guessed, LENIENT)
    return [
        Check("of what reviewers keep, more rests on sound steps", seen, seen_told),
        Check(
            f"a bar of {STRICT:g} keeps less than one of {LENIENT:g}, and no less sound",
            len(strict) < len(lenient) and _share(strict) >= _share(lenient),
            f"above {LENIENT:g}: {_told(lenient)}; above {STRICT:g}: {_told(strict)}",
        ),
        Check("reviewers who guess keep nothing sounder", not blind, blind_told),
    ]


def _sounder(matched: Sequence[Reviewed], bar: float) -> tuple[bool, str]:
    """Whether more of what is graded above the bar is sound than chance would have it, and the figures."""
    kept = [each for each in matched if each.grade > bar]
    p = _by_chance(matched, kept)
    return p < ALPHA, f"right answers {_told(matched)}; kept {_told(kept)}; p = {p:.2g}"


def _by_chance(matched: Sequence[Reviewed], kept: Sequence[Reviewed]) -> float:
    """How likely as many sound ones are among the kept if these are drawn blindly (Fisher's exact test, one-sided)."""
    from scipy.stats import hypergeom  # its import takes most of a second, and every claim is imported to be listed

    return float(hypergeom.sf(_sound(kept) - 1, len(matched), _sound(matched), len(kept)))


def _sound(some: Sequence[Reviewed]) -> int:
    return sum(each.sound for each in some)


def _share(some: Sequence[Reviewed]) -> float:
    return _sound(some) / len(some) if some else 0.0


def _told(some: Sequence[Reviewed]) -> str:
    return f"{_share(some):.1%} of {len(some)}"


def _reviewed(store: Store, results: Sequence[Result]) -> list[Reviewed]:
    found = list[Reviewed]()
    for result in results:
        truth = store.verdicts(result.run, "truth")
        for draft, review in store.verdicts(result.run, "review").items():
            if review.score is not None and review.outcome != Outcome.UNREADABLE:
                found.append(Reviewed(truth[draft].outcome == Outcome.ACCEPTED, review.score))
    return found


CLAIM = Claim(
    id="B4",
    says="colleagues who review solutions find those that are right for a wrong reason, which the answer does not show",
    source="MAPD, later FAIR (Li et al. 2024): peer review with a mean grade above 3",
    planted="a fifth of the solutions is right for a wrong reason, and each of three reviewers errs in a fifth of the reviews, "
    "independently; in the control they guess. Not what a student makes of it",
    arms=(
        "reviewed-reasons+roles.first.rehearsal=rehearsal-teacher?judge_error_rate=.5"
        "+roles.second.rehearsal=rehearsal-teacher?judge_error_rate=.50"
        "+roles.third.rehearsal=rehearsal-teacher?judge_error_rate=.500",
        "reviewed-reasons",
    ),
    check=check,
)
