from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.practice import attempts_in, failed_among
from orchestrator.quotas import shared
from storage.records import Attempt, Scorecard

CAUSES = 3
"""How many causes of a skill's mistakes the report names."""


@register("report_to_teacher")
class ReportToTeacher(Feedback):
    """Tells the teacher how the student did and what it is confidently wrong about; what to write is the teacher's to say.

    Performance-guided distillation (PGKD, Di Palo et al. 2024, §3). A brief for each of the worst skills, with the
    fields skill, `report` (of all skills: questions, accuracy, accuracy before, most frequent causes),
    `hard_negatives` (the skill's wrong probe answers of highest probability) and `right_examples`, drawn at random. For
    a generator that opens, such as `write_from_report`. Briefs quote the probe, as the paper's prompt quotes its
    validation set: the split guard rejects a copy, but what is written may be near.

    Departs from the paper: there one prompt asks for texts of all classes, and lessons carry a label and no rationale;
    here there is a prompt for each skill that fails, so that the number of new items does not depend on how many skills
    there are. Precision and recall are left out: free answers have no classes to confuse.
    """

    skills: int = Field(default=3, ge=1)
    """How many of the worst get a brief."""
    report: bool = True
    """False leaves the report out (ablation)."""
    hard_negatives: bool = True
    """False leaves the confident mistakes out (ablation)."""
    negatives: int = Field(default=5, ge=1)
    """Confident mistakes that a brief shows."""
    rights: int = Field(default=3, ge=0)
    """Right answers that a brief shows."""
    seeds: int = Field(default=0, ge=0)
    """New seeds of the sources for a later round, evenly; the paper draws none."""

    def next_plan(self, progress: Progress) -> NextPlan:
        attempts = attempts_in(progress, progress.card.exam)
        wrong = {attempt.skill for attempt in attempts if not attempt.right}
        worst = sorted(wrong, key=lambda skill: (-progress.error(skill), skill))[: self.skills]
        if not worst:
            return NextPlan("no probe answer was wrong, so there is nothing to tell the teacher", stop=True)
        said = ", ".join(f"{skill or 'all questions'} ({progress.error(skill):.0%} wrong)" for skill in worst)
        withheld = [name for name in ("report", "hard_negatives") if not getattr(self, name)]
        without = f", without {' and '.join(withheld).replace('_', ' ')}" if withheld else ""
        return NextPlan(
            f"the teacher is told how the student did{without}, and writes for the worst skills: {said}",
            quotas=shared(self.seeds, dict.fromkeys(progress.levels, 1.0)),
            briefs=[self._brief(progress, skill, attempts) for skill in worst],
        )

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, self.skills

    def _brief(self, progress: Progress, skill: str, attempts: Sequence[Attempt]) -> dict[str, Any]:
        of_skill = [attempt for attempt in attempts if attempt.skill == skill]
        told: dict[str, Any] = {"skill": skill}
        if self.report:
            told["report"] = report(progress)
        if self.hard_negatives:
            told["hard_negatives"] = confident_mistakes(of_skill, self.negatives)
        right = {a.question: a for a in of_skill if a.right}
        chance = Random(f"{progress.seed}:{progress.plan.round}:report_to_teacher:{skill}")
        shown = chance.sample(list(right.values()), min(self.rights, len(right)))
        return {**told, "right_examples": [{"question": a.question, "answer": a.gold} for a in shown]}


def report(progress: Progress) -> str:
    """How the student did in the first probe, a line for each skill, the worst first."""
    card, before = progress.card, progress.cards[-2] if len(progress.cards) > 1 else None
    causes: dict[str, Counter[str]] = {}
    for failure, _ in failed_among(progress, attempts_in(progress, card.exam)):
        causes.setdefault(failure.skill, Counter())[failure.cause or "unknown"] += 1
    worst_first = sorted(card.skills, key=lambda skill: (card.skills[skill]["accuracy"], skill))
    whole = f"all: {card.n} questions, {_change(card.accuracy, before.accuracy if before else None)}"
    return "\n".join([whole, *(_line(skill, card, before, causes.get(skill)) for skill in worst_first)])


def confident_mistakes(attempts: Sequence[Attempt], count: int) -> list[dict[str, Any]]:
    """At most so many wrong replies to different questions, those that the student was surest of first."""
    wrong = sorted((a for a in attempts if not a.right), key=lambda a: (-(a.confidence or 0.0), a.key))
    first: dict[str, Attempt] = {}
    for attempt in wrong:
        first.setdefault(attempt.question, attempt)
    return [_mistake(attempt) for attempt in list(first.values())[:count]]


def _mistake(attempt: Attempt) -> dict[str, Any]:
    sure = {} if attempt.confidence is None else {"confidence": round(attempt.confidence, 2)}
    return {"question": attempt.question, "right_answer": attempt.gold, "student_reply": attempt.reply, **sure}


def _line(skill: str, card: Scorecard, before: Scorecard | None, causes: Counter[str] | None) -> str:
    score, earlier = card.skills[skill], before.skills.get(skill) if before else None
    line = f"{skill or 'questions'}: {score['n']:g} questions, "
    line += _change(score["accuracy"], earlier["accuracy"] if earlier else None)
    ranked = sorted((causes or Counter[str]()).items(), key=lambda one: (-one[1], one[0]))[:CAUSES]
    return line + (f"; most frequent causes: {', '.join(f'{cause} ({n})' for cause, n in ranked)}" if ranked else "")


def _change(accuracy: float, before: float | None) -> str:
    now = f"accuracy {accuracy:.1%}"
    return now if before is None else f"{now}, before {before:.1%}, change {100 * (accuracy - before):+.1f} points"
