"""How much of a run's budget each round and step may spend, where the run trains on what it could buy."""

from collections.abc import Mapping

from orchestrator.clauses import AnyStep, Generate, roles_of
from orchestrator.rules import filled
from orchestrator.streams import Streams
from orchestrator.work import Work
from storage.accounts import Spending
from storage.records import Plan

NOTHING = Spending(0, 0, 0, 0.0, 0, 0.0)


def allot_round(work: Work, plan: Plan) -> None:
    """An even share of what is left, among the rounds that may yet come; what one leaves goes to those after it.

    What the round itself has spent before it was interrupted is part of its share.
    """
    if work.recipe.budget.then == "train":
        spent = work.store.spending_by_stage(work.run.key, with_reused=work.recipe.budget.reused == "counted").items()
        before = sum((each for (number, _), each in spent if number < plan.round), NOTHING)
        work.ledger.open_round(1 / max(1, work.recipe.stop.rounds - plan.round + 1), before)


def is_closed(work: Work, plan: Plan, step: AnyStep) -> bool:
    """Whether a run that trains on what it could buy has gone past a step: what it had no room for then stays undone.

    Else a run that was killed in a later step would buy it after all, and more than one that was not.
    """
    if work.recipe.budget.then != "train":
        return False
    steps, run = work.recipe.lessons, work.run.key
    later = [each.step for each in steps[steps.index(step) + 1 :]]
    begun = any(
        work.store.draft_keys(run, name, plan.round) or work.store.judged(run, name, plan.round) for name in later
    )
    return begun or any(dataset.round == plan.round for dataset in work.store.datasets(run))


def allot_step(work: Work, plan: Plan, step: AnyStep, waiting: int) -> None:
    """What is left of the round, in proportion to the calls that this step and the steps after it will want to make."""
    if work.recipe.budget.then != "train" or not roles_of(step):
        return
    streams = Streams(work.recipe, work.store, work.run.key)
    steps = work.recipe.lessons
    later = steps[steps.index(step) + 1 :]
    read = {name for each in later for name in each.sources}
    sizes = {name: sum(1 for _ in streams.keys(name, plan.round)) for name in read}
    work.ledger.allot(plan.round, step.step, share_of(step, waiting, later, sizes))


def share_of(step: AnyStep, waiting: int, later: list[AnyStep], sizes: Mapping[str, int]) -> float:
    """This step's calls among all that are still to be made, were every draft let through.

    `waiting` materials are before the step, and `sizes` are in the streams that later steps read.
    """
    flow = {name: float(size) for name, size in sizes.items()}
    own, wanted = _carry_out(step, waiting, flow), 0.0
    for each in later:
        wanted += _carry_out(each, sum(flow.get(name, 0.0) for name in each.sources), flow)
    return own / (own + wanted) if own else 1.0


def _carry_out(step: AnyStep, inputs: float, flow: dict[str, float]) -> float:
    """The calls of a step; its drafts go on to the streams that it fills."""
    roles = len(roles_of(step))
    outputs, calls = inputs, inputs * roles
    if isinstance(step, Generate):
        outputs = inputs * max(1, roles) * step.samples
        calls = inputs * roles * step.samples
    for name in filled(step):
        flow[name] = flow.get(name, 0.0) + outputs
    return calls
