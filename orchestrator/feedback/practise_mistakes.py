from collections import Counter

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.quotas import in_turn, most_failed, shared


@register("practise_mistakes")
class PractiseMistakes(Feedback):
    """Lets lessons be written about what the student got wrong in practice (Learn-to-Reason, Wang et al. 2023).

    The teacher is to see a mistake beside its question, as in `write_solution` with `shows: [question, gold, student_reply]`.
    There is no practice before the first round: the mistakes of a student that was taught nothing are noise, as in the paper.

    Departs from the paper: it goes on with the training questions alone, all that are failed; here at most `mistakes` of
    them, in turn from the skills that fail most, and new seeds by error besides, since a source may have no end. Of
    several wrong samples of one question only the first is shown, as only one lesson comes of it.
    """

    exam: str = "practice"
    """Name of the exam with `part: train` whose failures are the mistakes."""
    mistakes: int = Field(default=100, ge=1)
    """Failures in practice that lessons are written about, one of each skill after another."""
    seeds: int = Field(default=100, ge=0)
    """New seeds of the sources for a later round, shared among skills by the share that is wrong in the probe."""

    def next_plan(self, progress: Progress) -> NextPlan:
        in_practice = {attempt.key for attempt in progress.attempts if attempt.exam == self.exam}
        failures = [failure for failure in progress.failures if failure.attempt in in_practice]
        targets = in_turn(failures, self.mistakes)
        failed = Counter(failure.skill for failure in failures)
        worst = ", ".join(f"{skill or 'all questions'} ({count})" for skill, count in most_failed(failed))
        said = f"{len(failures)} questions were failed in {self.exam}" + (f", most in {worst}" if worst else "")
        if not in_practice:
            said = f"nobody was asked in an exam named {self.exam!r}"
        errors = {skill: progress.error(skill) for skill in progress.levels}
        return NextPlan(
            f"{said}; {len(targets)} mistakes and {self.seeds} new seeds by error in the probe come next",
            quotas=shared(self.seeds, errors) or shared(self.seeds, dict.fromkeys(errors, 1.0)),
            targets=targets,
        )

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, self.mistakes
