"""Which statements and likelihoods make B21 hold."""

from collections.abc import Sequence

from agents.rehearsal.comparisons import follows
from agents.rehearsal.triples import CONCEPTS
from orchestrator.claims.b21 import CLAIM
from storage.records import Draft, Outcome, Verdict
from storage.store import Store
from tests.orchestrator.claims.made import a_result, compared, held

RULE = "Who can lift the [X: vehicle] can lift the [Y: tool]."
RIGHT, WRONG = "Who can lift the cart can lift the ladder.", "Who can lift the ladder can lift the cart."
COMMON = "Who can lift the bike can lift the lamp."
Kept = tuple[str, float, bool]
DIRECT: Sequence[Kept] = ((COMMON, -1.0, True), (WRONG, -1.5, True))
SEARCHED: Sequence[Kept] = ((RIGHT, -2.0, True), (COMMON, -1.0, False))


def found(store: Store, direct: Sequence[Kept] = DIRECT, searched: Sequence[Kept] = SEARCHED) -> list[bool]:
    arms = [a_result("direct", {"lift": 30}), a_result("searched", {"lift": 30})]
    for result, statements in zip(arms, (direct, searched), strict=True):
        for statement, score, kept in statements:
            facts = {"round": 1, "kind": "statement", "producer": "p", "split_key": RULE}
            fields = {"template": RULE, "statement": statement}
            draft = Draft.new(run=result.run, step="search_y", fields=fields, **facts)
            outcome = Outcome.ACCEPTED if kept else Outcome.REJECTED
            said = {"judge": "likelihood_rank@1", "outcome": outcome, "score": score}
            store.add(draft, Verdict.new(run=result.run, draft=draft.key, step="rare", **said))
    return held(CLAIM.check(compared(*arms), store))


def test_the_statements_are_what_they_are_called() -> None:
    assert (follows(RIGHT), follows(COMMON), follows(WRONG)) == (True, True, False)
    assert "cart" in CONCEPTS["vehicle"]


def test_statements_that_are_right_less_likely_and_rarer_hold(store: Store) -> None:
    assert found(store) == [True] * 3


def test_statements_that_are_right_as_often_do_not_hold(store: Store) -> None:
    assert found(store, direct=((COMMON, -1.0, True),)) == [False, True, True]


def test_statements_that_are_as_likely_do_not_hold(store: Store) -> None:
    likely = ((RIGHT, -1.25, True), (COMMON, -1.0, False))
    assert found(store, searched=likely) == [True, False, True]


def test_statements_about_what_comes_to_mind_first_do_not_hold(store: Store) -> None:
    assert found(store, searched=((COMMON, -2.0, True), (RIGHT, -1.0, False))) == [True, True, False]


def test_a_value_of_another_type_is_not_right(store: Store) -> None:
    other = "Who can lift the piano can lift the ladder."
    assert follows(other)
    assert found(store, searched=((other, -2.0, True), (COMMON, -1.0, False)))[0] is False


def test_arms_without_a_rule_in_common_show_nothing(store: Store) -> None:
    assert found(store, direct=()) == [True, False, True]
