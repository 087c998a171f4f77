"""How far persons and judges agree on the same drafts: raw agreement, and Cohen's kappa, which takes out chance."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from orchestrator.clauses import Judge
from orchestrator.examination.statistics import wilson_interval
from orchestrator.production import NOT_ASKED
from orchestrator.recipe import Recipe
from storage.persons import said_in
from storage.records import Outcome, Run, Verdict
from storage.store import Store

DRAWS = 20_000
PRIOR = 0.5
"""Jeffreys' prior: half a draft in each cell. With it, perfect agreement on a few drafts does not count as certain."""


@dataclass(frozen=True)
class Agreement:
    """What a person and a judge, or another person, said of the drafts that both judged."""

    person: str
    other: str
    step: str
    """The judge's; empty for a person."""
    both_accepted: int
    only_person: int
    """Accepted by the person alone."""
    only_other: int
    both_rejected: int
    n: int
    raw: float
    raw_low: float
    raw_high: float
    kappa: float | None
    """None where one of both said the same of every draft: then nothing can be told apart from chance."""
    kappa_low: float | None
    kappa_high: float | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def agreement_of(store: Store, run: Run, recipe: Recipe) -> list[Agreement]:
    """For every person: each critic and verifier of the recipe in its order, then the other persons."""
    told: dict[str, dict[str, bool]] = {}
    for verdict in said_in(store, run.key):
        told.setdefault(verdict.judge, {})[verdict.draft] = verdict.outcome == Outcome.ACCEPTED
    steps = [step.step for step in recipe.lessons if isinstance(step, Judge)] if told else []
    judged = [(step, judge, said) for step in steps for judge, said in _by_judge(store, run, step)]
    found = [_agreement(person, own, judge, step, said) for person, own in told.items() for step, judge, said in judged]
    found += [_agreement(one, told[one], other, "", told[other]) for one, other in combinations(told, 2)]
    return [each for each in found if each]


def _by_judge(store: Store, run: Run, step: str) -> Iterator[tuple[str, dict[str, bool]]]:
    """What could not be read, or was let by unjudged, is no opinion."""
    found: dict[str, dict[str, bool]] = {}
    for draft, verdict in store.verdicts(run.key, step).items():
        if _is_opinion(verdict):
            found.setdefault(verdict.judge, {})[draft] = verdict.outcome == Outcome.ACCEPTED
    yield from sorted(found.items())


def _is_opinion(verdict: Verdict) -> bool:
    return verdict.outcome != Outcome.UNREADABLE and verdict.reason != NOT_ASKED


def _agreement(
    person: str, own: Mapping[str, bool], other: str, step: str, said: Mapping[str, bool]
) -> Agreement | None:
    pairs = [(accepts, said[draft]) for draft, accepts in own.items() if draft in said]
    if not pairs:
        return None
    cells = [pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))]
    same, n = cells[0] + cells[3], len(pairs)
    kappa = kappa_of(cells)
    low, high = kappa_interval(cells) if kappa is not None else (None, None)
    raw_low, raw_high = wilson_interval(same, n)
    return Agreement(
        person=person,
        other=other,
        step=step,
        both_accepted=cells[0],
        only_person=cells[1],
        only_other=cells[2],
        both_rejected=cells[3],
        n=n,
        raw=same / n,
        raw_low=raw_low,
        raw_high=raw_high,
        kappa=kappa,
        kappa_low=low,
        kappa_high=high,
    )


def kappa_of(cells: list[int]) -> float | None:
    """Cohen's kappa (1960) of a 2 x 2 table, by rows; None where a margin is empty."""
    both, first, second, neither = cells
    if not (both + first and second + neither and both + second and first + neither):
        return None
    return float(_kappa(np.array([cells], dtype=float))[0])


def kappa_interval(cells: list[int], seed: int = 0) -> tuple[float, float]:
    """95 % credible interval: kappa of tables drawn from the posterior of the four cells under Jeffreys' prior."""
    drawn = np.random.default_rng(seed).dirichlet([cell + PRIOR for cell in cells], DRAWS)
    low, high = np.quantile(_kappa(drawn), [0.025, 0.975])
    return float(low), float(high)


def _kappa(tables: np.ndarray) -> np.ndarray:
    """Of each row (both, first alone, second alone, neither)."""
    both, first, second, neither = (tables / tables.sum(axis=1, keepdims=True)).T
    by_chance = (both + first) * (both + second) + (second + neither) * (first + neither)
    return (both + neither - by_chance) / (1 - by_chance)
