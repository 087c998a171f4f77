"""Puts the best student before the gate: what it and the base made of the tests, item by item."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any, Literal

from orchestrator.examination.gate import Ruled, Suite, decide
from orchestrator.examination.items import CANARY, CODE_WORDS, exams_of, probed_sources
from orchestrator.examination.scoring import by_item
from orchestrator.work import Work
from storage.records import Attempt, Ruling, Student


def rule(work: Work, champion: Student, challenger: Student) -> Ruling:
    """The gate's ruling, kept. A student that is the champion itself is held without a test."""
    known = [
        r for r in work.store.rulings(work.run.key) if (r.champion, r.challenger) == (champion.key, challenger.key)
    ]
    if known:
        return known[0]
    if champion.key == challenger.key:
        outcome, why, figures = Ruled.HOLD, "hold: no student did better on the probe than the base", []
    else:
        outcome, why, figures = _decided(work, champion, challenger)
    ruling = Ruling.new(
        run=work.run.key,
        round=challenger.round,
        champion=champion.key,
        challenger=challenger.key,
        outcome=str(outcome),
        why=why,
        figures=figures,
    )
    work.store.add(ruling)
    return ruling


def _decided(work: Work, champion: Student, challenger: Student) -> tuple[Ruled, str, list[dict[str, Any]]]:
    tests, probes = exams_of(work.recipe, "test"), exams_of(work.recipe, "probe")
    suites = [s for name in tests for s in _suites(work, name, champion, challenger)]
    suites += [s for name in probes for s in _suites(work, name, champion, challenger) if s.purpose == "canary"]
    if not any(suite.purpose == "target" for suite in suites):
        return (
            Ruled.NEED,
            "need more: no test asks two independent questions about what is taught; add an exam with `part: test`, or "
            "give it more items",
            [],
        )
    found = decide(work.recipe.gate, suites)
    return found.outcome, found.why, found.figures


def _suites(work: Work, exam: str, champion: Student, challenger: Student) -> list[Suite]:
    """What the exam asks and its canaries, as far as there are two clusters of items, below which nothing is concluded."""
    taught = work.recipe.exams[exam].source in probed_sources(work.recipe)
    purpose: Literal["target", "retention"] = "target" if taught else "retention"
    ours, theirs = (work.store.attempts(student.key, exam) for student in (challenger, champion))
    plain, canaries = (
        [[a for a in attempts if (a.skill == CANARY) == wanted] for attempts in (theirs, ours)]
        for wanted in (False, True)
    )
    found = [
        _suite(exam, purpose, plain[0], plain[1]),
        _suite(f"{exam}: canaries", "canary", canaries[0], canaries[1], chance=1 / len(CODE_WORDS)),
    ]
    return [suite for suite in found if suite]


def _suite(
    exam: str,
    purpose: Literal["target", "retention", "canary"],
    champion: Sequence[Attempt],
    challenger: Sequence[Attempt],
    chance: float = 0.0,
) -> Suite | None:
    """Items that both were asked; None if they are of one cluster. Of several samples, most must be right."""
    theirs, ours = by_item(champion), by_item(challenger)
    both = [question for question in ours if question in theirs]
    right = [[fmean(a.right for a in items[question]) > 0.5 for question in both] for items in (theirs, ours)]
    clusters = [ours[question][0].split_key for question in both]
    return Suite(exam, purpose, right[0], right[1], clusters, chance) if len(set(clusters)) > 1 else None
