"""What every component of every kind must hold to."""

import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agents.registry import build, components, kind_of, names
from tests.contracts.whole import ABSENT, KINDS, NEEDED, named, of_kind

EVERY = [component for kind in KINDS for component in of_kind(kind)]
every = pytest.mark.parametrize("component", EVERY, ids=named)


def test_every_kind_has_a_component_and_every_component_a_kind() -> None:
    assert {kind for kind, _, _ in components()} == set(KINDS)
    assert len(EVERY) + len(ABSENT) == len(list(components())) >= 12


@every
def test_the_file_has_the_name_that_recipes_use(component: Any) -> None:
    assert Path(inspect.getfile(type(component))).stem == component.use


@every
def test_there_is_a_manual_of_its_own(component: Any) -> None:
    manual = type(component).__doc__ or ""
    paragraph = manual.strip().split("\n\n")[0]
    assert len(paragraph) > 20
    assert paragraph.endswith((".", ":"))


@every
def test_it_cannot_be_changed(component: Any) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        component.use = "other"


@every
def test_a_misspelt_option_is_refused(component: Any) -> None:
    with pytest.raises(ValueError, match="no_such_option"):
        build({"use": component.use, **NEEDED.get(component.use, {}), "no_such_option": 1}, *KINDS)


@every
def test_it_survives_the_way_to_another_process(component: Any) -> None:
    assert pickle.loads(pickle.dumps(component)) == component


@every
def test_it_comes_back_from_what_is_stored_of_it(component: Any) -> None:
    assert build(component.model_dump(mode="json"), *KINDS) == component


@every
def test_it_has_few_options(component: Any) -> None:
    """Beyond those that all of its kind have."""
    assert len(type(component).model_fields.keys() - kind_of(type(component)).model_fields.keys()) <= 9


@every
def test_its_name_alone_is_enough_unless_only_the_user_can_know(component: Any) -> None:
    required = {name for name, field in type(component).model_fields.items() if field.is_required()} - {"use"}
    assert required <= NEEDED.get(component.use, {}).keys()


@every
def test_its_signature_names_the_revision(component: Any) -> None:
    assert component.signature.startswith(f"{component.use}@{component.revision}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_unknown_name_gets_the_nearest_and_the_list(kind: Any) -> None:
    known = names(kind)
    with pytest.raises(ValueError, match=rf"Did you mean '{known[0]}'\?.*There are: {', '.join(known)}"):
        build({"use": known[0] + "s"}, kind)
