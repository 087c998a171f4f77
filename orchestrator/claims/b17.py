"""Fine-tuning followed by a preference stage against as much fine-tuning on the preferred replies alone."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from orchestrator.claims.claim import Check, Claim, better, of_arm
from orchestrator.comparison import Comparison, Result
from orchestrator.examination.scoring import by_item
from orchestrator.examination.statistics import paired_interval
from storage.store import Store

TEST = "test"
LENGTH = 0.1
"""How much longer or shorter replies may become."""
STAGES = ("own right before own wrong replies (DPO)", "the teacher's before the student's (PLaD)")


def check(comparison: Comparison, store: Store) -> list[Check]:
    arms = [of_arm(comparison, place) for place in range(2 * len(STAGES))]
    found = list[Check]()
    for stage, alone, preferring in zip(STAGES, arms[::2], arms[1::2], strict=True):
        found += [
            _as_many(store, alone, preferring, stage),
            better(preferring, alone, f"{stage}: the preference stage teaches more than fine-tuning alone"),
            _as_long(store, alone, preferring, stage),
        ]
    return found


def _as_many(store: Store, alone: Sequence[Result], preferring: Sequence[Result], stage: str) -> Check:
    sizes = [sum(d.size for result in arm for d in store.datasets(result.run)) for arm in (alone, preferring)]
    told = f"{sizes[0]} lessons and pairs without, {sizes[1]} with"
    return Check(f"{stage}: lessons are equal to a twentieth", min(sizes) >= 0.95 * max(sizes) > 0, told)


def _as_long(store: Store, alone: Sequence[Result], preferring: Sequence[Result], stage: str) -> Check:
    """The whole 95 % interval of the change, over questions, is within the bounds: not seen to change is not enough."""
    says = f"{stage}: replies are less than {LENGTH:.0%} longer or shorter"
    before, after = list[float](), list[float]()
    for old, new in zip(alone, preferring, strict=True):
        theirs, ours = _tokens(store, old), _tokens(store, new)
        both = sorted(theirs.keys() & ours.keys())
        before += [theirs[question] for question in both]
        after += [ours[question] for question in both]
    if len(before) < 2 or not any(before):
        return Check(says, held=False, figures="fewer than two questions were replied to in both arms")
    mean = fmean(before)
    low, high = (bound / mean for bound in paired_interval(after, before))
    told = f"{mean:.1f} → {fmean(after):.1f} tokens, {100 * (fmean(after) / mean - 1):+.1f} % "
    told += f"[{100 * low:+.1f}, {100 * high:+.1f}] over {len(before)} questions"
    return Check(says, low > -LENGTH and high < LENGTH, told)


def _tokens(store: Store, result: Result) -> Mapping[str, float]:
    """By question of the test, the mean length of the best student's replies."""
    examined = {card.student: card.round for card in store.scorecards(result.run) if card.exam == TEST}
    if not examined:
        return {}
    best = max(examined, key=lambda student: examined[student])  # the other one is the base
    return {q: fmean(a.tokens for a in samples) for q, samples in by_item(store.attempts(best, TEST)).items()}


CLAIM = Claim(
    id="B17",
    says="a preference stage after fine-tuning teaches more than as much fine-tuning on the preferred replies, and leaves "
    "replies as long as they were",
    source="DPO-augmented self-training (Wang, Li & Lu 2024), PLaD (Zhang et al. 2024)",
    planted="nothing but the teacher, whose texts are kept if their answer is right, so that a pair by provenance is never the "
    "wrong way round in its answer; its replies and the student's have one form, so that their lengths differ little",
    arms=(
        "dpo-self-training+training.prefer.objective={use: dpo, weight: 0, sft_term: 1, learning_rate: 1.0e-4, batch: 8}",
        "dpo-self-training",
        "plad+training.prefer.objective.weight=0",
        "plad",
    ),
    check=check,
)
