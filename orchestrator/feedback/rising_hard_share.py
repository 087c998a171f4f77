from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, field_validator

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress
from orchestrator.practice import attempts_in, failed_among
from orchestrator.quotas import shared
from storage.records import Attempt

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(gt=0)]


@register("rising_hard_share")
class RisingHardShare(Feedback):
    """Gives every round a larger share of hard items, and every skill its share of all (TAPIR, Yue et al. 2024, §3:
    multi-round curriculum with task balance).

    A round has `items` items: hard ones, which are failures that new items are written like, and new seeds for the
    rest. Both together, and the hard ones by themselves, are shared among skills as `balance` says, within rounding.
    A skill with fewer failures than its share of the hard ones has new seeds in their place. Within a skill the most
    difficult come first: by the referee's gap between the teacher's answer and the student's (the paper's model fitting
    difficulty); where no referee scored, by how sure the student was of its wrong answer, for the surer it was, the
    less of its probability is left for the right one.

    Departs from the paper: there hard items are chosen once, with a student trained briefly, and a weight in the loss
    mixes them in; here they are chosen anew by every student, and mixed by number. Answers in a style of their own for
    each task are a matter of the recipe's prompts.
    """

    items: int = Field(default=200, ge=1)
    """Hard items and new seeds of a later round together."""
    shares: tuple[Share, ...] = Field(default=(0.3, 0.5, 0.8), min_length=1)
    """Share of hard items in the second round, the third, …; the last one holds for all rounds after."""
    balance: dict[str, Weight] = {}
    """Weight of each skill in the target distribution; 1 for those not named. The paper weights reasoning up."""
    exam: str = "practice"
    """Name of the exam whose failures are the hard items; the first probe, where there is none of this name."""

    @field_validator("shares")
    @classmethod
    def _rise(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if list(shares) != sorted(shares):
            raise ValueError(f"the share of hard items rises from round to round, found {list(shares)}; sort it")
        return shares

    def next_plan(self, progress: Progress) -> NextPlan:
        share = self.shares[min(progress.plan.round, len(self.shares)) - 1]
        whole, hard = self._histogram(progress, self.items), self._histogram(progress, round(share * self.items))
        failed = _hardest_first(progress, self.exam)
        targets = {skill: failed.get(skill, [])[: min(hard[skill], whole[skill])] for skill in whole}
        taken = sum(map(len, targets.values()))
        said = ", ".join(f"{skill or 'all questions'} {len(targets[skill])} of {whole[skill]}" for skill in whole)
        short = sum(hard.values()) - taken
        why = (
            f"round {progress.plan.round + 1} wants {share:.0%} hard items and has {taken} of {self.items}: {said}"
            f"{f'; for {short} more too few answers were wrong' if short else ''}"
        )
        return NextPlan(
            why,
            quotas={skill: whole[skill] - len(targets[skill]) for skill in whole},
            targets=[key for keys in targets.values() for key in keys],
        )

    def most(self, seeds: int) -> tuple[int, int]:
        return self.items, round(self.shares[-1] * self.items)

    def _histogram(self, progress: Progress, items: int) -> dict[str, int]:
        """So many items by skill, as `balance` says. Raises ValueError for a skill there that is not probed."""
        if strange := [skill for skill in self.balance if skill not in progress.levels]:
            raise ValueError(
                f"feedback.balance names the skill {strange[0]!r}, which no probed source has; there are: "
                f"{', '.join(progress.levels)}"
            )
        return shared(items, {skill: self.balance.get(skill, 1.0) for skill in progress.levels})


def _hardest_first(progress: Progress, exam: str) -> Mapping[str, list[str]]:
    """Keys of failures by skill."""
    failed = failed_among(progress, attempts_in(progress, exam))
    keys: dict[str, list[str]] = {}
    for failure, _ in sorted(failed, key=lambda one: -_difficulty(one[1])):
        keys.setdefault(failure.skill, []).append(failure.key)
    return keys


def _difficulty(attempt: Attempt) -> float:
    return attempt.confidence or 0.0 if attempt.score is None else attempt.score
