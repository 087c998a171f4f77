"""What a student may not say: as the recipe says it, and as its worker is told."""

import pytest

from orchestrator.recipe import RecipeError
from storage.store import Store
from tests.conftest import Loop

PRACTICE = "{use: final_answer, source: tasks, part: train, per_skill: 2"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{at_most: 2}", r"`at_most` is a number of words of the lexicon `of`"),
        ("{of: [the]}", r"`at_most` is a number of words of the lexicon `of`"),
        ("{forbid: [' ']}", r"a word that a student may not say has letters"),
        ("{at_most: -1, of: [the]}", r"greater than or equal to 0"),
        ("{forbids: [the]}", r"there is no such option"),
    ],
)
def test_constraints_that_say_nothing_are_refused(loop: Loop, said: str, why: str) -> None:
    with pytest.raises(RecipeError, match=why):
        loop.recipe(f"exams.practice={PRACTICE}, constraints: {said}}}")


async def test_exams_with_other_constraints_are_asked_apart_and_those_without_as_before(
    loop: Loop, store: Store
) -> None:
    bound = f"exams.bound={PRACTICE}, constraints: {{forbid: the, at_most: 1, of: [of, to]}}}}"
    await loop.teach(loop.recipe(f"exams.free={PRACTICE}}}", bound), store)
    told = {job["folder"].rpartition("-")[2]: job.get("constraints") for job in loop.worker.done if "asked" in job}
    assert told["bound"] == {"forbid": ["the"], "at_most": 1, "of": ["of", "to"]}
    assert told["free"] is None
    assert told["probe"] is None
