import hashlib
import json
import random
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from agents.answers import final_answer
from agents.kinds import Fields, Material, Part, Source, SourceError
from agents.registry import register

UNFIT = re.compile(r"[\0\ud800-\udfff]")
"""What JSON can spell, but neither UTF-8 nor PostgreSQL can keep."""


@register("jsonl_questions")
class JsonlQuestions(Source):
    """Questions with answers from a JSON Lines file, split by a hash of the question.

    An answer that ends in a marked final answer (`#### 72`, `A: 18`, `\\boxed{5}`) gives that as gold and the whole text
    as `solution`; any other answer is the gold itself. Repeated questions are given once.
    """

    path: str
    question: str = "question"
    """Name of the field that holds the question."""
    answer: str = "answer"
    skill: str | None = None
    """Name of the field that holds the skill, if the file has one."""
    probe: float = Field(default=0.15, gt=0, lt=0.5)
    test: float = Field(default=0.15, gt=0, lt=0.5)
    longest: int = Field(default=20_000, ge=1)
    """Characters a question may have; a longer one is a broken file rather than a question."""

    @property
    def signature(self) -> str:
        return f"{super().signature}:{hashlib.sha256(self._bytes).hexdigest()[:16]}"

    def skills(self) -> list[str]:
        return sorted({material.skill for material in self._materials})

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        chosen = [m for m in self._materials if m.skill == skill and self.part_of(m.split_key) == part]
        random.Random(seed).shuffle(chosen)
        return iter(chosen)

    def split_key(self, fields: Fields) -> str:
        return " ".join(str(fields["question"]).lower().split())

    def part_of(self, split_key: str) -> Part:
        share = int.from_bytes(hashlib.sha256(split_key.encode()).digest()[:4], "big") / 2**32
        return "probe" if share < self.probe else "test" if share < self.probe + self.test else "train"

    @cached_property
    def _bytes(self) -> bytes:
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise SourceError(
                f"cannot read {self.path}: {error.strerror}; give the path of a JSON Lines file"
            ) from error

    @cached_property
    def _materials(self) -> list[Material]:
        found: dict[str, Material] = {}
        for number, line in enumerate(self._lines(), 1):
            if line.strip():
                material = self._material(line, number)
                found.setdefault(material.split_key, material)
        if not found:
            raise SourceError(f"{self.path} holds no questions; expected one JSON object a line")
        return list(found.values())

    def _lines(self) -> list[str]:
        try:
            return self._bytes.decode("utf-8-sig").split("\n")  # splitlines would cut at signs that JSON may hold
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{self.path} is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
            ) from error

    def _material(self, line: str, number: int) -> Material:
        where = f"{self.path}:{number}"
        row = self._row(line, where)
        question, answer = self._value(row, self.question, where), self._value(row, self.answer, where)
        if len(question) > self.longest:
            raise SourceError(
                f"{where}: a question of {len(question):,} characters, at most {self.longest:,} are expected"
            )
        gold = final_answer(answer)
        fields = {"question": question, "gold": answer if gold is None else gold}
        if gold is not None:
            fields["solution"] = answer
        skill = self._value(row, self.skill, where) if self.skill else ""
        return Material(fields, self.split_key(fields), skill, where)

    def _row(self, line: str, where: str) -> dict[str, Any]:
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise SourceError(f"{where} is not JSON ({error.msg}); expected one JSON object a line") from error
        if not isinstance(row, dict):
            raise SourceError(f"{where} holds {type(row).__name__}; expected one JSON object a line")
        return row

    def _value(self, row: dict[str, Any], name: str, where: str) -> str:
        value = row.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or not value.strip():
            raise SourceError(
                f"{where} has no text in {name!r}; it has: {', '.join(row)}. Name the fields in the recipe"
            )
        if UNFIT.search(value):
            raise SourceError(
                f"{where} holds a NUL or half of a surrogate pair in {name!r}, which no text has; remove it"
            )
        return value.strip()
