"""A critic trained on a few labels, cut at ever lower recall, against no critic at all."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from agents.rehearsal import world
from orchestrator.claims.claim import Check, Claim, not_worse, of_arm
from orchestrator.comparison import Comparison, Result
from storage.records import Draft, Outcome
from storage.store import Store

RAW, CRITIC = "once", "critic"
"""The steps whose accepted triples are all that was written, and what the critic keeps of them."""
STRICT = 3
"""Place of the arm with the lowest recall; before it the others from none to strict."""
RAISED = 0.1
"""By how much the strict cut has to raise the share of right triples."""
MARGIN = 0.03


def check(comparison: Comparison, store: Store) -> list[Check]:
    raw, *cut = [of_arm(comparison, place) for place in range(STRICT + 1)]
    kept = [_kept(store, raw, RAW), *(_kept(store, arm, CRITIC) for arm in cut)]
    precision = [[_right(triples) for triples in arm] for arm in kept]
    sizes = [[len(triples) for triples in arm] for arm in kept]
    steps = {store.students(result.run)[-1].metrics["steps"] for arm in (raw, cut[-1]) for result in arm}
    return [
        Check(
            "of what is kept, more is right the lower the recall asked for",
            all(before <= after for before, after in pairwise(map(fmean, precision)))
            and fmean(precision[STRICT]) >= fmean(precision[0]) + RAISED,
            f"right by the oracle: {' → '.join(f'{fmean(shares):.1%}' for shares in precision)}",
        ),
        Check(
            "and less is kept",
            all(fewer < more for more, fewer in pairwise(map(fmean, sizes))),
            f"triples: {' → '.join(f'{fmean(counts):.0f}' for counts in sizes)}",
        ),
        Check("the student of the strict set takes as many steps as that of all", len(steps) == 1, f"steps: {steps}"),
        not_worse(cut[-1], raw, "and is no worse for it", MARGIN),
    ]


def _kept(store: Store, results: Sequence[Result], step: str) -> list[list[Draft]]:
    """What a step let through, of each run."""
    found = []
    for result in results:
        judged = store.judged(result.run, step, 1)
        keys = [key for key, outcome in judged.items() if outcome == Outcome.ACCEPTED]
        found.append(list(store.by_key(Draft, keys).values()))
    return found


def _right(triples: Sequence[Draft]) -> float:
    return fmean(_holds(triple) for triple in triples) if triples else 0.0


def _holds(triple: Draft) -> bool:
    truth = world.solve(str(triple.fields["question"]))
    return truth is not None and truth.answer == triple.fields["tail"]


CLAIM = Claim(
    id="B1",
    says="a critic trained on few labels raises the share of right triples, the more the stricter it is cut",
    source="Symbolic Knowledge Distillation (West et al. 2022, 78.5 to 96.4), CANDLE (Wang et al. 2024), I2D2",
    planted="the teacher's errors: a quarter of its tails, at random, which an expert that labels 300 sees; that a critic "
    "can learn from these labels which tails are wrong is not",
    arms=(
        "symbolic-kd+datasets.lessons.from=[triples, solutions]",
        "symbolic-kd+lessons.critic.select.recall=.9",
        "symbolic-kd+lessons.critic.select.recall=.8",
        "symbolic-kd+lessons.critic.select.recall=.5",
    ),
    check=check,
)
