"""Which test results and lessons make B22 hold."""

from collections.abc import Sequence

from orchestrator.claims.b22 import CLAIM
from storage.records import Dataset, DatasetRow
from storage.store import Store
from tests.orchestrator.claims.made import a_draft, a_result, compared, held

SHOWN = ((4, 4, 4), (0, 0, 0), (4, 2, 0))
"""Words of knowledge in the lessons of each round: always, never, fading."""


def found(
    store: Store,
    right: tuple[int, int, int] = (20, 25, 45),
    shown: Sequence[Sequence[int]] = SHOWN,
    sizes: tuple[int, int, int] = (30, 30, 28),
) -> list[bool]:
    """Right answers of 60 to the bare question."""
    arms = [a_result(f"arm {i}", {"trip": count}) for i, count in enumerate(right)]
    for result, words, size in zip(arms, shown, sizes, strict=True):
        draft = a_draft(result.run, "explain", 1)
        store.add(draft)
        for number, count in enumerate(words, 1):
            facts = {"name": "lessons", "format": "f", "digest": f"{result.run} {number}", "size": size}
            dataset = Dataset.new(run=result.run, round=number, **facts)
            text = " ".join([*["rule"] * count, draft.fields["question"]])
            content = {"prompt": [{"role": "user", "content": text}]}
            row = DatasetRow(dataset=dataset.key, position=0, draft=draft.key, content=content)
            store.add(dataset, row)
    return held(CLAIM.check(compared(*arms), store))


def test_knowledge_that_stays_when_it_has_faded_holds(store: Store) -> None:
    assert found(store) == [True] * 4


def test_knowledge_that_is_always_shown_and_as_good_does_not_hold(store: Store) -> None:
    assert found(store, right=(45, 25, 46)) == [True, False, True, True]


def test_a_student_that_never_saw_any_and_is_as_good_does_not_hold(store: Store) -> None:
    assert found(store, right=(20, 45, 46)) == [True, True, False, True]


def test_lessons_that_still_show_some_in_the_end_do_not_hold(store: Store) -> None:
    assert found(store, shown=(*SHOWN[:2], (4, 2, 1))) == [True, True, True, False]


def test_lessons_that_show_more_again_do_not_hold(store: Store) -> None:
    assert not found(store, shown=(*SHOWN[:2], (2, 4, 0)))[3]


def test_a_control_that_shows_nothing_is_none(store: Store) -> None:
    assert not found(store, shown=((4, 4, 0), *SHOWN[1:]))[3]


def test_fewer_lessons_in_one_arm_do_not_hold(store: Store) -> None:
    assert found(store, sizes=(30, 30, 20))[0] is False
