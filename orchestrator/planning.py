"""What the next round will do, and why; or why the run stops."""

from orchestrator.evaluation import exams_of
from orchestrator.recipe import Recipe
from orchestrator.work import Work
from storage.records import Attempt, Plan, Run, Scorecard, Student
from storage.store import Store


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
    """The plan after `plan`, as the recipe's feedback makes it from the probe."""
    cards = probe_cards(work)
    failures = work.store.failures(work.run.key, plan.round)
    attempts = work.store.by_key(Attempt, [failure.attempt for failure in failures])
    failures = [failure for failure in failures if attempts[failure.attempt].student == student.key]
    fields = work.recipe.feedback.next_plan(plan, cards, failures)
    following = Plan.new(run=work.run.key, round=plan.round + 1, **fields)
    work.store.add(following)
    return following


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
