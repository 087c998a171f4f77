"""Which triples, steps and test results make B1 hold."""

from collections.abc import Sequence

from agents.rehearsal import triples
from orchestrator.claims.b1 import CLAIM
from storage.records import Draft, Outcome, Verdict
from storage.store import Store
from tests.orchestrator.claims.made import a_result, a_student, compared, held

QUESTION = "Ana repairs the {}. What did Ana need before that?"


def found(
    store: Store,
    kept: Sequence[tuple[int, int]] = ((100, 70), (80, 70), (70, 65), (40, 40)),
    right: Sequence[int] = (50, 50, 50, 55),
    steps: Sequence[int] = (9, 9, 9, 9),
) -> list[bool]:
    """Of each arm: triples that were kept and how many are right, right answers of 60, steps of the student."""
    arms = [a_result(f"arm {i}", {"event_need": count}) for i, count in enumerate(right)]
    for place, (result, (n, good), taken) in enumerate(zip(arms, kept, steps, strict=True)):
        for number in range(n):
            question = QUESTION.format(f"thing{number}")
            slots, relation = triples.asked_in(question) or ({}, "")
            tail = (triples.tails if number < good else triples.wrong_tails)(slots, relation)[0]
            facts = {"round": 1, "kind": "triple", "producer": "p", "fields": {"question": question, "tail": tail}}
            draft = Draft.new(run=result.run, step="tails", parents=[f"{number}"], split_key=f"{number}", **facts)
            step = "critic" if place else "once"
            verdict = {"judge": "j", "outcome": Outcome.ACCEPTED}
            store.add(draft, Verdict.new(run=result.run, draft=draft.key, step=step, **verdict))
        student = a_student(result.run, 1, 0.1)
        student.metrics = {"steps": taken}
        store.add(student)
    return held(CLAIM.check(compared(*arms), store))


def test_ever_fewer_triples_of_which_ever_more_are_right_hold(store: Store) -> None:
    assert found(store) == [True] * 4


def test_a_critic_that_keeps_what_is_wrong_does_not_hold(store: Store) -> None:
    assert found(store, kept=((100, 70), (80, 70), (70, 65), (40, 34))) == [False, True, True, True]


def test_a_critic_that_raises_the_share_by_little_does_not_hold(store: Store) -> None:
    assert found(store, kept=((100, 90), (80, 75), (70, 67), (40, 39))) == [False, True, True, True]


def test_a_cut_that_drops_nothing_more_does_not_hold(store: Store) -> None:
    assert found(store, kept=((100, 70), (80, 70), (80, 72), (40, 40))) == [True, False, True, True]


def test_students_that_took_unequal_steps_are_not_compared(store: Store) -> None:
    assert found(store, steps=(9, 9, 9, 5)) == [True, True, False, True]


def test_a_student_of_the_strict_set_that_is_worse_does_not_hold(store: Store) -> None:
    assert found(store, right=(55, 50, 50, 45)) == [True, True, True, False]
