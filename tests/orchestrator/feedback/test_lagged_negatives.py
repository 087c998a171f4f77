"""What an earlier student got wrong is set against what the newest gets right, question by question."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.clauses import BRIEFS
from orchestrator.feedback.lagged_negatives import LaggedNegatives
from orchestrator.formats.solve_or_judge import SolveOrJudge
from orchestrator.kinds import Progress
from storage.records import Attempt
from storage.store import Store
from tests.conftest import Loop
from tests.orchestrator.feedback.scripted import a_plan, an_attempt, cards, progress

SMALL = (
    "sources.tasks.choose=[change, trip, film]",
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 9, basics: 4}",
    "exams.practice.per_skill=6",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
    "feedback.seeds=6",
    "feedback.pairs=10",
)
RIGHT = st.dictionaries(st.sampled_from("abc"), st.sets(st.integers(0, 7)), min_size=1)


def policy(**options: Any) -> LaggedNegatives:
    return LaggedNegatives(use="lagged_negatives", **options)


def practised(right: dict[str, set[int]], number: int) -> list[Attempt]:
    """Eight practice questions of each skill; a reply says whose it is."""
    return [
        an_attempt(skill, i in right.get(skill, ()), i, number, exam="practice", reply=f"round {number}")
        for skill in "abc"
        for i in range(8)
    ]


def told(*rounds: dict[str, set[int]]) -> Progress:
    sat = {number: practised(right, number) for number, right in enumerate(rounds, 1)}
    newest = len(rounds)
    return progress(
        dict.fromkeys("abc", 0.5),
        plans=[a_plan(number) for number in sat],
        cards=cards([dict.fromkeys("abc", 0.5)] * newest),
        attempts=sat[newest],
        earlier={0: [], **{number: sat[number] for number in range(1, newest)}},
    )


@given(RIGHT, RIGHT, RIGHT, st.integers(1, 30), st.integers(0, 3))
def test_every_question_has_one_right_and_one_wrong_candidate_of_the_students_that_said_so(
    first: dict[str, set[int]], second: dict[str, set[int]], third: dict[str, set[int]], pairs: int, lag: int
) -> None:
    rounds = (first, second, third)
    plan = policy(pairs=pairs, lag=lag, seeds=30).next_plan(told(*rounds))
    older = max(1, 3 - lag)
    labels = Counter((brief["question"], brief["label"]) for brief in plan.briefs)
    assert set(labels.values()) <= {1}
    gained = {f"{skill} {i}" for skill in "abc" for i in third.get(skill, set()) - rounds[older - 1].get(skill, set())}
    asked = {question for question, _ in labels}
    assert asked <= gained
    assert len(plan.briefs) == 2 * len(asked) == 2 * min(pairs, len(gained))
    assert {brief["candidate"] for brief in plan.briefs if brief["label"] == "wrong"} <= {f"round {older}"}
    assert {brief["candidate"] for brief in plan.briefs if brief["label"] == "right"} <= {"round 3"}
    assert sum(plan.quotas.values()) == 30


def test_with_several_samples_a_student_is_its_own_negative() -> None:
    sat = [
        an_attempt("a", sample == 1, 0, exam="practice", sample=sample, reply=f"sample {sample}") for sample in range(2)
    ]
    plan = policy(lag=0).next_plan(progress({"a": 0.5}, attempts=sat))
    assert {brief["label"]: brief["candidate"] for brief in plan.briefs} == {"right": "sample 1", "wrong": "sample 0"}


@given(RIGHT, st.integers(1, 30))
def test_strays_are_the_same_pairs_with_the_wrong_replies_of_others(right: dict[str, set[int]], pairs: int) -> None:
    sat = [
        an_attempt(skill, bool(sample), i, exam="practice", sample=sample, reply=f"{skill} {i} {sample}")
        for skill in right
        for i in right[skill]
        for sample in range(2)
    ]
    at = progress({"a": 0.5}, attempts=sat)
    own, strays = (policy(lag=0, pairs=pairs, strays=each).next_plan(at).briefs for each in (False, True))
    if len(own) == 2:
        assert not strays
        return
    assert [brief for brief in own if brief["label"] == "right"] == [b for b in strays if b["label"] == "right"]
    wrong, moved = ([brief for brief in briefs if brief["label"] == "wrong"] for briefs in (own, strays))
    assert sorted(brief["candidate"] for brief in wrong) == sorted(brief["candidate"] for brief in moved)
    assert all(
        b["question"] == c["question"] and b["candidate"] != c["candidate"] for b, c in zip(wrong, moved, strict=True)
    )


def test_the_probe_and_empty_replies_give_no_candidates() -> None:
    probed = [attempt.model_copy(update={"exam": "probe"}) for attempt in practised({"a": {1}}, 1)]
    silent = [
        an_attempt("a", True, 0, 1, exam="practice"),
        an_attempt("a", False, 0, 1, exam="practice", sample=1, reply=" "),
    ]
    for sat in (probed, silent):
        plan = policy(lag=0).next_plan(progress({"a": 0.5}, attempts=sat))
        assert not plan.briefs
        assert "; 0 of them come next as pairs" in plan.why


def test_a_candidate_is_judged_and_anything_else_is_solved() -> None:
    form = SolveOrJudge(use="solve_or_judge")
    question = {"question": "What is 2 plus 2?"}
    judged = form.row({**question, "candidate": "2+2=5\n#### 5", "label": "wrong"})
    assert judged["prompt"][0]["content"] == "What is 2 plus 2?\nIs this answer right or wrong?\n2+2=5\n#### 5"
    assert judged["completion"][0]["content"] == "#### wrong"
    solved = form.row({**question, "rationale": "2+2=4 ", "answer": " 4"})
    assert solved["prompt"] == form.prompt(question)
    assert solved["completion"][0]["content"] == "2+2=4\n#### 4"


@pytest.mark.parametrize("lacking", ["question", "label"])
def test_what_it_needs_it_misses_by_name(lacking: str) -> None:
    fields = {"question": "What is 2 plus 2?", "candidate": "#### 5", "label": "wrong"}
    with pytest.raises(KeyError, match=lacking):
        SolveOrJudge(use="solve_or_judge").row({k: v for k, v in fields.items() if k != lacking})


async def test_the_pairs_become_rows_beside_the_solutions(loop: Loop, store: Store) -> None:
    loop.worker.enough = 5
    key, plan = await loop.teach(loop.recipe(place="lagged-negatives", small=SMALL), store)
    assert plan.stop
    briefs = store.seeds(key, BRIEFS, 3)
    assert briefs
    assert Counter(seed.fields["label"] for seed in briefs) == {"right": len(briefs) / 2, "wrong": len(briefs) / 2}
    dataset = next(d for d in store.datasets(key) if d.round == 3)
    said = [row.content["completion"][0]["content"] for row in store.dataset_rows(dataset.key)]
    assert {"#### right", "#### wrong"} < set(said)
    assert store.verify() == []
