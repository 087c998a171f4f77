"""Numbers and sentences as a person says them: what the report writes outside of its tables."""

from orchestrator.report.standing import Standing
from storage.records import Scorecard
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


def dollars(spent: Spending) -> str:
    """What the calls cost; a price that nobody knows is never guessed."""
    if not spent.calls:
        return NONE
    if spent.usd is None:
        return "unknown"
    known = f"${spent.usd:,.{2 if spent.usd >= 1 else 4}f}"
    return f"{known} and {plural(spent.unpriced, 'call')} of unknown price" if spent.unpriced else known


def plural(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def interval(score: Scorecard | None) -> str:
    return between(score.low, score.high) if score else NONE


def between(low: float, high: float) -> str:
    return f"{percent(low).removesuffix(f'{SPACE}%')} to {percent(high)}"


def opening(standing: Standing, spent: Spending, computed: float) -> str:
    """One sentence of what happened."""
    calls, computing = plural(spent.calls, "call"), f"{duration(computed)} of computing" if computed else "no computing"
    if standing.rounds:
        cost = f", in {plural(standing.rounds, 'round')}, for {calls} and {computing}"
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


def caveats(standing: Standing, models: list[str]) -> list[str]:
    """What a reader must know before believing the sentence above."""
    before, after = standing.compared.before, standing.compared.after
    said = []
    rehearsed = sorted({model for model in models if model.startswith("rehearsal")})
    if rehearsed:
        said.append(f"This is a rehearsal: the teacher ({', '.join(rehearsed)}) is a program, not a language model.")
    if _embedded(standing):
        said.append("The student is the small embedded one that ships with the project.")
    if before and after and after.accuracy < before.accuracy:
        said.append("The student got worse.")
    if before and after and before.low <= after.high and after.low <= before.high:
        said.append("The 95 % intervals before and after overlap, so the difference may be chance.")
    if after and not standing.tested:
        said.append("The test has not been read by both students: these are probe questions, which steer the lessons.")
    return [*said, *_not_the_last(standing)]


def _embedded(standing: Standing) -> bool:
    return any(student.base == "embedded" for student in standing.recipe.students.values())


def _not_the_last(standing: Standing) -> list[str]:
    best, last = standing.of_student(standing.best), standing.probe[-1] if standing.probe else None
    if best is None or last is None or best is last:
        return []
    who = f"student of round {best.round}" if standing.improved else "untouched base"
    return [
        f"The best student on the probe is the {who} ({percent(best.accuracy)}); "
        f"that of round {last.round} has {percent(last.accuracy)}."
    ]
