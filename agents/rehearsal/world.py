"""The rehearsal world: every skill, its items, their exact truth, and the part of the world each belongs to."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from agents.rehearsal.documents import DOCUMENTS
from agents.rehearsal.drills import DRILLS
from agents.rehearsal.events import EVENTS
from agents.rehearsal.puzzles import PUZZLES
from agents.rehearsal.skill import Skill, Slots, Solution
from agents.rehearsal.stories import STORIES

Part = Literal["train", "probe", "test"]

TAUGHT = {skill.name: skill for skill in (*STORIES, *DOCUMENTS, *EVENTS, *PUZZLES)}
"""Skills that no base checkpoint has seen: what a run teaches."""
PRIMITIVE = {skill.name: skill for skill in DRILLS}
"""Skills of the base checkpoint: what a run must not lose."""
SKILLS = TAUGHT | PRIMITIVE
LONGEST = 400
"""Characters of the longest text that can be a question of the world."""


@dataclass(frozen=True)
class Item:
    """A question with its truth. `split_key` decides its part of the world, for ever and without a list."""

    skill: str
    family: str
    difficulty: int
    question: str
    rationale: str
    answer: str
    split_key: str


def items(skill_name: str, seed: int, part: Part | None = None) -> Iterator[Item]:
    """Distinct items of a skill without end; item i depends on (seed, i) alone. `part=None` draws from the whole world."""
    skill = SKILLS[skill_name]
    seen: set[str] = set()
    for i in range(1_000_000):
        rng = Random(f"{seed}:{skill_name}:{i}")
        slots = skill.draw(rng)
        key = skill.split_key(slots)
        question = skill.write(slots, rng)
        if question in seen or (part is not None and part_of(key) != part):
            continue
        seen.add(question)
        yield _item(skill, slots, question)


def recognise(question: str) -> tuple[Skill, Slots] | None:
    """Which skill a text asks for; None if the world does not know the question."""
    text = question.strip()
    if len(text) > LONGEST or "\n" in text:  # no item is so long, and the templates would search it for ever
        return None
    for skill in SKILLS.values():
        if (slots := skill.read(text)) is not None and _makes_sense(skill, slots):
            return skill, slots
    return None


def _makes_sense(skill: Skill, slots: Slots) -> bool:
    """A template also matches texts whose slots hold what the world has not, such as a verb without a deed."""
    try:
        return bool(skill.solve(slots).answer)
    except (LookupError, ValueError, StopIteration):
        return False


def solve(question: str) -> Solution | None:
    known = recognise(question)
    return None if known is None else known[0].solve(known[1])


def part_of(split_key: str) -> Part:
    """70 % train, 15 % probe, 15 % test, by a hash of the key."""
    share = int.from_bytes(hashlib.sha256(split_key.encode()).digest()[:4], "big") / 2**32
    return "train" if share < 0.70 else "probe" if share < 0.85 else "test"


def _item(skill: Skill, slots: Slots, question: str) -> Item:
    solution = skill.solve(slots)
    key = skill.split_key(slots)
    return Item(skill.name, skill.family, skill.difficulty, question, solution.rationale, solution.answer, key)
