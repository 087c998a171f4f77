import hashlib
import json
import random
import re
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from agents.answers import final_answer
from agents.kinds import Fields, Material, Part, Source, SourceError
from agents.registry import register

UNFIT = re.compile(r"[\0\ud800-\udfff]")
"""What JSON can spell, but neither UTF-8 nor PostgreSQL can keep."""


OWN = ("question", "gold", "solution")
LINE_BITS = 28
LINE_MASK = (1 << LINE_BITS) - 1
"""A place in a file is its offset in bytes and the number of its line, in one integer."""


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
    keep: list[str] = []
    """Names of fields that materials have besides, as they are: choices, turns before the question, other right answers."""
    split_by: str | None = None
    """Name of the field that must not cross train, probe and test, such as a fact that several questions are about; by
    default that is the question."""
    probe: float = Field(default=0.15, gt=0, lt=0.5)
    test: float = Field(default=0.15, gt=0, lt=0.5)
    longest: int = Field(default=20_000, ge=1)
    """Characters a question may have; a longer one is a broken file rather than a question."""

    @property
    def signature(self) -> str:
        return f"{super().signature}:{self._digest[:16]}"

    def skills(self) -> list[str]:
        return sorted({skill for _, skill in self._index})

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        chosen = list(self._index.get((part, skill), ()))
        random.Random(seed).shuffle(chosen)
        with self._opened() as file:
            for place in chosen:
                file.seek(place >> LINE_BITS)
                yield self._material(self._decoded(file.readline(), place & LINE_MASK), place & LINE_MASK)

    @field_validator("keep")
    @classmethod
    def _keeps_other_fields(cls, keep: list[str]) -> list[str]:
        if taken := [name for name in keep if name in OWN]:
            raise ValueError(f"`keep` names {taken[0]!r}, which every material has of its own; rename it in the file")
        return keep

    def split_key(self, fields: Fields) -> str:
        """What `split_by` names, or the question, in lower case; a text of another's that lacks it has its question."""
        if self.split_by and self.split_by in fields:
            return f"{self.split_by}: {_folded(fields[self.split_by])}"
        return _folded(fields["question"])

    def part_of(self, split_key: str) -> Part:
        share = int.from_bytes(hashlib.sha256(split_key.encode()).digest()[:4], "big") / 2**32
        return "probe" if share < self.probe else "test" if share < self.probe + self.test else "train"

    @cached_property
    def _digest(self) -> str:
        with self._opened() as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def _index(self) -> Mapping[tuple[Part, str], "array[int]"]:
        """Where every question lies, by part and skill: the file is read from end to end, and never held."""
        offset, seen = 0, set[bytes]()
        places: defaultdict[tuple[Part, str], array[int]] = defaultdict(lambda: array("Q"))
        with self._opened() as file:
            for number, line in enumerate(file, 1):
                if text := self._decoded(line, number).strip():
                    material = self._material(text, number)
                    known = hashlib.blake2b(_folded(material.fields["question"]).encode(), digest_size=16).digest()
                    if known not in seen:
                        seen.add(known)
                        places[self.part_of(material.split_key), material.skill].append(offset << LINE_BITS | number)
                offset += len(line)
        if not seen:
            raise SourceError(f"{self.path} holds no questions; expected one JSON object a line")
        return dict(places)

    def _opened(self) -> BufferedReader:
        try:
            return Path(self.path).open("rb")
        except OSError as error:
            raise SourceError(
                f"cannot read {self.path}: {error.strerror}; give the path of a JSON Lines file"
            ) from error

    def _decoded(self, line: bytes, number: int) -> str:
        try:
            return line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{self.path}:{number} is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
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
        fields |= {name: self._kept(row, name, where) for name in self.keep}
        if self.split_by:
            fields[self.split_by] = self._value(row, self.split_by, where)
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

    def _kept(self, row: dict[str, Any], name: str, where: str) -> Any:
        if row.get(name) is None:
            raise SourceError(f"{where} has nothing in {name!r}, which `keep` names; it has: {', '.join(row)}")
        for text in _texts(row[name]):
            _check_fit(text, name, where)
        return row[name]

    def _value(self, row: dict[str, Any], name: str, where: str) -> str:
        value = row.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or not value.strip():
            raise SourceError(
                f"{where} has no text in {name!r}; it has: {', '.join(row)}. Name the fields in the recipe"
            )
        _check_fit(value, name, where)
        return value.strip()


def _folded(value: Any) -> str:
    return " ".join(str(value).lower().split())


def _check_fit(text: str, name: str, where: str) -> None:
    if UNFIT.search(text):
        raise SourceError(f"{where} holds a NUL or half of a surrogate pair in {name!r}, which no text has; remove it")


def _texts(value: Any) -> Iterator[str]:
    """Every text in what JSON can spell, names of fields among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in (*value, *value.values()):
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
