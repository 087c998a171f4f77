"""What makes a record: fields that are checked when it is made, and a key that follows from its content."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache, partial
from typing import Annotated, Any, ClassVar, Self

import orjson
from pydantic import TypeAdapter
from sqlalchemy import DateTime, Text
from sqlalchemy.orm import class_mapper
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel
from typing_extensions import TypedDict

SQLModel.metadata.naming_convention = {  # migrations and ON CONFLICT need constraints with names
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def canonical_json(content: Any) -> bytes:
    """The one spelling of a JSON value: sorted keys, no spaces, UTF-8. Part of the contract of every key."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def content_key(kind: str, content: Any) -> str:
    """`kind:b2:<32 hex digits>`, a BLAKE2b hash of kind and canonical JSON."""
    digest = hashlib.blake2b(canonical_json([kind, content]), digest_size=16).hexdigest()
    return f"{kind}:b2:{digest}"


class UTCDateTime(TypeDecorator[datetime]):
    """UTC and aware on both back ends: SQLite drops time zones, PostgreSQL answers in the server's. Naive means UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None or value.tzinfo is None:
            return value and value.replace(tzinfo=UTC)
        return value.astimezone(UTC)

    process_result_value = process_bind_param


class Word(TypeDecorator[StrEnum]):
    """One word of a closed list, stored as text: a native PostgreSQL enum is awkward to extend."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else str(self.words(value))

    def process_result_value(self, value: str | None, dialect: Any) -> StrEnum | None:
        return None if value is None else self.words(value)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Keyed(SQLModel):
    """A record whose key follows from some of its fields, so that the same content has the same key for ever."""

    identity: ClassVar[tuple[str, ...]]
    """The fields that make the key."""
    joined: ClassVar[Mapping[str, Any]] = {}
    """Fields that joined the identity later, with the value at which they leave a key as it always was."""

    @classmethod
    def new(cls, **fields: Any) -> Self:
        """A validated record with its key. Raises pydantic.ValidationError: a table class does not validate itself."""
        kind: Any = cls  # to the type checker, a class with `__eq__` and no `__hash__` cannot be looked up
        given = {name: default() for name, default in _defaults(kind).items() if name not in fields}
        row = row_form(kind).validate_python({**given, **fields, "key": ""})
        row["key"] = cls.key_of(row)
        # As SQLAlchemy itself makes what it reads: through the class's own attributes it would take three times as long.
        record = _blank(kind)()
        vars(record).update(row)
        for name, value in (("fields_set", set(row)), ("extra", None), ("private", None)):
            object.__setattr__(record, f"__pydantic_{name}__", value)
        return record

    def derived_key(self) -> str:
        return self.key_of({name: getattr(self, name) for name in (*self.identity, *self.joined)})

    @classmethod
    def key_of(cls, fields: Mapping[str, Any]) -> str:
        more = {name: fields[name] for name, before in cls.joined.items() if fields[name] != before}
        return content_key(cls.__name__.lower(), [*(fields[name] for name in cls.identity), *([more] if more else [])])


@lru_cache
def row_form(kind: Any) -> TypeAdapter[dict[str, Any]]:
    """The fields of a table class as a plain form: SQLAlchemy's attributes would make validation ten times slower."""
    fields = {name: Annotated[(info.annotation, *info.metadata, None)] for name, info in kind.model_fields.items()}
    return TypeAdapter(TypedDict(kind.__name__, fields))  # type: ignore[operator]


@lru_cache
def _blank(kind: Any) -> Callable[[], Any]:
    """Makes an instance without values."""
    return class_mapper(kind).class_manager.new_instance


@lru_cache
def _defaults(kind: Any) -> dict[str, Callable[[], Any]]:
    optional = {name: info for name, info in kind.model_fields.items() if not info.is_required()}
    # Not `info.get_default`, which looks at the factory's signature every time.
    return {name: info.default_factory or partial(_same, info.default) for name, info in optional.items()}


def _same(value: Any) -> Any:
    return value
