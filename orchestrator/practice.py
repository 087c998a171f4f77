"""What policies that tell hard items from easy ones read of a round: the attempts of one exam, and which of them failed."""

from collections.abc import Sequence

from orchestrator.kinds import Progress
from storage.records import Attempt, Failure


def attempts_in(progress: Progress, exam: str) -> Sequence[Attempt]:
    """This round's attempts in the exam of this name; those of the first probe where a recipe has no such exam."""
    return _of_exam(progress, exam) or _of_exam(progress, progress.card.exam)


def failed_among(progress: Progress, attempts: Sequence[Attempt]) -> list[tuple[Failure, Attempt]]:
    """The failures among these attempts, each with its attempt, in the order of their keys."""
    by_key = {attempt.key: attempt for attempt in attempts}
    failures = sorted(progress.failures, key=lambda failure: failure.key)
    return [(failure, by_key[failure.attempt]) for failure in failures if failure.attempt in by_key]


def _of_exam(progress: Progress, exam: str) -> list[Attempt]:
    return sorted((a for a in progress.attempts if a.exam == exam), key=lambda attempt: attempt.key)
