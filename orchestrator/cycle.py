"""The loop. Read `teach`; every call in it is a stage, and the order of the stages is the whole method.

How a stage is carried out is its own business; how it is called, retried and shown is the caller's: `stage` runs it
directly here, and as a Prefect task in `flows`.
"""

import fcntl
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from agents.carrier import COLLECT_AFTER
from agents.kinds import Part
from agents.registry import components_in
from agents.teacher import BudgetSpent
from orchestrator import datasets, gathering, hindsight, planning, production, reviewing, training
from orchestrator.allotment import allot_round, allot_step, is_closed
from orchestrator.batches import StoredBatches
from orchestrator.clauses import AnyStep
from orchestrator.examination import evaluation, promotion
from orchestrator.examination.items import exams_of, guarded_keys
from orchestrator.ledger import RunLedger
from orchestrator.machine import Machine, MachineError, teachers_for
from orchestrator.recipe import Recipe
from orchestrator.setups import setup_of
from orchestrator.withdrawals import mark, present_run, refuse_superseded, refuse_teachers
from orchestrator.work import Work
from storage.records import Plan, Run, Student
from storage.store import Store

Stage = Callable[..., Awaitable[Any]]


class AlreadyRunning(Exception):
    """Another process is carrying out this run."""


async def teach(work: Work, stage: Stage) -> Plan:
    """Round after round until feedback says stop; the last plan says why."""
    plan = planning.current_plan(work)
    while not plan.stop:
        await stage(f"round {plan.round}: gather seeds", gather, work, plan)
        for step in work.recipe.lessons:
            await stage(f"round {plan.round}: {step.step}", produce, work, plan, step, stage)
            reviewing.wait_for_persons(work, plan, step)
        dataset = await stage(f"round {plan.round}: freeze dataset", freeze, work, plan)
        if dataset is None:
            plan = await stage(f"round {plan.round}: end it", end_early, work, plan)
            break
        student = await stage(f"round {plan.round}: train student", train, work, plan, dataset)
        await stage(f"round {plan.round}: examine student", examine, work, student)
        plan = await stage(f"round {plan.round}: plan the next", plan_next, work, plan, student)
    await stage("final examination", examine_finally, work)
    work.store.end_run(work.run.key, plan.why)
    hindsight.settle(work.store, work.run)
    return plan


async def run_directly(_name: str, stage: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """A stage as a plain call."""
    return await stage(*arguments)


async def gather(work: Work, plan: Plan) -> None:
    allot_round(work, plan)
    work.tell("gathered", {"round": plan.round, "seeds": gathering.gather(work, plan), "why": plan.why})


async def produce(work: Work, plan: Plan, step: AnyStep, stage: Stage) -> None:
    """Carry out one step in batches, each committed whole; enough at a time that none waits for another's last reply."""
    waiting = [] if is_closed(work, plan, step) else production.batches(work, plan, step)
    allot_step(work, plan, step)
    numbered, done = iter(enumerate(waiting, 1)), 0

    async def carry_out() -> None:
        nonlocal done
        for number, batch in numbered:
            name = f"round {plan.round}: {step.step} {number}/{len(waiting)}"
            facts = await stage(name, production.perform, work, plan, step, batch)
            done += 1
            told = {"round": plan.round, "step": step.step, "batch": done, "of": len(waiting)}
            work.tell("batch", {**told, **vars(facts)})

    await production.together(carry_out() for _ in range(min(len(waiting), production.at_once(work, step))))


async def freeze(work: Work, plan: Plan) -> dict[str, str] | None:
    """Key of each dataset; None if a round after the first brought nothing new."""
    frozen = datasets.freeze(work, plan)
    if frozen is None:
        return None
    for name, key in frozen.items():
        dataset = work.store.dataset(key)
        work.tell("frozen", {"round": plan.round, "dataset": name, "rows": dataset.size if dataset else 0})
    return frozen


async def train(work: Work, plan: Plan, frozen: dict[str, str]) -> Student:
    """The student of the last job: the one that is examined and that the next round goes on from."""
    return (await training.train(work, plan, frozen))[-1]


async def examine(work: Work, student: Student) -> None:
    """Put the probe to the student and to the base that it is compared with, and practice to the student."""
    refuse_superseded(work.store, work.recipe, work.run)
    await _examine(work, [_base(work), student], "probe")
    await _examine(work, [student], "train")


async def end_early(work: Work, plan: Plan) -> Plan:
    """A round that brought no lesson ends the run in order, with what the rounds before made."""
    following = planning.end_after(work, plan, f"round {plan.round} brought no new lesson")
    work.tell("planned", {"round": following.round, "stop": following.stop, "why": following.why})
    return following


async def plan_next(work: Work, plan: Plan, student: Student) -> Plan:
    following = planning.plan_next(work, plan, student)
    work.tell("planned", {"round": following.round, "stop": following.stop, "why": following.why})
    return following


async def examine_finally(work: Work) -> None:
    """Read the test exams, once: by the base and by the student that the probe liked best; and let the gate rule."""
    refuse_superseded(work.store, work.recipe, work.run)
    best = planning.best_student(work)
    await _examine(work, [_base(work), best], "test")
    ruling = promotion.rule(work, _base(work), best)
    work.tell("ruled", {"outcome": ruling.outcome, "why": ruling.why})


async def _examine(work: Work, students: list[Student], part: Part) -> None:
    for student in students:
        await evaluation.examine(work, student, exams_of(work.recipe, part))


def _base(work: Work) -> Student:
    return training.base_student(work, work.recipe.training[-1])


@asynccontextmanager
async def open_work(
    recipe: Recipe, machine: Machine, store: Store, runs: Path, **listening: Any
) -> AsyncIterator[Work]:
    """The run that this recipe has now, new or resumed, with its teachers ready.

    Raises AlreadyRunning, MachineError, SourceError, StillWithdrawn.
    """
    _spare_the_living()
    machine.entries(recipe.roles, priced=recipe.budget.usd is not None)
    run, without = present_run(store, recipe)
    for withdrawal in without:  # a run that was cut off may have made more since
        mark(store, withdrawal)
    setup = setup_of(run, recipe, machine)
    refuse_teachers(store, recipe, {role: str(facts["model"]) for role, facts in setup.models.items()})
    for student in recipe.students.values():
        machine.base(student.base)  # a base that is not there is said before anything is paid for
    _check_parts(recipe)
    folder = run_folder(runs, run.key)
    with _held(folder), _pause_noted(store, run):
        store.add(setup)
        ledger = RunLedger(store, run.key, recipe.budget)
        log = StoredBatches(store)
        async with aclosing(ledger), teachers_for(recipe.roles, machine, ledger, log) as teachers:
            guarded = guarded_keys(recipe)
            yield Work(recipe, run, store, ledger, machine, folder, teachers, guarded, **listening)


def _check_parts(recipe: Recipe) -> None:
    """Raises MachineError for a component that cannot work on this machine, before anything is paid for."""
    for part in components_in(recipe):
        if lacks := part.missing():
            raise MachineError(f"{part.use}, which recipe {recipe.name!r} names, cannot work here: {lacks}")


def _spare_the_living() -> None:
    """Thousands of calls under way are no garbage: looking through them again and again took a third of a fast step's time."""
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 100)


def run_folder(runs: Path, key: str) -> Path:
    """`<runs>/<first twelve digits of the run's key>`."""
    return runs / key.rpartition(":")[2][:12]


@contextmanager
def _pause_noted(store: Store, run: Run) -> Iterator[None]:
    store.add(run)
    store.end_run(run.key, "")
    try:
        yield
    except (BudgetSpent, reviewing.WaitingForReview) as error:
        store.end_run(run.key, str(error))
        raise


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """One process at a time carries out a run; the lock goes with the process, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise MachineError(f"cannot write to {folder}: {error.strerror}; choose another place with --home") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise AlreadyRunning(
                f"process {lock.read().strip() or 'unknown'} is carrying out this run already; wait for it, or change "
                "the recipe, e.g. --set seed=1, for a run of its own"
            ) from error
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield
