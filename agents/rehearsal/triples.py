"""The world's events as triples of head, relation and tail, and what kinds of thing its objects are.

A table beside the events: it adds relations that say what is not so, and concepts; what the skills draw stays as it is.
"""

import re
from collections.abc import Mapping, Sequence
from random import Random

from agents.rehearsal.events import DEEDS
from agents.rehearsal.skill import Slots
from agents.rehearsal.vocabulary import NAMES, OBJECTS

HEAD = re.compile(r"(?P<n>\w+) (?P<v>\w+) the (?P<o>\w+)\.")
RELATIONS = {
    "need": "What did {n} need before that?",
    "effect": "What happens as a result?",
    "react": "How does {n} feel?",
    "want": "What does {n} want next?",
    "not_react": "How does {n} not feel?",
    "not_want": "What does {n} not want next?",
}
NEGATIVE = "not_"
CONCEPTS: Mapping[str, Sequence[str]] = {
    "vehicle": "bike boat cart".split(),
    "machine": "bike radio clock camera lamp".split(),
    "furniture": "chair table clock lamp piano".split(),
    "toy": "kite drum boat cart".split(),
    "instrument": "drum piano".split(),
    "building": "fence tent window ladder".split(),
    "tool": "ladder camera lamp cart".split(),
}
"""What each concept holds; every object is under one at least."""


def head_of(slots: Slots) -> str:
    return "{n} {v} the {o}.".format(**slots)


def drawn_head(rng: Random) -> str:
    return head_of({"n": rng.choice(NAMES), "v": rng.choice(list(DEEDS)), "o": rng.choice(OBJECTS)})


def event_in(text: str) -> Slots | None:
    """What a text that begins with an event of the world says in it; its object may be a concept, or anything."""
    found = HEAD.match(text.strip())
    return found.groupdict() if found and found["v"] in DEEDS else None


def split_key(text: str) -> str | None:
    """The key of the event that a text begins with: that of the world's own questions about it."""
    slots = event_in(text)
    return "events:{v}:{o}".format(**slots) if slots else None


def question_of(slots: Slots, relation: str) -> str:
    return f"{head_of(slots)} {RELATIONS[relation].format(**slots)}"


def asked_in(question: str) -> tuple[Slots, str] | None:
    """The event and the relation that a question asks for."""
    if (slots := event_in(question)) is None:
        return None
    found = [relation for relation in RELATIONS if question_of(slots, relation) == question.strip()]
    return (slots, found[0]) if found else None


def tails(slots: Slots, relation: str) -> list[str]:
    """All right tails. One, but for what is not so: there it is what every other deed brings."""
    base = relation.removeprefix(NEGATIVE)
    right = _tail(slots, slots["v"], base)
    if base == relation:
        return [right]
    return [tail for verb in DEEDS if (tail := _tail(slots, verb, base)) != right]


def wrong_tails(slots: Slots, relation: str) -> list[str]:
    """The tails of the same relation that do not hold."""
    base, right = relation.removeprefix(NEGATIVE), tails(slots, relation)
    return [tail for verb in DEEDS if (tail := _tail(slots, verb, base)) not in right]


def holds(question: str, tail: str) -> bool | None:
    """Whether a tail is right, by the world; None for a question that is none of its events'."""
    found = asked_in(question)
    return None if found is None else tail.strip().rstrip(".") in tails(*found)


def is_a(instance: str, concept: str) -> bool:
    return instance.strip() in CONCEPTS.get(concept.strip(), ())


def concepts_of(instance: str) -> list[str]:
    return [concept for concept, things in CONCEPTS.items() if instance.strip() in things]


def _tail(slots: Slots, verb: str, relation: str) -> str:
    return getattr(DEEDS[verb], relation).format(o=slots["o"], n=slots["n"])
