"""What a skill of the rehearsal world is: question templates, a way to draw their slots, and the exact solution."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

Slots = dict[str, Any]
SLOT = re.compile(r"\{(\w+)(:d)?\}")
"""`{name}` holds words, `{name:d}` a whole number."""


@dataclass(frozen=True)
class Solution:
    rationale: str
    answer: str


@dataclass(frozen=True)
class Skill:
    """One thing that can be asked. `templates` are read in both directions: to write a question and to recognise one."""

    name: str
    family: str
    templates: tuple[str, ...]
    draw: Callable[[Random], Slots]
    solve: Callable[[Slots], Solution]
    split_on: tuple[str, ...]
    """The slots that must not cross train / probe / test: numbers of a story, company of a document, head of an event."""
    wrong: Callable[[Slots, Random], str] | None = None
    """A plausible wrong answer; None for numbers, which are wrong by a slip."""
    difficulty: int = 1
    vocabulary: tuple[str, ...] = ()
    """What its questions and answers say beyond the templates."""

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(_as_pattern(template) for template in self.templates)

    def write(self, slots: Slots, rng: Random) -> str:
        return rng.choice(self.templates).format(**slots)

    def read(self, question: str) -> Slots | None:
        """The slots of a question of this skill, or None if it is not one."""
        for pattern in self.patterns:
            if match := pattern.fullmatch(question):
                return {name: int(text) if text.isdecimal() else text for name, text in match.groupdict().items()}
        return None

    def words(self) -> set[str]:
        """The words of its templates and of the answers that it can give, without marks and numbers."""
        said = " ".join([*(SLOT.sub(" ", template) for template in self.templates), *self.vocabulary])
        return {word for word in re.findall(r"[A-Za-z]+", said) if word}

    def split_key(self, slots: Slots) -> str:
        return ":".join([self.family, *(str(slots[name]) for name in self.split_on)])


def _as_pattern(template: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts, end = [], 0
    for slot in SLOT.finditer(template):
        name, is_number = slot.groups()
        parts.append(re.escape(template[end : slot.start()]))
        parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{r'[0-9]+' if is_number else '.+?'})")
        seen.add(name)
        end = slot.end()
    return re.compile("".join([*parts, re.escape(template[end:])]), re.DOTALL)
