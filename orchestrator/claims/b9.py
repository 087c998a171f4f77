"""A student's own errors, an earlier student's and random wrong replies as negatives, against none."""

from collections.abc import Sequence
from statistics import fmean

from orchestrator.claims.claim import Check, Claim, better, not_worse, of_arm
from orchestrator.comparison import Comparison, Result
from storage.store import Store

PAIRS = "pairs"
ALIKE = 0.1
"""How many fewer pairs one arm may have than another to count as equal."""
MARGIN = 0.05
"""By how much random negatives may be better than none, and count as no better."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    alone, own, random, lagged = (of_arm(comparison, place) for place in range(4))
    errors = {"its own errors": own, "an earlier student's errors": lagged}
    name = max(errors, key=lambda name: _probed(errors[name]))
    return [
        _as_many(store, (alone, own, random, lagged)),
        better(errors[name], alone, f"{name} as negatives teach more than right replies alone"),
        not_worse(alone, random, "random negatives teach no more than none", MARGIN),
        better(errors[name], random, f"{name} teach more than random negatives"),
    ]


def _probed(results: Sequence[Result]) -> float:
    """By the probe: the test's own best would be so by chance as well."""
    return fmean(result.points[-1].accuracy for result in results)


def _as_many(store: Store, arms: Sequence[Sequence[Result]]) -> Check:
    sizes = [sum(d.size for result in arm for d in store.datasets(result.run) if d.name == PAIRS) for arm in arms]
    told = ", ".join(map(str, sizes))
    return Check("all arms learn from as many pairs, to a tenth", min(sizes) >= (1 - ALIKE) * max(sizes) > 0, told)


CLAIM = Claim(
    id="B9",
    says="wrong replies that a student is likely to make help as negatives, those of chance do not",
    source="Learn-to-Reason (Wang et al. 2023, +.4 to 3.7 points), QCRD (Wang et al. 2024, best with a lag of five iterations)",
    planted="nothing: wrong replies are what students wrote in practice. A lag is a round here, and there are three",
    arms=(
        "error-negatives+training.push.objective.weight=0",
        "error-negatives",
        "error-negatives+feedback.strays=true",
        "error-negatives+feedback.lag=1",
    ),
    check=check,
)
