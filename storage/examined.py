"""The nouns of examination, as far as they are kept: what students answered, what went wrong, and what was ruled."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from storage.columns import json_column, text_column, when_column
from storage.keyed import Keyed


class Attempt(Keyed, table=True):
    """One student's whole answer to one exam item, with its verdict."""

    identity = ("student", "exam", "question")
    joined = {"sample": 0}

    __table_args__ = (Index("ix_attempt_student_exam", "student", "exam"),)

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    round: int
    student: str
    exam: str
    question: str = text_column()
    gold: str = text_column()
    reply: str = text_column()
    answer: str | None = text_column(None)
    """The final answer read from the reply; None if it has none."""
    right: bool
    score: float | None = None
    """A judge's, where one judges."""
    call: str | None = None
    """The judge's call."""
    skill: str = ""
    split_key: str
    sample: int = 0
    tokens: int = 0
    finished: bool = True
    """Whether the student ended its reply itself; False if it was cut."""
    confidence: float | None = None
    """Geometric mean of the probabilities of the reply's tokens."""
    margin: float | None = None
    """Mean gap between the two likeliest tokens, over the first sixteen places (NesyCD, Liao et al. 2024)."""
    shown: dict[str, Any] = json_column(dict)
    """What the student was shown besides the question, such as retrieved knowledge."""
    created_at: datetime = when_column()


class Scorecard(Keyed, table=True):
    """How one student did in one exam, with 95 % intervals."""

    identity = ("student", "exam")

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    round: int
    student: str
    exam: str
    n: int
    accuracy: float
    low: float
    high: float
    skills: dict[str, dict[str, float]] = json_column(dict)
    """Per skill: n, accuracy, low, high."""
    measures: dict[str, float] = json_column(dict)
    """What else was measured: pass@k, agreement, calibration error, Brier score, length, share that ended."""
    created_at: datetime = when_column()


class Failure(Keyed, table=True):
    """An attempt that went wrong, with the cluster it belongs to."""

    identity = ("attempt",)

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    round: int
    attempt: str
    cluster: str
    skill: str = ""
    cause: str = ""
    created_at: datetime = when_column()


class Cluster(Keyed, table=True):
    """Failures of one student that have something in common, with a name for it."""

    identity = ("student", "exam", "label")

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    round: int
    student: str
    exam: str
    label: str
    """Skill, cause and telling words: the same from round to round."""
    skill: str = ""
    cause: str = ""
    size: int
    before: int | None = None
    """Its size in the round before; None in the first."""
    failures: list[str] = json_column(list)
    """Keys, the most typical first."""
    name: str = ""
    """In words, by a teacher; empty if none was asked."""
    description: str = text_column("")
    call: str | None = None
    created_at: datetime = when_column()


class Ruling(Keyed, table=True):
    """What the gate said of a challenger: promote it in the champion's place, hold it, or ask more questions first."""

    identity = ("run", "champion", "challenger")

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    round: int
    champion: str
    challenger: str
    outcome: str
    why: str = text_column("")
    figures: list[dict[str, Any]] = json_column(list)
    """One for each suite: exam, purpose, n, accuracies, difference with interval, p."""
    created_at: datetime = when_column()


class Hearing(Keyed, table=True):
    """What the court found of a judge: how often it is right on cases whose truth is known."""

    identity = ("run", "round", "role", "judge", "model")

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    round: int = 0
    role: str
    judge: str
    """Component and revision."""
    model: str
    admitted: bool
    why: str = text_column("")
    figures: dict[str, Any] = json_column(dict)
    created_at: datetime = when_column()
