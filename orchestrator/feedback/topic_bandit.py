import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import erfc, log, sqrt

from pydantic import Field

from agents.registry import register
from orchestrator.kinds import Feedback, NextPlan, Progress

Belief = tuple[int, int]
"""Parameters of a Beta distribution: one plus the wrong answers, one plus the right ones."""
UNKNOWN: Belief = (1, 1)


@register("topic_bandit")
class TopicBandit(Feedback):
    """Draws the next seeds by Thompson sampling down a tree of topics (Bohdi, Gao et al. 2025, DynaBranches).

    Skills are leaves; what stands before the first `:` or `/` of a skill's name is its branch, and skills without one
    are all of one branch. A wrong probe answer is a reward of its leaf and branch, for there is something to gain: in
    the paper, that the best answer of several models is not the target's. Every branch, and the root, has a child
    `unknown` as well; where it is drawn it opens a leaf that was never taught. Counts are forgotten when a node has
    changed (Introspection-Rebirth): where a binomial likelihood-ratio test tells its last `window` outcomes from those
    before, only these count.

    Departs from the paper: an unknown topic is the next of the source's own skills, for no model is asked for names.
    Such a name is never stale, so `unknown` stays Beta(1, 1) until it has none left; there it counts whether the names
    were new. And every leaf is examined every round, drawn or not, so rewards arrive once a round for all draws.
    """

    seeds: int = Field(default=200, ge=0)
    """Draws, each a new seed of a leaf."""
    window: int = Field(default=20, ge=1)
    """How many outcomes of a node are its newest."""
    reset_at: float = Field(default=0.2, ge=0, le=1)
    """Forgets what is older than the window where the test's p is below; 0 never does."""

    def next_plan(self, progress: Progress) -> NextPlan:
        of_leaf, of_branch = _outcomes(progress, str), _outcomes(progress, _branch)
        beliefs = {skill: self.belief(of_leaf.get(skill, ())) for skill in progress.levels}
        branches = {branch: self.belief(of_branch.get(branch, ())) for branch in map(_branch, progress.levels)}
        taught = _taught(progress)
        tree = _Tree(branches, beliefs, [skill for skill in progress.levels if skill in taught])
        chance = random.Random(f"{progress.seed}:{progress.plan.round}:topic_bandit")
        drawn = Counter(tree.draw(chance) for _ in range(self.seeds))
        said = ", ".join(
            f"{skill or 'all questions'} ({count}; {beliefs[skill][0] - 1} of {sum(beliefs[skill]) - 2} lately wrong)"
            for skill, count in sorted(drawn.items(), key=lambda one: (-one[1], one[0]))[:3]
        )
        opened = sum(skill not in taught for skill in drawn)
        new = f", {opened} of them for the first time" if opened else ""
        why = f"{self.seeds} draws fell on {len(drawn)} of {len(beliefs)} skills{new}, most on {said}"
        return NextPlan(
            why if drawn else "there are no seeds to draw", quotas={skill: drawn[skill] for skill in progress.levels}
        )

    def most(self, seeds: int) -> tuple[int, int]:
        return self.seeds, 0

    def belief(self, rounds: Sequence[Sequence[bool]]) -> Belief:
        """From a node's outcomes, round by round, True for a wrong answer. The test is made from the second round on."""
        held: list[bool] = []
        for number, outcomes in enumerate(rounds):
            held += outcomes
            recent, older = held[-self.window :], held[: -self.window]
            if number and older and change_p(older, recent) < self.reset_at:
                held = recent
        return 1 + sum(held), 1 + len(held) - sum(held)


def change_p(older: Sequence[bool], recent: Sequence[bool]) -> float:
    """p of "both have one rate": binomial likelihood-ratio test, chi-squared with one degree of freedom.

    Its upper tail at x is erfc(sqrt(x / 2)), which needs no SciPy.
    """
    apart = _likelihood(older) + _likelihood(recent)
    return erfc(sqrt(max(0.0, apart - _likelihood([*older, *recent]))))


def _likelihood(outcomes: Sequence[bool]) -> float:
    """Logarithm of it, at the rate that makes it greatest."""
    n = len(outcomes)
    return sum(count * log(count / n) for count in (sum(outcomes), n - sum(outcomes)) if count)


class _Tree:
    """Branches and leaves with what is believed of them, and which leaves are open. Drawing may open one."""

    def __init__(self, branches: Mapping[str, Belief], leaves: Mapping[str, Belief], taught: Iterable[str]) -> None:
        self._branches, self._leaves = branches, leaves
        self._open: dict[str, list[str]] = {}
        for skill in taught:
            self._enter(skill)
        known = {skill for skills in self._open.values() for skill in skills}
        self._closed = [skill for skill in leaves if skill not in known]

    def draw(self, chance: random.Random) -> str:
        """One leaf."""
        new = [skill for skill in self._closed if _branch(skill) not in self._open]
        branch = _thompson({branch: self._branches[branch] for branch in self._open}, bool(new), chance)
        if branch is None:
            return self._opened(new[0])
        new = [skill for skill in self._closed if _branch(skill) == branch]
        leaf = _thompson({skill: self._leaves[skill] for skill in self._open[branch]}, bool(new), chance)
        return self._opened(new[0]) if leaf is None else leaf

    def _opened(self, skill: str) -> str:
        self._closed.remove(skill)
        self._enter(skill)
        return skill

    def _enter(self, skill: str) -> None:
        self._open.setdefault(_branch(skill), []).append(skill)


def _thompson(children: Mapping[str, Belief], unknown: bool, chance: random.Random) -> str | None:
    """The child whose drawn rate is highest; None for the unknown one, which takes part if there is one."""
    arms: dict[str | None, Belief] = {**children, **({None: UNKNOWN} if unknown else {})}
    return max(arms, key=lambda child: chance.betavariate(*arms[child]))


def _branch(skill: str) -> str:
    found = re.match("([^:/]*)[:/]", skill)
    return found[1] if found else ""


def _outcomes(progress: Progress, node_of: Callable[[str], str]) -> dict[str, list[list[bool]]]:
    """Of each node to which a skill belongs: whether probe answers were wrong, by round, those without any left out."""
    rounds = {**progress.earlier, progress.plan.round: progress.attempts}
    found: dict[str, list[list[bool]]] = {}
    for number in sorted(rounds):
        of_round: dict[str, list[bool]] = {}
        for attempt in sorted(rounds[number], key=lambda attempt: attempt.key):
            if attempt.exam == progress.card.exam:
                of_round.setdefault(node_of(attempt.skill), []).append(not attempt.right)
        for node, outcomes in of_round.items():
            found.setdefault(node, []).append(outcomes)
    return found


def _taught(progress: Progress) -> set[str]:
    """Skills that some plan gave seeds; a plan without quotas gave them as the recipe says, which the store counted."""
    planned = {skill for plan in progress.plans for skill, quota in plan.quotas.items() if quota}
    return planned | {skill for (_, skill), taught in progress.taught.items() if taught.seeds}
