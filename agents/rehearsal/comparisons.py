"""Which of two things of the world is heavier, larger or dearer, and rules about what follows from that."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agents.rehearsal.triples import CONCEPTS
from agents.rehearsal.vocabulary import OBJECTS

MEASURES: Mapping[str, Mapping[str, float]] = {
    "weight": dict(zip(OBJECTS, (12, 2, 80, 1, 5, 300, 0.3, 25, 8, 1.5, 4, 40, 250, 0.6, 15, 9), strict=True)),
    "size": dict(zip(OBJECTS, (90, 9, 400, 6, 60, 600, 30, 120, 35, 20, 200, 160, 240, 4, 75, 110), strict=True)),
    "price": dict(
        zip(OBJECTS, (400, 60, 900, 25, 45, 7000, 12, 150, 200, 35, 180, 120, 5000, 300, 220, 70), strict=True)
    ),
}
"""Of each thing, by attribute, and no two alike: kilograms, centimetres and coins, roughly."""
MORE_LESS: Mapping[str, tuple[str, str]] = {
    "weight": ("heavier", "lighter"),
    "size": ("larger", "smaller"),
    "price": ("dearer", "cheaper"),
}
ADVERBS = ("usually", "often", "mostly", "generally")
STATEMENT = re.compile(r"Compared to the (?P<first>\w+), the (?P<second>\w+) is (?:(?P<adverb>\w+) )?(?P<word>\w+)\.?")
QUESTION = re.compile(
    r"compared to the (?P<first>\w+), what is the (?P<second>\w+) in (?:weight|size|price)\?", re.IGNORECASE
)
RULES: Mapping[str, tuple[str, str]] = {
    "lift": ("weight", "Who can lift the {x} can lift the {y}."),
    "fit": ("size", "Where the {x} fits, the {y} fits."),
    "pay": ("price", "Who can pay for the {x} can pay for the {y}."),
}
"""By name the attribute that decides, and what is said: it holds where y has less of it than x."""
_SAID = {
    name: re.compile(re.escape(text).replace(r"\{x\}", r"(?P<x>\w+)").replace(r"\{y\}", r"(?P<y>\w+|some_\w+)"))
    for name, (_, text) in RULES.items()
}


@dataclass(frozen=True)
class Comparison:
    """What a statement says: this has more of the attribute than that."""

    attribute: str
    more: str
    less: str


def question_of(first: str, second: str, attribute: str) -> str:
    return f"Compared to the {first}, what is the {second} in {attribute}?"


def pair_in(question: str) -> str | None:
    """The two things that a question compares, in the order of the alphabet; None if it is none of the world's."""
    found = QUESTION.fullmatch(question.strip())
    return ", ".join(sorted((found["first"], found["second"]))) if found else None


def word_for(first: str, second: str, attribute: str) -> str:
    """The comparative that holds of the second thing."""
    measure = MEASURES[attribute]
    return MORE_LESS[attribute][measure[second] < measure[first]]


def compared_in(statement: str) -> Comparison | None:
    """What a statement says; None if it is no comparison of the world's."""
    found = STATEMENT.fullmatch(statement.strip())
    if found is None or not {found["first"], found["second"]} <= set(OBJECTS):
        return None
    for attribute, (more, less) in MORE_LESS.items():
        if found["word"] in (more, less):
            pair = (found["second"], found["first"]) if found["word"] == more else (found["first"], found["second"])
            return Comparison(attribute, *pair)
    return None


def is_so(statement: str) -> bool | None:
    """Whether a comparison holds; None for what is none."""
    said = compared_in(statement)
    return None if said is None else MEASURES[said.attribute][said.more] > MEASURES[said.attribute][said.less]


def relation(one: str, other: str) -> str:
    """`entail`, `contradict` or `neither`: the same comparison, the same turned round, or another."""
    said, heard = compared_in(one), compared_in(other)
    if said is None or heard is None:
        return "neither"
    if said == heard:
        return "entail"
    return "contradict" if said == Comparison(heard.attribute, heard.less, heard.more) else "neither"


# --- rules ----------------------------------------------------------------------------------------------------------


def rules() -> Iterator[tuple[str, str]]:
    """(name, rule) of every rule: each way to say one, for each two concepts."""
    for name, (_, text) in RULES.items():
        for one in CONCEPTS:
            for other in CONCEPTS:
                yield name, text.format(x=f"[X: {one}]", y=f"[Y: {other}]")


def follows(statement: str) -> bool | None:
    """Whether a filled rule holds. One with `some <concept>` holds if something of it makes it hold; None if it is no rule's."""
    text = re.sub(r"\b(?:the )?some (\w+)", r"the some_\1", statement.strip())
    for name, pattern in _SAID.items():
        if found := pattern.fullmatch(text):
            return _follows(name, found["x"], found["y"])
    return None


def _follows(name: str, x: str, y: str) -> bool | None:
    measure = MEASURES[RULES[name][0]]
    if x not in measure:
        return None
    if y.startswith("some_"):
        concept = y.removeprefix("some_")
        return any(measure[thing] < measure[x] for thing in CONCEPTS[concept]) if concept in CONCEPTS else None
    return measure[y] < measure[x] if y in measure else None


def popularity(thing: str) -> float:
    """How often a thing is thought of, by Zipf's law in the order of the vocabulary. Planted: the world itself draws evenly."""
    return 1 / (1 + [*OBJECTS].index(thing))
