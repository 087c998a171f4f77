"""Rules with typed variables, such as `Who can lift the [X: vehicle] can lift the [Y: tool].`, filled one after another."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

OPEN = re.compile(r"\[(?P<name>[A-Za-z]\w*): (?P<type>[^\[\]]+)\]")
BLANK = "___"


@dataclass(frozen=True)
class Variable:
    """A place of a rule that a value of its type fills."""

    name: str
    type: str


def open_variables(rule: str) -> list[Variable]:
    """Those without a value, in the order in which they are filled: that of the rule."""
    return list(dict.fromkeys(Variable(found["name"], found["type"].strip()) for found in OPEN.finditer(rule)))


def filled(rule: str, values: Mapping[str, str]) -> str:
    """The rule with these values in the places of their variables, by name, in one pass."""
    return OPEN.sub(lambda found: values.get(found["name"], found[0]), rule)


def values_in(rule: str, statement: str) -> dict[str, str] | None:
    """The values with which a rule is this statement, by the names of its variables; None if it is none of the rule's."""
    parts, names, place = list[str](), set[str](), 0
    for found in OPEN.finditer(rule):
        again = found["name"] in names
        names.add(found["name"])
        parts += [
            re.escape(rule[place : found.start()]),
            f"(?P={found['name']})" if again else f"(?P<{found['name']}>.+?)",
        ]
        place = found.end()
    found = re.fullmatch("".join([*parts, re.escape(rule[place:])]), statement, re.IGNORECASE)
    return found.groupdict() if found else None


def said(rule: str) -> str:
    """The rule as a statement: what has no value yet is something of its type."""
    return OPEN.sub(lambda found: f"some {found['type'].strip()}", rule).replace("the some ", "some ")


def asked(rule: str) -> str:
    """The rule as a question for its first open variable."""
    first = open_variables(rule)[0]
    return f"{said(filled(rule, {first.name: BLANK}))} Which {first.type}?"
