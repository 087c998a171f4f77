"""Programs alone against programs with a tenth of replay of what the base could do before."""

from collections.abc import Sequence
from statistics import fmean

from orchestrator.claims.claim import Check, Claim, not_worse, of_arm
from orchestrator.comparison import Comparison, Result
from storage.store import Store

RETENTION = "retention"
KEPT = 0.9
"""Share of what the base could do that is to be kept."""
MARGIN = 0.05
"""What the accuracy may be worse by to count as equal."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    alone, replayed = of_arm(comparison, 0), of_arm(comparison, 1)
    lost, kept = (_kept(store, arm) for arm in (alone, replayed))
    return [
        Check(f"with replay {KEPT:.0%} of what the base could do is kept", kept >= KEPT, f"{kept:.0%} are"),
        Check("without replay less of it is", lost < kept, f"{lost:.0%} without, {kept:.0%} with"),
        not_worse(replayed, alone, "and what the programs taught is not less", MARGIN),
    ]


def _kept(store: Store, results: Sequence[Result]) -> float:
    """The student's accuracy as a share of the base's, on the same questions, as the mean over the seeds."""
    shares = list[float]()
    for result in results:
        cards = {card.round: card.accuracy for card in store.scorecards(result.run) if card.exam == RETENTION}
        base = cards.pop(0, 0.0)  # the base is of round 0, the best student of a later one
        shares.append(max(cards.values(), default=0.0) / base if base else 0.0)
    return fmean(shares)


CLAIM = Claim(
    id="B23",
    says="to teach programs alone costs what the base could do before, and a tenth of replay keeps most of it",
    source="PaD (Zhu et al. 2024, BBH 28.1 to 1.1)",
    planted="nothing; basics are replayed as programs, and examined as such",
    arms=(
        "pad+lessons.write.from=tasks+seeds={tasks: 300}",
        "pad+seeds={tasks: 300, basics: 34}",
    ),
    check=check,
)
