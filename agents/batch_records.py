"""What a line that asks in batches knows of its batches, and the log that keeps them for other processes."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from agents.batch_api import Result
from agents.line import Completion, Passage
from agents.troubles import Trouble
from storage.records import Batch, BatchState

GONE = "gone"
"""The status of a batch that the provider does not know."""


class BatchLog(Protocol):
    """The batches of every process that uses the same store."""

    async def intend(self, endpoint: str, requests: Sequence[str]) -> Batch:
        """A new batch, committed before it is returned. Its note says which process submits it, as `procs.here` does."""
        ...

    async def settle(self, key: str, state: BatchState, remote: str, note: str = "") -> None:
        """Note how far a batch has come."""
        ...

    async def open(self, endpoint: str) -> Sequence[Batch]:
        """The batches that the provider may still have replies of, the oldest first."""
        ...

    async def stored(self, requests: Collection[str]) -> set[str]:
        """Those of these keys whose calls are stored."""
        ...


@dataclass(frozen=True)
class Rhythm:
    gather_s: float = 1.0
    """A batch leaves once so long no request has come."""
    first_look_s: float = 1.0
    longest_look_s: float = 60.0
    """How long is waited before a batch is looked at again; it grows from the first to the longest."""
    submit_s: float = 600.0
    """How long a process may take to submit a batch. So long, others that find it leave it alone."""


@dataclass(eq=False)
class Asked:
    """A request, and who waits for its reply."""

    key: str
    content: bytes
    passage: Passage
    reply: "asyncio.Future[Completion]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    failures: int = 0
    sending: ExitStack = field(default_factory=ExitStack)
    _has_left: bool = False

    def leave(self) -> None:
        """From now on the request is in a batch, whatever becomes of who asked for it."""
        if not self._has_left:
            self.sending.enter_context(self.passage.sending())
            self._has_left = True

    def fail(self, error: BaseException) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)


@dataclass(eq=False)
class End:
    """What a batch came to."""

    status: str
    results: dict[str, Result] = field(default_factory=dict)
    """Those that nobody has asked for yet."""
    refusal: Exception | None = None
    """Why nobody asks again by itself for what was not answered."""
    is_about_form: bool = False
    """Whether it was refused because the endpoint cannot do the kind of structured reply that its requests ask for."""
    seconds: float = 0.0
    answered: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.answered = {key for key, result in self.results.items() if not isinstance(result, Trouble)}


@dataclass(eq=False)
class Sent:
    """A batch on its way, given to the provider by this process or by one before."""

    asked: dict[str, Asked] = field(default_factory=dict)
    record: Batch | None = None
    """None until it is written down."""
    remote: str = ""
    was_seen: bool = False
    """Whether it was seen on its way. If not, an earlier process has told of its failures, and they are asked again."""
    end: End | None = None
    task: "asyncio.Task[None] | None" = None
