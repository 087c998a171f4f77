"""A teacher behind an OpenAI-compatible endpoint: every reply is stored before it is read, and none is bought twice."""

from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import Any, Protocol

from agents.asking import Question, body, longest_reply
from agents.endpoint import MODES
from agents.flights import Flight
from agents.kinds import SAMPLING, Form, Refused, Reply, Sampling, Unanswered, UnreadableReply
from agents.line import Completion, FormNotSupported, Line
from agents.replies import Truncated, choices_in, content_of, cost_of, read_call, reply_in
from agents.troubles import TeacherUnavailable
from storage.records import Call, CallOutcome

BYTES_A_TOKEN = 4
"""Of a prompt, about: how providers count what a request may use of the tokens per minute."""

_OUTCOMES = {
    Refused: CallOutcome.REFUSED,
    Truncated: CallOutcome.TRUNCATED,
    UnreadableReply: CallOutcome.UNREADABLE,
}


class BudgetSpent(Exception):
    """The next call could cost more than what is left."""


class PriceUnknown(BudgetSpent):
    """Dollars are capped, and nobody knows what the call costs: no amount of budget would help."""


@dataclass(frozen=True, eq=False)
class Reservation:
    """What one call may cost at most, until it is known what it did cost."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    usd: float | None = None
    """None where the endpoint's price is unknown."""

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class Ledger(Protocol):
    """The calls that were made, and what may still be spent."""

    async def find(self, key: str) -> Call | None:
        """The stored call of this key."""
        ...

    async def reserve(self, worst: Reservation) -> None:
        """Waits for room if calls on their way may leave some. Raises BudgetSpent before a call that could pass a cap."""
        ...

    async def keep(self, call: Call, worst: Reservation) -> Call:
        """Commits before it returns, and settles the reservation. Gives what is stored, which may have come first."""
        ...

    def permit(self) -> None:
        """Raises BudgetSpent when no request may go out any more, whatever was reserved."""
        ...

    def release(self, worst: Reservation) -> None:
        """Give up a reservation whose call came to nothing; one that is settled stays so."""
        ...

    def read_as(self, key: str, outcome: CallOutcome, reason: str) -> None:
        """Note how a stored reply was understood."""
        ...


class EndpointTeacher:
    """One model in a role. A call's key is made of the model and the request, never of the endpoint."""

    def __init__(self, line: Line, ledger: Ledger, *, choices: int = 1) -> None:
        self.model, self.places = line.endpoint.model, line.places
        self._line = line
        self._endpoint = line.endpoint
        self._ledger = ledger
        self._choices = choices

    def __repr__(self) -> str:
        return f"EndpointTeacher({self.model!r} at {self._endpoint.base_url!r})"

    def several(self, samples: int) -> "EndpointTeacher":
        """As few requests as the endpoint's `choices` allow, each asking for equally many replies."""
        requests = ceil(samples / self._endpoint.choices)
        return EndpointTeacher(self._line, self._ledger, choices=ceil(samples / requests))

    async def ask(
        self, prompt: str, form: type[Form], *, sample: int = 0, sampling: Sampling = SAMPLING
    ) -> Reply[Form]:
        """A reply that cannot be read is sent back once, with what is wrong with it.

        Raises UnreadableReply, Refused, Unanswered, TeacherUnavailable, and BudgetSpent before anything is sent.
        """
        request, choice = divmod(sample, self._choices)
        question = Question(prompt, form, request, sampling, self._choices)
        call = await self._call(question)
        try:
            return self._read(call, form, choice)
        except (Refused, Truncated):
            raise
        except UnreadableReply as error:
            if choice >= choices_in(call):
                raise  # there is nothing to repair
            question = replace(question, sample=sample).repair(content_of(call, choice), str(error))
        return self._read(await self._call(question), form)

    def _read(self, call: Call, form: type[Form], choice: int = 0) -> Reply[Form]:
        """The reply that one choice of the call holds; the call's outcome is that of all its choices together."""
        readings = [self._reading(call, form, i) for i in range(choices_in(call))]
        unread = [reading for reading in readings if isinstance(reading, UnreadableReply)]
        outcome = _OUTCOMES[type(unread[0])] if unread else CallOutcome.READ
        reason = str(unread[0]) if unread else ""
        if len(readings) > 1 and unread:
            reason = f"{len(unread)} of {len(readings)} choices: {reason}"
        if (call.outcome, call.reason) != (outcome, reason):
            self._ledger.read_as(call.key, outcome, reason)
        if choice >= len(readings):
            came = f"{len(readings)} of the {self._choices} replies that one request asked for came"
            raise UnreadableReply(f"{came}; set a lower `choices` in the machine file", call.key)
        if isinstance(reading := readings[choice], UnreadableReply):
            raise reading
        return reading

    def _reading(self, call: Call, form: type[Form], choice: int) -> Reply[Form] | UnreadableReply:
        try:
            return read_call(call, form, choice)
        except UnreadableReply as error:
            return error

    async def _call(self, question: Question) -> Call:
        while True:
            mode = self._line.mode
            request = question.request(self._endpoint, mode)
            key = self._key(request)
            try:
                # Looked up within the flight: else a call could land between the look and the start of a second one.
                return await self._line.flights.join(key, partial(self._fetch, key, request, question))
            except FormNotSupported:
                self._line.weaken(mode)
            except (Unanswered, TeacherUnavailable):
                if self._line.mode == mode:
                    raise
                # Meanwhile others were told that the endpoint does not know how it was asked.

    def _key(self, request: dict[str, Any]) -> str:
        return Call.key_of({"model": self.model, "request": request})

    async def _fetch(self, key: str, request: dict[str, Any], question: Question, flight: Flight) -> Call:
        return await self._stored(key, question) or await self._buy(key, request, flight)

    async def _stored(self, key: str, question: Question) -> Call | None:
        """The call in the ledger, also if it had to be asked in a weaker mode than the line has tried so far."""
        call = await self._ledger.find(key)
        if call or self._line.has_answered:
            return call
        for mode in MODES[MODES.index(self._line.mode) + 1 :]:
            if call := await self._ledger.find(self._key(question.request(self._endpoint, mode))):
                return call
        return None

    async def _buy(self, key: str, request: dict[str, Any], flight: Flight) -> Call:
        # A token is at least a byte, so the bytes of the request bound its tokens.
        content, reply = body(self._endpoint, request), longest_reply(request)
        price = self._endpoint.price
        worst = Reservation(self.model, len(content), reply, price.of(len(content), reply) if price else None)
        await self._ledger.reserve(worst)
        flight.permit = self._ledger.permit
        try:
            completion = await self._line.complete(key, content, len(content) // BYTES_A_TOKEN + reply, flight)
            call = self._record(request, completion)
            with flight.being_kept():
                return await self._ledger.keep(call, worst)
        except BaseException:
            self._ledger.release(worst)
            raise

    def _record(self, request: dict[str, Any], found: Completion) -> Call:
        reply = reply_in(found.body)
        cost = cost_of(reply, self._endpoint.price)
        taken = {"attempts": found.attempts, "latency_s": found.latency_s}
        return Call.new(model=self.model, request=request, reply=reply, **taken, **cost)
