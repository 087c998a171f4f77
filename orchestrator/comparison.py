"""Compares recipes, or settings of one, as paired arms: the same seeds, the same base, the same budget."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from statistics import fmean
from typing import Any

from orchestrator.clauses import Budget
from orchestrator.examination.items import CANARY, exams_of, probed_sources
from orchestrator.examination.replication import Paired, accuracy_interval
from orchestrator.examination.scoring import by_item
from orchestrator.examination.statistics import holm
from orchestrator.planning import best_of
from orchestrator.recipe import Recipe, load_recipe, validate_recipe
from orchestrator.recipe_text import RecipeError
from orchestrator.standing import main_exam
from orchestrator.training import BASE_ROUND
from storage.records import Run
from storage.store import Store

CURRENCIES = ("usd", "calls", "tokens")


@dataclass(frozen=True)
class Arm:
    """One of the things that are compared."""

    label: str
    recipe: str
    edits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """One student of an arm: all that had been spent when it was examined, and what it made of the probe."""

    round: int
    spent: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Result:
    """What came of one arm with one seed of chance."""

    arm: str
    seed: int
    run: str
    spent: float
    """In the comparison's currency, what other runs had paid for counted as well."""
    points: tuple[Point, ...]
    rights: Mapping[str, bool]
    """By question of the test: whether most samples of the student that did best on the probe are right."""
    clusters: Mapping[str, str]
    """Split key by question."""
    skills: Mapping[str, str]
    """Skill by question."""
    retention: float | None
    """Accuracy on what is not taught; None without such an exam."""

    @property
    def accuracy(self) -> float:
        return fmean(self.rights.values())

    @property
    def macro(self) -> float:
        """Mean accuracy of the skills, each counting the same."""
        return fmean(self.by_skill().values())

    def by_skill(self) -> dict[str, float]:
        names = sorted(set(self.skills.values()))
        return {name: fmean(self.rights[q] for q, skill in self.skills.items() if skill == name) for name in names}


@dataclass(frozen=True)
class Row:
    """One arm against the first."""

    arm: str
    seeds: int
    spent: float
    """Mean of the seeds."""
    accuracy: float
    """Mean of the seeds; its interval, and that of the difference, is over trainings and questions, with one seed over
    questions alone."""
    low: float
    high: float
    retention: float | None
    difference: float | None = None
    """To the first arm, question by question, mean of the seeds; None for the first itself."""
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    """One-sided: that the arm is no better than the first, adjusted over the arms (Holm 1979)."""
    agree: int | None = None
    """Seeds in which the difference has the sign of the whole."""


@dataclass(frozen=True)
class Comparison:
    currency: str
    cap: float | None
    results: tuple[Result, ...]
    rows: tuple[Row, ...]

    @property
    def over(self) -> str:
        """What the intervals are over, in words."""
        least = min(row.seeds for row in self.rows)
        if least == 1:
            return "over the questions of one training alone (how much trainings differ is unknown with one seed)"
        return f"over trainings and questions ({least} seeds)"

    def as_json(self) -> dict[str, Any]:
        told = {"currency": self.currency, "cap": self.cap, "intervals": self.over}
        return told | {
            "rows": [asdict(row) for row in self.rows],
            "results": [
                {"arm": r.arm, "seed": r.seed, "run": r.run, "spent": r.spent, "accuracy": r.accuracy, "macro": r.macro}
                | {"retention": r.retention, "skills": r.by_skill(), "points": [asdict(point) for point in r.points]}
                for r in self.results
            ],
        }


def parse_arms(texts: Sequence[str], edits: Sequence[str] = ()) -> list[Arm]:
    """Each `recipe` or `recipe+a.b=c+d.e=f`; `edits` are made to all. Raises RecipeError."""
    if len(set(texts)) < max(2, len(texts)):
        raise RecipeError("a comparison has two arms at least, each another; e.g. demo demo+seeds.tasks=1000")
    return [_arm(text, edits) for text in texts]


def _arm(text: str, edits: Sequence[str]) -> Arm:
    recipe, *own = text.split("+")
    if not recipe or not all("=" in edit for edit in own):
        raise RecipeError(
            f"an arm is a recipe, with edits behind `+`, e.g. demo+seeds.tasks=1000, whose values hold no `+`; found {text!r}"
        )
    if any(edit.partition("=")[0].strip() == "seed" for edit in (*edits, *own)):
        raise RecipeError("a comparison sets `seed` itself, the same for all arms; say how many seeds with --seeds")
    return Arm(text, recipe, (*edits, *own))


def parse_budget(text: str | None) -> tuple[str, float | None]:
    """Currency and cap of `calls=2000`, `tokens=…` or `usd=…`; without one, spending is counted in calls. Raises RecipeError."""
    if text is None:
        return "calls", None
    currency, _, amount = text.partition("=")
    try:
        cap = float(amount)
    except ValueError:
        cap = -1.0
    least = 0.0 if currency == "usd" else 1.0
    if currency not in CURRENCIES or not isfinite(cap) or cap <= 0 or cap < least:
        raise RecipeError(f"a budget is one of usd, calls or tokens and an amount, e.g. calls=2000; found {text!r}")
    return currency, cap


def arm_recipe(arm: Arm, seed: int, currency: str, cap: float | None) -> Recipe:
    """The arm's recipe as it is carried out: with a cap its run is one of its own, for the budget shapes it.

    What another arm has bought counts as if this one had, capped or not. Raises RecipeError.
    """
    recipe = load_recipe(arm.recipe, [*arm.edits, f"seed={seed}"])
    if not any(name for name in exams_of(recipe, "test") if recipe.exams[name].source in probed_sources(recipe)):
        raise RecipeError(
            f"arm {arm.label!r} has no exam with `part: test` on what it teaches; arms are compared by one"
        )
    if cap is None:
        # a run of its own as well: one that was carried out before may have been given replies for nothing
        budget, named = recipe.budget.model_copy(update={"reused": "counted"}), f"{recipe.name}-counted"
    else:
        amount = int(cap) if currency != "usd" else cap
        budget = Budget.model_validate({currency: amount, "then": "train", "reused": "counted"})
        named = re.sub(r"[^a-z0-9_-]", "_", f"{recipe.name}-at-{amount:.15g}-{currency}")
    resolved = {**recipe.resolved(), "name": named, "budget": budget.model_dump()}
    return validate_recipe(resolved, f"arm {arm.label!r}")  # anew: a copy would keep the digest


def arm_recipes(arms: Sequence[Arm], seed: int, currency: str, cap: float | None) -> list[Recipe]:
    """The recipe of each arm. Raises RecipeError, also for two arms that are one method: they would be one run."""
    recipes = [arm_recipe(arm, seed, currency, cap) for arm in arms]
    first: dict[str, str] = {}
    for arm, recipe in zip(arms, recipes, strict=True):
        if (other := first.setdefault(recipe.digest, arm.label)) != arm.label:
            raise RecipeError(
                f"arms {other!r} and {arm.label!r} are the same method, so there is nothing to compare; perhaps an edit sets "
                f"what is so already, see `orchestrator check {arm.recipe}`"
            )
    return recipes


def result_of(store: Store, run: Run, recipe: Recipe, arm: Arm, currency: str) -> Result:
    """What an arm's finished run came to."""
    exam = main_exam(recipe, "test")
    best = best_of(store, run, recipe)
    if exam is None or best is None:
        raise RecipeError(f"run {run.key} of arm {arm.label!r} has not been examined to its end; carry it out again")
    items = by_item([a for a in store.attempts(best.key, exam) if a.skill != CANARY])
    kept = [name for name in exams_of(recipe, "test") if recipe.exams[name].source not in probed_sources(recipe)]
    retained = [card.accuracy for card in store.scorecards(run.key) if card.exam in kept and card.student == best.key]
    spent = _spent_by_round(store, run, currency)
    cards = {card.round: card for card in store.scorecards(run.key) if card.exam == main_exam(recipe, "probe")}
    return Result(
        arm=arm.label,
        seed=recipe.seed,
        run=run.key,
        spent=sum(spent.values()),
        points=tuple(
            Point(n, sum(v for r, v in spent.items() if r <= n), card.accuracy, card.low, card.high)
            for n, card in sorted(cards.items())
        ),
        rights={question: fmean(a.right for a in samples) > 0.5 for question, samples in items.items()},
        clusters={question: samples[0].split_key for question, samples in items.items()},
        skills={question: samples[0].skill for question, samples in items.items()},
        retention=fmean(retained) if retained else None,
    )


def _spent_by_round(store: Store, run: Run, currency: str) -> dict[int, float]:
    found: dict[int, float] = {BASE_ROUND: 0.0}
    for (number, _), spent in store.spending_by_stage(run.key, with_reused=True).items():
        amounts = {
            "calls": spent.calls,
            "tokens": spent.prompt_tokens + spent.completion_tokens,
            "usd": spent.usd or 0.0,
        }
        found[number] = found.get(number, 0.0) + amounts[currency]
    return found


def compare(results: Sequence[Result], currency: str, cap: float | None) -> Comparison:
    """Rows in the order of the arms. Questions that an arm and the first were both asked, with the same seed, are paired."""
    arms = {arm: [r for r in results if r.arm == arm] for arm in dict.fromkeys(r.arm for r in results)}
    first, *others = arms.values()
    pairs = [paired(other, first) for other in others]
    adjusted = holm([pair.p() for pair in pairs]) if pairs else []
    rows = [_row(first)]
    for other, pair, p in zip(others, pairs, adjusted, strict=True):
        low, high = pair.interval()
        agree = sum(gap * pair.difference > 0 for gap in pair.gaps)
        told = {"difference": pair.difference, "difference_low": low, "difference_high": high, "p": p, "agree": agree}
        rows.append(_row(other, **told))
    return Comparison(currency, cap, tuple(results), tuple(rows))


def paired(new: Sequence[Result], old: Sequence[Result], skills: Sequence[str] = ()) -> Paired:
    """Seed by seed, the questions that both arms were asked; of these skills, or all. Raises RecipeError for a seed without."""
    before = {result.seed: result for result in old}
    pairs = [(result, before[result.seed]) for result in new if result.seed in before]
    shared = [[q for q in ours.rights if q in theirs.rights and _of(ours, q, skills)] for ours, theirs in pairs]
    if not pairs or not all(shared):
        seeds = ", ".join(str(ours.seed) for (ours, _), both in zip(pairs, shared, strict=True) if not both)
        of = f" of {' or '.join(skills)}" if skills else ""
        raise RecipeError(
            f"arms {old[0].arm!r} and {new[0].arm!r} share no test question{of}{f' with seed {seeds}' if seeds else ''}, so they "
            "cannot be compared; give both the same sources and test exam"
        )
    together = list(zip(pairs, shared, strict=True))
    return Paired(
        new=[{q: ours.rights[q] for q in both} for (ours, _), both in together],
        old=[{q: theirs.rights[q] for q in both} for (_, theirs), both in together],
        clusters=[{q: theirs.clusters[q] for q in both} for (_, theirs), both in together],
    )


def _of(result: Result, question: str, skills: Sequence[str]) -> bool:
    return not skills or result.skills[question] in skills


def _row(results: Sequence[Result], **against_first: Any) -> Row:
    low, high = accuracy_interval([r.rights for r in results], [r.clusters for r in results])
    retained = [r.retention for r in results if r.retention is not None]
    return Row(
        arm=results[0].arm,
        seeds=len(results),
        spent=fmean(r.spent for r in results),
        accuracy=fmean(r.accuracy for r in results),
        low=low,
        high=high,
        retention=fmean(retained) if retained else None,
        **against_first,
    )
