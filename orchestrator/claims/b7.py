"""Feedback from failures against uniform seeds."""

from statistics import fmean

from orchestrator.claims.claim import Check, Claim, better, not_worse, of_arm
from orchestrator.comparison import Comparison, Result
from storage.store import Store

WEAK = ("product", "switch")
STRONG = ("change", "collect_and_give", "lead", "trip")


def check(comparison: Comparison, store: Store) -> list[Check]:
    uniform, fed = of_arm(comparison, 0), of_arm(comparison, 1)
    share = fmean(_share_on(store, result, WEAK) for result in fed)
    gains = {name: _gain(fed, uniform, skills) for name, skills in (("weak", WEAK), ("strong", STRONG))}
    return [
        better(fed, uniform, "macro accuracy is higher than with uniform seeds"),
        better(fed, uniform, "so it is on the planted weaknesses", WEAK),
        Check(
            "the gain is larger on the weaknesses than elsewhere",
            gains["weak"] > gains["strong"],
            f"{100 * gains['weak']:+.1f} points on the weak, {100 * gains['strong']:+.1f} on the others",
        ),
        not_worse(fed, uniform, "nothing drops elsewhere", 0.1, STRONG),
        Check(
            "more than 60 % of round 2's calls for what is taught go to the planted weaknesses",
            share > 0.6,
            f"{share:.0%}; uniform seeds give them {fmean(_share_on(store, r, WEAK) for r in uniform):.0%}",
        ),
    ]


def _gain(new: list[Result], old: list[Result], skills: tuple[str, ...]) -> float:
    return fmean(
        fmean(one.by_skill()[skill] - other.by_skill()[skill] for skill in skills)
        for one, other in zip(new, old, strict=True)
    )


def _share_on(store: Store, result: Result, skills: tuple[str, ...]) -> float:
    """Of the drafts that round 2 bought of the taught skills, the share that is of these."""
    bought = [draft.skill for draft in store.drafts(result.run, "solve", 2) if draft.skill in (*WEAK, *STRONG)]
    return sum(skill in skills for skill in bought) / max(1, len(bought))


CLAIM = Claim(
    id="B7",
    says="lessons for what the student failed teach more than as many lessons spread evenly",
    source="Lion (Jiang et al. 2023), Learn-to-Reason (Wang et al. 2023, +17.5 points), PGKD (Di Palo et al. 2024)",
    planted="the weaknesses: two of six skills have 8 instead of 150 seeds in round 1",
    arms=("planted-weaknesses+feedback={use: same_again, seeds: 360}", "planted-weaknesses"),
    budget="calls=1700",
    check=check,
)
