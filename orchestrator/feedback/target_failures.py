from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback
from storage.records import Failure, Plan, Scorecard


@register("target_failures")
class TargetFailures(Feedback):
    """Spends the next round on what the student failed: seeds in proportion to each skill's errors, and the failures themselves.

    Stops when the rounds are done, when nothing failed, or when the last round gained less than `plateau`.
    """

    rounds: int = Field(default=2, ge=1)
    seeds: int = Field(default=200, ge=0)
    """New seeds of the sources for a later round, shared among skills by how much is failed in each."""
    failures: int = Field(default=100, ge=1)
    """Failures that lessons are written for, taken in turn from the skills that fail most."""
    plateau: float = Field(default=0.0, ge=0)
    """Gain in probe accuracy below which another round is not worth its price."""

    def next_plan(self, plan: Plan, cards: Sequence[Scorecard], failures: Sequence[Failure]) -> Mapping[str, Any]:
        if reason := self._reason_to_stop(plan, cards, failures):
            return {"stop": True, "why": reason}
        failed = Counter(sorted(failure.skill for failure in failures))  # equals by name
        quotas = _shared(self.seeds, failed)
        worst = ", ".join(f"{skill} ({count})" for skill, count in failed.most_common(3) if skill) or "all questions"
        targets = _in_turn(failures, self.failures)
        why = f"{len(failures)} probe answers were wrong, most in {worst}; {len(targets)} of them and their skills come next"
        return {"quotas": quotas, "targets": targets, "stop": False, "why": why}

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, self.failures

    def _reason_to_stop(self, plan: Plan, cards: Sequence[Scorecard], failures: Sequence[Failure]) -> str:
        if plan.round >= self.rounds:
            return f"all {self.rounds} rounds are done"
        if not failures:
            return f"nothing failed in round {plan.round}"
        gain = cards[-1].accuracy - cards[-2].accuracy if len(cards) > 1 else 1.0
        if gain < self.plateau:
            return f"round {plan.round} gained {gain:+.1%} on the probe, less than the {self.plateau:.1%} that pays"
        return ""


def _shared(seeds: int, failed: Counter[str]) -> dict[str, int]:
    """All seeds in proportion to the failures; what rounding down leaves goes to those that it cost most."""
    total = failed.total()
    quotas = {skill: seeds * count // total for skill, count in failed.most_common()}
    for skill in sorted(quotas, key=lambda skill: -(seeds * failed[skill] % total))[: seeds - sum(quotas.values())]:
        quotas[skill] += 1
    return quotas


def _in_turn(failures: Sequence[Failure], count: int) -> list[str]:
    """Keys of failures, one of each skill after another, the skills that fail most first."""
    by_skill: dict[str, list[str]] = {}
    for failure in sorted(failures, key=lambda failure: failure.key):
        by_skill.setdefault(failure.skill, []).append(failure.key)
    queues = sorted(by_skill.values(), key=len, reverse=True)
    taken = [queue[i] for i in range(max(map(len, queues), default=0)) for queue in queues if i < len(queue)]
    return taken[:count]
