"""Which test results and lengths of lessons make B10 hold."""

from collections.abc import Sequence

import pytest

from orchestrator.claims.b10 import CLAIM
from orchestrator.comparison import parse_arms
from orchestrator.recipe import load_recipe
from storage.records import Dataset, DatasetRow
from storage.store import Store
from tests.orchestrator.claims.made import a_result, compared, held

RIGHT = (45, 25, 46, 55, 54, 55)
"""Right answers of 60 after short chains, long ones and both, of the student that was taught little and of the other."""


def found(store: Store, right: Sequence[int] = RIGHT, words: tuple[int, int] = (10, 20), rows: int = 4) -> list[bool]:
    arms = [a_result(f"arm {i}", {"trip": count}, probe=count / 60) for i, count in enumerate(right)]
    for result, length, size in zip(arms, words, (4, rows), strict=False):
        facts = {"round": 1, "name": "lessons", "format": "f", "size": size}
        dataset = Dataset.new(run=result.run, digest=result.run, **facts)
        completion = [{"role": "assistant", "content": " ".join(["word"] * length)}]
        content = [{"completion": completion} for _ in range(size)]
        store.add(
            dataset,
            *(DatasetRow(dataset=dataset.key, position=i, draft=f"{i}", content=c) for i, c in enumerate(content)),
        )
    return held(CLAIM.check(compared(*arms), store))


def test_short_chains_that_are_ahead_of_the_long_where_little_is_taught_hold(store: Store) -> None:
    assert found(store) == [True] * 4


def test_long_chains_that_teach_more_do_not_hold(store: Store) -> None:
    assert found(store, (25, 45, 46, 55, 54, 55)) == [True, False, True, False]


def test_a_mixture_that_is_worse_than_the_better_part_does_not_hold(store: Store) -> None:
    assert found(store, (45, 25, 30, 55, 54, 55)) == [True, True, False, True]


def test_a_gap_that_stays_as_it_is_does_not_hold(store: Store) -> None:
    assert found(store, (45, 25, 46, 55, 35, 55)) == [True, True, True, False]


@pytest.mark.parametrize(("words", "rows"), [((10, 14), 4), ((10, 20), 3)])
def test_lessons_that_are_not_what_they_are_called_do_not_hold(store: Store, words: tuple[int, int], rows: int) -> None:
    assert found(store, words=words, rows=rows)[0] is False


def test_its_arms_have_as_many_rows_and_one_exam_that_cuts_no_long_reply() -> None:
    recipes = [load_recipe(arm.recipe, list(arm.edits)) for arm in parse_arms(CLAIM.arms)]
    assert len({recipe.datasets["lessons"].mixture.size for recipe in recipes}) == 1
    assert {recipe.exams["test"].max_tokens for recipe in recipes} == {320}
