"""The nouns of provenance: with what a run was carried out, and what was taken back of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Field

from storage.columns import json_column, text_column, when_column
from storage.keyed import Keyed, Word


class Taken(StrEnum):
    """What a withdrawal names."""

    SOURCE = "source"
    """A source of a recipe, by its name there."""
    ORIGIN = "origin"
    """A file, a document, or one line or passage of it, as seeds say where they come from."""
    TEACHER = "teacher"
    """A model: what it wrote."""
    DRAFT = "draft"
    """One draft, and every draft that says the same."""


class Withdrawal(Keyed, table=True):
    """That something is not to be taught any more, from when on, and why."""

    identity = ("kind", "what", "recipe")

    key: str = Field(primary_key=True)
    kind: Taken = Field(sa_type=Word(Taken))  # type: ignore[call-overload]
    what: str = text_column()
    recipe: str = ""
    """Name of the recipe whose source it is; empty for all else, which is withdrawn for every recipe."""
    reason: str = text_column()
    created_at: datetime = when_column()


class Withdrawn(Keyed, table=True):
    """One record that descends from what a withdrawal names. It stays where it is; this says not to use it."""

    identity = ("withdrawal", "record")

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    withdrawal: str = Field(index=True)
    kind: str
    """Which noun the record is: seed, draft, dataset, student, scorecard or ruling; run for one that a lock says was followed."""
    record: str
    created_at: datetime = when_column()


class Setup(Keyed, table=True):
    """With what a run was carried out, besides its recipe. A run that goes on with something else has another besides."""

    identity = ("run", "code", "packages", "models", "prices")

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    code: dict[str, str] = json_column(dict)
    """`version` of the package, `commit` of a checkout, and `digest` of the modules as they lie there."""
    packages: dict[str, str] = json_column(dict)
    """Version by name."""
    models: dict[str, dict[str, Any]] = json_column(dict)
    """Of each role the model, its endpoint and the facts that are part of its requests; never a key."""
    prices: dict[str, dict[str, Any]] = json_column(dict)
    """What each model charges, USD per million tokens; a model without a known price is not in it."""
    created_at: datetime = when_column()
