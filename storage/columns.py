"""Columns that many tables have, by what they hold."""

from typing import Any

from sqlalchemy import JSON, Text
from sqlmodel import Field

from storage.keyed import UTCDateTime, utc_now


def json_column(default: Any) -> Any:
    # Not JSONB: it turns 1e16 into an integer and -0.0 into 0, and a key must follow from what comes back.
    return Field(default_factory=default, sa_type=JSON)


def text_column(default: Any = ...) -> Any:
    return Field(default, sa_type=Text)


def when_column() -> Any:
    return Field(default_factory=utc_now, sa_type=UTCDateTime)  # type: ignore[call-overload]
