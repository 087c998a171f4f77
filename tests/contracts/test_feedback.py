"""What every feedback policy must hold to: a plan within its means, the same for the same progress, and a reason."""

import ast
import inspect
import json
import math
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.registry import build
from orchestrator.kinds import Feedback, NextPlan, Progress, Taught
from storage.accounts import Spending
from storage.records import Attempt, Cluster, Failure, Plan, Scorecard
from tests.contracts.whole import named, of_kind

feedbacks = pytest.mark.parametrize("feedback", of_kind(Feedback), ids=named)
NO_BUSINESS_OF_A_POLICY = {"storage.store", "storage.lineage", "orchestrator.work", "time", "datetime", "os", "pathlib"}
SKILLS = ("", "trip", "change", "math:film", "math:tallest", "event/want")
CAUSES = ("", "wrong fact", "arithmetic slip", "no final answer")


# --- progress, as a run could have it -------------------------------------------------------------------------------


def attempts_of(draw: Any, skills: list[str], number: int, most: int = 3) -> list[Attempt]:
    """Of one student, in the probe and perhaps in practice, of each question one to three samples."""
    found = []
    for exam in ["probe", *draw(st.lists(st.just("practice"), max_size=1))]:
        score = draw(st.booleans())
        for skill in skills:
            for item in range(draw(st.integers(0, most))):
                for sample in range(draw(st.integers(1, 2))):
                    right = draw(st.booleans())
                    found.append(
                        Attempt.new(
                            run="r",
                            round=number,
                            student=f"s{number}",
                            exam=exam,
                            question=f"{exam}: {skill} {item}?",
                            gold="7",
                            reply="#### 7" if right else "#### 8",
                            answer="7" if right else "8",
                            right=right,
                            skill=skill,
                            split_key=f"{exam} {skill} {item}",
                            sample=sample,
                            score=float(draw(st.integers(1, 5))) if score else None,
                            confidence=draw(st.none() | st.floats(0, 1)),
                            margin=draw(st.none() | st.floats(0, 1)),
                        )
                    )
    return sorted(found, key=lambda attempt: attempt.key)


def card_of(attempts: list[Attempt], skills: list[str], number: int) -> Scorecard:
    probed = {skill: [a.right for a in attempts if (a.exam, a.skill) == ("probe", skill)] for skill in skills}
    shares = {skill: sum(rights) / len(rights) for skill, rights in probed.items() if rights}
    return Scorecard.new(
        run="r",
        round=number,
        student=f"s{number}",
        exam="probe",
        n=sum(map(len, probed.values())),
        accuracy=sum(shares.values()) / len(shares) if shares else 0.0,
        low=0.0,
        high=1.0,
        skills={s: {"n": len(probed[s]), "accuracy": share, "low": 0.0, "high": 1.0} for s, share in shares.items()},
    )


def failures_of(draw: Any, attempts: list[Attempt], number: int) -> list[Failure]:
    """Of several samples the first that is wrong, as in an examination."""
    wrong: dict[tuple[str, str], Attempt] = {}
    for attempt in attempts:
        if not attempt.right:
            wrong.setdefault((attempt.exam, attempt.question), attempt)
    found = []
    for attempt in wrong.values():
        cause = draw(st.sampled_from(CAUSES))
        facts = {"attempt": attempt.key, "skill": attempt.skill, "cause": cause}
        found.append(Failure.new(run="r", round=number, cluster=f"{attempt.skill}: {cause}", **facts))
    return sorted(found, key=lambda failure: failure.key)


def clusters_of(failures: list[Failure], number: int) -> list[Cluster]:
    sizes = Counter((failure.cluster, failure.skill, failure.cause) for failure in failures)
    return [
        Cluster.new(
            run="r",
            round=number,
            student=f"s{number}",
            exam="probe",
            label=label,
            skill=skill,
            cause=cause,
            size=size,
            failures=[failure.key for failure in failures if failure.cluster == label],
        )
        for (label, skill, cause), size in sorted(sizes.items(), key=lambda one: (-one[1], one[0]))
    ]


@st.composite
def progresses(draw: Any) -> Progress:
    skills = draw(st.lists(st.sampled_from(SKILLS), min_size=1, max_size=4, unique=True))
    at = draw(st.integers(1, 4))
    rounds = {number: attempts_of(draw, skills, number, 3 if number == at else 1) for number in range(at + 1)}
    failures = failures_of(draw, rounds[at], at)
    taught = {
        (number, skill): Taught(draw(st.integers(0, 40)), drafts, draw(st.integers(0, drafts)))
        for number in range(1, at + 1)
        for skill in draw(st.lists(st.sampled_from(skills), unique=True))
        for drafts in [draw(st.integers(0, 40))]
    }
    given_quotas = st.dictionaries(st.sampled_from(skills), st.integers(0, 20))
    return Progress(
        plans=[Plan.new(run="r", round=n, why="before", quotas=draw(given_quotas)) for n in range(1, at + 1)],
        cards=[card_of(attempts, skills, number) for number, attempts in rounds.items()],
        attempts=rounds[at],
        failures=failures,
        clusters=clusters_of(failures, at),
        earlier={number: attempts for number, attempts in rounds.items() if number < at},
        taught=taught,
        spent={number: Spending(10, 100, 50, draw(st.none() | st.floats(0, 9)), 0, 3.0) for number in range(at + 1)},
        levels={skill: draw(st.integers(1, 3)) for skill in skills},
        seeds=draw(st.integers(0, 300)),
        seed=draw(st.integers(0, 99)),
    )


# --- what holds of every plan ---------------------------------------------------------------------------------------

laws = settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@feedbacks
@laws
@given(progress=progresses())
def test_a_plan_keeps_within_its_means_and_says_why(feedback: Any, progress: Progress) -> None:
    plan: NextPlan = feedback.next_plan(progress)
    seeds, targets = feedback.most(progress.seeds)
    assert len(plan.why.split()) >= 3
    assert "\n" not in plan.why
    assert all(isinstance(quota, int) and quota >= 0 for quota in plan.quotas.values())
    assert plan.quotas.keys() <= progress.levels.keys()
    assert sum(plan.quotas.values()) <= seeds
    assert len(set(plan.targets)) == len(plan.targets)
    assert set(plan.targets) <= {failure.key for failure in progress.failures}
    assert len(plan.targets) + len(plan.briefs) <= targets
    assert plan.weights.keys() <= progress.levels.keys()
    assert all(math.isfinite(weight) and weight >= 0 for weight in plan.weights.values())
    assert json.loads(json.dumps([dict(brief) for brief in plan.briefs])) == list(plan.briefs)


@feedbacks
@laws
@given(progress=progresses())
def test_a_plan_follows_from_the_progress_alone(feedback: Any, progress: Progress) -> None:
    plan, state = feedback.next_plan(progress), random.getstate()
    random.seed(4711)
    again = feedback.next_plan(progress)
    untouched = random.getstate()
    assert again == plan == build(feedback.model_dump(mode="json"), Feedback).next_plan(progress)  # type: ignore[attr-defined]
    random.seed(4711)
    assert random.getstate() == untouched
    random.setstate(state)


@feedbacks
@laws
@given(progress=progresses())
def test_a_plan_is_the_same_whatever_the_order_of_failures_and_attempts(feedback: Any, progress: Progress) -> None:
    turned = replace(
        progress,
        attempts=progress.attempts[::-1],
        failures=progress.failures[::-1],
        taught=dict(reversed(list(progress.taught.items()))),
        spent=dict(reversed(list(progress.spent.items()))),
        earlier={number: attempts[::-1] for number, attempts in reversed(list(progress.earlier.items()))},
    )
    assert feedback.next_plan(turned) == feedback.next_plan(progress)


@feedbacks
@laws
@given(progress=progresses())
def test_a_plan_becomes_a_record_as_it_is(feedback: Any, progress: Progress) -> None:
    plan = feedback.next_plan(progress)
    facts = {"quotas": dict(plan.quotas), "targets": list(plan.targets), "weights": dict(plan.weights)}
    record = Plan.new(run="r", round=progress.plan.round + 1, why=plan.why, **facts)
    assert (record.quotas, record.targets, record.weights) == tuple(facts.values())


@feedbacks
def test_a_policy_reads_no_clock_no_file_and_no_store(feedback: Any) -> None:
    """A test is out of its reach: of what a run knows, it has only what it is told."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(type(feedback))))  # type: ignore[arg-type]
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & NO_BUSINESS_OF_A_POLICY
