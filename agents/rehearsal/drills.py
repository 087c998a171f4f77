"""What the embedded student can do before any lesson: column arithmetic, reading numbers, copying, looking up.

The base checkpoint was trained on these and on nothing else (`orchestrator/embedded/pretrain.py`); a run examines
them as its retention suite, to see that lessons do not cost what was known.
"""

from random import Random

from agents.rehearsal import scratchpad
from agents.rehearsal.documents import DOCUMENTS
from agents.rehearsal.events import EVENTS
from agents.rehearsal.puzzles import PUZZLES
from agents.rehearsal.skill import Skill, Slots, Solution
from agents.rehearsal.stories import STORIES, number
from agents.rehearsal.vocabulary import CONTAINERS, NAMES, THINGS
from agents.rehearsal.vocabulary import WORDS as COMMON_WORDS

ORDINALS = ("first", "second", "third")
LESSON_WORDS = {word for skill in (*STORIES, *DOCUMENTS, *EVENTS, *PUZZLES) for word in skill.words()}
"""What the taught skills are told in: the base has to know these words, though nothing that is said with them."""
WORDS = sorted({*COMMON_WORDS, *LESSON_WORDS})


def _wide(rng: Random) -> int:
    digits = rng.choices((1, 2, 3, 4), (5, 35, 35, 25))[0]
    return rng.randint(10 ** (digits - 1), 10**digits - 1)


def _salad(rng: Random, numbers: list[int], low: int = 6, high: int = 26) -> str:
    """Random words with these numbers among them, in this order: reading that owes nothing to any story."""
    words = [rng.choice(WORDS) for _ in range(rng.randint(max(low, len(numbers)), high))]
    for place, value in zip(sorted(rng.sample(range(len(words)), len(numbers))), numbers, strict=True):
        words[place] = str(value)
    return " ".join(word + rng.choice(",.:?") if rng.random() < 0.12 else word for word in words)


def _two(rng: Random) -> Slots:
    return {"a": _wide(rng), "b": _wide(rng)}


def _descending(rng: Random) -> Slots:
    a, b = sorted((_wide(rng), _wide(rng)), reverse=True)
    return {"a": a, "b": b}


def _factor(rng: Random) -> Slots:
    return {"a": min(_wide(rng), 999), "d": rng.randint(2, 9)}


def _solve_add(s: Slots) -> Solution:
    return Solution(scratchpad.add(s["a"], s["b"]), str(s["a"] + s["b"]))


def _solve_subtract(s: Slots) -> Solution:
    return Solution(scratchpad.subtract(s["a"], s["b"]), str(s["a"] - s["b"]))


def _solve_multiply(s: Slots) -> Solution:
    return Solution(scratchpad.multiply(s["a"], s["d"]), str(s["a"] * s["d"]))


def _thing(rng: Random) -> Slots:
    return {"n": rng.choice(NAMES), "t": rng.choice(THINGS), "x": rng.choice(CONTAINERS)}


def _gain(rng: Random) -> Slots:
    return {**_thing(rng), "a": number(rng), "b": number(rng)}


def _loss(rng: Random) -> Slots:
    a, b = sorted((number(rng), number(rng)), reverse=True)
    return {**_thing(rng), "a": a, "b": b}


def _groups(rng: Random) -> Slots:
    return {**_thing(rng), "a": number(rng), "d": rng.randint(2, 9)}


def _numbers(rng: Random) -> Slots:
    numbers = [number(rng) if rng.random() < 0.8 else rng.randint(2, 9) for _ in range(rng.randint(1, 4))]
    return {"text": _salad(rng, numbers)}


def _found(text: str) -> list[int]:
    return [int(word.rstrip(",.:?")) for word in text.split() if word.rstrip(",.:?").isdigit()]


def _solve_numbers(s: Slots) -> Solution:
    found = " ".join(map(str, _found(s["text"])))
    return Solution(f"found {found}", found)


def _operation(rng: Random) -> Slots:
    kind = rng.choice(["sum", "difference", "product"])
    numbers = [number(rng), rng.randint(2, 9) if kind == "product" else number(rng)]
    rng.shuffle(numbers)
    return {"text": _salad(rng, numbers), "kind": kind}


def _solve_operation(s: Slots) -> Solution:
    a, b = _found(s["text"])
    high, low = max(a, b), min(a, b)
    if s["kind"] == "sum":
        return Solution(scratchpad.add(a, b), str(a + b))
    if s["kind"] == "difference":
        return Solution(scratchpad.subtract(high, low), str(high - low))
    return Solution(scratchpad.multiply(high, low), str(a * b))


def _chain(rng: Random) -> Slots:
    a, b, d = number(rng), number(rng), rng.randint(2, 9)
    shape = rng.choice(["++", "+-", "-+", "*+", "*-", "r"])
    if shape == "++":
        return {"e": f"{a} + {b} + {number(rng)}"}
    if shape == "+-":
        return {"e": f"{a} + {b} - {rng.randint(1, a + b)}"}
    if shape == "-+":
        return {"e": f"{max(a, b)} - {min(a, b)} + {number(rng)}"}
    if shape == "*+":
        return {"e": f"{a} * {d} + {b}"}
    if shape == "*-":
        return {"e": f"{a} * {d} - {rng.randint(1, a * d)}"}
    return {"e": f"{a * d + rng.randint(1, 300)} - {a} * {d}"}


def _solve_chain(s: Slots) -> Solution:
    words = s["e"].split()
    if words[1] == "-" and words[3] == "*":
        product = int(words[2]) * int(words[4])
        steps = f"{scratchpad.multiply(int(words[2]), int(words[4]))}; {scratchpad.subtract(int(words[0]), product)}"
        return Solution(steps, str(int(words[0]) - product))
    steps, value = [], int(words[0])
    for sign, operand in zip(words[1::2], map(int, words[2::2]), strict=True):
        write = {"+": scratchpad.add, "-": scratchpad.subtract, "*": scratchpad.multiply}[sign]
        steps.append(write(value, operand))
        value = {"+": value + operand, "-": value - operand, "*": value * operand}[sign]
    return Solution("; ".join(steps), str(value))


def _plan(rng: Random) -> Slots:
    times = rng.random() < 0.5
    numbers = [number(rng), number(rng), rng.randint(2, 9) if times else number(rng)]
    rng.shuffle(numbers)
    order = list(range(3))
    rng.shuffle(order)
    if times:
        digit = next(i for i, value in enumerate(numbers) if value < 10)
        rest = [i for i in order if i != digit]
        order = [rest[0], digit, rest[1]]
    x, y, z = (ORDINALS[i] for i in order)
    verb = "times" if times else "plus"
    return {
        "text": _salad(rng, numbers, 8, 30),
        "x": x,
        "verb": verb,
        "y": y,
        "then": rng.choice(["plus", "gap"]),
        "z": z,
    }


def _solve_plan(s: Slots) -> Solution:
    found = _found(s["text"])
    a, b, c = (found[ORDINALS.index(s[k])] for k in "xyz")
    first = a * b if s["verb"] == "times" else a + b
    begin = scratchpad.multiply(a, b) if s["verb"] == "times" else scratchpad.add(a, b)
    if s["then"] == "plus":
        return Solution(f"{begin}; {scratchpad.add(first, c)}", str(first + c))
    high, low = max(first, c), min(first, c)
    return Solution(f"{begin}; {scratchpad.subtract(high, low)}", str(high - low))


def _compare(rng: Random) -> Slots:
    n1, n2 = rng.sample(NAMES, 2)
    a = number(rng)
    b = next(value for value in iter(lambda: number(rng), None) if value != a)
    return {"n1": n1, "a": a, "n2": n2, "b": b, "w": rng.choice(WORDS), "text": _salad(rng, [], 2, 6)}


def _solve_compare(s: Slots) -> Solution:
    winner = s["n1"] if s["a"] > s["b"] else s["n2"]
    return Solution(f"{winner} leads, {max(s['a'], s['b'])} over {min(s['a'], s['b'])}.", winner)


def _phrase(rng: Random) -> str:
    return " ".join(rng.sample(WORDS, rng.choice((1, 1, 2))))


def _table(rng: Random, links: int) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Two chains of `links` facts over random words; a chain's value is the next fact's key."""
    facts, starts = [], []
    relations = [" ".join(rng.sample(WORDS, rng.choice((1, 2, 3)))) for _ in range(links)]
    for _ in range(2):
        keys = [_phrase(rng) for _ in range(links + 1)]
        starts.append(keys[0])
        facts += [(keys[i], relations[i], keys[i + 1]) for i in range(links)]
    rng.shuffle(facts)
    return facts, [*starts, *relations]


def _lookup(rng: Random) -> Slots:
    facts, (start, _, relation) = _table(rng, 1)
    return {"text": " ".join(f"{k} {r} {v}." for k, r, v in facts), "k": start, "r": relation}


def _solve_lookup(s: Slots) -> Solution:
    fact = next(f for f in s["text"].rstrip(".").split(". ") if f.startswith(f"{s['k']} {s['r']} "))
    value = fact.removeprefix(f"{s['k']} {s['r']} ")
    return Solution(f"{fact}.", value)


def _lookup2(rng: Random) -> Slots:
    facts, (start, _, first, second) = _table(rng, 2)
    return {"text": " ".join(f"{k} {r} {v}." for k, r, v in facts), "k": start, "r": first, "q": second}


def _solve_lookup2(s: Slots) -> Solution:
    one = _solve_lookup(s)
    two = _solve_lookup({"text": s["text"], "k": one.answer, "r": s["q"]})
    return Solution(f"{one.rationale} {two.rationale}", two.answer)


def _copy(rng: Random) -> Slots:
    return {"text": " ".join(rng.choice(WORDS) for _ in range(rng.randint(2, 8)))}


def _solve_copy(s: Slots) -> Solution:
    words = s["text"].split()
    return Solution(f"{len(words)} words.", s["text"])


def _nth(rng: Random) -> Slots:
    words = [rng.choice(WORDS) for _ in range(rng.randint(2, 6))]
    return {"k": rng.randint(1, len(words)), "text": " ".join(words)}


def _solve_nth(s: Slots) -> Solution:
    words = s["text"].split()
    return Solution(" ".join(f"{i} {word}" for i, word in enumerate(words[: s["k"]], 1)), words[s["k"] - 1])


def _alternate(rng: Random) -> Slots:
    x, y = rng.sample(WORDS, 2)
    return {"x": x, "y": y, "k": rng.randint(1, 8), "text": _salad(rng, [], 1, 6)}


def _solve_alternate(s: Slots) -> Solution:
    turns = [s["x"] if i % 2 == 0 else s["y"] for i in range(s["k"] + 1)]
    return Solution(" ".join(f"{i} {turn}" for i, turn in enumerate(turns)), turns[-1])


def _fill(rng: Random) -> Slots:
    return {
        "x": rng.choice(WORDS),
        "before": _salad(rng, [], 1, 4),
        "after": _salad(rng, [], 1, 3),
        "text": _salad(rng, [], 2, 8),
    }


def _solve_fill(s: Slots) -> Solution:
    return Solution(f"x is {s['x']}.", " ".join([s["before"], s["x"], s["after"]]))


def _drill(name: str, templates: tuple[str, ...], draw, solve, split_on: tuple[str, ...]) -> Skill:  # type: ignore[no-untyped-def]
    return Skill(name, "drills", templates, draw, solve, split_on)


DRILLS = (
    _drill(
        "add",
        ("What is {a:d} plus {b:d}?", "Add {a:d} and {b:d}.", "Compute {a:d} + {b:d}."),
        _two,
        _solve_add,
        ("a", "b"),
    ),
    _drill(
        "subtract",
        ("What is {a:d} minus {b:d}?", "Take {b:d} away from {a:d}."),
        _descending,
        _solve_subtract,
        ("a", "b"),
    ),
    _drill(
        "multiply", ("What is {a:d} times {d:d}?", "Multiply {a:d} by {d:d}."), _factor, _solve_multiply, ("a", "d")
    ),
    _drill(
        "gain",
        ("{n} has {a:d} {t}. {n} finds {b:d} more. How many {t} does {n} have now?",),
        _gain,
        _solve_add,
        ("a", "b"),
    ),
    _drill("loss", ("{n} has {a:d} {t}. {n} loses {b:d}. How many {t} are left?",), _loss, _solve_subtract, ("a", "b")),
    _drill(
        "groups",
        ("{n} has {d:d} {x} with {a:d} {t} in each. How many {t} in total?",),
        _groups,
        _solve_multiply,
        ("a", "d"),
    ),
    _drill(
        "numbers", ("List the numbers in this text: {text}", "Numbers: {text}"), _numbers, _solve_numbers, ("text",)
    ),
    _drill("operation", ("{text} Give the {kind} of the two numbers.",), _operation, _solve_operation, ("text",)),
    _drill("chain", ("Compute {e}.", "Evaluate {e}."), _chain, _solve_chain, ("e",)),
    _drill("plan", ("{text} Take {x} {verb} {y}, then {then} {z}.",), _plan, _solve_plan, ("text",)),
    _drill(
        "compare", ("{n1} {w} {a:d} and {n2} {w} {b:d}. {text} Who has more?",), _compare, _solve_compare, ("a", "b")
    ),
    _drill("lookup", ("{text} Find: {k} | {r}",), _lookup, _solve_lookup, ("text",)),
    _drill("lookup_twice", ("{text} Follow: {k} | {r} | {q}",), _lookup2, _solve_lookup2, ("text",)),
    _drill("nth", ("Word {k:d} of: {text}",), _nth, _solve_nth, ("k", "text")),
    _drill("alternate", ("{text} Alternate {x} and {y}, {k:d} steps.",), _alternate, _solve_alternate, ("x", "y", "k")),
    _drill("copy", ("Copy: {text}",), _copy, _solve_copy, ("text",)),
    _drill(
        "fill", ("x is {x}; {text}; write: {before} x {after}",), _fill, _solve_fill, ("x", "before", "after", "text")
    ),
)
