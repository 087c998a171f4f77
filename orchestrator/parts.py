"""Describes the components that recipes are made of, from the classes themselves."""

import difflib
import inspect
import re
from typing import Any

from agents.registry import components, import_components
from orchestrator.recipe import COMPONENT_PACKAGES, RecipeError


def describe_parts(kind: str | None = None) -> list[dict[str, Any]]:
    """One row a component: kind, name, what it does, its options with defaults. Raises RecipeError for an unknown kind."""
    import_components(*COMPONENT_PACKAGES)
    found = list(components())
    kinds = sorted({each.__name__.lower() for each, _, _ in found})
    if kind is not None and kind.lower().rstrip("s") not in {k.rstrip("s") for k in kinds}:
        near = difflib.get_close_matches(kind.lower(), kinds, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise RecipeError(f"there is no kind of component {kind!r}.{hint} There are: {', '.join(kinds)}")
    return [
        {"kind": each.__name__.lower(), "name": name, "does": _first_sentence(cls), "options": _options(cls)}
        for each, name, cls in found
        if kind is None or each.__name__.lower().rstrip("s") == kind.lower().rstrip("s")
    ]


def _first_sentence(cls: type) -> str:
    paragraph = " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())
    return re.split(r"(?<=[.:])\s(?=[A-Z])", paragraph, maxsplit=1)[0]


def _options(cls: Any) -> str:
    fields = {name: field for name, field in cls.model_fields.items() if name != "use"}
    return ", ".join(
        name if field.is_required() else f"{name}={field.get_default()!r}" for name, field in fields.items()
    )
