"""How the students of a run stand: who was examined, which is the best, and what it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.evaluation import exams_of, probed_sources
from orchestrator.recipe import Recipe
from orchestrator.summary import main_exam, recipe_of
from orchestrator.training import BASE_ROUND
from storage.records import Plan, Run, Scorecard, Student
from storage.store import Store


@dataclass(frozen=True)
class Pair:
    """One exam, taken by the base and, as far as it was, by the best student."""

    exam: str
    before: Scorecard | None = None
    after: Scorecard | None = None


@dataclass(frozen=True)
class Standing:
    """The facts about a run from which every section of the report starts."""

    run: Run
    recipe: Recipe
    plans: list[Plan]
    students: list[Student]
    probe: list[Scorecard]
    """Of the probe exam, one for each round, the base's first."""
    best: str
    """Key of the student that did best on the probe, the latest of equals; empty if none was examined."""
    test: Pair
    kept: list[Pair]
    """Exams about what is not taught."""

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
        """Base and best student in the test; in the probe if the test has not been read by both."""
        if self.test.before and self.test.after:
            return self.test
        if not self.probe:
            return Pair("")
        later = self.of_student(self.best) if self.improved else self.probe[-1] if len(self.probe) > 1 else None
        return Pair(self.probe[0].exam, self.probe[0], later)

    @property
    def tested(self) -> bool:
        return self.compared.exam == self.test.exam and bool(self.test.exam)

    @property
    def stop(self) -> Plan | None:
        """The plan that ended the lessons."""
        return self.plans[-1] if self.plans and self.plans[-1].stop else None

    def of_student(self, student: str) -> Scorecard | None:
        return next((card for card in self.probe if card.student == student), None)


def standing_of(store: Store, run: Run) -> Standing:
    run = store.run(run.key) or run
    recipe, cards = recipe_of(run), store.scorecards(run.key)
    name = main_exam(recipe, "probe") or exams_of(recipe, "probe")[0]
    probe = [card for card in cards if card.exam == name]
    best = max(probe, key=lambda card: (card.accuracy, card.round)).student if probe else ""
    base = probe[0].student if probe else ""
    probed = probed_sources(recipe)
    kept = sorted(name for name, exam in recipe.exams.items() if exam.source not in probed)
    return Standing(
        run=run,
        recipe=recipe,
        plans=store.plans(run.key),
        students=store.students(run.key),
        probe=probe,
        best=best,
        test=_pair(cards, main_exam(recipe, "test") or "", base, best),
        kept=[_pair(cards, exam, base, best) for exam in kept],
    )


def _pair(cards: Sequence[Scorecard], exam: str, base: str, best: str) -> Pair:
    of = {card.student: card for card in cards if card.exam == exam}
    return Pair(exam, of.get(base), of.get(best) if best != base else None)
