"""What a teacher's terms say of training on what it writes: a table, and of several teachers the most restrictive."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_serializer

SHIPPED = Path(__file__).parent / "terms.yaml"


class TermsError(Exception):
    """A table of terms that cannot be used; the message says what was found and what to do."""


class TermsClass(StrEnum):
    """What may be done with a student, the mildest first. Who says nothing is taken for the strictest."""

    FREE = "free"
    """Any model may be trained on what it writes."""
    NAMED = "named"
    """The student is named after it, or carries a notice."""
    BOUND = "bound"
    """Its licence goes along with the student."""
    NO_COMPETITION = "no_competition"
    """No student may compete with whoever offers it."""
    NO_TRAINING = "no_training"
    """No model may be trained on what it writes."""
    UNKNOWN = "unknown"
    """Nobody has looked."""


class Terms(BaseModel):
    """What is said of one model, or of every model that a pattern fits."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    model: str = Field(min_length=1)
    kind: TermsClass = Field(alias="class")
    says: str = Field(min_length=1)
    source: str = Field(min_length=1)
    """Where to read it."""
    read: date | None = None

    @field_serializer("kind")
    def _as_word(self, kind: TermsClass) -> str:
        return str(kind)


@dataclass(frozen=True)
class Bound:
    """The teachers of something, and what holds for all of it."""

    by_model: dict[str, Terms]

    @property
    def kind(self) -> TermsClass:
        """The most restrictive of them; free where nobody taught."""
        order = list(TermsClass)
        return max((terms.kind for terms in self.by_model.values()), key=order.index, default=TermsClass.FREE)

    def as_json(self) -> dict[str, Any]:
        return {
            "class": str(self.kind),
            "teachers": {name: terms.model_dump(mode="json", by_alias=True) for name, terms in self.by_model.items()},
            "note": "not legal advice",
        }


def terms_of(models: Iterable[str], own: Path | None = None) -> Bound:
    """Of each model its entry in one's own table before that in the shipped one. Raises TermsError."""
    tables = [*([_read(own)] if own else []), _read(SHIPPED)]
    return Bound({model: _find(model, tables) for model in sorted(set(models))})


def _find(model: str, tables: Sequence[tuple[Terms, ...]]) -> Terms:
    name = model.rpartition("/")[2].lower()
    for table in tables:
        fits = [each for each in table if model == each.model or fnmatchcase(name, each.model.lower())]
        if fits:
            return max(fits, key=lambda each: (each.model == model, len(each.model)))
    said = "No table says anything of it; read its terms, and write an entry into a table of your own."
    return Terms.model_validate(
        {"model": model, "class": TermsClass.UNKNOWN, "says": said, "source": "whoever offers it"}
    )


def _read(path: Path) -> tuple[Terms, ...]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TermsError(f"cannot read the table of terms {path}: {' '.join(str(error).split())}") from error
    try:
        return TypeAdapter(tuple[Terms, ...]).validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise TermsError(
            f"table of terms {path}: {place}: {first['msg']}; expected a list of entries with model, class, says, source"
        ) from error
