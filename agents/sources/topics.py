import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from agents.kinds import Fields, Material, Part, SourceError
from agents.registry import register
from agents.splits import SplitByHash, folded
from agents.text_lines import short

BETWEEN = " > "
"""What stands between the names of a branch."""
LONGEST = 300
"""Characters that the name of a topic may have."""
DEEPEST = 20
MOST = 500_000
"""Leaves that a tree may have."""
MOST_ENTRIES = 4 * MOST
"""Names, lists and what is empty in a tree of YAML or JSON: references may make a few lines into billions."""
LARGEST = 16 * 2**20
"""Bytes of a file of topics; it is held in memory."""
Branch = tuple[str, ...]


@register("topics")
class Topics(SplitByHash):
    """The leaves of a tree of topics, for generators that write something new on each.

    The tree is a YAML or JSON file of mappings and lists, or a text in which deeper lines are indented further. A leaf is
    `topic`, the names above it are `branch`. The skill is the name of its branch at the top, or with `levels` so many names
    of it. The same leaf of the same branch is given once. Split by a hash of topic and branch.
    """

    kind = "topic"
    path: str
    levels: int = Field(default=1, ge=0)
    """How many names of the branch, from the top, make the skill; 0 for none."""

    @property
    def signature(self) -> str:
        return f"{super().signature}:{self._digest[:16]}"

    def skills(self) -> list[str]:
        return sorted({skill for _, skill in self._index})

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        chosen = list(self._index.get((part, skill), ()))
        random.Random(seed).shuffle(chosen)
        yield from chosen

    def split_key(self, fields: Fields) -> str:
        if "topic" in fields:
            return f"topic: {folded(fields.get('branch', ''))}{BETWEEN}{folded(fields['topic'])}"
        return folded(fields.get("question", ""))

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(self._text.encode()).hexdigest()

    @cached_property
    def _text(self) -> str:
        path = Path(self.path)
        try:
            if not path.is_file():
                raise SourceError(f"cannot read {path}: there is no such file; give the path of a tree of topics")
            if path.stat().st_size > LARGEST:
                raise SourceError(f"{path} has more than {LARGEST // 2**20} MB; expected a tree of topics")
            return path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror}; give the path of a tree of topics") from error
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{path} is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
            ) from error

    @cached_property
    def _index(self) -> Mapping[tuple[Part, str], list[Material]]:
        found: defaultdict[tuple[Part, str], list[Material]] = defaultdict(list)
        seen = set[str]()
        for number, (*above, topic) in enumerate(self._leaves()):
            if number == MOST:
                raise SourceError(f"{self.path} has more than {MOST:,} topics; expected a tree that fits into memory")
            fields = {"topic": topic, "branch": BETWEEN.join(above)}
            key = self.split_key(fields)
            if key not in seen:
                seen.add(key)
                skill = BETWEEN.join(above[: self.levels])
                origin = f"{Path(self.path).name}: {BETWEEN.join((*above, topic))}"
                found[self.part_of(key), skill].append(Material(fields, key, skill, origin))
        if not seen:
            raise SourceError(f"{self.path} holds no topics; expected names under names, or lines under lines")
        return dict(found)

    def _leaves(self) -> Iterator[Branch]:
        suffix = Path(self.path).suffix.lower()
        if suffix not in (".yaml", ".yml", ".json"):
            return self._indented()
        try:
            tree = json.loads(self._text) if suffix == ".json" else yaml.safe_load(self._text)
        except (ValueError, yaml.YAMLError, RecursionError) as error:
            said = " ".join(str(error).split())
            raise SourceError(f"{self.path} cannot be read as {suffix[1:].upper()}: {said}") from error
        return self._nested(tree, (), 0, count(1))

    def _nested(self, node: Any, above: Branch, depth: int, entries: Iterator[int]) -> Iterator[Branch]:
        """Every leaf with the names above it: a text or number, or the key of nothing. `entries` counts all that is met."""
        if next(entries) > MOST_ENTRIES:
            raise SourceError(
                f"{self.path} has more than {MOST_ENTRIES:,} entries; expected a tree that fits into memory"
            )
        if depth > DEEPEST:
            raise SourceError(
                f"{self.path} is nested deeper than {DEEPEST} under {BETWEEN.join(above[:3]) or 'the top'}"
            )
        if isinstance(node, Mapping):
            for name, below in node.items():
                here = (*above, self._named(name, above))
                if below in (None, {}, []):
                    yield here
                else:
                    yield from self._nested(below, here, depth + 1, entries)
        elif isinstance(node, list):
            for each in node:
                yield from self._nested(each, above, depth + 1, entries)
        elif node is not None:
            yield (*above, self._named(node, above))

    def _indented(self) -> Iterator[Branch]:
        """A line is a leaf unless the next one is indented further."""
        branch: list[tuple[int, str]] = []
        for number, line in enumerate(self._text.splitlines(), 1):
            if not line.strip():
                continue
            if "\t" in line[: len(line) - len(line.lstrip())] and line.startswith(" "):
                raise SourceError(f"{self.path}:{number} is indented by spaces and tabs; use one of them")
            depth = len(line) - len(line.lstrip())
            if branch and depth <= branch[-1][0]:
                yield tuple(name for _, name in branch)
                branch = [(other, name) for other, name in branch if other < depth]
            name = line.strip().removeprefix("- ").strip()
            branch.append((depth, self._named(name, tuple(name for _, name in branch))))
        if branch:
            yield tuple(name for _, name in branch)

    def _named(self, name: Any, above: Branch) -> str:
        fit = isinstance(name, str | int | float) and not isinstance(name, bool)
        text = " ".join(str(name).split()) if fit else ""
        if not 0 < len(text) <= LONGEST or "\0" in text:
            raise SourceError(
                f"{self.path} has {short(name)} under {BETWEEN.join(above) or 'the top'}; expected the name of a topic, "
                f"a text of at most {LONGEST} characters"
            )
        return text
