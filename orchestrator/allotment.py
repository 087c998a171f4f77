"""How much of a run's budget each round and step may spend, where the run trains on what it could buy.

All of it is reckoned from the recipe and from what rounds and steps before have left in the store, so that a run which is
resumed in the middle of a step reckons as one that was never interrupted.
"""

from collections.abc import Mapping
from math import ceil

from agents.teacher import BudgetSpent
from orchestrator.clauses import FED, AnyStep, Generate, roles_of
from orchestrator.examination.items import replies_to
from orchestrator.kinds import JudgedExam
from orchestrator.ledger import amounts
from orchestrator.recipe import Recipe
from orchestrator.rules import filled
from orchestrator.streams import Streams
from orchestrator.work import Work
from storage.accounts import Spending
from storage.records import Plan

NOTHING = Spending(0, 0, 0, 0.0, 0, 0.0)
REPAIRS = 0.1
"""Of a judge's replies, so many at most are taken to be asked for once more because they could not be read."""


def allot_round(work: Work, plan: Plan) -> None:
    """An even share of what is left, among the rounds that may yet come; what one leaves goes to those after it.

    What the round itself has spent before it was interrupted is part of its share. What judges of exams will be asked is
    kept from all rounds, and from those who name failures. Raises BudgetSpent before the first call if a cap on calls
    leaves none for lessons.
    """
    if work.recipe.budget.then != "train":
        return
    before = _spent_before(work, plan.round)
    kept = _kept(work, plan.round, before)
    if plan.round == 1:
        _check_room(work, kept["calls"])
        work.ledger.hold_back(0, "name failures", kept)
    work.ledger.open_round(1 / max(1, work.recipe.stop.rounds - plan.round + 1), before, kept)
    work.ledger.hold_back(plan.round, "name failures", _kept(work, plan.round, before, probed=True))


def is_closed(work: Work, plan: Plan, step: AnyStep) -> bool:
    """Whether a run that trains on what it could buy has gone past a step: what it had no room for then stays undone.

    Else a run that was killed in a later step would buy it after all, and more than one that was not.
    """
    if work.recipe.budget.then != "train":
        return False
    steps, run = work.recipe.lessons, work.run.key
    later = [each.step for each in steps[steps.index(step) + 1 :]]
    asked = work.store.spending_by_stage(run, with_reused=True)
    begun = any(
        (plan.round, name) in asked
        or work.store.draft_keys(run, name, plan.round)
        or work.store.judged(run, name, plan.round)
        for name in later
    )
    return begun or any(dataset.round == plan.round for dataset in work.store.datasets(run))


def allot_step(work: Work, plan: Plan, step: AnyStep) -> None:
    """What is left of the round, in proportion to the calls that this step and the steps after it will want to make."""
    if work.recipe.budget.then != "train" or not roles_of(step):
        return
    streams = Streams(work.recipe, work.store, work.run.key)
    steps = work.recipe.lessons
    place = steps.index(step)
    earlier, later = steps[:place], steps[place + 1 :]
    sizes = {name: _size(streams, name, plan.round, earlier) for each in later for name in each.sources}
    share = share_of(step, len(streams.inputs(step, plan.round)), later, sizes)
    before = _spent_before(work, plan.round, [each.step for each in earlier])
    work.ledger.allot(plan.round, step.step, share, before)


def share_of(step: AnyStep, waiting: int, later: list[AnyStep], sizes: Mapping[str, int]) -> float:
    """This step's calls among all that are still to be made, were every draft let through.

    `waiting` materials are before the step, and `sizes` are in the streams that later steps read.
    """
    flow = {name: float(size) for name, size in sizes.items()}
    own, wanted = _carry_out(step, waiting, flow), 0.0
    for each in later:
        wanted += _carry_out(each, sum(flow.get(name, 0.0) for name in each.sources), flow)
    return own / (own + wanted) if own else 1.0


def calls_to_judge(recipe: Recipe, round_number: int, *, probed: bool = False) -> int:
    """Calls that judges of exams will be asked at most, from the examination of this round on: every reply that is still
    to be graded and the cases of the courts that are still to be held, as often as the critic asks, and some repairs.

    `probed` says that this round's probe is over. In the first round, the base takes the probe too.
    """
    left, calls = recipe.stop.rounds - round_number + 1, 0
    opening = round_number == 1 and not probed
    for name, exam in recipe.exams.items():
        if isinstance(exam, JudgedExam):
            students = {"probe": left + opening - probed, "train": left, "test": 2}[exam.part]
            heard = exam.cases if opening or exam.part == "test" else 0
            calls += exam.critic.calls * (students * replies_to(recipe, name) + heard)
    return ceil((1 + REPAIRS) * calls)


def _kept(work: Work, round_number: int, before: Spending, *, probed: bool = False) -> dict[str, float]:
    """What is kept for judges of exams, by the name of its cap.

    How many calls they take is known; of tokens and dollars only what these come to if all are as long as may be, so no
    more than half of what is left is kept of them.
    """
    calls = calls_to_judge(work.recipe, round_number, probed=probed)
    spent, kept = amounts(before), {"calls": float(calls)}
    for what, each in _longest_call(work).items():
        left = max(0.0, (getattr(work.recipe.budget, what) or 0.0) - spent[what])
        kept[what] = min(calls * each, left / 2)
    return kept


def _longest_call(work: Work) -> dict[str, float]:
    """What a judge's call comes to, where the student's reply and the judge's own are as long as they may be."""
    judged = [exam for exam in work.recipe.exams.values() if isinstance(exam, JudgedExam)]
    longest = {"tokens": 0.0, "usd": 0.0}
    entries = work.machine.entries(work.recipe.roles) if judged else {}
    for exam in judged:
        entry = entries[exam.role]
        price = work.machine.price(entry)
        longest["tokens"] = max(longest["tokens"], exam.max_tokens + entry.max_tokens)
        longest["usd"] = max(longest["usd"], price.of(exam.max_tokens, entry.max_tokens) if price else 0.0)
    return longest


def _check_room(work: Work, kept: float) -> None:
    cap = work.recipe.budget.calls
    if kept and cap is not None and cap <= kept:
        raise BudgetSpent(
            f"the budget of {cap} calls leaves none for lessons: judging the exams may take {kept:g}, hearing their judges "
            "included; nothing was asked yet; run again with a higher cap, e.g. --max-calls …, or with fewer questions for "
            "judges"
        )


def _spent_before(work: Work, round_number: int, steps: list[str] | None = None) -> Spending:
    """What the rounds before spent, and these steps of this round."""
    spent = work.store.spending_by_stage(work.run.key, with_reused=work.recipe.budget.reused == "counted").items()
    earlier = {(round_number, name) for name in steps or []}
    return sum((each for place, each in spent if place[0] < round_number or place in earlier), NOTHING)


def _size(streams: Streams, name: str, round_number: int, earlier: list[AnyStep]) -> int:
    """How much a stream held when the step after the earlier ones began."""
    if name in FED or name in streams.recipe.sources:
        return sum(1 for _ in streams.keys(name, round_number))
    return sum(len(streams.let_through(each, name, round_number)) for each in earlier)


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
