"""Several teachers, each with a weak skill, against any one of them."""

from collections.abc import Sequence
from statistics import fmean

from orchestrator.claims.claim import Check, Claim, better, of_arm
from orchestrator.comparison import Comparison, Result
from storage.store import Store

WEAK = {"first": "change", "second": "trip", "third": "next_number"}
"""By teacher, the skill in which it errs; in the order of the arms."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    *alone, together = (of_arm(comparison, place) for place in range(len(WEAK) + 1))
    best = max(range(len(alone)), key=lambda place: _probed(alone[place]))
    name = list(WEAK)[best]
    return [
        _equal(store, [*alone, together]),
        better(together, alone[best], f"three teachers teach more than the best of them alone, the {name}"),
        *(
            better(
                together, arm, f"and more of {skill.replace('_', ' ')} than the {teacher}, who is weak in it", (skill,)
            )
            for arm, (teacher, skill) in zip(alone, WEAK.items(), strict=True)
        ),
    ]


def _probed(results: Sequence[Result]) -> float:
    """By the probe: the test's own best would be so by chance as well."""
    return fmean(result.points[-1].accuracy for result in results)


def _equal(store: Store, arms: Sequence[Sequence[Result]]) -> Check:
    """But for replies that could not be read."""
    sizes = [fmean(sum(d.size for d in store.datasets(result.run)) for result in arm) for arm in arms]
    told = ", ".join(f"{size:.0f}" for size in sizes)
    return Check("all students have as many lessons, to a twentieth", min(sizes) >= 0.95 * max(sizes) > 0, told)


CLAIM = Claim(
    id="B6",
    says="three teachers with different weaknesses teach more than any one of them with as many lessons",
    source="TinyLLM (Tian et al. 2024, 10.0 to 11.8 points over one teacher), MAPD, later FAIR (Li et al. 2024)",
    planted="the weaknesses: each teacher errs in .6 of one skill and .05 of the others, so that together they err in .23; "
    "not that a student prefers what most of them say. Weights of the teachers that are learned are not part of it",
    arms=(
        *(f"several-teachers+lessons.solve.role={name}+lessons.solve.samples=3" for name in WEAK),
        "several-teachers",
    ),
    check=check,
)
