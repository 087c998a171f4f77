"""Which styles and practice results make B19 hold."""

from orchestrator.claims.b19 import CLAIM, liked
from storage.store import Store
from tests.orchestrator.claims.made import a_plan, a_result, an_attempt, compared, held

FULL, SHORT = "Write it all out.", "Be short: results alone."
N = 20


def found(
    store: Store, right: tuple[int, int] = (20, 40), use: tuple[int, int] = (5, 15), chosen: str = FULL
) -> list[bool]:
    """Right answers of both arms; of the questions that round 3 teaches, how many are then right; and in which style."""
    arms = [a_result("both", {"trip": right[0]}), a_result("preferred", {"trip": right[1]})]
    for result, after in zip(arms, use, strict=True):
        other = SHORT if chosen == FULL else FULL
        styles = {2: [FULL, SHORT] * (N // 2), 3: [chosen] * 16 + [other] * 4}
        for number, given in styles.items():
            briefs = [{"question": f"q {i}", "style": style, "skill": "trip"} for i, style in enumerate(given)]
            store.add(a_plan(result.run, number, briefs=briefs))
        store.add(a_plan(result.run, 4, stop=True))
        for i in range(N):  # in full, questions were learnt; shortly, none
            store.add(an_attempt(result.run, 2, "practice", f"q {i}", i % 2 == 0))
            store.add(an_attempt(result.run, 3, "practice", f"q {i}", i < after))
    return held(CLAIM.check(compared(*arms), store))


def test_a_style_that_was_liked_and_helps_holds(store: Store) -> None:
    assert found(store) == [True] * 3


def test_an_accuracy_that_is_the_same_does_not_hold(store: Store) -> None:
    assert found(store, right=(40, 40)) == [False, True, True]


def test_lessons_of_no_more_use_do_not_hold(store: Store) -> None:
    assert found(store, use=(10, 10)) == [True, False, True]


def test_rounds_that_taught_nothing_in_common_do_not_hold(store: Store) -> None:
    arms = [a_result("both", {"trip": 20}), a_result("preferred", {"trip": 40})]
    for result in arms:
        store.add(a_plan(result.run, 2, briefs=[{"question": "q", "style": FULL, "skill": "trip"}]))
        store.add(a_plan(result.run, 3, briefs=[{"question": result.arm, "style": FULL, "skill": "trip"}]))
        store.add(
            an_attempt(result.run, 2, "practice", "q", True), an_attempt(result.run, 3, "practice", result.arm, True)
        )
    check = CLAIM.check(compared(*arms), store)[1]
    assert not check.held
    assert check.figures == "the last rounds of both arms taught fewer than two questions in common"


def test_a_style_that_was_not_liked_does_not_hold(store: Store) -> None:
    assert found(store, chosen=SHORT) == [True, True, False]


def test_what_is_liked_is_read_from_the_rounds_before_the_last(store: Store) -> None:
    found(store)
    assert liked(store, "preferred/0") == {SHORT: 0.0, FULL: 1.0}
