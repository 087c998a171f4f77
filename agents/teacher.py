"""A teacher behind an OpenAI-compatible endpoint: every reply is stored before it is read, and none is bought twice."""

import asyncio
import os
import time
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from agents.asking import Question, body, longest_reply
from agents.endpoint import MODES, Endpoint, Mode, Price
from agents.flights import Flight, Flights
from agents.kinds import Form, Refused, Reply, UnreadableReply
from agents.patience import CURT, PATIENT, Patience, persist
from agents.replies import Truncated, cost_of, read_call, reply_in
from agents.troubles import (
    TeacherUnavailable,
    Trouble,
    completion_in,
    explain,
    filtered_completion,
    retry_after,
)
from storage.records import Call, CallOutcome, canonical_json

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = [
    "BudgetSpent",
    "CallLog",
    "Endpoint",
    "EndpointTeacher",
    "OpenPurse",
    "Patience",
    "Price",
    "Probe",
    "Purse",
    "Reservation",
    "TeacherUnavailable",
    "Truncated",
]

ALLOW_REQUESTS = True
"""False in the tests: then a request to any other machine is an error."""

_OUTCOMES = {
    Refused: CallOutcome.REFUSED,
    Truncated: CallOutcome.TRUNCATED,
    UnreadableReply: CallOutcome.UNREADABLE,
}


class CallLog(Protocol):
    """The stored calls."""

    def call(self, key: str) -> Call | None: ...

    def keep(self, call: Call) -> None:
        """Commits before it returns, and leaves the record readable."""
        ...

    def read_as(self, key: str, outcome: CallOutcome, reason: str) -> None: ...


class BudgetSpent(Exception):
    """The next call could cost more than what is left."""


@dataclass(frozen=True, eq=False)
class Reservation:
    """What one call may cost at most, until it is known what it did cost."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    usd: float | None = None
    """None where the endpoint's price is unknown."""


class Purse(Protocol):
    """What may be spent. Every reservation is either settled or released."""

    def reserve(
        self, model: str, request_tokens_upper_bound: int, completion_upper_bound: int, price: Price | None = None
    ) -> Reservation:
        """Raises BudgetSpent before a call that could exceed the cap."""
        ...

    def settle(self, reservation: Reservation, call: Call) -> None: ...

    def release(self, reservation: Reservation) -> None: ...


class OpenPurse:
    """A purse without a cap."""

    def reserve(
        self, model: str, request_tokens_upper_bound: int, completion_upper_bound: int, price: Price | None = None
    ) -> Reservation:
        return Reservation(model, request_tokens_upper_bound, completion_upper_bound)

    def settle(self, reservation: Reservation, call: Call) -> None:
        pass

    def release(self, reservation: Reservation) -> None:
        pass


@dataclass(frozen=True)
class Probe:
    """What an endpoint was found to do."""

    latency_s: float
    accepts_schema: bool


class FormNotSupported(Exception):
    """The endpoint cannot do the kind of structured reply that a request asks for."""


class _Ping(BaseModel):
    ok: bool


class EndpointTeacher:
    """One model behind one endpoint. A call's key is made of the model and the request, never of the endpoint."""

    def __init__(self, endpoint: Endpoint, log: CallLog, purse: Purse, *, patience: Patience = PATIENT) -> None:
        self.model = endpoint.model
        self.calls_sent = 0
        self.calls_reused = 0
        self._endpoint = endpoint
        self._log = log
        self._purse = purse
        self._patience = patience
        self._mode: Mode = endpoint.structured
        self._slots = asyncio.Semaphore(endpoint.concurrency)
        self._flights = Flights()

    def __repr__(self) -> str:
        return f"EndpointTeacher({self.model!r} at {self._endpoint.base_url!r})"

    async def ask(self, prompt: str, form: type[Form], *, sample: int = 0, temperature: float = 0.7) -> Reply[Form]:
        """A reply that cannot be read is sent back once, with what is wrong with it.

        Raises UnreadableReply, Refused, TeacherUnavailable, and BudgetSpent before anything is sent.
        """
        question = Question(prompt, form, sample, temperature)
        call = await self._call(question)
        try:
            return self._read(call, form)
        except (Refused, Truncated):
            raise
        except UnreadableReply as error:
            question = question.repair(call.reply["content"], str(error))
        return self._read(await self._call(question), form)

    async def probe(self) -> Probe:
        """One request for one token, neither stored nor budgeted. Raises TeacherUnavailable."""
        mode = self._mode
        request = Question("Reply with true.", _Ping, 0, 0.0).request(self._endpoint, mode)
        request |= {name: 1 for name in ("max_tokens", "max_completion_tokens") if name in request}
        self._check_allowed()
        try:
            (_, latency_s), _ = await self._persist(request, CURT)
        except FormNotSupported:
            self._weaken(mode)
            return await self.probe()
        return Probe(latency_s, accepts_schema=mode == "schema")

    async def aclose(self) -> None:
        """Waits a little for replies that are on their way, since they are paid for."""
        await self._flights.land()
        if "_client" in self.__dict__:
            await self._client.close()

    def _read(self, call: Call, form: type[Form]) -> Reply[Form]:
        try:
            value = read_call(call, form)
        except UnreadableReply as error:
            self._mark(call, _OUTCOMES[type(error)], str(error))
            raise
        self._mark(call, CallOutcome.READ, "")
        return Reply(value, call.key)

    def _mark(self, call: Call, outcome: CallOutcome, reason: str) -> None:
        if (call.outcome, call.reason) != (outcome, reason):
            self._log.read_as(call.key, outcome, reason)

    async def _call(self, question: Question) -> Call:
        while (call := self._stored(question)) is None:
            mode = self._mode
            request = question.request(self._endpoint, mode)
            key = self._record(request).key
            joined = key in self._flights
            try:
                call = await self._flights.join(key, partial(self._buy, request))
            except FormNotSupported:
                self._weaken(mode)
            else:
                self.calls_reused += joined
                return call
        self.calls_reused += 1
        return call

    def _stored(self, question: Question) -> Call | None:
        """The call in the log, also if it had to be asked in a weaker mode than this object has tried so far."""
        for mode in MODES[MODES.index(self._mode) :]:
            call = self._log.call(self._record(question.request(self._endpoint, mode)).key)
            if call is not None:
                return call
        return None

    def _weaken(self, refused: Mode) -> None:
        if self._mode == refused:  # otherwise a call beside this one has been told before
            self._mode = MODES[MODES.index(refused) + 1]

    def _record(self, request: dict[str, Any], **found: Any) -> Call:
        return Call.new(model=self.model, request=request, **found)

    async def _buy(self, request: dict[str, Any], flight: Flight) -> Call:
        self._check_allowed()
        async with self._slots:
            # A token is at least a byte, so the bytes of the request bound its tokens.
            bound = len(canonical_json(request))
            reservation = self._purse.reserve(self.model, bound, longest_reply(request), self._endpoint.price)
            try:
                call = await self._answer(request, flight)
                self._log.keep(call)
            except BaseException:
                self._purse.release(reservation)
                raise
            self._purse.settle(reservation, call)
        self.calls_sent += 1
        return call

    async def _answer(self, request: dict[str, Any], flight: Flight) -> Call:
        (completion, latency_s), attempts = await self._persist(request, self._patience, flight)
        reply = reply_in(completion)
        cost = cost_of(reply, self._endpoint.price)
        return self._record(request, reply=reply, attempts=attempts, latency_s=latency_s, **cost)

    async def _persist(
        self, request: dict[str, Any], patience: Patience, flight: Flight | None = None
    ) -> tuple[tuple[dict[str, Any], float], int]:
        flight = flight or Flight(waiters=1)
        try:
            return await persist(partial(self._exchange, request, flight), patience, lambda: flight.waiters > 0)
        except Trouble as trouble:
            if trouble.is_about_form and "response_format" in request:
                raise FormNotSupported(trouble.text) from None
            raise TeacherUnavailable(explain(self._endpoint, trouble)) from None

    async def _exchange(self, request: dict[str, Any], flight: Flight) -> tuple[dict[str, Any], float]:
        client = self._client  # before the clocks start: the first time, making it takes a while
        started = time.monotonic()
        with flight.sending():
            try:
                completion = completion_in(await self._send(client, body(self._endpoint, request)))
            except Trouble as trouble:
                if not trouble.is_filter:
                    raise
                completion = filtered_completion(trouble)
        return completion, time.monotonic() - started

    async def _send(self, client: "AsyncOpenAI", sent: dict[str, Any]) -> str:
        import openai  # slow to import, and a run whose calls are all stored never needs it

        try:
            # Without a deadline of our own, an endpoint that sends a byte now and then would hold the slot for ever.
            async with asyncio.timeout(self._endpoint.timeout_s):
                # Bearer only: the SDK would else add the admin key that it finds in the environment.
                text = await client.post(
                    "/chat/completions", body=sent, cast_to=str, options={"security": {"bearer_auth": True}}
                )
                return self._endpoint.redacted(text)
        except openai.APIStatusError as error:
            text = self._endpoint.redacted(error.response.text)
            raise Trouble(error.status_code, text, retry_after=retry_after(error.response.headers)) from None
        except (TimeoutError, openai.APITimeoutError):
            raise Trouble(None, f"no answer within {self._endpoint.timeout_s:g} s") from None
        except openai.APIConnectionError as error:
            raise Trouble(None, self._endpoint.redacted(f"{error.__cause__ or error}")) from None

    @cached_property
    def _client(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        endpoint = self._endpoint
        client = AsyncOpenAI(
            # With an empty key the SDK would look for one that is meant for another endpoint.
            api_key=endpoint.api_key or "none",
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=endpoint.timeout_s,
            # A proxy that the environment names cannot reach this machine.
            http_client=DefaultAsyncHttpxClient(trust_env=False) if endpoint.is_loopback else None,
        )
        client.organization = client.project = None  # from the environment, and nobody else's business
        return client

    def _check_allowed(self) -> None:
        if ALLOW_REQUESTS or self._endpoint.is_loopback:
            return
        test = os.environ.get("PYTEST_CURRENT_TEST", "something outside the tests")
        raise RuntimeError(
            f"{test} was about to send a request to {self._endpoint.base_url}; "
            "give it an endpoint on this machine, or a teacher that sends nothing"
        )
