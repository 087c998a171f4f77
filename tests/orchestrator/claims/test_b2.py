"""Which attempts, verdicts and test results make B2 hold."""

from collections.abc import Sequence

from agents.rehearsal import triples
from orchestrator.claims.b2 import CLAIM
from storage.records import Draft, Outcome, Verdict
from storage.store import Store
from tests.orchestrator.claims.made import a_result, an_attempt, compared, held

QUESTION = "Ana repairs the thing{}. What does Ana not want next?"
ROUNDS = (1, 2, 3)


def found(
    store: Store,
    right: Sequence[int] = (20, 30, 35),
    different: Sequence[int] = (5, 5, 5),
    kept: Sequence[tuple[int, int]] = ((30, 28), (35, 34)),
    tested: Sequence[int] = (40, 55),
) -> list[bool]:
    """Of each round: how many of 40 questions the student answers right and in how many ways; of each but the first how
    many of its 40 statements hold before the critic, and how many of the 35 that it keeps; right answers of both arms."""
    results = [a_result(f"arm {i}", {"event_not_want": count}) for i, count in enumerate(tested)]
    run = results[1].run
    for number, good, ways in zip(ROUNDS, right, different, strict=True):
        for i in range(40):
            facts = {"answer": f"to do {i % ways}", "sample": 0}
            store.add(an_attempt(run, number, "practice", QUESTION.format(i % 8), i < good, **{**facts, "sample": i}))
    for number, (given, passed) in zip(ROUNDS[1:], kept, strict=True):
        truths = [True] * passed + [False] * (35 - passed) + [True] * (given - passed) + [False] * (5 - given + passed)
        for i, truth in enumerate(truths):
            question = QUESTION.format(i)
            slots, relation = triples.asked_in(question) or ({}, "")
            tail = (triples.tails if truth else triples.wrong_tails)(slots, relation)[0]
            facts = {"kind": "reply", "producer": "p", "fields": {"question": question, "tail": tail}}
            draft = Draft.new(run=run, round=number, step="own", parents=[f"{number} {i}"], split_key=f"{i}", **facts)
            outcome = Outcome.ACCEPTED if i < 35 else Outcome.REJECTED
            store.add(draft, Verdict.new(run=run, draft=draft.key, step="critic", judge="j", outcome=outcome))
    return held(CLAIM.check(compared(*results), store))


def test_a_student_that_writes_ever_more_that_is_right_in_as_many_ways_holds(store: Store) -> None:
    assert found(store) == [True] * 4


def test_a_round_that_is_no_better_than_the_one_before_does_not_hold(store: Store) -> None:
    assert found(store, right=(20, 35, 35)) == [False, True, True, True]


def test_a_rise_within_chance_does_not_hold(store: Store) -> None:
    assert found(store, right=(20, 21, 22)) == [False, True, True, True]


def test_a_student_that_says_ever_the_same_does_not_hold(store: Store) -> None:
    assert found(store, different=(5, 5, 1)) == [True, False, True, True]


def test_a_critic_that_is_none_for_what_the_next_student_writes_does_not_hold(store: Store) -> None:
    assert found(store, kept=((30, 28), (35, 30))) == [True, True, False, True]


def test_a_critic_that_is_worth_nothing_to_the_student_does_not_hold(store: Store) -> None:
    assert found(store, tested=(55, 55)) == [True, True, True, False]
