"""The text of a recipe: strict YAML in, and the edits of a command line made on it, before anything is validated."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class RecipeError(Exception):
    """A recipe that cannot be carried out; the message names the place, the reason and the way out."""


@dataclass(frozen=True)
class Edit:
    """An edit that was made."""

    text: str
    way: tuple[str | int, ...]
    """To what it said: keys and positions, no further than to the first key that was not there before."""

    def said(self, place: Sequence[str | int]) -> bool:
        """Whether what is at this place comes from it."""
        return tuple(place[: len(self.way)]) == self.way


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key said twice instead of forgetting the first."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        said = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        keys = [self.construct_object(key, deep=True) for key in said]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice!r} is said twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"{path} is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from error
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2024-13-45
        raise RecipeError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise RecipeError(f"{path} holds {type(data).__name__}, expected a recipe: `name:`, `sources:`, `lessons:`, …")
    return data


def apply_edit(data: dict[str, Any], edit: str) -> Edit:
    """`a.b=c`: a list's entries are addressed by position or by their `step:` or `job:` name. Raises RecipeError."""
    path, sign, text = edit.partition("=")
    if not sign or not path:
        raise RecipeError(f"cannot read the edit {edit!r}; write it as `a.b=value`, e.g. `lessons.solve.samples=3`")
    *names, last = path.split(".")
    target: Any = data
    way, new = list[str | int](), False
    for name in names:
        key, was_there, target = _entry(target, name, edit)
        way += [] if new else [key]
        new |= not was_there
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise RecipeError(f"the value of the edit {edit!r} is not valid YAML: {reason}") from error
    key = last
    if isinstance(target, list):
        key = _position(target, last, edit)
        target[key] = value
    elif isinstance(target, dict):
        target[last] = value
    else:
        raise RecipeError(f"the edit {edit!r} goes into {'.'.join(names)!r}, which is a plain value")
    return Edit(edit, (*way, *([] if new else [key])))


def faults(edits: Sequence[Edit], places: Sequence[Sequence[str | int]]) -> list[str]:
    """The edits that said what is at these places, in their order; none if any of the places is not an edit's."""
    if not all(any(edit.said(place) for edit in edits) for place in places):
        return []
    return list(dict.fromkeys(edit.text for edit in edits if any(edit.said(place) for place in places)))


def _entry(target: Any, name: str, edit: str) -> tuple[str | int, bool, Any]:
    """Key or position of an entry, whether it was there, and what it holds."""
    if isinstance(target, dict):
        return name, name in target, target.setdefault(name, {})
    if isinstance(target, list):
        place = _position(target, name, edit)
        return place, True, target[place]
    raise RecipeError(f"the edit {edit!r} goes through {name!r}, which is a plain value")


def _position(entries: list[Any], name: str, edit: str) -> int:
    if name.isdecimal() and int(name) < len(entries):
        return int(name)
    named = {entry.get("step") or entry.get("job"): i for i, entry in enumerate(entries) if isinstance(entry, dict)}
    if name in named:
        return named[name]
    raise RecipeError(f"the edit {edit!r} finds no entry {name!r}; there are: {', '.join(map(str, named))}")
