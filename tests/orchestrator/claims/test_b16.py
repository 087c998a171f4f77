"""Which accuracies make B16 hold."""

from orchestrator.claims.b16 import CLAIM
from orchestrator.comparison import parse_arms
from orchestrator.recipe import load_recipe
from storage.store import Store
from tests.orchestrator.claims.made import a_result, compared, held


def found(
    store: Store, right: tuple[int, int, int] = (20, 50, 51), memorised: tuple[int, int] = (50, 50)
) -> list[bool]:
    """Right answers of 60 in the view rephrased: fine-tuned, distilled, and reading; and of the first two in another view."""
    arms = [
        a_result(f"arm {i}", {"rephrased": count, "memorised": other})
        for i, (count, other) in enumerate(zip(right, (*memorised, 60), strict=True))
    ]
    return held(CLAIM.check(compared(*arms), store))


def test_a_distilled_student_that_is_near_to_who_reads_holds(store: Store) -> None:
    assert found(store) == [True] * 4


def test_one_that_knows_no_more_than_by_fine_tuning_does_not_hold(store: Store) -> None:
    assert found(store, right=(20, 21, 51)) == [True, False, False, True]


def test_one_that_is_far_from_who_reads_does_not_hold(store: Store) -> None:
    assert found(store, right=(10, 35, 58)) == [True, True, False, True]


def test_a_document_that_nobody_gains_by_reading_does_not_hold(store: Store) -> None:
    assert found(store, right=(20, 50, 21))[0] is False


def test_what_is_lost_in_another_view_does_not_hold(store: Store) -> None:
    assert found(store, memorised=(60, 10)) == [True, True, True, False]


def test_the_student_that_reads_is_shown_the_document_and_the_others_are_not() -> None:
    recipes = [load_recipe(arm.recipe, list(arm.edits)) for arm in parse_arms(CLAIM.arms)]
    shown = []
    for recipe in recipes:
        exam, form = recipe.exams["test"], recipe.datasets[recipe.training[-1].dataset].format
        item = exam.items(recipe.sources["facts"], form, 0)[0]
        shown.append(item.fields["text"] in item.prompt[0]["content"])
    assert shown == [False, False, True]
