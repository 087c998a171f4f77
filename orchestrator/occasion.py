"""What there is to do when a schedule says that it is time: a run to begin or to go on with, or nothing, and why."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from orchestrator.clauses import Budget
from orchestrator.ledger import amounts
from orchestrator.recipe import Recipe, validate_recipe
from orchestrator.withdrawals import present_run
from storage.accounts import Spending
from storage.records import Run
from storage.store import Store

Period = Literal["day", "week", "month"]


class NoWork(Exception):
    """There is nothing to do this time; the message says why."""


def what_is_due(store: Store, recipe: Recipe, again: bool) -> Recipe:
    """The recipe, if its run is new or unfinished. Its finished run is not carried out twice: with `again`, one with the
    next seed is, and goes on until it is finished. Raises NoWork.

    A source's files are part of a recipe's digest. So a source that has grown makes a new run.
    """
    if again:
        recipe = _with_seed(recipe, max([recipe.seed, *_seeds_used(store, recipe)]))
    run = _run_of(store, recipe)
    if run is None or not is_finished(store, run):
        return recipe
    if again:
        return _with_seed(recipe, recipe.seed + 1)
    raise NoWork(
        f"nothing is new since run {run.key.rpartition(':')[2][:12]} ended ({run.ended}): its recipe and the files of "
        "its sources are what they were"
    )


def is_finished(store: Store, run: Run) -> bool:
    """Whether it ended by its own last plan, final examination included."""
    plan = store.latest_plan(run.key)
    return plan is not None and plan.stop and run.ended == plan.why


def within_allowance(store: Store, recipe: Recipe, per: Period | None, now: datetime) -> Recipe:
    """The recipe with its caps lowered to what they leave of a period in which all runs of the store share them.

    Raises NoWork where nothing is left. Without a period, caps are those of the run.
    """
    caps = {what: cap for what in ("usd", "calls", "tokens") if (cap := getattr(recipe.budget, what)) is not None}
    if per is None or not caps:
        return recipe
    begin = beginning_of(per, now)
    spent, own = amounts(store.spending_since(begin)), amounts(_own_spending(store, recipe))
    for what, cap in caps.items():
        if spent[what] >= cap:
            raise NoWork(
                f"no budget is left: {_told(spent[what])} of {_told(cap)} {what} are spent since {begin:%Y-%m-%d}, and "
                f"the next {per} begins on {next_after(per, begin):%Y-%m-%d} (UTC)"
            )
    left = {what: own[what] + cap - spent[what] for what, cap in caps.items()}
    return recipe.model_copy(update={"budget": Budget.model_validate({**recipe.budget.model_dump(), **left})})


def beginning_of(per: Period, now: datetime) -> datetime:
    """Midnight UTC of the day, the Monday or the first of the month."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[per]


def next_after(per: Period, begin: datetime) -> datetime:
    longest = {"day": 1, "week": 7, "month": 31}[per]
    return beginning_of(per, begin + timedelta(days=longest))


def _own_spending(store: Store, recipe: Recipe) -> Spending:
    return store.spending(_key_of(store, recipe), with_reused=recipe.budget.reused == "counted")


def _run_of(store: Store, recipe: Recipe) -> Run | None:
    return store.run(_key_of(store, recipe))


def _key_of(store: Store, recipe: Recipe) -> str:
    return present_run(store, recipe)[0].key


def _seeds_used(store: Store, recipe: Recipe) -> list[int]:
    """Seeds of the runs that differ from this recipe in nothing else that is written in it."""
    method = {**recipe.method(), "seed": None}
    return [run.recipe["seed"] for run in store.runs() if {**run.recipe, "seed": None} == method]


def _with_seed(recipe: Recipe, seed: int) -> Recipe:
    return recipe if seed == recipe.seed else validate_recipe({**recipe.resolved(), "seed": seed}, recipe.name)


def _told(amount: float) -> str:
    return f"{amount:,.2f}".rstrip("0").rstrip(".")
