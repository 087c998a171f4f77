"""Which passages and test results make B13 hold."""

from orchestrator.claims.b13 import CLAIM
from storage.records import Draft
from storage.store import Store
from tests.orchestrator.claims.made import a_card, a_result, an_attempt, compared, held

N = 60


def found(
    store: Store,
    right: tuple[int, int, int, int] = (5, 30, 50, 50),
    hits: tuple[int, int, int, int] = (0, 30, 50, 55),
    oracle: int = 59,
) -> list[bool]:
    """Right answers of each arm, how often it was shown the answer, and how often the lessons of the arms were."""
    arms = [a_result(f"arm {i}", {"trip": count}) for i, count in enumerate(right)]
    for result, shown in zip(arms, hits, strict=True):
        for i in range(N):
            known = f"It is {'7' if i < oracle else '8'}."
            facts = {"round": 1, "kind": "grounded", "producer": "p", "fields": {"gold": "7", "knowledge": known}}
            store.add(Draft.new(run=result.run, step="look_up", parents=[f"{i}"], split_key=f"{i}", **facts))
            passage = {"knowledge": f"It is {'7' if i < shown else '8'}."} if result is not arms[0] else {}
            store.add(an_attempt(result.run, 1, "test", f"trip {i}", True, shown=passage))
            store.add(an_attempt(result.run, 0, "test", f"trip {i}", False))
        store.add(a_card(result.run, 0, {}, "test"), a_card(result.run, 1, {}, "test"))
    return held(CLAIM.check(compared(*arms), store))


def test_a_rationale_above_a_reranker_above_the_question_above_nothing_holds(store: Store) -> None:
    assert found(store) == [True] * 5


def test_a_reranker_that_finds_more_than_the_rationale_does_not_hold(store: Store) -> None:
    assert found(store, oracle=49) == [False, True, True, True, True]


def test_a_reranker_that_finds_no_more_than_the_question_does_not_hold(store: Store) -> None:
    assert found(store, hits=(0, 50, 50, 55)) == [True, False, True, True, True]


def test_passages_that_are_worth_nothing_do_not_hold(store: Store) -> None:
    assert found(store, right=(30, 30, 50, 50)) == [True, True, False, True, True]


def test_better_passages_that_teach_no_more_do_not_hold(store: Store) -> None:
    assert found(store, right=(5, 50, 50, 50)) == [True, True, True, False, True]


def test_a_second_passage_that_hurts_does_not_hold(store: Store) -> None:
    assert found(store, right=(5, 30, 50, 45)) == [True, True, True, True, False]
