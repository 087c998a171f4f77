"""What a run came to, as plain data: the CLI, the report and the flow's artifacts all read it from here."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.agreement import agreement_of
from orchestrator.examination.decontamination import JUDGE
from orchestrator.examination.items import CANARY, CODE_WORDS
from orchestrator.hindsight import compared
from orchestrator.kinds import JudgedExam
from orchestrator.standing import Pair, Standing, standing_of, unchecked
from orchestrator.story import COMPUTING, RoundStory, story_of
from orchestrator.withdrawals import present_run, told, withdrawn_of
from storage.records import CallOutcome, Hearing, Outcome, Run, Scorecard
from storage.store import Store


@dataclass(frozen=True)
class Summary:
    """`accuracy` and `skills` are of the test if it was read, else of the probe.

    `after` is of the student that did best on the probe. Where none beats the base, it is of the last one, in the probe,
    and `best` says that it is the base.
    """

    run: str
    recipe: str
    ended: str
    """Why; empty while it goes on or was interrupted."""
    finished: bool
    """Whether its last plan was to stop; else it may have been ended by its budget."""
    rounds: int
    seconds: float
    """Of training, examining and weighing."""
    calls: int
    usd: float | None
    unpriced: int
    """Calls whose price is unknown."""
    accepted: int
    """Drafts that are lessons of some dataset."""
    rejected: int
    """Drafts that some judge rejected."""
    left_out: int
    """Of them, those that were left out of datasets because they repeat an exam question."""
    unreadable: int
    """Replies of teachers and verdicts of judges that could not be read."""
    exam: str
    """What the accuracies are of; empty if nobody has been examined."""
    tested: bool
    """Whether that is the test."""
    questions: int
    accuracy: dict[str, float | None]
    skills: dict[str, dict[str, float | None]]
    retention: dict[str, float | None]
    best: dict[str, Any] | None
    """Round and probe accuracy of the student that did best on the probe; round 0 is the base."""
    last: dict[str, Any] | None
    """The same of the last student."""
    failures_targeted: int
    story: list[RoundStory]
    ruling: dict[str, Any] | None
    """What the gate said: outcome, why, figures; None before it has ruled."""
    exams: list[dict[str, Any]]
    """Every scorecard: exam, part, round, n, accuracy with interval, and what else was measured."""
    canaries: list[dict[str, Any]]
    """For each student and exam with canaries: how many are right, and how many would be by chance."""
    hearings: list[dict[str, Any]]
    """What the court found of each judge of an exam."""
    agreement: list[dict[str, Any]]
    """How far each person who judged drafts agrees with each judge, and with other persons."""
    unchecked: list[str]
    """What the recipe does not examine, one sentence each."""
    forecast: list[dict[str, Any]]
    """What was expected before the run and what it was, if it was forecast and has ended."""
    withdrawn: list[dict[str, Any]]
    """What it was made of and has been withdrawn since: what, why, when, and how many records descend from it."""
    without: list[str]
    """What it does without because an earlier run of the recipe descended from it, a sentence each."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def summarise(store: Store, run: Run) -> Summary:
    return summary_of(store, standing_of(store, run))


def summary_of(store: Store, standing: Standing) -> Summary:
    run, pair = standing.run, standing.compared
    spent = store.spending(run.key)
    outcomes, left_out = _outcomes(store, run)
    rulings = store.rulings(run.key)
    return Summary(
        run=run.key,
        recipe=run.recipe_name,
        ended=run.ended or (standing.stop.why if standing.stop else ""),
        finished=standing.stop is not None,
        rounds=standing.rounds,
        seconds=round(_computing(store, run), 1),
        calls=spent.calls,
        usd=spent.usd,
        unpriced=spent.unpriced,
        accepted=store.lessons(run.key),
        rejected=outcomes[Outcome.REJECTED],
        left_out=left_out,
        unreadable=outcomes[Outcome.UNREADABLE] + store.call_outcomes(run.key).get(CallOutcome.UNREADABLE, 0),
        exam=pair.exam,
        tested=standing.tested,
        questions=pair.before.n if pair.before else 0,
        accuracy=_accuracies(pair),
        skills=_by_skill(pair),
        retention=_accuracies(next((kept for kept in standing.kept if kept.before), Pair(""))),
        best=_place(standing.of_best),
        last=_place(standing.probe[-1] if len(standing.probe) > 1 else None),
        failures_targeted=sum(len(plan.targets) for plan in standing.plans),
        story=story_of(store, standing),
        ruling=rulings[-1].model_dump(include={"outcome", "why", "figures"}) if rulings else None,
        exams=[_examined(standing, card) for card in standing.cards],
        canaries=_canaries(store, standing),
        hearings=[_heard(hearing, standing) for hearing in store.hearings(run.key)],
        agreement=[each.as_json() for each in agreement_of(store, standing.run, standing.recipe)],
        unchecked=unchecked(standing.recipe),
        forecast=compared(store, run),
        withdrawn=withdrawn_of(store, run),
        without=_without(store, standing),
    )


def _without(store: Store, standing: Standing) -> list[str]:
    run, without = present_run(store, standing.recipe)
    return [told(each) for each in without] if run.key == standing.run.key else []


def _outcomes(store: Store, run: Run) -> tuple[Counter[Outcome], int]:
    """Verdicts by outcome, and how many of them kept an exam question out of a dataset."""
    yields = store.yields(run.key)
    outcomes = Counter[Outcome]()
    for each in yields:
        outcomes[each.outcome] += each.count
    return outcomes, sum(each.count for each in yields if each.judge == JUDGE)


def _computing(store: Store, run: Run) -> float:
    return sum(spent.seconds for (_, stage), spent in store.spending_by_stage(run.key).items() if stage in COMPUTING)


def _accuracies(pair: Pair) -> dict[str, float | None]:
    return {
        "before": pair.before.accuracy if pair.before else None,
        "after": pair.after.accuracy if pair.after else None,
    }


def _by_skill(pair: Pair) -> dict[str, dict[str, float | None]]:
    if pair.before is None:
        return {}
    later = pair.after.skills if pair.after else {}
    return {
        skill or "all": {
            "before": score["accuracy"],
            "after": later[skill]["accuracy"] if skill in later else None,
            "n": score["n"],
        }
        for skill, score in pair.before.skills.items()
    }


def _place(card: Scorecard | None) -> dict[str, Any] | None:
    return card.model_dump(include={"round", "accuracy", "low", "high", "n"}) if card else None


def _examined(standing: Standing, card: Scorecard) -> dict[str, Any]:
    facts = card.model_dump(include={"exam", "student", "round", "n", "accuracy", "low", "high", "measures"})
    return {"part": standing.recipe.exams[card.exam].part, **facts}


def _canaries(store: Store, standing: Standing) -> list[dict[str, Any]]:
    planted = [name for name, exam in sorted(standing.recipe.exams.items()) if exam.canaries]
    found: dict[tuple[str, int], list[bool]] = {}
    for attempt in store.attempts_of(standing.run.key, planted):
        if attempt.skill == CANARY:
            found.setdefault((attempt.exam, attempt.round), []).append(attempt.right)
    return [
        {"exam": exam, "round": number, "n": len(right), "right": sum(right), "by_chance": len(right) / len(CODE_WORDS)}
        for (exam, number), right in sorted(found.items())
    ]


def _heard(hearing: Hearing, standing: Standing) -> dict[str, Any]:
    """An exam is judged by the role that its judge was heard in."""
    exams = [
        n for n, exam in standing.recipe.exams.items() if isinstance(exam, JudgedExam) and exam.role == hearing.role
    ]
    measured = ("sensitivity", "specificity", "youden", "flips", "length_slope", "own_family", "unreadable")
    kinds = ("true_positives", "false_negatives", "false_positives", "true_negatives")
    facts = hearing.model_dump(include={"role", "judge", "model", "admitted", "why"})
    cases = sum(hearing.figures.get(kind, 0) for kind in kinds)
    return {"exams": sorted(exams), **facts, "cases": cases, **{name: hearing.figures.get(name) for name in measured}}
