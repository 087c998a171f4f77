"""The nouns, one word for one thing. This module is the project's glossary: each class says what its word means.

Every record is keyed by its content (`content_key`), so adding one twice is adding it once. What a run pays for
(`Call`) is shared by all runs; everything else belongs to the run that made it. What is known of students once they
have been examined is in `storage.examined`; with what a run was carried out, and what was taken back, in
`storage.provenance`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from storage.columns import json_column, text_column, when_column
from storage.examined import Attempt, Cluster, Failure, Hearing, Ruling, Scorecard
from storage.keyed import Keyed, Word
from storage.provenance import Setup, Withdrawal, Withdrawn


class Outcome(StrEnum):
    """What one judge said of one draft."""

    ACCEPTED = "accepted"
    """The draft passed."""
    REJECTED = "rejected"
    """The draft failed, and the reason says why."""
    UNREADABLE = "unreadable"
    """The judge's reply could not be read: the judge's error, never a score of the draft."""


class CallOutcome(StrEnum):
    """How one request to a model ended."""

    ANSWERED = "answered"
    """A reply arrived; nobody has read it yet."""
    READ = "read"
    """The reply was understood."""
    UNREADABLE = "unreadable"
    """The reply does not have the form that was asked for."""
    REFUSED = "refused"
    """The model declined, or a content filter stopped it."""
    TRUNCATED = "truncated"
    """The reply ended at the token limit."""


class BatchState(StrEnum):
    """How far a batch has come."""

    INTENDED = "intended"
    """Written down before anything is sent, so that a batch whose submission was interrupted can be found again."""
    SUBMITTED = "submitted"
    """The provider has it."""
    ENDED = "ended"
    """Every reply that it gave is a stored call, and it will give no more."""


class Run(Keyed, table=True):
    """One recipe being carried out. Same recipe digest, same run: it resumes."""

    identity = ("recipe_digest",)

    key: str = Field(primary_key=True)
    recipe_name: str
    recipe_digest: str = Field(index=True)
    recipe: dict[str, Any] = json_column(dict)
    """The resolved recipe, all defaults filled."""
    ended: str = text_column("")
    """Why the run ended, by its last plan or a spent budget; empty while it goes on or was interrupted."""
    created_at: datetime = when_column()


class Seed(Keyed, table=True):
    """What a lesson starts from: a question, a document chunk, an event, a rule, a topic, or a failure."""

    identity = ("run", "round", "stream", "kind", "fields", "split_key")

    __table_args__ = (Index("ix_seed_run_round", "run", "round"),)

    key: str = Field(primary_key=True)
    run: str
    round: int
    stream: str
    kind: str
    fields: dict[str, Any] = json_column(dict)
    skill: str = ""
    split_key: str
    """What must not cross train, probe and test: a question, a document, a head."""
    origin: str = ""
    """Where it came from: file and line, item of the world, or the attempt that failed."""
    created_at: datetime = when_column()


class Draft(Keyed, table=True):
    """A text object that a generator wrote: question, solution, triple, program, dialogue, fact, pair…"""

    identity = ("run", "step", "producer", "kind", "fields", "parents", "sample")

    __table_args__ = (Index("ix_draft_run_step_round", "run", "step", "round"),)

    key: str = Field(primary_key=True)
    run: str
    round: int
    step: str
    kind: str
    fields: dict[str, Any] = json_column(dict)
    parents: list[str] = json_column(list)
    skill: str = ""
    language: str = "en"
    split_key: str
    producer: str
    """Component and revision that wrote it, and the model that was asked."""
    call: str | None = Field(default=None, index=True)
    sample: int = 0
    created_at: datetime = when_column()


PERSON = "person:"
"""How the judge of a person's verdict begins; the name follows. A person may change what he said (`storage.persons`)."""


class Verdict(Keyed, table=True):
    """What one critic, verifier, selection or person said of one draft. Filters never delete; they write verdicts."""

    identity = ("draft", "step", "judge")

    __table_args__ = (Index("ix_verdict_run_step", "run", "step"),)

    key: str = Field(primary_key=True)
    run: str
    draft: str = Field(index=True)
    step: str
    judge: str
    outcome: Outcome = Field(sa_type=Word(Outcome))  # type: ignore[call-overload]
    score: float | None = None
    reason: str = text_column("")
    evidence: dict[str, Any] = json_column(dict)
    call: str | None = None
    created_at: datetime = when_column()


class Call(Keyed, table=True):
    """One request to a model and its raw reply, stored before anyone parses it. Keyed by the request: never bought twice."""

    identity = ("model", "request")

    key: str = Field(primary_key=True)
    model: str
    request: dict[str, Any] = json_column(dict)
    reply: dict[str, Any] = json_column(dict)
    outcome: CallOutcome = Field(default=CallOutcome.ANSWERED, sa_type=Word(CallOutcome))  # type: ignore[call-overload]
    reason: str = text_column("")
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float | None = None
    """None where no price is known; unknown is never guessed."""
    attempts: int = 1
    latency_s: float = 0.0
    created_at: datetime = when_column()


class Batch(Keyed, table=True):
    """Requests that a provider's batch endpoint was given together. Like a call, it belongs to no run."""

    identity = ("endpoint", "requests", "number")

    key: str = Field(primary_key=True)
    endpoint: str
    """Base URL."""
    requests: list[str] = json_column(list)
    """Keys that the calls will have."""
    number: int = 0
    """Tells two batches of the same requests apart: what one left open, the next asks again."""
    remote: str = ""
    """The provider's name for it."""
    state: BatchState = Field(default=BatchState.INTENDED, sa_type=Word(BatchState), index=True)  # type: ignore[call-overload]
    note: str = text_column("")
    """How it ended, in the provider's word; while it is intended, which process is submitting it."""
    created_at: datetime = when_column()


class Forecast(Keyed, table=True):
    """What a run was expected to cost and to give before it began, and what it did."""

    identity = ("run", "basis", "expected")

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    basis: str
    """What it rests on: the recipe alone, a pilot, earlier runs."""
    expected: dict[str, Any] = json_column(dict)
    actual: dict[str, Any] = json_column(dict)
    """Empty until the run has ended."""
    created_at: datetime = when_column()


class Dataset(Keyed, table=True):
    """A frozen, hashed list of drafts, with the rows that a trainer reads."""

    identity = ("run", "round", "name", "format", "digest")

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    round: int
    name: str
    format: str
    digest: str
    """Hash of its rows, in order."""
    size: int
    created_at: datetime = when_column()


class DatasetRow(SQLModel, table=True):
    """One draft's place in one dataset."""

    dataset: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    draft: str = Field(index=True)
    content: dict[str, Any] = json_column(dict)
    """The row as the trainer reads it, e.g. prompt and completion."""


class Student(Keyed, table=True):
    """A base with an adapter, and the dataset, settings and parent that made it."""

    identity = ("run", "round", "job", "base_digest", "dataset", "parent", "settings")

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    round: int
    job: str
    base: str
    base_digest: str
    adapter: str = ""
    """Folder of the adapter, relative to the run's folder; empty for the untouched base."""
    adapter_digest: str = ""
    dataset: str = ""
    parent: str = ""
    settings: dict[str, Any] = json_column(dict)
    metrics: dict[str, Any] = json_column(dict)
    created_at: datetime = when_column()


class Plan(Keyed, table=True):
    """What the next round will do and why; or why the run stops."""

    identity = ("run", "round")

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    round: int
    quotas: dict[str, int] = json_column(dict)
    """How many seeds of each skill the sources give; empty means: as the recipe says."""
    targets: list[str] = json_column(list)
    """Failures that the round's lessons are written for."""
    briefs: list[dict[str, Any]] = json_column(list)
    """What the teacher is told besides: fields of the seeds of the stream `briefs`."""
    weights: dict[str, float] = json_column(dict)
    """Share of each skill in the round's datasets, for a mixture that heeds it."""
    stop: bool = False
    why: str = text_column("")
    """One sentence that a person can read."""
    created_at: datetime = when_column()


NO_ROOM = "no room"
"""How the subject of an entry begins that says that a stage had no room for a call; the round follows. It costs nothing."""


class Entry(Keyed, table=True):
    """One line of the ledger: what a run spent on a call, a training or an exam, or that it had no room for a call."""

    identity = ("run", "stage", "subject")

    key: str = Field(primary_key=True)
    run: str = Field(index=True)
    round: int
    stage: str
    subject: str
    """Key of the call, student or exam that was paid for."""
    reused: bool = False
    """Whether the call was paid for by another run: what it would have cost is entered, and counts as no spending."""
    usd: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    created_at: datetime = when_column()


class Lease(SQLModel, table=True):
    """Whose turn it is to do what only one process may do at a time. It passes on when its holder is silent too long."""

    name: str = Field(primary_key=True)
    """What is done in turns, e.g. training on the machines of one work pool."""
    holder: str = ""
    """The process whose turn it is (`agents.procs`); empty if it is nobody's."""
    doing: str = text_column("")
    """What it does, for those who wait."""
    taken_at: datetime = when_column()
    heartbeat_at: datetime = when_column()
    """When the holder last said that it lives, by the clock of the store."""
    expires_at: datetime = when_column()


Record = (
    Run
    | Seed
    | Draft
    | Verdict
    | Call
    | Batch
    | Forecast
    | Dataset
    | DatasetRow
    | Student
    | Attempt
    | Scorecard
    | Failure
    | Cluster
    | Ruling
    | Hearing
    | Plan
    | Entry
    | Setup
    | Withdrawal
    | Withdrawn
)
