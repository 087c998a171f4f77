"""What the next round will do, and why; or why the run stops."""

from orchestrator.examination import decontamination
from orchestrator.examination.items import CANARY, exams_of, probed_sources
from orchestrator.kinds import NextPlan, Progress, Taught
from orchestrator.production import SPLIT_GUARD
from orchestrator.recipe import Recipe
from orchestrator.stopping import reason_to_stop
from orchestrator.work import Work
from storage.accounts import Spending
from storage.records import Attempt, Failure, Plan, Run, Scorecard, Student
from storage.store import Store

GUARDS = (decontamination.JUDGE, SPLIT_GUARD)
"""Judges that withhold what an exam asks: what they reject says nothing of how well its teacher writes."""


def current_plan(work: Work) -> Plan:
    """The plan that the run stands at: the latest in the store, or the opening one."""
    plan = work.store.latest_plan(work.run.key)
    if plan is None:
        skills = [skill for source in work.recipe.lesson_sources().values() for skill in source.skills()]
        what = f"{len(skills)} skills, evenly" if len(skills) > 1 else "all there is"
        plan = Plan.new(run=work.run.key, round=1, why=f"the first round covers {what}")
        work.store.add(plan)
    return plan


def plan_next(work: Work, plan: Plan, student: Student) -> Plan:
    """The plan after `plan`: why it ends here, or what the recipe's feedback makes of the probe."""
    found = progress(work, plan, student)
    if reason := reason_to_stop(work.recipe.stop, found):
        return end_after(work, plan, reason)
    following = _as_plan(work, plan, work.recipe.feedback.next_plan(found))
    work.store.add(following)
    return following


def end_after(work: Work, plan: Plan, why: str) -> Plan:
    """The plan that ends the run after this round, for this reason."""
    short = "; the budget had no room for all that was to be written" if work.store.ran_short(work.run.key) else ""
    following = _as_plan(work, plan, NextPlan(f"{why}{short}", stop=True))
    work.store.add(following)
    return following


def progress(work: Work, plan: Plan, student: Student) -> Progress:
    """All that feedback may know after a round, read from the store: the probe and practice, and no test."""
    store, run, recipe = work.store, work.run.key, work.recipe
    exams = [*exams_of(recipe, "probe"), *exams_of(recipe, "train")]
    attempts = [a for a in store.attempts_of(run, exams) if a.skill != CANARY]
    own = [a for a in attempts if a.student == student.key]
    probed = [recipe.sources[name] for name in sorted(probed_sources(recipe))]
    return Progress(
        plans=store.plans(run),
        cards=[card for card in probe_cards(work) if card.round <= plan.round],
        attempts=own,
        failures=_failures_of(store, run, plan, own),
        clusters=[c for c in store.clusters(run, plan.round) if c.student == student.key],
        earlier={n: [a for a in attempts if a.round == n] for n in range(plan.round)},
        taught={place: Taught(*counts) for place, counts in store.taught(run, withheld_by=GUARDS).items()},
        spent=_by_round(work),
        levels={skill: source.level(skill) for source in probed for skill in source.skills()},
        seeds=sum(recipe.seeds_of(name) for name in probed_sources(recipe)),
        seed=recipe.seed,
    )


def probe_cards(work: Work) -> list[Scorecard]:
    """Scorecards of the first probe, oldest round first, the base's included."""
    return _probe_cards(work.store, work.run, work.recipe)


def best_student(work: Work) -> Student:
    """The student with the best probe accuracy, the latest of equals. The test has no say in it."""
    student = best_of(work.store, work.run, work.recipe)
    if student is None:
        raise LookupError(f"run {work.run.key} has examined nobody yet")
    return student


def best_of(store: Store, run: Run, recipe: Recipe) -> Student | None:
    cards = _probe_cards(store, run, recipe)
    card = max(cards, key=lambda card: (card.accuracy, card.round), default=None)
    return store.student(card.student) if card else None


def _probe_cards(store: Store, run: Run, recipe: Recipe) -> list[Scorecard]:
    probe = exams_of(recipe, "probe")[0]
    return [card for card in store.scorecards(run.key) if card.exam == probe]


def _as_plan(work: Work, plan: Plan, said: NextPlan) -> Plan:
    return Plan.new(
        run=work.run.key,
        round=plan.round + 1,
        quotas=dict(said.quotas),
        targets=list(said.targets),
        briefs=[dict(brief) for brief in said.briefs],
        weights=dict(said.weights),
        stop=said.stop,
        why=said.why,
    )


def _failures_of(store: Store, run: str, plan: Plan, attempts: list[Attempt]) -> list[Failure]:
    wrong = {attempt.key for attempt in attempts}
    return [failure for failure in store.failures(run, plan.round) if failure.attempt in wrong]


def _by_round(work: Work) -> dict[int, Spending]:
    """What was reused is in it where the recipe counts it: else what a round costs would depend on who came first."""
    found: dict[int, Spending] = {}
    for (number, _), spent in work.store.spending_by_stage(work.run.key, with_reused=True).items():
        found[number] = found[number] + spent if number in found else spent
    return found
