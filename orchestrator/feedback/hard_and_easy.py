from collections.abc import Sequence
from random import Random
from typing import Any

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.practice import attempts_in, failed_among
from orchestrator.quotas import shared
from storage.records import Attempt


@register("hard_and_easy")
class HardAndEasy(Feedback):
    """Writes the next round after hard items, which the teacher answers better, and after easy ones, in a fixed ratio.

    Adversarial distillation by imitation, discrimination and generation (Lion, Jiang et al. 2023, §3).

    Hard is what failed in the exam `exam`, which a referee should judge against the teacher's answer (critic
    `better_than_reference`). Hard items become targets, for a generator that writes more of their kind; easy ones
    become briefs with the fields question, skill and kind, for one that writes rarer ones of their domain. Both are
    drawn at random, without replacement, so a side that has too few items gives all it has, and the other no more.

    Departs from the paper: there the items judged are the student's whole pool of instructions, which grows with every
    round, and the reference is a reply that the teacher wrote; here they are the items of a practice exam, the same in
    every round, and the reference is their known answer. When to stop is the recipe's: one minus `stop.good_enough` is
    the share of hard items at which it pays no more.
    """

    items: int = Field(default=120, ge=1)
    """Hard and easy ones together, each of which one request is made after for every sample of the step."""
    hard_share: float = Field(default=0.5, ge=0, le=1)
    """Share of hard ones; the paper's ratio is 1:1."""
    exam: str = "practice"
    """Name of the exam whose items are told apart; the first probe's, where there is none of this name."""
    seeds: int = Field(default=0, ge=0)
    """New seeds of the sources for a later round, evenly; the paper draws none."""

    def next_plan(self, progress: Progress) -> NextPlan:
        attempts = attempts_in(progress, self.exam)
        hard = [failure.key for failure, _ in failed_among(progress, attempts)]
        easy = _never_failed(attempts)
        chance = Random(f"{progress.seed}:{progress.plan.round}:hard_and_easy")
        wanted = round(self.items * self.hard_share)
        targets = chance.sample(hard, min(wanted, len(hard)))
        chosen = chance.sample(easy, min(self.items - wanted, len(easy)))
        of_all = f"{len(hard)} items are hard and {len(easy)} easy, by {len(attempts)} replies"
        if not (targets or chosen or self.seeds):
            return NextPlan(f"{of_all}, and none of them is asked for", stop=True)
        return NextPlan(
            f"{of_all}; the next lessons are written after {len(targets)} hard and {len(chosen)} easy ones",
            quotas=shared(self.seeds, dict.fromkeys(progress.levels, 1.0)),
            targets=targets,
            briefs=[_brief(attempt) for attempt in chosen],
        )

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, self.items


def _never_failed(attempts: Sequence[Attempt]) -> list[Attempt]:
    """An attempt for each question that was answered rightly each time."""
    failed = {attempt.question for attempt in attempts if not attempt.right}
    return list({attempt.question: attempt for attempt in attempts if attempt.question not in failed}.values())


def _brief(attempt: Attempt) -> dict[str, Any]:
    return {"question": attempt.question, "skill": attempt.skill, "kind": "easy"}
