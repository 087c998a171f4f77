import random
import re
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, field_validator, model_validator

from agents.answers import final_answer
from agents.kinds import Fields, Material, Part, SourceError
from agents.registry import register
from agents.splits import SplitByHash, fingerprint, folded
from agents.tables import DatasetTable, HubDataset, Row, Table, table_of

UNFIT = re.compile(r"[\0\ud800-\udfff]")
"""What JSON can spell, but neither UTF-8 nor PostgreSQL can keep."""
OWN = ("question", "gold", "solution")


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


@register("questions")
class Questions(SplitByHash):
    """Questions with answers from a table, split by a hash of the question.

    The table is a file (`path`: .jsonl, .csv, .tsv, packed or not, or .parquet) or a data set of Hugging Face (`dataset`: its
    name or folder, or `{name, config, split, revision}`). An answer that ends in a marked final answer (`#### 72`, `A: 18`,
    `\\boxed{5}`) gives that as gold and the whole text as `solution`; any other answer is the gold itself. Repeated
    questions are given once.
    """

    longest: ClassVar[int] = 20_000
    """Characters a question may have; a longer one is a broken file rather than a question."""
    path: str | None = None
    dataset: Annotated[HubDataset | None, BeforeValidator(_by_name)] = None
    question: str = "question"
    """Name of the field that holds the question; dots lead into what a field holds, as in `qa.question` or `answers.0`."""
    answer: str = "answer"
    skill: str | None = None
    """Name of the field that holds the skill, if the table has one."""
    keep: list[str] = []
    """Names of fields that materials have besides, as they are: choices, turns before the question, other right answers."""
    split_by: str | None = None
    """Name of the field that must not cross train, probe and test, such as a fact that several questions are about; by
    default that is the question."""

    @property
    def signature(self) -> str:
        return f"{super().signature}:{self._digest[:16]}"

    def skills(self) -> list[str]:
        return sorted({skill for _, skill in self._index})

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        chosen = list(self._index.get((part, skill), ()))
        random.Random(seed).shuffle(chosen)
        for place, row in zip(chosen, self._table.at(chosen), strict=True):
            yield self._material(row, self._table.where(place))

    @field_validator("keep")
    @classmethod
    def _keeps_other_fields(cls, keep: list[str]) -> list[str]:
        if taken := [name for name in keep if name in OWN]:
            raise ValueError(f"`keep` names {taken[0]!r}, which every material has of its own; rename it in the file")
        return keep

    @model_validator(mode="after")
    def _from_one_place(self) -> "Questions":
        if (self.path is None) == (self.dataset is None):
            raise ValueError(
                "say either `path`, a file of questions (.jsonl, .csv, .tsv, .parquet), or `dataset`, the name or folder of a "
                "Hugging Face data set"
            )
        return self

    def split_key(self, fields: Fields) -> str:
        """What `split_by` names, or the question, in lower case; a text of another's that lacks it has its question."""
        if self.split_by and self.split_by in fields:
            return f"{self.split_by}: {folded(fields[self.split_by])}"
        return folded(fields["question"])

    @cached_property
    def _table(self) -> Table:
        optional = (self.skill, self.split_by)
        names = [self.question, self.answer, *self.keep, *(name for name in optional if name)]
        return DatasetTable(self.dataset, names) if self.dataset else table_of(str(self.path), names)

    @cached_property
    def _digest(self) -> str:
        return self._table.digest()

    @cached_property
    def _index(self) -> Mapping[tuple[Part, str], "array[int]"]:
        """Where every question lies, by part and skill: the table is read from end to end, and never held."""
        seen = set[bytes]()
        places: defaultdict[tuple[Part, str], array[int]] = defaultdict(lambda: array("Q"))
        for place, row in self._table.rows():
            material = self._material(row, self._table.where(place))
            known = fingerprint(folded(material.fields["question"]))
            if known not in seen:
                seen.add(known)
                places[self.part_of(material.split_key), material.skill].append(place)
        if not seen:
            raise SourceError(f"{self.path or self.dataset} holds no questions; expected one row for each")
        return dict(places)

    def _material(self, row: Row, where: str) -> Material:
        question, answer = _value(row, self.question, where), _value(row, self.answer, where)
        if len(question) > self.longest:
            raise SourceError(
                f"{where}: a question of {len(question):,} characters, at most {self.longest:,} are expected"
            )
        gold = final_answer(answer)
        fields = {"question": question, "gold": answer if gold is None else gold}
        if gold is not None:
            fields["solution"] = answer
        fields |= {name: _kept(row, name, where) for name in self.keep}
        if self.split_by:
            fields[self.split_by] = _value(row, self.split_by, where)
        skill = _value(row, self.skill, where) if self.skill else ""
        return Material(fields, self.split_key(fields), skill, where)


def _kept(row: Row, name: str, where: str) -> Any:
    if row.get(name) is None:
        raise SourceError(f"{where} has nothing in {name!r}, which `keep` names; it has: {', '.join(row)}")
    for leaf in _leaves(row[name]):
        if isinstance(leaf, str):
            _check_fit(leaf, name, where)
        elif leaf is not None and not isinstance(leaf, bool | int | float):
            raise SourceError(
                f"{where} holds {type(leaf).__name__} in {name!r}, which `keep` names; expected texts, numbers, lists of them"
            )
    return row[name]


def _value(row: Row, name: str, where: str) -> str:
    value = row.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise SourceError(f"{where} has no text in {name!r}; it has: {', '.join(row)}. Name the fields in the recipe")
    _check_fit(value, name, where)
    return value.strip()


def _check_fit(text: str, name: str, where: str) -> None:
    if UNFIT.search(text):
        raise SourceError(f"{where} holds a NUL or half of a surrogate pair in {name!r}, which no text has; remove it")


def _leaves(value: Any) -> Iterator[Any]:
    """Everything that a value holds, names of fields among them."""
    if isinstance(value, Mapping):
        for part in (*value, *value.values()):
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    else:
        yield value
