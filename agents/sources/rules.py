import json
import random
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import yaml

from agents.kinds import Fields, Material, Part, SourceError
from agents.registry import register
from agents.splits import SplitByHash, folded
from agents.text_lines import LinesOfText, first_line, short
from agents.variables import open_variables

EXPECTED = "expected rules such as {rule: 'Who can lift the [X: vehicle] can lift the [Y: tool].'}"

PLAIN = str | int | float  # yes and no are numbers too
"""What a field of a rule may be; another could not be stored, or would be far longer than its file."""


@register("rules")
class Rules(SplitByHash):
    """Rules with typed variables from a file: JSON objects a line, or a list in YAML (a name that ends in .yaml or .yml).

    Each has its `rule`, a text with one variable or more in square brackets, name and type: `[X: vehicle]`; what else it
    says goes on as fields. A material has the rule as `rule` and, for later steps to group by, as `template`. `skill` names
    the field, such as a domain, that skills are told apart by. Repeated rules are given once. Split by a hash of the rule.
    """

    kind = "rule"
    path: str
    skill: str | None = None

    @property
    def signature(self) -> str:
        return f"{super().signature}:{LinesOfText(self.path).digest()[:16]}"

    def skills(self) -> list[str]:
        return sorted({material.skill for material in self._all})

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        found = [m for m in self._all if m.skill == skill and self.part_of(m.split_key) == part]
        random.Random(seed).shuffle(found)
        yield from found

    def split_key(self, fields: Fields) -> str:
        return folded(fields.get("template", fields.get("question", "")))

    @cached_property
    def _all(self) -> list[Material]:
        found: dict[str, Material] = {}
        for where, row in self._rows():
            if not isinstance(row, dict) or not isinstance(row.get("rule"), str):
                raise SourceError(f"{where} is no rule, found {short(row)}; {EXPECTED}")
            if strange := [name for name, value in row.items() if not isinstance(value, PLAIN | None)]:
                raise SourceError(
                    f"{where} has {short(row[strange[0]])} in the field {short(strange[0])}; expected a text, a number or "
                    "yes or no; put a date between quotes"
                )
            names = [variable.name for variable in open_variables(row["rule"])]
            if not names or len(set(names)) < len(names):
                raise SourceError(f"{where} has no variable, or one of two types: {row['rule'][:120]!r}; {EXPECTED}")
            if self.skill is not None and self.skill not in row:
                raise SourceError(f"{where} has no field {self.skill!r}, which `skill` names; it has: {', '.join(row)}")
            fields = {**row, "template": row["rule"]}
            key = self.split_key(fields)
            skill = str(row[self.skill]) if self.skill is not None else ""
            found.setdefault(key, Material(fields, key, skill, where))
        if not found:
            raise SourceError(f"{self.path} holds no rules; {EXPECTED}")
        return list(found.values())

    def _rows(self) -> Iterator[tuple[str, Any]]:
        file = LinesOfText(self.path)
        if self.path.endswith((".yaml", ".yml")):
            yield from self._of_yaml("\n".join(self._raw_lines(file)))
            return
        for place, line in file.lines():
            try:
                yield file.where(place), json.loads(line)
            except (ValueError, RecursionError) as error:
                raise SourceError(f"{file.where(place)} is not JSON ({first_line(error)}); {EXPECTED}") from error

    def _of_yaml(self, text: str) -> Iterator[tuple[str, Any]]:
        try:
            rows = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise SourceError(f"{self.path} is not YAML ({' '.join(str(error).split())}); {EXPECTED}") from error
        if not isinstance(rows, list):
            raise SourceError(f"{self.path} holds no list; {EXPECTED}, each beginning with `- `")
        yield from ((f"{self.path}, rule {number}", row) for number, row in enumerate(rows, 1))

    def _raw_lines(self, file: LinesOfText) -> Iterator[str]:
        with file.opened() as lines:
            for number, line in enumerate(lines, 1):
                yield file.decoded(line, number).rstrip("\r\n")
