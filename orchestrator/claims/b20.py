"""Which half of a pair carries over to tasks that it was not taught: the one that takes apart, or the one that solves."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from orchestrator.claims.claim import Check, Claim, better, not_worse, of_arm
from orchestrator.comparison import Comparison, Result
from storage.store import Store

SEEN: tuple[str, ...] = ("change", "collect_and_give", "trip", "film")
UNSEEN: tuple[str, ...] = ("pile", "next_number")
MARGIN = 0.1
"""What a half that holds may lose on the unseen skills."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    whole, decomposes, solves = (of_arm(comparison, place) for place in range(3))
    return [
        _learnt(store, decomposes, "beside a solver that knows all, a decomposer learns the skills that it is taught"),
        _learnt(store, solves, "and so does a solver beside such a decomposer"),
        not_worse(decomposes, whole, "on skills that it was not taught, the decomposer holds", MARGIN, UNSEEN),
        better(whole, solves, "on skills that it was not taught, the solver does not", UNSEEN),
        better(decomposes, solves, "of the two, the decomposer carries over better", UNSEEN),
    ]


def _learnt(store: Store, results: Sequence[Result], says: str) -> Check:
    """Against the base, on the probe: in every training by half of the questions or more."""
    pairs = [_on_seen(store, result.run) for result in results]
    before, after = (fmean(pair[at] for pair in pairs) for at in (0, 1))
    held = all(last - first >= 0.5 for first, last in pairs)
    return Check(says, held, f"{before:.1%} → {after:.1%} of the probe's questions of skills that it is taught")


def _on_seen(store: Store, run: str) -> tuple[float, float]:
    """Accuracy of the base and of the last student."""
    cards = sorted((card for card in store.scorecards(run) if card.exam == "probe"), key=lambda card: card.round)
    skills: list[Mapping[str, Mapping[str, float]]] = [cards[0].skills, cards[-1].skills]
    first, last = (fmean(found[skill]["accuracy"] for skill in SEEN) for found in skills)
    return first, last


CLAIM = Claim(
    id="B20",
    says="to take problems apart carries over to tasks that were not taught, to solve the parts does not",
    source="Divide-or-Conquer (Wu et al. 2024): a distilled decomposer holds on other tasks, a distilled solver falls",
    planted="how problems are taken apart: a subquestion names a sign and the places of two numbers, in words that the base has "
    "calculated by in its drills. That makes the solver's part the easier one to carry over, against the claim; whether "
    "it holds is not planted",
    arms=(
        "unseen-tasks",
        "unseen-tasks+datasets.plans.from=chains",
        "unseen-tasks+datasets.steps.from=steps",
    ),
    check=check,
)
