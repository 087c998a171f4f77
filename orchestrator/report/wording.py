"""Numbers and sentences as a person says them: what the report writes outside of its tables."""

from orchestrator.standing import Standing
from orchestrator.story import RoundStory
from orchestrator.summary import Summary
from storage.store import Spending

SPACE = "\u00a0"
"""Keeps a number and its unit on one line."""
NONE = "\u2013"


def percent(share: float | None) -> str:
    if share is None:
        return NONE
    rare = 0 < share < 0.01 or 0.99 < share < 1
    return f"{100 * share:.{1 if rare else 0}f}{SPACE}%"


def count(number: float | None) -> str:
    return NONE if number is None else f"{number:,.0f}"


def duration(seconds: float) -> str:
    if not seconds:
        return NONE
    if seconds < 90:
        return f"{seconds:.{1 if seconds < 10 else 0}f}{SPACE}s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.1f}{SPACE}minutes"
    return f"{seconds / 3600:.1f}{SPACE}hours"


def dollars(spent: Spending | RoundStory) -> str:
    """What the calls cost; a price that nobody knows is never guessed."""
    if not spent.calls:
        return NONE
    if spent.usd is None:
        return "unknown"
    known = f"${spent.usd:,.{2 if spent.usd >= 1 else 4}f}"
    return f"{known} and {plural(spent.unpriced, 'call')} of unknown price" if spent.unpriced else known


def plural(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def between(low: float, high: float) -> str:
    return f"{percent(low).removesuffix(f'{SPACE}%')} to {percent(high)}"


def points(share: float | None) -> str:
    """A difference of shares in percentage points."""
    return NONE if share is None else f"{round(100 * share, 1) + 0.0:+.1f}"


def opening(standing: Standing, summary: Summary) -> str:
    """One sentence of what happened."""
    computing = f"{duration(summary.seconds)} of computing" if summary.seconds else "no computing"
    calls = plural(summary.calls, "call")
    if summary.rounds:
        cost = f", in {plural(summary.rounds, 'round')}, for {calls} and {computing}"
    else:
        cost = f"; {calls} and {computing} were spent so far"
    return f"{_change(standing)}{cost}; {_end(standing)}."


def _change(standing: Standing) -> str:
    before, after = standing.compared.before, standing.compared.after
    if before is None:
        return "Nothing has been trained or examined yet"
    asked = (
        plural(before.n, "question") + " it had never seen" if standing.tested else f"{count(before.n)} probe questions"
    )
    if after is None:
        return f"The untaught student is right in {percent(before.accuracy)} of {asked}"
    if not standing.improved:
        return (
            f"No student beats the untaught base: it is right in {percent(before.accuracy)} of {asked}, the student of "
            f"round {after.round} in {percent(after.accuracy)}"
        )
    if round(after.accuracy, 3) == round(before.accuracy, 3):
        return f"The student stayed at {percent(before.accuracy)} on {asked}"
    verb = "went" if after.accuracy > before.accuracy else "fell"
    return f"The student {verb} from {percent(before.accuracy)} to {percent(after.accuracy)} on {asked}"


def _end(standing: Standing) -> str:
    if standing.stop and (standing.tested or not standing.test.exam or not standing.improved):
        return f"it stopped because {standing.stop.why}"
    if standing.run.ended:
        return f"it was stopped early: {standing.run.ended}"
    if standing.stop:
        return f"the lessons stopped because {standing.stop.why}, and the final examination is still to come"
    current = standing.plans[-1].round if standing.plans else 1
    return f"the run is unfinished, round {current} is under way"


def caveats(standing: Standing, summary: Summary, models: list[str]) -> list[str]:
    """What a reader must know before believing the sentence above."""
    before, after = standing.compared.before, standing.compared.after
    said = []
    rehearsed = sorted({model for model in models if model.startswith("rehearsal")})
    if rehearsed:
        said.append(f"This is a rehearsal: the teacher ({', '.join(rehearsed)}) is a program, not a language model.")
    if any(student.base == "embedded" for student in standing.recipe.students.values()):
        said.append("The student is the small embedded one that ships with the project.")
    # The gate compares answer by answer, which tells more than whether intervals overlap.
    if not summary.ruling and before and after and before.low <= after.high and after.low <= before.high:
        said.append("The 95 % intervals before and after overlap, so the difference may be chance.")
    if after and standing.improved and standing.test.exam and not standing.tested:
        said.append("The test has not been read by both students: these are probe questions, which steer the lessons.")
    return [*said, *summary.unchecked, *_not_the_last(standing)]


def _not_the_last(standing: Standing) -> list[str]:
    best, last = standing.of_best, standing.probe[-1] if standing.probe else None
    if best is None or last is None or best is last or not standing.improved:
        return []
    return [
        f"The best student on the probe is that of round {best.round} ({percent(best.accuracy)}); "
        f"that of round {last.round} has {percent(last.accuracy)}."
    ]


MEASURES = {
    "tokens": "tokens",
    "ended": "ended",
    "calibration_error": "calibration error",
    "brier": "Brier",
    "corrected": "corrected accuracy",
    "score": "judge\u2019s score",
}
"""Names of measures in the order of their columns; others stand under their own name."""


def measure(name: str, measures: dict[str, float]) -> str:
    """A measure as a cell of a table; a corrected accuracy with its interval."""
    value = measures.get(name)
    if value is None:
        return NONE
    if name == "tokens":
        return f"{value:,.1f}"
    if name in ("brier", "calibration_error", "score"):
        return f"{value:.3f}"
    bounds = [measures.get(f"{name}_low"), measures.get(f"{name}_high")]
    return f"{percent(value)} ({between(*bounds)})" if None not in bounds else percent(value)  # type: ignore[arg-type]
