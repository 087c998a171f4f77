"""Facts as raw text, as one question each, and as five paraphrased instructions each: what is known closed-book, and lost."""

from statistics import fmean

from orchestrator.claims.claim import Check, Claim, better, of_arm
from orchestrator.comparison import Comparison, Result
from storage.store import Store

REPHRASED = "rephrased"
"""The view that a parrot does not know."""
RETENTION = "retention"
AS_OFTEN = "training.student.objective.epochs=140+seeds.basics=34"
"""A fact that is written once is seen as often as one that is written five times, and so is what the base can do."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    text, one, five = (of_arm(comparison, place) for place in range(3))
    losses = [fmean(lost(store, result) for result in arm) for arm in (text, one, five)]
    return [
        better(one, text, "a question about each fact teaches more than the raw text", [REPHRASED]),
        better(five, one, "five paraphrased instructions teach more than one", [REPHRASED]),
        Check(
            "instructions lose least of what the base could do",
            losses[2] <= min(losses),
            f"points lost: raw text {100 * losses[0]:.1f}, one question {100 * losses[1]:.1f}, "
            f"five instructions {100 * losses[2]:.1f}",
        ),
    ]


def lost(store: Store, result: Result) -> float:
    """How much worse than its base the best student is at what it was not taught."""
    cards = [card for card in store.scorecards(result.run) if card.exam == RETENTION]
    before = next(card.accuracy for card in cards if card.round == 0)
    return before - next(card.accuracy for card in cards if card.round > 0)


CLAIM = Claim(
    id="B15",
    says="paraphrased instructions teach facts of documents better than raw text does, and cost less of what was known",
    source="Knowledge-Instruct (Ovadia et al. 2025); Ski (Zhang et al. 2024, .235 to .436)",
    planted="that a fact is said in six ways and asked in one that its lessons leave out and others use, which raw text never "
    "shows; all arms see each fact as often, and as much of what the base can do, so that raw text loses less than alone",
    arms=(
        f"knowledge-instruct+datasets.lessons.from=[texts, replay]+{AS_OFTEN}",
        f"knowledge-instruct+lessons.paraphrase.generate.count=1+{AS_OFTEN}",
        "knowledge-instruct",
    ),
    check=check,
)
