"""What earlier runs, or a pilot, tell of a recipe's steps: how many calls and tokens each takes, and what goes through."""

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from pathlib import Path
from statistics import fmean, stdev

from orchestrator import gathering, planning, production
from orchestrator.clauses import AnyStep, Generate, roles_of
from orchestrator.cycle import open_work
from orchestrator.machine import Machine
from orchestrator.recipe import Recipe, RecipeError, validate_recipe
from orchestrator.standing import recipe_of
from orchestrator.streams import Streams
from storage.records import Run
from storage.store import Purchase, Store

PILOT = "-pilot"
"""Ends the name of a run that was only made to plan another one."""
PILOTED = "a pilot: it was made to plan a run"
"""Why a pilot ended that was carried through."""


@dataclass(frozen=True)
class Mean:
    """The mean of what was measured, and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Evidence:
    """What was seen of one step."""

    inputs: int
    """Materials of which it is known what came; for a generator, times roles and samples."""
    outputs: int
    """Drafts that went on to the step's stream."""
    purchases: list[Purchase] = field(default_factory=list)
    """Every call that its work rests on, whoever paid for it."""
    lost: int = 0
    """Inputs of which nothing came by a call that is not known: an earlier run paid for it, and no draft names it."""

    def calls(self) -> float:
        """Of one input."""
        return len(self.purchases) / max(1, self.inputs - self.lost)

    @cached_property
    def prompt(self) -> Mean | None:
        """Tokens of one call; None where endpoints did not report any."""
        return _mean([float(p.prompt_tokens) for p in self._reported()])

    @cached_property
    def completion(self) -> Mean | None:
        return _mean([float(p.completion_tokens) for p in self._reported()])

    def _reported(self) -> list[Purchase]:
        return [p for p in self.purchases if p.prompt_tokens + p.completion_tokens]

    @cached_property
    def usd(self) -> Mean | None:
        """Of one call, as it was charged; None if that is unknown of any."""
        known = [p.usd for p in self.purchases if p.usd is not None]
        return _mean(known) if len(known) == len(self.purchases) else None

    @cached_property
    def seconds(self) -> Mean | None:
        return _mean([p.seconds for p in self.purchases])


def _mean(values: list[float]) -> Mean | None:
    if not values:
        return None
    return Mean(fmean(values), stdev(values) / len(values) ** 0.5 if len(values) > 1 else values[0])


def seen_in(store: Store, run: Run, recipe: Recipe) -> dict[str, Evidence]:
    """What one run tells about each of its steps, all rounds together in which the step was carried through."""
    look = _Look(store, run, recipe)
    return {step.step: look.at(step) for step in recipe.lessons}


class _Look:
    """At what one run did. A call that it found in the store has no entry in its ledger, but drafts name it."""

    def __init__(self, store: Store, run: Run, recipe: Recipe) -> None:
        self._store, self._run, self._recipe = store, run.key, recipe
        self._streams = Streams(recipe, store, run.key)
        self._named, self._bought = store.named(run.key), store.bought(run.key)
        self._rounds = range(1, 1 + max((plan.round for plan in store.plans(run.key)), default=0))
        stored = store.run(run.key)
        frozen = {dataset.round for dataset in store.datasets(run.key)}
        self._whole = set(self._rounds) if stored and stored.ended == PILOTED else frozen
        self._reached = {number: self._last_begun(number) for number in self._rounds}

    def at(self, step: AnyStep) -> Evidence:
        inputs = outputs = lost = 0
        calls: dict[str, Purchase] = {}
        for number in (number for number in self._rounds if self._through(step, number)):
            named, bought = (known.get((number, step.step), set()) for known in (self._named, self._bought))
            used = self._with_repaired(named | bought)
            outputs += len(self._streams.let_through(step, step.to, number))
            if isinstance(step, Generate):
                failed = len(bought - named - {found.repairs for found in used.values()})
                done = self._store.written(self._run, step.step, number) + failed
                asked = len(self._streams.inputs(step, number)) * max(1, len(step.role)) * step.samples
                # The rest got no answer; or it was refused to an earlier run, which paid; or a rule wrote nothing.
                rest = max(0, asked - done) if named - bought or not step.role else 0
                inputs, lost = inputs + done + rest, lost + rest
            else:
                inputs += len(self._store.judged(self._run, step.step, number))
            calls |= used
        return Evidence(inputs, outputs, list(calls.values()), lost)

    def _with_repaired(self, calls: set[str]) -> dict[str, Purchase]:
        """These and, for a repair, the call that it repairs: a draft names the last of the two alone."""
        found = self._store.purchases(calls)
        return found | self._store.purchases({p.repairs for p in found.values() if p.repairs} - found.keys())

    def _through(self, step: AnyStep, number: int) -> bool:
        """Whether a round went past a step: what was under way when a run stopped would count as having failed."""
        return number in self._whole or self._recipe.lessons.index(step) < self._reached[number]

    def _last_begun(self, number: int) -> int:
        def begun(step: AnyStep) -> bool:
            place = number, step.step
            return bool(
                place in self._named
                or place in self._bought
                or self._store.draft_keys(self._run, step.step, number)
                or self._store.judged(self._run, step.step, number)
            )

        return max((i for i, step in enumerate(self._recipe.lessons) if begun(step)), default=0)


def earlier(store: Store, recipe: Recipe, machine: Machine) -> tuple[dict[str, Evidence], list[str]]:
    """What runs with the same steps, played by the same models, tell, each step from where it did most; and their names."""
    found: dict[str, Evidence] = {}
    names: dict[str, str] = {}
    models = {role: entry.model for role, entry in machine.entries(recipe.roles).items()}
    for run in store.runs():
        try:
            theirs = recipe_of(run)
        except RecipeError:  # made of components that are here no more
            continue
        wanted = [step for step in recipe.lessons if _same(step, theirs)]
        seen = seen_in(store, run, theirs) if wanted else {}
        for step in wanted:
            played = {purchase.model for purchase in seen[step.step].purchases}
            known = found[step.step].inputs if step.step in found else 0
            if seen[step.step].inputs > known and played == {models[role] for role in roles_of(step)}:
                found[step.step], names[step.step] = seen[step.step], run.recipe_name
    return found, sorted(set(names.values()))


def _same(step: AnyStep, theirs: Recipe) -> bool:
    """Whether the other recipe has this step, whatever it reads and fills."""
    clauses = [other.model_dump(exclude={"sources", "to", "rejected_to"}) for other in theirs.lessons]
    return step.model_dump(exclude={"sources", "to", "rejected_to"}) in clauses


def pilot(recipe: Recipe, machine: Machine, store: Store, runs: Path, seeds: int) -> tuple[dict[str, Evidence], Run]:
    """Carry out the first round's lessons on so many seeds. The run itself will not pay for these calls again.

    Raises what a run raises: BudgetSpent, TeacherUnavailable, MachineError, SourceError.
    """
    small = shrunk(recipe, seeds)
    return asyncio.run(_pilot(small, machine, store, runs))


def shrunk(recipe: Recipe, seeds: int) -> Recipe:
    """The recipe with about so many seeds, shared among its sources as it shares them; each gives one at least."""
    counts = {name: recipe.seeds_of(name) for name in recipe.seeds}
    total = sum(counts.values())
    fewer = {name: min(count, max(1, ceil(seeds * count / total))) for name, count in counts.items()}
    # Made anew: a copy would keep the digest of the whole recipe, and so be its run.
    return validate_recipe({**recipe.resolved(), "name": f"{recipe.name}{PILOT}", "seeds": fewer}, "the pilot's recipe")


async def _pilot(recipe: Recipe, machine: Machine, store: Store, runs: Path) -> tuple[dict[str, Evidence], Run]:
    async with open_work(recipe, machine, store, runs) as work:
        plan = planning.current_plan(work)
        gathering.gather(work, plan)
        for step in recipe.lessons:
            for keys in production.batches(work, plan, step):
                await production.perform(work, plan, step, keys)
        store.end_run(work.run.key, PILOTED)
        return seen_in(store, work.run, recipe), work.run
