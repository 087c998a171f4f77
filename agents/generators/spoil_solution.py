import re
from collections.abc import Sequence
from random import Random
from typing import Literal

from pydantic import Field

from agents.kinds import Fields, Generator, Teacher, Writing
from agents.registry import register

BETWEEN = re.compile(r"(\s*\n\s*|;\s+|[.!?]\s+)")
"""What parts the steps of a rationale: lines, semicolons, ends of sentences."""
END = re.compile(r"[.!?]*\Z")
NUMBER = re.compile(r"\d+")
NAME = re.compile(r"\b[A-Z]\w+(?: [A-Z]\w+)*")
Fault = Literal["incomplete", "illogical", "untrue"]
FAULTS: tuple[Fault, ...] = ("incomplete", "illogical", "untrue")


@register("spoil_solution")
class SpoilSolution(Generator):
    """Sets a solution before the same one with a fault in its rationale, by rule: pairs of good and bad knowledge (KnowTuning,
    Lyu et al. 2024: completeness, factuality, logicality).

    Each fault makes a draft, and its `fault` names it: `incomplete` lacks a step, `illogical` has its steps in another order,
    `untrue` says another number or, where it has none, another name of the question. A fault that a rationale has no room
    for, such as an order of one step, makes none. Both replies end in the same answer, so that the pair differs in
    nothing else. Departs from the paper: what is untrue is a word altered by rule, and not rewritten by a model.
    """

    writes = "pair"
    reads = ("question", "rationale", "answer")
    asks = False
    faults: tuple[Fault, ...] = Field(default=FAULTS, min_length=1)
    marker: str = "####"
    """Stands before the answer in both replies, as in the format of the student's lessons."""

    async def write(self, fields: Fields, teacher: Teacher, sample: int) -> list[Writing]:
        rationale = str(fields["rationale"]).strip()
        answered = f"\n{self.marker} {str(fields['answer']).strip()}"
        pairs = []
        for fault in self.faults:
            spoiled = _spoiled(fault, rationale, str(fields["question"]))
            if spoiled.split() and spoiled.split() != rationale.split():
                pairs.append({"chosen": rationale + answered, "rejected": spoiled + answered, "fault": fault})
        return [Writing(pair) for pair in pairs]


def _spoiled(fault: Fault, rationale: str, question: str) -> str:
    """The rationale with this fault, the same whenever it is asked for; empty if it has no room for it."""
    chance = Random(f"{fault}: {rationale}")
    if fault == "untrue":
        return _untrue(rationale, question, chance)
    end = END.search(rationale)
    last = end[0] if end else ""
    parts = BETWEEN.split(rationale.removesuffix(last))
    if len(parts) == 1:
        return ""
    return (_incomplete if fault == "incomplete" else _illogical)(parts, chance) + last


def _incomplete(parts: Sequence[str], chance: Random) -> str:
    """`parts` are steps and, at the odd places, what stands between them. A step goes with what stands before it."""
    at = 2 * chance.randrange((len(parts) + 1) // 2)
    return "".join([*parts[: at - 1], *parts[at + 1 :]] if at else parts[2:])


def _illogical(parts: Sequence[str], chance: Random) -> str:
    """The steps turned round by some places; what stands between them stays."""
    steps, turned = parts[::2], list(parts)
    shift = chance.randrange(1, len(steps))
    turned[::2] = [*steps[shift:], *steps[:shift]]
    return "".join(turned)


def _untrue(rationale: str, question: str, chance: Random) -> str:
    """Another first digit of one number; without numbers, another name of question or rationale in the place of one."""
    if numbers := list(NUMBER.finditer(rationale)):
        found = chance.choice(numbers)
        other = chance.choice([digit for digit in "123456789" if digit != found[0][0]]) + found[0][1:]
        return rationale[: found.start()] + other + rationale[found.end() :]
    names = list(NAME.finditer(rationale))
    if len(known := sorted({*NAME.findall(question), *(name[0] for name in names)})) < 2 or not names:
        return ""
    found = chance.choice(names)
    return rationale[: found.start()] + chance.choice([n for n in known if n != found[0]]) + rationale[found.end() :]
