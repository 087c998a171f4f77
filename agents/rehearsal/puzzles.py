"""Small symbolic puzzles: sequences, orders, switches and lists."""

from random import Random

from agents.rehearsal import scratchpad
from agents.rehearsal.skill import Skill, Slots, Solution
from agents.rehearsal.vocabulary import NAMES, OBJECTS


def _sequence(rng: Random) -> Slots:
    start, step = rng.randint(11, 400), rng.randint(11, 99)
    return {"a": start, "b": start + step, "c": start + 2 * step}


def _solve_sequence(s: Slots) -> Solution:
    step = s["c"] - s["b"]
    return Solution(f"{scratchpad.subtract(s['c'], s['b'])}; {scratchpad.add(s['c'], step)}", str(s["c"] + step))


def _order(rng: Random) -> Slots:
    tall, middle, short = rng.sample(NAMES, 3)
    facts = [f"{tall} is taller than {middle}.", f"{middle} is taller than {short}."]
    rng.shuffle(facts)
    return {"facts": " ".join(facts)}


def _ranked(facts: str) -> list[str]:
    pairs = [tuple(fact.strip(". ").split(" is taller than ")) for fact in facts.split(". ")]
    (a, b), (c, d) = pairs
    return [a, b, d] if b == c else [c, d, b]


def _solve_order(s: Slots) -> Solution:
    lower = [fact.rstrip(".").rpartition(" than ")[2] for fact in s["facts"].split(". ")]
    return Solution(f"{lower[0]} is lower. {lower[1]} is lower.", _ranked(s["facts"])[0])


def _wrong_order(s: Slots, rng: Random) -> str:
    return rng.choice(_ranked(s["facts"])[1:])


def _switch(rng: Random) -> Slots:
    presses = rng.randint(1, 6)
    return {"n": rng.choice(NAMES), "o": rng.choice(OBJECTS), "s": rng.choice(["on", "off"]), "k": presses}


def _flips(start: str, presses: int) -> list[str]:
    other = {"on": "off", "off": "on"}
    states = [start]
    for _ in range(presses):
        states.append(other[states[-1]])
    return states


def _solve_switch(s: Slots) -> Solution:
    states = _flips(s["s"], s["k"])
    path = " ".join(f"{i} {state}" for i, state in enumerate(states))
    return Solution(path, states[-1])


def _wrong_switch(s: Slots, _rng: Random) -> str:
    return _flips(_solve_switch(s).answer, 1)[-1]


def _list(rng: Random) -> Slots:
    return {"words": " ".join(rng.sample(OBJECTS, 3))}


def _solve_list(s: Slots) -> Solution:
    words = s["words"].split()
    return Solution(" ".join(f"{i} {word}" for i, word in enumerate(words, 1)), " ".join(reversed(words)))


def _wrong_list(s: Slots, rng: Random) -> str:
    words = s["words"].split()
    shuffled = words[:]
    while shuffled == words[::-1]:
        rng.shuffle(shuffled)
    return " ".join(shuffled)


PUZZLES = (
    Skill(
        "next_number",
        "puzzles",
        ("A row of numbers grows by the same step: {a:d}, {b:d}, {c:d}. Which number is next?",),
        _sequence,
        _solve_sequence,
        ("a", "b", "c"),
        difficulty=2,
    ),
    Skill(
        "tallest",
        "puzzles",
        ("{facts} Who is the tallest?",),
        _order,
        _solve_order,
        ("facts",),
        _wrong_order,
        vocabulary=("is taller than", "over"),
    ),
    Skill(
        "switch",
        "puzzles",
        ("The {o} is {s}. {n} presses its button {k:d} times. Is it on or off?",),
        _switch,
        _solve_switch,
        ("n", "o", "s", "k"),
        _wrong_switch,
    ),
    Skill(
        "reverse",
        "puzzles",
        ("Say this list backwards: {words}.",),
        _list,
        _solve_list,
        ("words",),
        _wrong_list,
        difficulty=2,
    ),
)
