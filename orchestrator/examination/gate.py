"""Whether a student takes the champion's place: shown to be better at what is taught, and not much worse at the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from orchestrator.clauses import Clause
from orchestrator.examination.statistics import (
    binomial_tail,
    design_effect,
    holm,
    noninferior_bound,
    paired_interval,
    paired_p,
    pairs_for_bound,
    required_pairs,
)

MOST = 10_000
"""Questions of one exam that are still asked for; a matter that takes more is not going to be settled."""


class Gate(Clause):
    """What a challenger must show. The levels hold for one decision; who looks k times at growing exams divides by k."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """How often a student that is no better, or one that lost as much as the margin, may pass."""
    power: float = Field(default=0.8, gt=0.5, lt=1)
    """How often the questions that are asked for would show a gain of the size that was seen."""
    gain: float = Field(default=0.02, gt=0, lt=1)
    """The smallest gain that more questions are asked for, in shares of 1. A smaller one that is shown still counts."""
    retention_margin: float = Field(default=0.05, gt=0, lt=1)
    """What may be lost of the accuracy on a retention exam, in shares of 1."""
    canary_alpha: float = Field(default=0.01, gt=0, lt=0.5)
    """How often a canary may seem to have leaked by chance."""


@dataclass(frozen=True)
class Suite:
    """What two students made of one exam, item by item. Raises ValueError for what cannot be compared."""

    exam: str
    purpose: Literal["target", "retention", "canary"]
    """A target is to be better at, a retention not to be worse at; a canary only who has seen it can answer."""
    champion: Sequence[bool]
    challenger: Sequence[bool]
    clusters: Sequence[str]
    """For each item, what it shares with those that go right or wrong with it, such as its split key."""
    chance: float = 0.0
    """Of a canary: the share that is right for one who has not seen it."""

    def __post_init__(self) -> None:
        lengths = len(self.champion), len(self.challenger), len(self.clusters)
        if len(set(lengths)) != 1:
            raise ValueError(
                f"exam {self.exam!r} has {lengths[0]} answers of the champion, {lengths[1]} of the challenger and "
                f"{lengths[2]} clusters; one of each for every item is expected"
            )
        if len(set(self.clusters)) < 2:
            raise ValueError(
                f"exam {self.exam!r} has {lengths[0]} items in {len(set(self.clusters))} clusters; nothing can be "
                "concluded from fewer than two clusters, give it more"
            )
        if not 0 <= self.chance < 1:
            raise ValueError(f"exam {self.exam!r} is right by chance with {self.chance:g}; 0 or more, but less than 1")


class Ruled(StrEnum):
    """What the gate says of a challenger."""

    PROMOTE = "promote"
    """It takes the champion's place."""
    HOLD = "hold"
    """The champion stays."""
    NEED = "need more"
    """The champion stays until more questions have been answered."""


@dataclass(frozen=True)
class Ruling:
    outcome: Ruled
    why: str
    """One sentence that a person can read."""
    needed: dict[str, int] = field(default_factory=dict)
    """Questions that are asked for beside those there are, by exam."""
    figures: list[dict[str, Any]] = field(default_factory=list)
    """For each suite: exam, purpose, n, champion and challenger (accuracies), difference with its 95 % interval low to
    high, p and p_adjusted, and worst, a retention's lower bound. None is what does not apply."""


def decide(gate: Gate, suites: Sequence[Suite]) -> Ruling:
    """Promotes a challenger that is better on a target, worse on none, and has not lost the margin on any retention.

    Better and worse are each one-sided exact tests over clusters, adjusted over the targets (Holm 1979), so equal
    students are promoted in less than `alpha` of the cases whatever the number of targets. Each retention has to pass
    by itself, which needs no adjustment (Berger 1982). A canary that the challenger answers above chance, and better
    than the champion, tells that it was taught the exam, and what it gained is worth nothing.
    Raises ValueError for suites without a target and for two of one exam.
    """
    _check(suites)
    of = {purpose: [s for s in suites if s.purpose == purpose] for purpose in ("target", "retention", "canary")}
    findings = [*_targets(gate, of["target"]), *(_retained(gate, suite) for suite in of["retention"])]
    findings += [_canary(gate, suite) for suite in of["canary"]]
    outcome, reason, needed = _rule(findings)
    told = "; ".join(finding.told for finding in findings)
    if not of["retention"]:
        told += "; nothing was checked for retention"
    return Ruling(outcome, f"{reason}: {told}", needed, [finding.figures for finding in findings])


@dataclass(frozen=True)
class _Finding:
    """What one suite says: `passed` and `failed` speak for themselves, `open` is neither and asks for `more` items."""

    suite: Suite
    standing: Literal["passed", "open", "none", "failed", "unshown"]
    told: str
    figures: dict[str, Any]
    more: int = 0


def _check(suites: Sequence[Suite]) -> None:
    exams = [suite.exam for suite in suites]
    if twice := sorted({exam for exam in exams if exams.count(exam) > 1}):
        raise ValueError(f"exam {twice[0]!r} is there twice; give one suite for each exam")
    if not any(suite.purpose == "target" for suite in suites):
        named = ", ".join(map(repr, exams)) or "nothing"
        raise ValueError(f"no exam is a target among {named}; name what the challenger is to be better at")


def _rule(findings: Sequence[_Finding]) -> tuple[Ruled, str, dict[str, int]]:
    """The outcome, its reason, and how many questions more by exam."""

    def those(purpose: str, standing: str) -> list[_Finding]:
        return [f for f in findings if (f.suite.purpose, f.standing) == (purpose, standing)]

    refusals = {
        "{} has leaked into what the challenger was taught": those("canary", "failed"),
        "worse on {}": those("target", "failed"),
        "too much is lost on {}": those("retention", "failed"),
        "it is not shown that enough is kept on {}": those("retention", "unshown"),
    }
    for refusal, failed in refusals.items():
        if failed:
            return Ruled.HOLD, f"hold: {refusal.format(_names(failed))}", {}
    shown = those("target", "passed")
    unsettled = ([] if shown else those("target", "open")) + those("retention", "open")
    if not shown and not those("target", "open"):
        return Ruled.HOLD, f"hold: no gain is shown on {_names(those('target', 'none'))}", {}
    if not unsettled:
        return Ruled.PROMOTE, "promote", {}
    if beyond := [finding for finding in unsettled if finding.more > MOST]:
        return Ruled.HOLD, f"hold: {_names(beyond)} would take more than {MOST:,} further questions to settle", {}
    needed = {finding.suite.exam: finding.more for finding in unsettled}
    parts = " and ".join(f"{more:,} of {exam}" for exam, more in needed.items())
    more = f"need {sum(needed.values()):,} more questions"
    return Ruled.NEED, f"{more} ({parts})" if len(needed) > 1 else f"{more} of {_names(unsettled)}", needed


def _names(findings: Sequence[_Finding]) -> str:
    return " and ".join(finding.suite.exam for finding in findings)


def _targets(gate: Gate, suites: Sequence[Suite]) -> list[_Finding]:
    better = [paired_p(suite.challenger, suite.champion, suite.clusters) for suite in suites]
    worse = holm([paired_p(suite.champion, suite.challenger, suite.clusters) for suite in suites])
    return [
        _target(gate, suite, p, adjusted, p_worse, gate.alpha / len(suites))
        for suite, p, adjusted, p_worse in zip(suites, better, holm(better), worse, strict=True)
    ]


def _target(gate: Gate, suite: Suite, p: float, p_adjusted: float, p_worse: float, alpha: float) -> _Finding:
    """`alpha` is what the required number reckons with: the strictest that Holm's procedure may ask of it."""
    figures = _figures(suite) | {"p": p, "p_adjusted": p_adjusted}
    gained = figures["difference"]
    standing, more = "none", 0
    if p_adjusted < gate.alpha:
        standing = "passed"
    elif p_worse < gate.alpha:
        standing = "failed"
    elif gained >= gate.gain:
        differences = [int(new) - int(old) for new, old in zip(suite.challenger, suite.champion, strict=True)]
        pairs = required_pairs(sum(map(abs, differences)) / len(differences), gained, alpha, gate.power)
        more = max(1, round(pairs * design_effect(differences, suite.clusters)) - len(differences))
        standing = "open" if more <= MOST else "none"
    span = f"{_points(gained)} points [{100 * figures['low']:.1f}, {100 * figures['high']:.1f}]"
    tested = f"{_chance(p_worse)} for a loss" if standing == "failed" else _chance(p_adjusted)
    told = f"{_change(figures)} on {suite.exam} ({tested}, {span})"
    return _Finding(suite, standing, told, figures, more)


def _retained(gate: Gate, suite: Suite) -> _Finding:
    margin, pair = gate.retention_margin, (suite.challenger, suite.champion)
    figures = _figures(suite) | {"worst": noninferior_bound(*pair, gate.alpha, suite.clusters)}
    pairs = pairs_for_bound(*pair, margin, gate.alpha, suite.clusters)
    kept = figures["worst"] > -margin
    told = f"{suite.exam} {_change(figures)}, at worst {_points(figures['worst'])} points, "
    told += f"{'within' if kept else 'beyond'} the {100 * margin:g} allowed"
    more = 0 if kept or pairs is None else max(1, pairs - len(suite.champion))
    lost = (
        "failed" if figures["high"] < -margin else "unshown"
    )  # of few questions, a loss beyond the margin may be chance
    return _Finding(suite, "passed" if kept else "open" if more else lost, told, figures, more)


def _canary(gate: Gate, suite: Suite) -> _Finding:
    right, before, n = sum(suite.challenger), sum(suite.champion), len(suite.challenger)
    p = binomial_tail(right, n, suite.chance)
    leaked = p < gate.canary_alpha and right > before
    told = f"of the canary {suite.exam} {right} of {n} are right, {before} before, {round(suite.chance * n, 1):g} by chance"
    return _Finding(suite, "failed" if leaked else "passed", f"{told} ({_chance(p)})", _figures(suite) | {"p": p})


def _figures(suite: Suite) -> dict[str, Any]:
    n = len(suite.champion)
    low, high = paired_interval(suite.challenger, suite.champion, suite.clusters)
    return {
        "exam": suite.exam,
        "purpose": suite.purpose,
        "n": n,
        "champion": sum(suite.champion) / n,
        "challenger": sum(suite.challenger) / n,
        "difference": (sum(suite.challenger) - sum(suite.champion)) / n,
        "low": low,
        "high": high,
        "p": None,
        "p_adjusted": None,
        "worst": None,
    }


def _change(figures: dict[str, Any]) -> str:
    return f"{100 * figures['champion']:.1f} % → {100 * figures['challenger']:.1f} %"


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f}"


def _chance(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.0001 else "p < 0.0001"
