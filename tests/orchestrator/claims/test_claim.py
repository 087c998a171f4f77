"""When one arm counts as better than another, or as no worse: over trainings and questions."""

from collections.abc import Sequence

import pytest

from orchestrator.claims.claim import better, not_worse
from orchestrator.comparison import Result
from orchestrator.recipe_text import RecipeError
from tests.orchestrator.claims.made import a_result


def an_arm(name: str, rights: Sequence[int]) -> list[Result]:
    """Of 60 questions `trip`, how many are right in the training of each seed; of `lead` always 30."""
    return [a_result(name, {"trip": right, "lead": 30}, seed=seed) for seed, right in enumerate(rights)]


@pytest.mark.parametrize(("rights", "held"), [((45, 46, 44), True), ((27, 60, 48), False), ((45,), True)])
def test_an_arm_is_better_only_if_its_trainings_agree(rights: Sequence[int], held: bool) -> None:
    control = an_arm("old", [30] * len(rights))
    assert better(an_arm("new", rights), control, "says", ["trip"]).held == held


@pytest.mark.parametrize(("rights", "held"), [((30, 31, 29), True), ((10, 50, 30), False)])
def test_an_arm_is_no_worse_only_if_its_trainings_agree(rights: Sequence[int], held: bool) -> None:
    assert not_worse(an_arm("new", rights), an_arm("old", [30] * 3), "says", 0.1).held == held


def test_it_is_said_what_the_interval_is_over() -> None:
    one, three = ((an_arm("new", [45] * seeds), an_arm("old", [30] * seeds)) for seeds in (1, 3))
    assert better(*one, "says").figures.endswith("] over 120 questions of one training, so not over trainings")
    assert better(*three, "says", ["trip"]).figures.startswith("50.0% → 75.0%, +25.0 points [")
    assert better(*three, "says", ["trip"]).figures.endswith("] over 3 trainings and 60 questions")
    assert not_worse(*three, "says", 0.1).figures.endswith("of the -10 allowed, over 3 trainings and 120 questions")


def test_a_skill_that_was_not_asked_cannot_be_claimed() -> None:
    with pytest.raises(RecipeError, match="share no test question of product"):
        better(an_arm("new", [3]), an_arm("old", [3]), "says", ["product"])
