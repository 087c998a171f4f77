"""Everyday events and what comes before and after them, in the manner of ATOMIC's relations (Sap et al. 2019)."""

from dataclasses import dataclass
from random import Random

from agents.rehearsal.skill import Skill, Slots, Solution
from agents.rehearsal.vocabulary import NAMES, OBJECTS


@dataclass(frozen=True)
class Deed:
    """What the world holds of one verb: xNeed, xEffect, xReact, xWant of `PersonX <verb> the <object>`."""

    need: str
    effect: str
    react: str
    want: str


DEEDS = {
    "repairs": Deed("to find tools for the {o}", "the {o} works again", "proud", "to use the {o}"),
    "loses": Deed("to have the {o}", "the {o} is gone", "sad", "to look for the {o}"),
    "buys": Deed("to save money for the {o}", "the {o} belongs to {n}", "happy", "to bring the {o} home"),
    "breaks": Deed("to hold the {o}", "the {o} is in pieces", "sorry", "to mend the {o}"),
    "sells": Deed("to own the {o}", "the {o} leaves the house", "pleased", "to count money for the {o}"),
    "steals": Deed("to wait near the {o}", "the {o} is missed by others", "guilty", "to hide the {o}"),
}


def _event(rng: Random) -> Slots:
    return {"n": rng.choice(NAMES), "v": rng.choice(list(DEEDS)), "o": rng.choice(OBJECTS)}


def _why(s: Slots, relation: str) -> str:
    """The rule behind the tail, said of `it` instead of the object."""
    tail = _tail({**s, "o": "it"}, relation).replace("the it", "it")
    verb = {"need": "needs", "effect": "sees that", "react": "feels", "want": "wants"}[relation]
    return f"Who {s['v']} {verb} {tail}."


def _tail(s: Slots, relation: str) -> str:
    return getattr(DEEDS[s["v"]], relation).format(o=s["o"], n=s["n"])


def _relation_skill(name: str, relation: str, question: str) -> Skill:
    def solve(s: Slots) -> Solution:
        return Solution(_why(s, relation), _tail(s, relation))

    def wrong(s: Slots, rng: Random) -> str:
        verb = rng.choice([verb for verb in DEEDS if verb != s["v"]])
        return _tail({**s, "v": verb}, relation)

    return Skill(
        name, "events", (question,), _event, solve, ("v", "o"), wrong, vocabulary=(relation, *DEEDS, *_tails(relation))
    )


def _tails(relation: str) -> list[str]:
    return [getattr(deed, relation).format(o="", n="") for deed in DEEDS.values()]


EVENTS = (
    _relation_skill("event_need", "need", "{n} {v} the {o}. What did {n} need before that?"),
    _relation_skill("event_effect", "effect", "{n} {v} the {o}. What happens as a result?"),
    _relation_skill("event_react", "react", "{n} {v} the {o}. How does {n} feel?"),
    _relation_skill("event_want", "want", "{n} {v} the {o}. What does {n} want next?"),
)
