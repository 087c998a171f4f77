"""What earlier runs, or a pilot, tell of a recipe's steps: how many calls and tokens each takes, and what goes through."""

import asyncio
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import fmean, stdev

from orchestrator import planning, production
from orchestrator.clauses import AnyStep, Generate, roles_of
from orchestrator.cycle import open_work
from orchestrator.machine import Machine
from orchestrator.recipe import Recipe, RecipeError
from orchestrator.streams import Streams
from orchestrator.summary import recipe_of
from storage.records import Run
from storage.store import Purchase, Store

PILOT = "-pilot"
"""Ends the name of a run that was only made to plan another one."""
ENOUGH = 20
"""Inputs from which on a step of an earlier run says something."""


@dataclass(frozen=True)
class Mean:
    """The mean of what was measured, and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Evidence:
    """What was seen of one step."""

    inputs: int
    """Materials that went in; for a generator, times roles and samples."""
    outputs: int
    """Drafts that went on to the step's stream."""
    purchases: list[Purchase] = field(default_factory=list)

    def tokens(self) -> Mean | None:
        """Of one call, prompt and completion together."""
        return _mean([float(p.prompt_tokens + p.completion_tokens) for p in self.purchases])

    def usd(self) -> Mean | None:
        """Of one call; None if a price is unknown."""
        known = [p.usd for p in self.purchases if p.usd is not None]
        return _mean(known) if len(known) == len(self.purchases) else None

    def seconds(self) -> Mean | None:
        return _mean([p.seconds for p in self.purchases])


def _mean(values: list[float]) -> Mean | None:
    if not values:
        return None
    return Mean(fmean(values), stdev(values) / len(values) ** 0.5 if len(values) > 1 else values[0])


def seen_in(store: Store, run: Run, recipe: Recipe) -> dict[str, Evidence]:
    """What one run tells about each of its steps, all rounds together."""
    bought, streams = store.bought(run.key), Streams(recipe, store, run.key)
    rounds = range(1, 1 + max((plan.round for plan in store.plans(run.key)), default=0))
    return {step.step: _seen(streams, step, rounds, bought.get(step.step, [])) for step in recipe.lessons}


def _seen(streams: Streams, step: AnyStep, rounds: range, purchases: list[Purchase]) -> Evidence:
    went_in = sum(len(streams.inputs(step, number)) for number in rounds)
    went_on = sum(len(streams.let_through(step, step.to, number)) for number in rounds)
    times = max(1, len(step.role)) * step.samples if isinstance(step, Generate) else 1
    return Evidence(went_in * times, went_on, purchases)


def earlier(store: Store, recipe: Recipe, machine: Machine) -> tuple[dict[str, Evidence], list[str]]:
    """What the newest runs with the same steps, played by the same models, tell; and the names of these runs."""
    found: dict[str, Evidence] = {}
    names: list[str] = []
    models = {role: entry.model for role, entry in machine.entries(recipe.roles).items()}
    for run in store.runs():
        try:
            theirs = recipe_of(run)
        except RecipeError:  # made of components that are here no more
            continue
        wanted = [step for step in recipe.lessons if step.step not in found and _same(step, theirs)]
        asked = {(count.stage, count.model) for count in store.calls_by_stage(run.key)} if wanted else set()
        seen = seen_in(store, run, theirs) if wanted else {}
        for step in wanted:
            played = {model for stage, model in asked if stage == step.step}
            if seen[step.step].inputs >= ENOUGH and played == {models[role] for role in roles_of(step)}:
                found[step.step] = seen[step.step]
                names.append(run.recipe_name)
    return found, sorted(set(names))


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
    total = sum(recipe.seeds.values())
    fewer = {name: min(count, max(1, ceil(seeds * count / total))) for name, count in recipe.seeds.items()}
    return recipe.model_copy(update={"name": f"{recipe.name}{PILOT}", "seeds": fewer})


async def _pilot(recipe: Recipe, machine: Machine, store: Store, runs: Path) -> tuple[dict[str, Evidence], Run]:
    async with open_work(recipe, machine, store, runs) as work:
        plan = planning.current_plan(work)
        production.gather(work, plan)
        for step in recipe.lessons:
            for keys in production.batches(work, plan, step):
                await production.perform(work, plan, step, keys)
        store.end_run(work.run.key, "a pilot: it was made to plan a run")
        return seen_in(store, work.run, recipe), work.run
