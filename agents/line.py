"""The way to one model on one endpoint, shared by every role that it plays: paced, patient, and honest about failure."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from agents.endpoint import MODES, Endpoint, Mode
from agents.flights import Flights
from agents.kinds import Unanswered
from agents.pace import DOWN_AFTER, Pace
from agents.patience import CURT, PATIENT, Patience, persist
from agents.replies import with_cost
from agents.troubles import (
    Outage,
    TeacherUnavailable,
    Trouble,
    completion_in,
    explain,
    filtered_completion,
)
from agents.wire import Wire

ASKS_FOR_FORM = b'"response_format":'
"""Within a text, the quotes would be escaped."""


class FormNotSupported(Exception):
    """The endpoint cannot do the kind of structured reply that a request asks for."""


@dataclass(frozen=True)
class Completion:
    """What came back for one request, and what it took."""

    body: dict[str, Any]
    latency_s: float
    """Of the attempt that was answered."""
    attempts: int


class Passage(Protocol):
    """Who waits for an answer, told while its request is on the wire."""

    @property
    def wanted(self) -> bool: ...

    def sending(self) -> AbstractContextManager[None]: ...


class Errand:
    """A passage that nobody can give up."""

    wanted = True

    def sending(self) -> AbstractContextManager[None]:
        return nullcontext()


class Line:
    def __init__(
        self,
        endpoint: Endpoint,
        wire: Wire | None = None,
        *,
        patience: Patience = PATIENT,
        flights: Flights | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.wire = wire or Wire(endpoint)
        self.flights = flights or Flights()
        """Shared by all lines of a run: a call has one key, whichever endpoint is asked."""
        self.mode: Mode = endpoint.structured
        """How a form is asked for, until the endpoint turns out not to know how."""
        self._patience = patience
        self._pace = Pace(endpoint, patience)
        self.has_answered = False
        self._refusals = 0

    @property
    def places(self) -> int:
        """How many requests it takes at once."""
        return self.endpoint.concurrency

    def weaken(self, refused: Mode) -> None:
        """Ask in the next weaker mode from now on, unless a call beside this one has been told before."""
        if self.mode == refused:
            self.mode = MODES[MODES.index(refused) + 1]
            self._pace.forgive()

    async def complete(self, key: str, content: bytes, tokens: int, passage: Passage) -> Completion:
        """The answer to one request, `tokens` long at most with its prompt.

        Raises FormNotSupported; Unanswered where it is this request that fails; TeacherUnavailable where it is the endpoint.
        """

        async def paced() -> tuple[dict[str, Any], float]:
            async with self._pace.turn(tokens):
                return await self._exchange(content, passage)

        return await self._persist(content, paced, self._patience, lambda: passage.wanted)

    async def probe(self, content: bytes) -> Completion:
        """One answer or none, without waiting for better times. Raises FormNotSupported and TeacherUnavailable."""
        try:
            return await self._persist(content, lambda: self._exchange(content, Errand()), CURT, lambda: True)
        except Unanswered as error:
            raise TeacherUnavailable(str(error)) from None

    async def aclose(self) -> None:
        """Waits a little for replies that are on their way, since they are paid for."""
        await self.flights.land()
        await self.wire.aclose()

    async def _exchange(self, content: bytes, passage: Passage) -> tuple[dict[str, Any], float]:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            with passage.sending():
                answered = await self.wire.post("/chat/completions", content)
            body = completion_in(answered.content)
        except Trouble as trouble:
            if not trouble.is_filter:
                self._pace.troubled(trouble)
                raise
            return filtered_completion(trouble), clock() - began
        self._pace.answered(clock() - began, answered.headers)
        return with_cost(body, answered.headers), clock() - began

    async def _persist(
        self, content: bytes, send: Callable[[], Any], patience: Patience, wanted: Callable[[], bool]
    ) -> Completion:
        try:
            (body, latency_s), attempts = await persist(send, patience, wanted)
        except Trouble as trouble:
            raise self._failure(content, trouble) from None
        self.has_answered, self._refusals = True, 0
        return Completion(body, latency_s, attempts)

    def _failure(self, content: bytes, trouble: Trouble) -> Exception:
        """An endpoint that never answered, or refuses one request after the other, is not to blame on a request."""
        # Some servers fall over a form that they cannot do, and say no more than that.
        fallen = trouble.status == 500 and not self.has_answered
        if (trouble.is_about_form or fallen) and ASKS_FOR_FORM in content:
            return FormNotSupported(trouble.text)
        told = explain(self.endpoint, trouble)
        self._refusals += 1
        one_request = trouble.is_of_request or (trouble.is_passing and not trouble.is_rate_limit)
        if self.has_answered and one_request and self._refusals < DOWN_AFTER and not isinstance(trouble, Outage):
            return Unanswered(told)
        return TeacherUnavailable(told)
