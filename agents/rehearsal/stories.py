"""Arithmetic stories of two operations, each solved column by column."""

from random import Random

from agents.rehearsal import scratchpad
from agents.rehearsal.skill import Skill, Slots, Solution
from agents.rehearsal.vocabulary import NAMES, THINGS


def number(rng: Random) -> int:
    """Two or three digits, evenly: the sizes that the embedded student's drills cover best."""
    return rng.randint(11, 99) if rng.random() < 0.5 else rng.randint(100, 999)


def _collect(rng: Random) -> Slots:
    a, b = number(rng), number(rng)
    return {"n": rng.choice(NAMES), "t": rng.choice(THINGS), "a": a, "b": b, "c": rng.randint(11, min(a + b - 1, 999))}


def _solve_collect(s: Slots) -> Solution:
    total = s["a"] + s["b"]
    steps = f"{scratchpad.add(s['a'], s['b'])}; {scratchpad.subtract(total, s['c'])}"
    return Solution(steps, str(total - s["c"]))


def _purchase(rng: Random) -> Slots:
    price, k = rng.randint(11, 99), rng.randint(2, 9)
    return {"n": rng.choice(NAMES), "t": rng.choice(THINGS), "p": price, "k": k, "m": price * k + rng.randint(1, 200)}


def _solve_purchase(s: Slots) -> Solution:
    cost = s["p"] * s["k"]
    steps = f"{scratchpad.multiply(s['p'], s['k'])}; {scratchpad.subtract(s['m'], cost)}"
    return Solution(steps, str(s["m"] - cost))


def _pile(rng: Random) -> Slots:
    n1, n2, n3 = rng.sample(NAMES, 3)
    numbers = {"a": number(rng), "b": number(rng), "c": number(rng)}
    return {"n1": n1, "n2": n2, "n3": n3, "t": rng.choice(THINGS), **numbers}


def _solve_pile(s: Slots) -> Solution:
    first = s["a"] + s["b"]
    steps = f"{scratchpad.add(s['a'], s['b'])}; {scratchpad.add(first, s['c'])}"
    return Solution(steps, str(first + s["c"]))


def _match(rng: Random) -> Slots:
    n1, n2 = rng.sample(NAMES, 2)
    a = number(rng)
    return {"n1": n1, "n2": n2, "a": a, "b": _other(rng, a)}


def _other(rng: Random, than: int) -> int:
    while (value := number(rng)) == than:
        pass
    return value


def _solve_match(s: Slots) -> Solution:
    high, low = max(s["a"], s["b"]), min(s["a"], s["b"])
    leader = s["n1"] if s["a"] > s["b"] else s["n2"]
    return Solution(f"{leader} leads. {scratchpad.subtract(high, low)}", str(high - low))


def _trip(rng: Random) -> Slots:
    return {"n": rng.choice(NAMES), "h": rng.randint(2, 9), "v": number(rng), "d": number(rng)}


def _solve_trip(s: Slots) -> Solution:
    driven = s["v"] * s["h"]
    steps = f"{scratchpad.multiply(s['v'], s['h'])}; {scratchpad.add(driven, s['d'])}"
    return Solution(steps, str(driven + s["d"]))


def _film(rng: Random) -> Slots:
    return {"h": rng.randint(2, 9), "m": rng.randint(11, 59)}


def _solve_film(s: Slots) -> Solution:
    steps = f"{scratchpad.multiply(60, s['h'])}; {scratchpad.add(60 * s['h'], s['m'])}"
    return Solution(steps, str(60 * s["h"] + s["m"]))


STORIES = (
    Skill(
        "collect_and_give",
        "stories",
        (
            "{n} starts the week with {a:d} {t}, then collects {b:d} on Monday and hands {c:d} to a friend on Friday. "
            "What is the count of {t} at the weekend?",
        ),
        _collect,
        _solve_collect,
        ("a", "b", "c"),
        difficulty=2,
    ),
    Skill(
        "change",
        "stories",
        (
            "Each of the {t} costs {p:d} cents. {n} pays for {k:d} of them with {m:d} cents. How much change comes back?",
        ),
        _purchase,
        _solve_purchase,
        ("p", "k", "m"),
        difficulty=2,
    ),
    Skill(
        "pile",
        "stories",
        ("{n1}, {n2} and {n3} put their {t} together: {a:d}, {b:d} and {c:d}. What is the size of the pile?",),
        _pile,
        _solve_pile,
        ("a", "b", "c"),
        difficulty=2,
    ),
    Skill(
        "lead",
        "stories",
        ("{n1} scored {a:d} points and {n2} scored {b:d} points. By how many points did the winner lead?",),
        _match,
        _solve_match,
        ("a", "b"),
    ),
    Skill(
        "trip",
        "stories",
        ("{n} drives {h:d} hours at {v:d} km per hour and then walks {d:d} km. How long is the whole trip in km?",),
        _trip,
        _solve_trip,
        ("h", "v", "d"),
        difficulty=2,
    ),
    Skill(
        "film",
        "stories",
        ("A film lasts {h:d} hours and {m:d} minutes. How many minutes is that?",),
        _film,
        _solve_film,
        ("h", "m"),
    ),
)
