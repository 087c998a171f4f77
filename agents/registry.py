"""One registry, one decorator. A component is a frozen pydantic model: its fields are its options, its docstring its manual."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny, WithJsonSchema

ENTRY_POINTS = "orchestrator.components"
"""An outside package names here the modules that hold its components."""


class Component(BaseModel):
    """A part of a recipe. Subclasses of its subclasses are the parts that a recipe names with `use:`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    revision: ClassVar[int] = 1
    """Raise it when the behaviour changes: work stored under the old one is then done again."""
    use: str

    @property
    def signature(self) -> str:
        """Name and revision, as lineage shows them."""
        return f"{self.use}@{self.revision}"

    def missing(self) -> str | None:
        """What it needs of this machine and does not find, and what to do about it; looked at before a run begins."""
        return None


def as_list(value: Any) -> Any:
    """A list, its only entry by itself, or nothing."""
    return [value] if isinstance(value, str) else [] if value is None else value


C = TypeVar("C", bound=Component)
_registered: dict[tuple[type[Component], str], type[Component]] = {}


def register(name: str) -> Callable[[type[C]], type[C]]:
    """`@register("answer_match")` on a class makes `use: answer_match` legal in a recipe."""

    def enrol(cls: type[C]) -> type[C]:
        key = (kind_of(cls), name)
        taken = _registered.get(key)
        if taken and (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(
                f"{key[0].__name__.lower()} {name!r} is defined twice: in {taken.__module__} and in {cls.__module__}; "
                "rename one of them"
            )
        _registered[key] = cls
        return cls

    return enrol


def kind_of(cls: type[Component]) -> type[Component]:
    """The kind (Source, Generator, …) a component class belongs to: the class just below `Component`."""
    lineage = cls.__mro__
    return lineage[lineage.index(Component) - 1]


def names(kind: type[Component]) -> list[str]:
    return sorted(name for registered, name in _registered if registered is kind)


def components() -> Iterator[tuple[type[Component], str, type[Component]]]:
    """(kind, name, class) of everything registered, in order of kind and name."""
    for kind, name in sorted(_registered, key=lambda key: (key[0].__name__, key[1])):
        yield kind, name, _registered[kind, name]


def build(options: Any, *kinds: type[C]) -> C:
    """The component of one of these kinds that `options` (`use` and its fields) describe.

    Raises ValueError for an unknown name, with the nearest one, and for an unknown or unfit option.
    """
    if isinstance(options, kinds):
        return options
    if isinstance(options, str):
        options = {"use": options}
    if not isinstance(options, dict) or not isinstance(options.get("use"), str):
        raise ValueError(f"expected `use: <name of a {_said(kinds)}>` and its options, found {options!r}")
    for kind in kinds:
        if found := _registered.get((kind, options["use"])):
            return found.model_validate(options)  # type: ignore[return-value]
    raise ValueError(_unknown(kinds, options["use"]))


def part(*kinds: type[Component]) -> Any:
    """A recipe field that holds any registered component of these kinds."""
    return Annotated[
        SerializeAsAny[Component],
        BeforeValidator(lambda value: build(value, *kinds)),
        WithJsonSchema({"type": "object"}),
    ]


def components_in(value: Any) -> Iterator[Component]:
    """Every component that a model, a list or a mapping holds, itself included, however deep."""
    if isinstance(value, Component):
        yield value
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part_of_it in value:
            yield from components_in(part_of_it)


def import_components(*packages: str) -> None:
    """Import every module of these packages and of outside packages, so that their decorators run. An error is an error."""
    for package in packages:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(module.name)
    for entry_point in entry_points(group=ENTRY_POINTS):
        entry_point.load()


def _said(kinds: tuple[type[Component], ...]) -> str:
    return " or ".join(kind.__name__.lower() for kind in kinds)


def _unknown(kinds: tuple[type[Component], ...], name: str) -> str:
    known = [known for kind in kinds for known in names(kind)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"no {_said(kinds)} is named {name!r}.{hint} There are: {', '.join(known) or 'none'}"
