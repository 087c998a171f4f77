"""Small families, told in facts, and who is what of whom: what follows by two facts and one rule."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from agents.rehearsal.vocabulary import NAMES

MEN = tuple("Ben Carl Eli Gus Ian Kai Max Omar Quin Sam Vic Wes Yan".split())
WOMEN = tuple(name for name in NAMES if name not in MEN)
FACT = re.compile(r"(\w+) is (mother|father|sister|brother) of (\w+)\.")
ASKED = re.compile(r"Who is (grandmother|grandfather|aunt|uncle) of (\w+)\?$")
BY = {"grandmother": "mother", "grandfather": "father", "aunt": "sister", "uncle": "brother"}
"""What the one that is asked for is of a parent."""
RULES = {
    asked: tuple(f"{asked}(X, Z) :- {parent}(Y, Z), {near}(X, Y)." for parent in ("mother", "father"))
    for asked, near in BY.items()
}


@dataclass(frozen=True)
class Family:
    """A question: what is told, and what is asked of whom."""

    facts: tuple[tuple[str, str, str], ...]
    relation: str
    person: str

    def __str__(self) -> str:
        told = " ".join(f"{one} is {relation} of {other}." for one, relation, other in self.facts)
        return f"{told} Who is {self.relation} of {self.person}?"

    @property
    def answer(self) -> str:
        parent = next(one for one, relation, other in self.facts if other == self.person)
        return next(one for one, _, other in self.facts if other == parent)

    @property
    def split_key(self) -> str:
        """The family, whoever of it is asked about and in whatever order it is told."""
        return "kinship: " + ", ".join(" ".join(fact) for fact in sorted(self.facts))


def families(relation: str, seed: int) -> Iterator[Family]:
    """Two families of three in one question without end; the other one is in the way."""
    rng = Random(f"{seed}:kinship:{relation}")
    while True:
        women, men = rng.sample(WOMEN, len(WOMEN)), rng.sample(MEN, len(MEN))
        facts, children = list[tuple[str, str, str]](), list[str]()
        for _ in range(2):
            near = BY[relation]
            one = (women if near in ("mother", "sister") else men).pop()
            parent, people = rng.choice([("mother", women), ("father", men)])
            middle, child = people.pop(), rng.choice([women, men]).pop()
            facts += [(one, near, middle), (middle, parent, child)]
            children.append(child)
        rng.shuffle(facts)
        yield Family(tuple(facts), relation, children[0])


def read(question: str) -> Family | None:
    """The question that a text is; None if it is none of these."""
    text = question.strip()
    asked, facts = ASKED.search(text), tuple(FACT.findall(text))
    if not asked:
        return None
    found = Family(facts, asked[1], asked[2])
    return found if str(found) == text else None
