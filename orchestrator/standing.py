"""How the students of a run stand: who was examined, which is the best, and what it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.kinds import Part
from agents.registry import import_components
from orchestrator.examination.items import exams_of, probed_sources
from orchestrator.planning import best_of
from orchestrator.recipe import COMPONENT_PACKAGES, Recipe, validate_recipe
from orchestrator.training import BASE_ROUND
from storage.records import Plan, Run, Scorecard, Student
from storage.store import Store


@dataclass(frozen=True)
class Pair:
    """One exam, taken by the base and, as far as it was, by the trained student that it is compared with."""

    exam: str
    before: Scorecard | None = None
    after: Scorecard | None = None


@dataclass(frozen=True)
class Standing:
    """The facts about a run from which its summary and its report start."""

    run: Run
    recipe: Recipe
    plans: list[Plan]
    students: list[Student]
    cards: list[Scorecard]
    """Of every exam, practice included."""
    probe: list[Scorecard]
    """Of the first probe alone, one for each round, the base's first."""
    best: str
    """Key of the student that did best on the probe, the base or the latest of equals; empty if none was examined."""
    test: Pair
    """The test on what is taught; without a name if the recipe has none."""
    kept: list[Pair]
    """Tests on what is not taught."""

    @property
    def rounds(self) -> int:
        """Rounds that ended with a student."""
        return max((student.round for student in self.students), default=BASE_ROUND)

    @property
    def improved(self) -> bool:
        """Whether a trained student is the best."""
        return bool(self.probe) and self.best != self.probe[0].student

    @property
    def compared(self) -> Pair:
        """Base and best student in the test; in the probe if the test has not been read by both.

        Where no student beats the base, the base and the last student in the probe: what training came to is told.
        """
        if self.test.before and self.test.after:
            return self.test
        if not self.probe:
            return Pair("")
        later = self.of_best if self.improved else self.probe[-1] if len(self.probe) > 1 else None
        return Pair(self.probe[0].exam, self.probe[0], later)

    @property
    def tested(self) -> bool:
        return bool(self.test.exam) and self.compared.exam == self.test.exam

    @property
    def stop(self) -> Plan | None:
        """The plan that ended the lessons."""
        return self.plans[-1] if self.plans and self.plans[-1].stop else None

    @property
    def of_best(self) -> Scorecard | None:
        """What the best student made of the probe."""
        return next((card for card in self.probe if card.student == self.best), None)


def standing_of(store: Store, run: Run) -> Standing:
    run = store.run(run.key) or run
    recipe, cards = recipe_of(run), store.scorecards(run.key)
    probe = [card for card in cards if card.exam == main_exam(recipe, "probe")]
    chosen = best_of(store, run, recipe)
    best, base = chosen.key if chosen else "", probe[0].student if probe else ""
    return Standing(
        run=run,
        recipe=recipe,
        plans=store.plans(run.key),
        students=store.students(run.key),
        cards=cards,
        probe=probe,
        best=best,
        test=_pair(cards, main_exam(recipe, "test") or "", base, best),
        kept=[_pair(cards, exam, base, best) for exam in kept_exams(recipe)],
    )


def recipe_of(run: Run) -> Recipe:
    """The recipe that the run was started with, as it is stored with it."""
    import_components(*COMPONENT_PACKAGES)
    return validate_recipe(run.recipe, f"the recipe stored with {run.key}")


def main_exam(recipe: Recipe, part: Part) -> str | None:
    """The exam that a run is judged by: of this part, and on what the probe asks about."""
    probed = probed_sources(recipe)
    return next((name for name in exams_of(recipe, part) if recipe.exams[name].source in probed), None)


def kept_exams(recipe: Recipe) -> list[str]:
    """The tests on what is not taught, which tell what was forgotten."""
    probed = probed_sources(recipe)
    return [name for name in exams_of(recipe, "test") if recipe.exams[name].source not in probed]


def unchecked(recipe: Recipe) -> list[str]:
    """What nobody will know of a run of this recipe, a sentence each."""
    said = []
    if main_exam(recipe, "test") is None:
        said.append(
            "The recipe has no exam with `part: test` on what is taught, so the figures are of the probe, which steers the "
            "lessons."
        )
    if not kept_exams(recipe):
        said.append("The recipe has no test on what is not taught, so nobody knows what was forgotten.")
    return said


def _pair(cards: Sequence[Scorecard], exam: str, base: str, best: str) -> Pair:
    of = {card.student: card for card in cards if card.exam == exam}
    return Pair(exam, of.get(base), of.get(best) if best != base else None)
