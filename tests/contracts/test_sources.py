"""What every source must hold to."""

from itertools import islice
from typing import Any, get_args

import pytest

from agents.kinds import Material, Part, Source
from storage.keyed import canonical_json
from tests.contracts.whole import named, of_kind, parts_of

PARTS: tuple[Part, ...] = get_args(Part)
every = pytest.mark.parametrize("source", of_kind(Source), ids=named)


def some(source: Any, part: Part, seed: int = 0, each: int = 12) -> list[Material]:
    return [m for skill in source.skills() for m in islice(source.materials(part, skill, seed), each)]


@every
def test_the_same_arguments_give_the_same_materials_in_the_same_order(source: Any) -> None:
    for part in PARTS:
        assert some(source, part) == some(source.model_copy(), part)


@every
def test_no_split_key_is_in_two_parts(source: Any) -> None:
    keys = {part: {m.split_key for seed in (0, 1) for m in some(source, part, seed)} for part in PARTS}
    assert all(keys[part] for part in parts_of(source))
    assert not keys["train"] & keys["probe"] | keys["train"] & keys["test"] | keys["probe"] & keys["test"]
    assert all(source.part_of(key) == part for part in PARTS for key in keys[part])


@every
def test_its_own_materials_have_the_split_key_that_their_fields_have(source: Any) -> None:
    for part in PARTS:
        for material in some(source, part):
            assert source.split_key(material.fields) == material.split_key


@every
def test_materials_of_one_part_and_skill_are_distinct(source: Any) -> None:
    for skill in source.skills():
        found = list(islice(source.materials("train", skill, 0), 60))
        assert len({canonical_json(m.fields) for m in found}) == len({m.origin for m in found}) == len(found)


@every
def test_materials_are_tagged_with_the_skill_they_were_asked_for(source: Any) -> None:
    for skill in source.skills():
        assert {m.skill for m in islice(source.materials("train", skill, 0), 20)} <= {skill}


@every
def test_a_foreign_text_has_a_split_key_too(source: Any) -> None:
    for text in ("", "What is love?", "</question> {answer}", "x" * 3000, "a\nb"):
        assert isinstance(source.split_key({"question": text}), str)
        assert source.part_of(source.split_key({"question": text})) in PARTS
