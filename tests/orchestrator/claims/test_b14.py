"""Which bases, retrievals and test results make B14 hold."""

from orchestrator.claims.b14 import CLAIM
from orchestrator.examination.items import CANARY
from storage.store import Store
from tests.orchestrator.claims.made import a_card, a_draft, a_result, an_attempt, compared, held

N = 60


def found(
    store: Store,
    right: tuple[int, int, int] = (20, 40, 40),
    sizes: tuple[int, int] = (20, 20),
    asked: tuple[int, int] = (30, 60),
) -> list[bool]:
    """Right answers of each arm, entries of the first two bases, and retrievals of the gated arm and the other."""
    arms = [a_result(f"arm {i}", {"trip": count}) for i, count in enumerate(right)]
    for result, size, retrievals in zip(arms, (*sizes, sizes[1]), (asked[0], *asked), strict=True):
        store.add(*(a_draft(result.run, "know", number) for number in range(size)))
        store.add(a_card(result.run, 0, {}, "test"), a_card(result.run, 2, {}, "test"))
        for i in range(N):
            shown = {"knowledge": "a rule"} if i < retrievals else {}
            store.add(an_attempt(result.run, 2, "test", f"trip {i}", True, shown=shown))
            store.add(an_attempt(result.run, 0, "test", f"trip {i}", False))
        store.add(an_attempt(result.run, 2, "test", "a code word", False, skill=CANARY, shown={"knowledge": "a rule"}))
    return held(CLAIM.check(compared(*arms), store))


def test_knowledge_that_helps_and_a_gate_that_saves_hold(store: Store) -> None:
    assert found(store) == [True] * 4


def test_knowledge_that_helps_no_more_does_not_hold(store: Store) -> None:
    assert found(store, right=(40, 41, 41)) == [True, False, True, True]


def test_bases_of_unequal_size_do_not_hold(store: Store) -> None:
    assert found(store, sizes=(20, 17)) == [False, True, True, True]


def test_no_base_at_all_does_not_hold(store: Store) -> None:
    assert not found(store, sizes=(0, 0))[0]


def test_a_gate_that_saves_too_little_does_not_hold(store: Store) -> None:
    assert found(store, asked=(43, 60)) == [True, True, False, True]


def test_a_gate_that_costs_accuracy_does_not_hold(store: Store) -> None:
    assert found(store, right=(10, 40, 50)) == [True, True, True, False]
