"""Mixtures that follow what the student lacks against an even one."""

from collections.abc import Sequence
from statistics import fmean

from orchestrator.claims.claim import Check, Claim, better, not_worse, of_arm
from orchestrator.comparison import Comparison, Result
from storage.records import Plan
from storage.store import Store

PROBE = "probe"
POLICIES = ("discrepancy", "bandit")
MARGIN = 0.05
"""What the mean may be worse by."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    even = of_arm(comparison, 0)
    worst = _worst(store, even)
    found: list[Check] = []
    for place, name in enumerate(POLICIES, 1):
        fed = of_arm(comparison, place)
        found += [
            better(fed, even, f"{name}: the domain that is worst after round 1, {worst}, ends higher", (worst,)),
            not_worse(fed, even, f"{name}: the mean is not lower", MARGIN),
            _evens_out(store, fed, f"{name}: shares move towards even as the gap between domains closes"),
        ]
    return found


def _worst(store: Store, results: Sequence[Result]) -> str:
    """By the probe of round 1, before arms differ: the test's own worst would be so by chance as well."""
    rounds = [_accuracies(store, result.run)[1] for result in results]
    return min(sorted(rounds[0]), key=lambda skill: fmean(accuracies[skill] for accuracies in rounds))


def _evens_out(store: Store, results: Sequence[Result], says: str) -> Check:
    """Means over the seeds, of the first plan that shares anything out and of the last one.

    Where the gap did not close there is nothing to see, and the check does not hold.
    """
    gaps, apart = list[tuple[float, float]](), list[tuple[float, float]]()
    for result in results:
        plans = [plan for plan in store.plans(result.run) if plan.quotas and not plan.stop]
        if not plans:
            return Check(says, False, f"with seed {result.seed} no plan shares anything out")
        probed = _accuracies(store, result.run)
        first, last = plans[0], plans[-1]
        gaps.append((_gap(probed[first.round - 1]), _gap(probed[last.round - 1])))
        apart.append((uneven(first), uneven(last)))
    gap, share = _means(gaps), _means(apart)
    told = (
        f"gap {100 * gap[0]:.0f} → {100 * gap[1]:.0f} points, "
        f"shares {100 * share[0]:.0f} → {100 * share[1]:.0f} points from even"
    )
    return Check(says, gap[1] < gap[0] and share[1] < share[0], told)


def uneven(plan: Plan) -> float:
    """Half the sum of |share - 1/N|: what would have to change hands for even shares."""
    shares = plan.weights or plan.quotas
    total = sum(shares.values())
    return sum(abs(share / total - 1 / len(shares)) for share in shares.values()) / 2


def _gap(accuracies: dict[str, float]) -> float:
    return max(accuracies.values()) - min(accuracies.values())


def _accuracies(store: Store, run: str) -> dict[int, dict[str, float]]:
    """By round and skill, on the probe."""
    cards = [card for card in store.scorecards(run) if card.exam == PROBE]
    return {card.round: {skill: score["accuracy"] for skill, score in card.skills.items()} for card in cards}


def _means(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return fmean(pair[0] for pair in pairs), fmean(pair[1] for pair in pairs)


CLAIM = Claim(
    id="B11",
    says="shares that follow how far each domain is behind raise the worst domain, and cost the mean nothing",
    source="DDK (Liu et al. 2024, 52.9 to 55.4), Bohdi (Gao et al. 2025)",
    planted="the gaps: two of four domains are harder and have 10 instead of 60 seeds in round 1",
    arms=(
        "unequal-domains+feedback={use: same_again, seeds: 120}",
        "unequal-domains",
        "unequal-domains+feedback={use: topic_bandit, seeds: 120}",
    ),
    budget="calls=700",
    check=check,
)
