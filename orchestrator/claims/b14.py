"""Knowledge about what was failed against knowledge about anything, and a gate on asking for it."""

from collections.abc import Sequence

from orchestrator.claims.claim import Check, Claim, better, not_worse, of_arm
from orchestrator.comparison import Comparison, Result
from orchestrator.examination.items import CANARY
from orchestrator.examination.scoring import by_item
from storage.store import Store

TEST, WRITES = "test", "know"
ENOUGH = "exams.practice.per_skill=40"
"""So much practice that 96 mistakes are to be had, as many as there are random items in the other base."""
ALIKE = 0.1
"""How much smaller one of two bases of equal size may be."""
SAVED = 0.3
MARGIN = 0.05
"""What the accuracy may be worse by to count as equal."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    anything, errors, always = (of_arm(comparison, place) for place in range(3))
    sizes = [sum(len(store.drafts(result.run, WRITES)) for result in arm) for arm in (anything, errors)]
    gated, all_of_them = (_retrieved(store, arm) for arm in (errors, always))
    return [
        Check(
            "the two bases are of equal size",
            min(sizes) >= (1 - ALIKE) * max(sizes) > 0,
            f"{sizes[1]} entries from errors, {sizes[0]} from random items",
        ),
        better(errors, anything, "knowledge from errors helps more than knowledge from random items"),
        Check(
            f"the gate saves {SAVED:.0%} of the retrievals or more",
            gated <= (1 - SAVED) * all_of_them,
            f"{gated} with it, {all_of_them} without",
        ),
        not_worse(errors, always, "and costs no accuracy", MARGIN),
    ]


def _retrieved(store: Store, results: Sequence[Result]) -> int:
    """Questions of the test that the best student was asked once more."""
    found = 0
    for result in results:
        examined = {card.student: card.round for card in store.scorecards(result.run) if card.exam == TEST}
        best = max(examined, key=lambda student: examined[student])  # the other one is the base
        questions = by_item([a for a in store.attempts(best, TEST) if a.skill != CANARY])
        found += sum(any(attempt.shown for attempt in samples) for samples in questions.values())
    return found


CLAIM = Claim(
    id="B14",
    says="knowledge written from errors helps more than as much from random items, and a gate saves retrievals",
    source="NesyCD (Liao et al. 2024)",
    planted="that knowledge can help: what the rehearsal teacher writes are the world's own rules; not whose knowledge does",
    arms=(
        f"nesycd+{ENOUGH}+lessons.know.from=others+seeds.others=48",
        f"nesycd+{ENOUGH}",
        f"nesycd+{ENOUGH}+inference.gate=1",
    ),
    check=check,
)
