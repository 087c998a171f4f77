"""Short and long chains of thought and a mixture of them, for a student that was taught little and one that was taught more."""

from collections.abc import Sequence
from statistics import fmean

from orchestrator.claims.claim import Check, Claim, better, gained, not_worse, of_arm
from orchestrator.comparison import Comparison, Result
from orchestrator.examination.replication import Paired
from storage.store import Store

LONGER = 1.5
"""How much longer long lessons have to be for the arms to compare what they are called."""
MARGIN = 0.05
"""What the mixture may be worse by than the better of its parts, and count as no worse."""
LITTLE, MORE = 2, 8
"""Epochs: in the place of two sizes of student, of which there is one."""


def check(comparison: Comparison, store: Store) -> list[Check]:
    short, long, mixed, *taught_more = (of_arm(comparison, place) for place in range(6))
    more_short, more_long, _ = taught_more
    best = max((short, long), key=_probed)
    return [
        _lessons(store, short, long),
        better(short, long, "the small student learns more from short chains than from long ones"),
        not_worse(mixed, best, "and from one long to four short ones no less than from the better alone", MARGIN),
        gained(
            Paired(_gaps(short, long), _gaps(more_short, more_long), [result.clusters for result in short]),
            "what short chains are ahead by shrinks as the student is taught more",
        ),
    ]


def _probed(results: Sequence[Result]) -> float:
    """By the probe: the test's own best would be so by chance as well."""
    return fmean(result.points[-1].accuracy for result in results)


def _gaps(new: Sequence[Result], old: Sequence[Result]) -> list[dict[str, float]]:
    """Of each training and question, what one arm is ahead of the other by."""
    return [
        {question: right - other.rights[question] for question, right in one.rights.items()}
        for one, other in zip(new, old, strict=True)
    ]


def _lessons(store: Store, short: Sequence[Result], long: Sequence[Result]) -> Check:
    (few, short_words), (many, long_words) = (_written(store, arm) for arm in (short, long))
    return Check(
        "long lessons are longer by half or more, and as many",
        few == many > 0 and long_words >= LONGER * short_words,
        f"{few} short lessons of {short_words:.0f} words, {many} long ones of {long_words:.0f}",
    )


def _written(store: Store, results: Sequence[Result]) -> tuple[int, float]:
    """How many lessons, and the words that the student is to write in one."""
    rows = [row for r in results for dataset in store.datasets(r.run) for row in store.dataset_rows(dataset.key)]
    words = [len(str(row.content["completion"][0]["content"]).split()) for row in rows]
    return len(words), fmean(words or [0])


def _arm(shares: str, epochs: int) -> str:
    return (
        "mix-distillation+lessons.short.generate.style=Write every step and every calculation out."
        "+lessons.long.generate.style=Write every step and every calculation out, and check each calculation."
        "+exams.probe.longest_reply=320+exams.test.longest_reply=320"
        f"+datasets.lessons.mixture.shares={{{shares}, basics: 1.5}}+training.student.objective.epochs={epochs}"
    )


CLAIM = Claim(
    id="B10",
    says="a small student learns more from short chains of thought than from long ones, and no less from a mixture; what "
    "short ones are ahead by shrinks with the student's ability",
    source="Mix Distillation (Li et al. 2025: long minus short -4.7 points at .5 billion parameters, -7.1 at 1.5, +13.7 at 32)",
    planted="what long and short are: both write all calculations out, and the long one does each of them twice, as models "
    "do that check themselves; so that nothing is learned from the long one that is not in the short. There is one size of "
    "student: one that reads its lessons eight times instead of twice stands for the larger one",
    arms=tuple(
        _arm(shares, epochs) for epochs in (LITTLE, MORE) for shares in ("short: 5", "long: 5", "long: 1, short: 4")
    ),
    check=check,
)
