"""Comparing two things, telling which comparisons contradict each other, and filling rules with values."""

import json
import re
from collections.abc import Sequence
from typing import Any

from agents.rehearsal import comparisons
from agents.rehearsal.triples import CONCEPTS
from agents.rehearsal.vocabulary import OBJECTS
from agents.variables import filled, open_variables, said

COUNT = re.compile(r"\b(?:Write|Name) (?:up to )?([0-9]{1,2})\b")
UNFIT_RATE = 0.15
"""How often a comparison is not of the form asked for. Planted, for the filter to find."""
UNFIT = ("is usually a nice thing", "is often bigger than the {first}", "is never seen", "is mostly less")
RELATIONS = ("entail", "contradict", "neither")


def compare(writer: Any) -> dict[str, Any]:
    """Ends of `Compared to the first, the second …`, each the wrong way round at the writer's rate."""
    first, second, attribute = (writer.fields.get(name, "").strip() for name in ("first", "second", "attribute"))
    if first not in OBJECTS or second not in OBJECTS or attribute not in comparisons.MEASURES:
        return {"predicates": ["is unknown to me"]}
    found = []
    for _ in range(_count(writer)):
        if writer.rng.random() < UNFIT_RATE:
            found.append(writer.rng.choice(UNFIT).format(first=first))
            continue
        word = comparisons.word_for(first, second, attribute)
        if writer.rng.random() < writer.profile.error_in(attribute):
            word = next(other for other in comparisons.MORE_LESS[attribute] if other != word)
        found.append(f"is {writer.rng.choice(comparisons.ADVERBS)} {word}")
    return {"predicates": found}


def relate(writer: Any) -> dict[str, Any]:
    """Of every two statements what one says of the other, told otherwise at the rate of the writer's judgements."""
    statements = _statements(writer.fields.get("candidates", ""))
    found = []
    for i, one in enumerate(statements):
        for j, other in enumerate(statements[:i]):
            relation = comparisons.relation(one, other)
            if writer.rng.random() < writer.profile.judge_error_rate:
                relation = writer.rng.choice([name for name in RELATIONS if name != relation])
            if relation != "neither":
                found.append({"first": j + 1, "second": i + 1, "relation": relation})
    return {"relations": found}


def search_values(writer: Any) -> dict[str, Any]:
    """Values of the rule's first open variable, the popular ones sooner; each wrong at the writer's rate."""
    rule = writer.fields.get("rule", "")
    known = set(writer.fields.get("known", "").split("\n"))
    left = [thing for thing in OBJECTS if thing not in known]
    right = [thing for thing in left if _goes(rule, thing)]
    return {"values": _drawn(writer, right, [thing for thing in left if thing not in right], _count(writer))}


def fill_rule(writer: Any) -> dict[str, Any]:
    """Whole statements of a rule, each variable filled by itself, wrong at the writer's rate."""
    rule, found = writer.fields.get("rule", ""), list[str]()
    for _ in range(_count(writer)):
        text = rule
        while variables := open_variables(text):
            right = [thing for thing in OBJECTS if _goes(text, thing)]
            value = _drawn(writer, right, [thing for thing in OBJECTS if thing not in right], 1)
            text = filled(text, {variables[0].name: value[0]})
        found.append(text)
    return {"statements": list(dict.fromkeys(found))}


def _goes(rule: str, thing: str) -> bool:
    """Whether a thing is of the type of the first open variable, and the rule can hold with it."""
    variables = open_variables(rule)
    if not variables or thing not in CONCEPTS.get(variables[0].type, ()):
        return False
    return bool(comparisons.follows(said(filled(rule, {variables[0].name: thing}))))


def _drawn(writer: Any, right: Sequence[str], wrong: Sequence[str], count: int) -> list[str]:
    found = list[str]()
    for _ in range(count):
        errs = writer.rng.random() < writer.profile.error_in("") or not right
        left = [thing for thing in (wrong if errs else right) if thing not in found]
        if left:
            found += writer.rng.choices(left, [comparisons.popularity(thing) for thing in left])
    return found


def _statements(candidates: str) -> list[str]:
    try:
        return [str(one.get("statement", "")) for one in json.loads(candidates)]
    except (ValueError, AttributeError, TypeError):
        return []


def _count(writer: Any) -> int:
    asked = COUNT.search(writer.text)
    return int(asked[1]) if asked else 1
