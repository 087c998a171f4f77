"""The list of components, drawn from the classes themselves."""

import pytest

from agents.registry import components
from orchestrator.parts import describe_parts
from orchestrator.recipe import RecipeError


def test_every_component_is_listed_with_what_it_does_and_its_options() -> None:
    rows = describe_parts()
    assert len(rows) == len(list(components())) > 10
    assert all(row["does"] for row in rows)
    (vote,) = [row for row in rows if row["name"] == "majority_vote"]
    assert (vote["kind"], vote["options"]) == ("selection", "share=0.6, at_least=2")


@pytest.mark.parametrize("kind", ["critic", "critics", "Critic"])
def test_a_kind_may_be_said_in_the_singular_and_the_plural(kind: str) -> None:
    assert {row["kind"] for row in describe_parts(kind)} == {"critic"}


def test_an_unknown_kind_gets_the_nearest_and_the_list() -> None:
    with pytest.raises(
        RecipeError, match=r"no kind of component 'critick'\. Did you mean 'critic'\? There are: critic, "
    ):
        describe_parts("critick")
