"""What a run did, round by round: what failed, what was planned upon it, what that cost, and what it brought."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

from orchestrator.diversity import Diversity, diversity_of
from orchestrator.examination.items import exams_of
from orchestrator.standing import Standing
from storage.accounts import Spending
from storage.records import Attempt, Cluster, Failure, Plan, Scorecard
from storage.store import Store

TOLD = 5
"""Clusters of a round that are told with an example, the largest first."""
COMPUTING = ("train", "examine", "weigh")
"""Stages whose seconds are the machine's; a call's seconds are mostly waiting."""


@dataclass(frozen=True)
class ClusterStory:
    """Failures that have something in common, and one of them."""

    label: str
    name: str
    """In words, by a teacher; empty if none was asked."""
    skill: str
    cause: str
    size: int
    before: int | None
    """Its size in the round before; None in the first."""
    question: str = ""
    gold: str = ""
    said: str = ""
    """The student's whole reply."""


@dataclass(frozen=True)
class Failed:
    """What a student got wrong in one part of its exams."""

    wrong: int
    clusters: list[ClusterStory]
    """The largest."""
    more: int
    """Smaller clusters."""


@dataclass(frozen=True)
class RoundStory:
    """One round. That of the base, before the first lesson, has number 0 and no plan."""

    round: int
    why: str
    """Why it was planned as it was."""
    quotas: dict[str, int]
    targets: int
    """Failures that it wrote lessons for."""
    briefs: int
    """Instructions that feedback gave the teacher besides."""
    weights: dict[str, float]
    seeds: int
    drafts: int
    lessons: int
    """Its drafts that became lessons of some dataset, in this round or a later one."""
    diversity: Diversity | None
    """How varied these lessons are; None if there are none."""
    calls: int
    tokens: int
    """Of prompts and replies together."""
    usd: float | None
    """None if there are calls and no price is known."""
    unpriced: int
    """Calls whose price is unknown."""
    training: float
    """Seconds."""
    examining: float
    """Seconds, those of the tests included."""
    before: float | None
    """Accuracy of the round before in the probe."""
    after: float | None
    """Accuracy of this round's student in the probe, `low` to `high` in 95 % of cases; None if it was not examined."""
    low: float | None
    high: float | None
    points: float | None
    """Percentage points that the round brought."""
    per_100_calls: float | None
    """Points for a hundred calls; None without calls."""
    per_usd: float | None
    """Points for a dollar; None unless every price is known."""
    probe: Failed
    practice: Failed

    @property
    def seconds(self) -> float:
        return self.training + self.examining


def story_of(store: Store, standing: Standing) -> list[RoundStory]:
    """Every round that has been planned or examined, the base's first."""
    plans = {plan.round: plan for plan in standing.plans if not plan.stop}
    cards = {card.round: card for card in standing.probe}
    spent = store.spending_by_stage(standing.run.key)
    taught = _taught(store, standing.run.key)
    clusters = store.clusters(standing.run.key)
    varied = diversity_of(store, standing.run.key, sorted(plans))
    steps = {later: earlier for earlier, later in pairwise(sorted(cards))}
    found = []
    for number in sorted({*plans, *cards}):
        own = [cluster for cluster in clusters if cluster.round == number]
        previous = cards.get(steps.get(number, number - 1))
        stages = {stage: each for (at, stage), each in spent.items() if at == number}
        found.append(
            RoundStory(
                round=number,
                **_planned(plans.get(number)),
                **dict(zip(("seeds", "drafts", "lessons"), taught.get(number, (0, 0, 0)), strict=True)),
                **_gained(cards.get(number), previous, bought(stages.values())),
                diversity=varied.get(number),
                training=_seconds(stages, "train"),
                examining=_seconds(stages, "examine"),
                probe=_failed(store, [c for c in own if cards and c.exam == standing.probe[0].exam]),
                practice=_failed(store, [c for c in own if c.exam in exams_of(standing.recipe, "train")]),
            )
        )
    return found


def bought(stages: Iterable[Spending]) -> Spending:
    """The sum of those that hold calls: what only computed has no price, known or unknown."""
    paid = [spent for spent in stages if spent.calls]
    return reduce(add, paid) if paid else Spending(0, 0, 0, 0.0, 0, 0.0)


def _planned(plan: Plan | None) -> dict[str, Any]:
    """The base was planned by nobody."""
    if plan is None:
        return {"why": "", "quotas": {}, "targets": 0, "briefs": 0, "weights": {}}
    facts = {"targets": len(plan.targets), "briefs": len(plan.briefs), "weights": plan.weights}
    return {"why": plan.why, "quotas": plan.quotas, **facts}


def _taught(store: Store, run: str) -> dict[int, tuple[int, int, int]]:
    """Seeds, drafts and lessons by round."""
    found: dict[int, tuple[int, int, int]] = {}
    for (number, _), (seeds, drafts, lessons) in store.taught(run).items():
        known = found.get(number, (0, 0, 0))
        found[number] = known[0] + seeds, known[1] + drafts, known[2] + lessons
    return found


def _gained(card: Scorecard | None, previous: Scorecard | None, spent: Spending) -> dict[str, Any]:
    points = 100 * (card.accuracy - previous.accuracy) if card and previous else None
    paid = spent.usd if spent.usd and not spent.unpriced else None
    return {
        "calls": spent.calls,
        "tokens": spent.prompt_tokens + spent.completion_tokens,
        "usd": spent.usd,
        "unpriced": spent.unpriced,
        "before": previous.accuracy if previous else None,
        "after": card.accuracy if card else None,
        "low": card.low if card else None,
        "high": card.high if card else None,
        "points": points,
        "per_100_calls": None if points is None or not spent.calls else 100 * points / spent.calls,
        "per_usd": None if points is None or paid is None else points / paid,
    }


def _seconds(stages: dict[str, Spending], stage: str) -> float:
    return round(stages[stage].seconds, 1) if stage in stages else 0.0


def _failed(store: Store, clusters: Sequence[Cluster]) -> Failed:
    told = clusters[:TOLD]
    firsts = store.by_key(Failure, [key for cluster in told for key in cluster.failures[:1]])
    attempts = store.by_key(Attempt, [failure.attempt for failure in firsts.values()])
    examples = [firsts.get(key) for cluster in told for key in (cluster.failures or [""])[:1]]
    return Failed(
        wrong=sum(cluster.size for cluster in clusters),
        clusters=[
            _cluster(cluster, attempts.get(example.attempt) if example else None)
            for cluster, example in zip(told, examples, strict=True)
        ],
        more=len(clusters) - len(told),
    )


def _cluster(cluster: Cluster, example: Attempt | None) -> ClusterStory:
    shown = {"question": example.question, "gold": example.gold, "said": example.reply} if example else {}
    facts = {"label": cluster.label, "name": cluster.name, "skill": cluster.skill, "cause": cluster.cause}
    return ClusterStory(**facts, size=cluster.size, before=cluster.before, **shown)
