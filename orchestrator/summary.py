"""What a run came to, as plain data: the CLI's last line, the report and the flow's artifact all read it from here."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from agents.kinds import Part
from agents.registry import import_components
from orchestrator.evaluation import exams_of, probed_sources
from orchestrator.hindsight import compared
from orchestrator.recipe import COMPONENT_PACKAGES, Recipe, validate_recipe
from storage.records import CallOutcome, Outcome, Run, Scorecard
from storage.store import Store


@dataclass(frozen=True)
class Summary:
    """Accuracies are of the test exams if they have been read, else of the probe."""

    run: str
    recipe: str
    ended: str
    rounds: int
    seconds: float
    """Of training and examining."""
    calls: int
    usd: float | None
    accepted: int
    """Drafts that are lessons of some dataset."""
    rejected: int
    """Drafts that some judge rejected."""
    unreadable: int
    """Replies of teachers and verdicts of judges that could not be read."""
    accuracy: dict[str, float | None]
    skills: dict[str, dict[str, float | None]]
    retention: dict[str, float | None]
    failures_targeted: int
    plans: list[dict[str, Any]] = field(default_factory=list)
    forecast: list[dict[str, Any]] = field(default_factory=list)
    """What was expected before the run and what it was, if it was forecast and has ended."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def recipe_of(run: Run) -> Recipe:
    """The recipe that the run was started with, as it is stored with it."""
    import_components(*COMPONENT_PACKAGES)
    return validate_recipe(run.recipe, f"the recipe stored with {run.key}")


def summarise(store: Store, run: Run) -> Summary:
    recipe = recipe_of(run)
    plans = store.plans(run.key)
    cards = store.scorecards(run.key)
    spent = store.spending(run.key)
    outcomes = Counter[Outcome]()
    for y in store.yields(run.key):
        outcomes[y.outcome] += y.count
    calls = store.call_outcomes(run.key)
    before, after = _compared(recipe, cards)
    return Summary(
        run=run.key,
        recipe=run.recipe_name,
        ended=run.ended or (plans[-1].why if plans and plans[-1].stop else ""),
        rounds=max((s.round for s in store.students(run.key)), default=0),
        seconds=round(_computing(store, run), 1),
        calls=spent.calls,
        usd=spent.usd,
        accepted=store.lessons(run.key),
        rejected=outcomes[Outcome.REJECTED],
        unreadable=outcomes[Outcome.UNREADABLE] + calls.get(CallOutcome.UNREADABLE, 0),
        accuracy=_pair(before, after),
        skills=_by_skill(before, after),
        retention=_pair(*_retention(recipe, cards, before, after)),
        failures_targeted=sum(len(plan.targets) for plan in plans),
        plans=[{"round": plan.round, "why": plan.why, "stop": plan.stop, "quotas": plan.quotas} for plan in plans],
        forecast=compared(store, run),
    )


def main_exam(recipe: Recipe, part: Part) -> str | None:
    """The exam that a run is judged by: of this part, and on what the probe asks about."""
    probed = probed_sources(recipe)
    return next((name for name in exams_of(recipe, part) if recipe.exams[name].source in probed), None)


def _compared(recipe: Recipe, cards: list[Scorecard]) -> tuple[Scorecard | None, Scorecard | None]:
    tests = [card for card in cards if card.exam == main_exam(recipe, "test")]
    if tests:  # one card alone: the base was the best student, before and after
        return tests[0], tests[-1]
    probes = [card for card in cards if card.exam == main_exam(recipe, "probe")]
    return (probes[0] if probes else None), (probes[-1] if len(probes) > 1 else None)


def _retention(
    recipe: Recipe, cards: list[Scorecard], before: Scorecard | None, after: Scorecard | None
) -> tuple[Scorecard | None, Scorecard | None]:
    probed = probed_sources(recipe)
    kept = [card for card in cards if recipe.exams[card.exam].source not in probed]
    first = next((card for card in kept if before and card.student == before.student), None)
    last = next((card for card in kept if after and card.student == after.student), None)
    return first, last


def _pair(before: Scorecard | None, after: Scorecard | None) -> dict[str, float | None]:
    return {"before": before.accuracy if before else None, "after": after.accuracy if after else None}


def _by_skill(before: Scorecard | None, after: Scorecard | None) -> dict[str, dict[str, float | None]]:
    if before is None:
        return {}
    later = after.skills if after else {}
    return {
        skill or "all": {
            "before": score["accuracy"],
            "after": later[skill]["accuracy"] if skill in later else None,
            "n": score["n"],
        }
        for skill, score in before.skills.items()
    }


def _computing(store: Store, run: Run) -> float:
    stages = store.spending_by_stage(run.key).items()
    return sum(spent.seconds for (_, stage), spent in stages if stage in ("train", "examine"))
