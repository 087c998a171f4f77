from collections.abc import Iterable, Sequence
from random import Random

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.quotas import shared
from storage.records import Attempt


@register("lagged_negatives")
class LaggedNegatives(Feedback):
    """Sets what the student now gets right against what an earlier one got wrong (lagged negatives of QCRD, Wang et al. 2024).

    A pair is of one practice question: a wrong reply by the student of `lag` rounds before, and a right one by the newest.
    Both become briefs, with the reply as `candidate` and `right` or `wrong` as `label`. A question without both is left
    out, so that nothing but the candidate tells the label.

    Departs from the paper in the use: there rationales are pushed away by a contrastive loss, weighted by a discriminator;
    an objective that is trained on completions alone can push nothing away, but it can train the student to tell the two
    apart. And in the positives, there the teacher's, here the student's own, so that no style of writing gives them away;
    and in the lag, there five iterations of a training, here rounds.
    """

    exam: str = "practice"
    """Name of the exam with `part: train` whose replies are the candidates. Several samples make for more pairs."""
    lag: int = Field(default=1, ge=0)
    """How many rounds the negatives' student is older than the newest; 0 takes its own errors. Where there was none so
    early, it is the first that practised."""
    pairs: int = Field(default=100, ge=1)
    """Questions that are taken, one of each skill after another."""
    strays: bool = False
    """Whether each wrong reply is one to another of these questions, drawn by chance: negatives that are nobody's error in
    what is asked, the control."""
    seeds: int = Field(default=100, ge=0)
    """New seeds of the sources for a later round, shared among skills by the share that is wrong in the probe."""

    def next_plan(self, progress: Progress) -> NextPlan:
        newest = progress.plan.round
        older = max(1, newest - self.lag)
        right = _first(a for a in progress.attempts if a.exam == self.exam and a.right)
        then = progress.attempts if older == newest else progress.earlier.get(older, ())
        wrong = _first(a for a in then if a.exam == self.exam and not a.right and a.reply.strip())
        by_skill: dict[str, list[str]] = {}
        for question in sorted(right.keys() & wrong.keys()):
            by_skill.setdefault(right[question].skill, []).append(question)
        queues = [by_skill[skill] for skill in sorted(by_skill)]
        deepest = max(map(len, queues), default=0)
        chosen = [queue[i] for i in range(deepest) for queue in queues if i < len(queue)][: self.pairs]
        negatives = _strays(chosen, progress) if self.strays else {question: question for question in chosen}
        errors = {skill: progress.error(skill) for skill in progress.levels}
        return NextPlan(
            f"{sum(map(len, queues))} practice questions that the student of round {older} got wrong are right in round "
            f"{newest}; {len(negatives)} of them come next as pairs, and {self.seeds} new seeds by error in the probe",
            quotas=shared(self.seeds, errors) or shared(self.seeds, dict.fromkeys(errors, 1.0)),
            briefs=[
                _brief(right[question], attempt)
                for question, other in negatives.items()
                for attempt in (right[question], wrong[other])
            ],
        )

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, 2 * self.pairs


def _first(attempts: Iterable[Attempt]) -> dict[str, Attempt]:
    """One for each question, by the order of their keys, which says nothing of what is in them."""
    found: dict[str, Attempt] = {}
    for attempt in sorted(attempts, key=lambda attempt: attempt.key):
        found.setdefault(attempt.question, attempt)
    return found


def _strays(questions: Sequence[str], progress: Progress) -> dict[str, str]:
    """By question another one, each once; of one question alone there is none."""
    drawn = list(questions)
    Random(f"{progress.seed}:{progress.plan.round}").shuffle(drawn)
    others = dict(zip(drawn, [*drawn[1:], *drawn[:1]], strict=True)) if len(drawn) > 1 else {}
    return {question: others[question] for question in questions if question in others}


def _brief(asked: Attempt, replied: Attempt) -> dict[str, str]:
    label = "right" if replied.right else "wrong"
    return {"skill": asked.skill, "question": asked.question, "candidate": replied.reply, "label": label}
