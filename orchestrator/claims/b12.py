"""Lessons of a noisy teacher, read over and over, against as many fresh ones."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from orchestrator.claims.claim import Check, Claim, better, not_worse, of_arm
from orchestrator.comparison import Comparison, Result
from storage.store import Store

FIXED = (0, 1, 2)
"""Places of the arms that read the same lessons ever more often."""
FRESH = (3, 4)
"""Places of those that read other lessons instead: as many as the second and the third of the others."""
MARGIN = 0.03


def check(comparison: Comparison, store: Store) -> list[Check]:
    fixed, fresh = ([of_arm(comparison, place) for place in places] for places in (FIXED, FRESH))
    *earlier, last = fixed
    best = max(earlier, key=_probed)
    losses = [fmean(_loss(store, result.run) for result in arm) for arm in fixed]
    return [
        Check(
            "on fixed data the student comes ever nearer to its teacher",
            all(after < before for before, after in pairwise(losses)),
            f"training loss {' → '.join(f'{loss:.3f}' for loss in losses)}",
        ),
        better(best, last, "on fixed data it turns away from the oracle: read less often, the test was higher"),
        not_worse(fresh[1], fresh[0], "on fresh data it does not", MARGIN),
        better(fresh[1], last, "at equal steps, fresh data ends nearer to the oracle"),
    ]


def _probed(results: Sequence[Result]) -> float:
    """By the probe: the test's own best would be so by chance as well."""
    return fmean(result.points[-1].accuracy for result in results)


def _loss(store: Store, run: str) -> float:
    return float(store.students(run)[-1].metrics["loss"])


CLAIM = Claim(
    id="B12",
    says="lessons that are read too often teach the teacher's errors as well; fresh lessons do not",
    source="Teacher hacking (Tiapkin et al. 2025): on fixed offline data the distance to the oracle rises again",
    planted="the noise: the teacher is wrong in .35 of its lessons, at random, and nothing verifies them; not what "
    "a student makes of it",
    arms=(
        "noisy-teacher",
        "noisy-teacher+training.student.objective.epochs=12",
        "noisy-teacher+training.student.objective.epochs=40",
        "noisy-teacher+training.student.objective.epochs=1+seeds.tasks=1152",
        "noisy-teacher+training.student.objective.epochs=1+seeds.tasks=3840",
    ),
    check=check,
)
