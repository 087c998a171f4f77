"""Results of arms, and what their runs left in a store, from the few figures that a test is about."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.claims.claim import Check
from orchestrator.comparison import Comparison, Point, Result, compare
from storage.records import Attempt, Draft, Outcome, Plan, Scorecard, Student, Verdict


def a_result(arm: str, right: Mapping[str, int], n: int = 60, seed: int = 0, probe: float = 0.0) -> Result:
    """`right` says how many of each skill's `n` questions are; the first ones are."""
    skills = {f"{skill} {i}": skill for skill in right for i in range(n)}
    rights = {question: int(question.split()[1]) < right[skill] for question, skill in skills.items()}
    points = (Point(1, 10.0, probe, 0.0, 1.0),)
    return Result(arm, seed, f"{arm}/{seed}", 10.0, points, rights, {q: q for q in skills}, skills, None)


def compared(*results: Result) -> Comparison:
    return compare(results, "calls", None)


def held(checks: Sequence[Check]) -> list[bool]:
    return [check.held for check in checks]


def judged(run: str, step: str, rights: Sequence[bool]) -> list[Draft | Verdict]:
    """One draft of this step for each mistake, and whether its answer is right."""
    found: list[Draft | Verdict] = []
    for i, right in enumerate(rights):
        draft = a_draft(run, step, i)
        outcome = Outcome.ACCEPTED if right else Outcome.REJECTED
        found += [
            draft,
            Verdict.new(run=run, draft=draft.key, step="right_answer", judge="answer_match", outcome=outcome),
        ]
    return found


def a_draft(run: str, step: str, number: int) -> Draft:
    facts = {"round": 2, "kind": "solution", "producer": "p", "fields": {"question": f"{number}?"}}
    return Draft.new(run=run, step=step, parents=[f"seed {number}"], split_key=f"{number}", **facts)


def a_card(run: str, number: int, accuracies: Mapping[str, float], exam: str = "probe") -> Scorecard:
    skills = {skill: {"n": 20, "accuracy": a, "low": 0.0, "high": 1.0} for skill, a in accuracies.items()}
    facts = {"exam": exam, "n": 20, "accuracy": 0.5, "low": 0.0, "high": 1.0, "skills": skills}
    return Scorecard.new(run=run, round=number, student=f"{run}: {number}", **facts)


def a_plan(run: str, number: int, **facts: Any) -> Plan:
    return Plan.new(run=run, round=number, **facts)


def a_student(run: str, number: int, loss: float) -> Student:
    student = Student.new(run=run, round=number, job="student", base="b", base_digest="d")
    student.metrics = {"loss": loss}
    return student


def an_attempt(run: str, number: int, exam: str, question: str, right: bool, **facts: Any) -> Attempt:
    known = {"gold": "7", "reply": "#### 7", "skill": "trip", "split_key": question, "student": f"{run}: {number}"}
    return Attempt.new(run=run, round=number, exam=exam, question=question, right=right, **{**known, **facts})
