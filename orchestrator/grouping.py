"""Materials that are one to a generator, such as all candidates for one question."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orchestrator.clauses import Together
from storage.records import Draft, Seed

CANDIDATES = "candidates"
"""The field in which a generator sees the members of a group."""


@dataclass(frozen=True)
class Group:
    """Materials that agree in some fields, in the order of their keys. It is named after the first."""

    members: tuple[Seed | Draft, ...]
    together: Together

    @property
    def key(self) -> str:
        return self.members[0].key

    @property
    def skill(self) -> str:
        return self.members[0].skill

    @property
    def split_key(self) -> str:
        return self.members[0].split_key

    @cached_property
    def fields(self) -> dict[str, Any]:
        """What all members say alike: what is made of a group is nobody's answer in particular."""
        first, *others = (member.fields for member in self.members)
        return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """Of each member what the generator may see. Raises KeyError for a field that one lacks."""
        return [{name: member.fields[name] for name in self.together.shows} for member in self.members]


def grouped(materials: Sequence[Seed | Draft], together: Together) -> list[Group]:
    """The groups in the order of their first members. Raises KeyError for a field that a material lacks."""
    found: dict[str, list[Seed | Draft]] = {}
    for material in sorted(materials, key=lambda one: one.key):
        found.setdefault(str([material.fields[name] for name in together.by]), []).append(material)
    return [Group(tuple(members), together) for members in found.values()]
