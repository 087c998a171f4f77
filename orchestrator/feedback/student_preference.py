import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.quotas import shared
from storage.records import Attempt


@dataclass(frozen=True)
class Trial:
    """One practice question that was taught in one style, and the share of the student's answers to it that is then right."""

    skill: str
    style: str
    right: float
    lead: float
    """`right` against the mean of all that was taught of this skill in this round."""


@register("student_preference")
class StudentPreference(Feedback):
    """Finds out which way of writing the student learns best from, and has its next lessons written so (ARTE, Liu et al. 2024).

    The second round teaches practice questions in all styles, drawn by lot within each skill; after that the style whose
    questions the student then answers best has most of the next ones, and the others go on being tried. Each question is
    a brief: question, gold, skill, style. A question counts for its style whether its draft became a lesson or not, so
    that a style in which the teacher errs has that held against it.

    Departs from the paper in the utility: there the student's accuracy on 40 discriminative items with one draft shown in
    its context, here its accuracy on a question once it was trained on the draft, which needs no call of its own, but is of
    whole styles, not of drafts; what is learnt of one style helps on questions of another, and draws their figures
    together. And the teacher is not trained (DPO) but told the style. Questions are not chosen by preference.
    """

    styles: dict[str, str] = Field(
        default={
            "in full": "Write every step and every calculation out.",
            "short": "Be short: results alone, no calculations in columns.",
        },
        min_length=2,
    )
    """Name and words of each; the teacher reads the words."""
    exam: str = "practice"
    """Name of the exam with `part: train` that questions are taken from."""
    questions: int = Field(default=100, ge=1)
    """Practice questions that are taught in a later round, evenly by skill: those that were taught least often, and of
    these the ones that are answered worst. They are all that a later round teaches; sources give no new seeds."""
    explore: float = Field(default=0.2, ge=0, lt=1)
    """Share of a skill's questions that go on trying the other styles once one is preferred."""
    steady: float = Field(default=8.0, gt=0)
    """As many questions as this count a style's lead in all skills in the judgement on one: few there say little."""

    def next_plan(self, progress: Progress) -> NextPlan:
        trials = list(self._trials(progress))
        preferred = self.preferred(trials, list(progress.levels)) if trials else {}
        asked = _by_skill(progress.attempts, self.exam)
        taught = [str(brief["question"]) for plan in progress.plans for brief in plan.briefs if "question" in brief]
        briefs: list[Mapping[str, str]] = []
        for number, (skill, count) in enumerate(shared(self.questions, dict.fromkeys(asked, 1.0)).items()):
            chance = random.Random(f"{progress.seed}:{progress.plan.round}:student_preference:{skill}")
            answers = asked[skill]
            lots = {question: chance.random() for question in sorted(answers)}
            chosen = sorted(lots, key=lambda q: (taught.count(q), _share(answers[q]), lots[q]))[:count]
            chance.shuffle(chosen)
            for question, style in zip(chosen, self._styles(len(chosen), number, preferred.get(skill)), strict=True):
                gold = answers[question][0].gold
                briefs.append({"skill": skill, "question": question, "gold": gold, "style": self.styles[style]})
        return NextPlan(
            self._why(trials, preferred, len(briefs)), quotas=dict.fromkeys(progress.levels, 0), briefs=briefs
        )

    def most(self, seeds: int) -> tuple[int, int]:
        return 0, self.questions

    def preferred(self, trials: Sequence[Trial], skills: Sequence[str]) -> dict[str, str]:
        """The style with the greatest lead in each skill, the first of equals."""
        overall = {style: _mean([t.lead for t in trials if t.style == style]) for style in self.styles}

        def lead(skill: str, style: str) -> float:
            own = [trial.lead for trial in trials if (trial.skill, trial.style) == (skill, style)]
            return (sum(own) + self.steady * overall[style]) / (len(own) + self.steady)

        return {skill: max(self.styles, key=lambda style: lead(skill, style)) for skill in skills}

    def _trials(self, progress: Progress) -> Iterator[Trial]:
        """Of all rounds that taught briefs with a style."""
        names = {words: name for name, words in self.styles.items()}
        sat = {**progress.earlier, progress.plan.round: progress.attempts}
        for plan in progress.plans:
            asked = _by_skill(sat.get(plan.round, ()), self.exam)
            found: dict[str, list[tuple[str, float]]] = defaultdict(list)
            for brief in plan.briefs:
                skill, style = str(brief.get("skill", "")), names.get(str(brief.get("style")))
                if style and (answers := asked.get(skill, {}).get(str(brief.get("question")))):
                    found[skill].append((style, _share(answers)))
            for skill, results in found.items():
                mean = _mean([right for _, right in results])
                yield from (Trial(skill, style, right, right - mean) for style, right in results)

    def _styles(self, count: int, turn: int, preferred: str | None) -> list[str]:
        """One for each question: all in turn, from another one on in each skill; or mostly the preferred."""
        names = list(self.styles)
        if preferred is None:
            return list(islice(cycle(names[turn % len(names) :] + names[: turn % len(names)]), count))
        others = cycle(name for name in names if name != preferred)
        tried = int(count * self.explore)
        return [preferred] * (count - tried) + list(islice(others, tried))

    def _why(self, trials: Sequence[Trial], preferred: Mapping[str, str], count: int) -> str:
        if not trials:
            return (
                f"{count} practice questions are taught in {len(self.styles)} styles in turn, to see which teaches best"
            )
        said = []
        for style in self.styles:
            right = [trial.right for trial in trials if trial.style == style]
            skills = [skill or "all questions" for skill, name in preferred.items() if name == style]
            liked = f", preferred in {', '.join(skills)}" if skills else ""
            said.append(f"of {len(right)} taught {style!r} {_mean(right):.0%} are then answered right{liked}")
        return f"{'; '.join(said)}; {count} practice questions come next"


def _by_skill(attempts: Sequence[Attempt], exam: str) -> dict[str, dict[str, list[Attempt]]]:
    """The answers of one exam by skill and question."""
    found: dict[str, dict[str, list[Attempt]]] = {}
    for attempt in attempts:
        if attempt.exam == exam:
            found.setdefault(attempt.skill, {}).setdefault(attempt.question, []).append(attempt)
    return found


def _share(answers: Sequence[Attempt]) -> float:
    return sum(attempt.right for attempt in answers) / len(answers)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
