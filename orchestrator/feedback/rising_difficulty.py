from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.quotas import shared


@register("rising_difficulty")
class RisingDifficulty(Feedback):
    """Gives the next round to the easiest level that is not mastered yet: difficulty rises until the student fails.

    A curriculum (Bengio et al. 2009), with the rise of progressive web-agent data synthesis: what an agent solves is
    made harder until it fails. Departs from it: levels are the difficulties that the sources' own skills have, and no
    question is rewritten; and the first round, which no policy plans, covers all levels evenly.
    """

    seeds: int = Field(default=200, ge=0)
    """New seeds of the sources for a later round."""
    mastered: float = Field(default=0.85, gt=0, le=1)
    """Probe accuracy, mean over its skills, at which a level is mastered."""
    floor: float = Field(default=0.1, ge=0, lt=1)
    """Share of the seeds that mastered levels keep, evenly among their skills."""

    def next_plan(self, progress: Progress) -> NextPlan:
        levels: dict[int, list[str]] = {}
        for skill, level in sorted(progress.levels.items(), key=lambda one: one[1]):
            levels.setdefault(level, []).append(skill)
        accuracies = {level: 1 - sum(map(progress.error, skills)) / len(skills) for level, skills in levels.items()}
        level = next((level for level in levels if accuracies[level] < self.mastered), None)
        if level is None:
            said = ", ".join(f"{level} at {accuracy:.0%}" for level, accuracy in accuracies.items())
            return NextPlan(f"every level of difficulty is mastered ({said}), and there is none harder", stop=True)
        done = [skill for lower, skills in levels.items() if lower < level for skill in skills]
        quotas = shared(self.seeds, self._shares(progress, levels[level], done))
        kept = sum(quotas.get(skill, 0) for skill in done)
        said = ", ".join(f"{skill or 'all questions'} ({progress.error(skill):.0%} wrong)" for skill in levels[level])
        others = f"; {len(done)} easier skills keep {kept}" if done else ""
        why = (
            f"level {level} of difficulty is at {accuracies[level]:.0%}, not yet {self.mastered:.0%}, and gets "
            f"{self.seeds - kept} of {self.seeds} seeds: {said}{others}"
        )
        return NextPlan(why, quotas=quotas)

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, 0

    def _shares(self, progress: Progress, current: list[str], done: list[str]) -> dict[str, float]:
        """The current level's skills by their error, the mastered ones evenly."""
        floor = self.floor if done else 0.0
        total = sum(map(progress.error, current))
        of_current = {skill: (1 - floor) * progress.error(skill) / total for skill in current}
        return of_current | {skill: floor / len(done) for skill in done}
