"""How fast an endpoint is asked: as many requests at once as it takes well, and no more a minute than it allows.

The number at once is adapted as DCTCP adapts a sender's window (Alizadeh et al. 2010): it grows while replies come, and
shrinks with the *share* of them that met a limit, since one refusal in a hundred says little and every second one a lot.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from agents.endpoint import Endpoint
from agents.patience import Patience
from agents.troubles import Outage, Trouble, seconds_in

logger = logging.getLogger(__name__)
GAIN = 0.25
"""Weight of the newest window in the share of refusals."""
TOLERATED = 0.15
"""Up to this share, refusals are an endpoint's mood and not its limit: fewer at once would not be refused less."""
CROWDED = 0.2
"""From this share of refusals on, an endpoint's Retry-After is meant for everyone and not for one request."""
QUEUEING = 4
"""Times the least latency seen, from which on a reply counts as having waited for others."""
LONGEST_RESET_S = 60.0
"""A minute's limit is whole again by then; where a header says longer, the endpoint is asked, and may refuse."""
DOWN_AFTER = 10
"""So many failures in a row, and the endpoint counts as down."""
BURST_S = 1.0
"""A rate per minute may be used up this much ahead."""


class Meter:
    """A rate per minute, kept by the generic cell rate algorithm. None: no limit."""

    def __init__(self, per_minute: float | None) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._free_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until more may go."""
        return max(0.0, self._free_at - now - BURST_S)

    def book(self, amount: float, now: float) -> None:
        self._free_at = max(self._free_at, now) + amount * self._interval


class Pace:
    """The pace at which one model on one endpoint is asked, shared by all who ask it."""

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        self.at_once = float(endpoint.concurrency)
        """How many requests may be on their way now."""
        self.on_their_way = 0
        self._most = endpoint.concurrency
        self._timeout_s, self._least_s = endpoint.timeout_s, math.inf
        self._patience = patience
        self._requests, self._tokens = Meter(endpoint.requests_per_minute), Meter(endpoint.tokens_per_minute)
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._share, self._window = 0.0, _Window()
        self._still_until = 0.0
        self._left: int | None = None
        self._left_until = 0.0
        self._failures = self._trials = 0
        self._outage: Trouble | None = None
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, tokens: int) -> AsyncIterator[None]:
        """One request's place, as soon as there is one. Raises Trouble when the endpoint stays down."""
        await self._place(tokens)
        try:
            yield
        finally:
            self.on_their_way -= 1
            self._move_up()

    def answered(self, latency_s: float, headers: Mapping[str, str]) -> None:
        self._failures = self._trials = 0
        self._outage = None
        self._least_s = min(self._least_s, latency_s)
        # Replies that queue there for half of the time-out are about to be lost, and lost replies are paid for. A model
        # that is slow by itself is not queueing.
        self._count(refused=latency_s > max(self._timeout_s / 2, QUEUEING * self._least_s))
        left = headers.get("x-ratelimit-remaining-requests", "")
        if left.isdigit():
            now = asyncio.get_running_loop().time()
            reset = seconds_in(headers, "x-ratelimit-reset-requests") or 1.0
            self._left, self._left_until = int(left), now + min(reset, LONGEST_RESET_S)

    def troubled(self, trouble: Trouble) -> None:
        """A refusal slows everyone down; failures in a row stop everyone until a trial succeeds."""
        now = asyncio.get_running_loop().time()
        self._count(refused=trouble.is_rate_limit or trouble.late)
        if trouble.is_rate_limit:
            self._failures = 0
            if self._share > CROWDED and trouble.retry_after:
                self._still_until = max(self._still_until, now + min(trouble.retry_after, self._patience.rate_limit_s))
        elif trouble.is_outage:
            self._failures += 1
            if self._failures >= DOWN_AFTER and now >= self._still_until:
                if not self._trials:
                    logger.warning("the endpoint does not answer; trying again for a minute or so: %s", trouble)
                self._trials += 1
                self._outage = trouble
                self._still_until = now + self._patience.pause(self._trials)

    def forgive(self) -> None:
        """Forget the failures, since the endpoint is asked in another way from now on."""
        self._failures = self._trials = 0
        self._outage, self._still_until = None, 0.0
        self._move_up()

    def _count(self, *, refused: bool) -> None:
        window = self._window
        window.size += 1
        window.refused += refused
        if window.size < self.at_once:
            return
        self._share += GAIN * (window.refused / window.size - self._share)
        if window.refused and self._share > TOLERATED:
            self.at_once = max(1.0, self.at_once * (1 - self._share / 2))
        else:
            self.at_once = min(self._most, self.at_once + max(1.0, self.at_once / 16))
        self._window = _Window()

    async def _place(self, tokens: int) -> None:
        if not self._waiting and self._wait(tokens) == 0.0:
            self.on_their_way += 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((tokens, future))
        self._move_up()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and not future.exception():
                self.on_their_way -= 1
            self._move_up()
            raise

    def _wait(self, tokens: int) -> float | None:
        """Seconds until one more may go; None: until one comes back; 0: it goes now. Raises Trouble."""
        now = asyncio.get_running_loop().time()
        if self._trials > self._patience.attempts and self._outage:
            raise Outage(self._outage)
        if self.on_their_way >= self._room(now):
            return self._left_until - now if now < self._left_until else None
        if now < self._still_until:
            return self._still_until - now
        wait = max(self._tokens.wait(now), self._requests.wait(now))
        if not wait:
            self._tokens.book(tokens, now)
            self._requests.book(1, now)
        return wait

    def _room(self, now: float) -> int:
        if self._outage:
            return 1  # the trial
        room = int(self.at_once)
        return min(room, self._left) if self._left is not None and now < self._left_until else room

    def _move_up(self) -> None:
        """Let go who can go, and come back when the next one can."""
        while self._waiting:
            tokens, future = self._waiting[0]
            if not future.done():
                try:
                    wait = self._wait(tokens)
                except Trouble as trouble:
                    future.set_exception(trouble)
                else:
                    if wait != 0.0:
                        self._come_back(wait)
                        return
                    self.on_their_way += 1
                    future.set_result(None)
            self._waiting.popleft()

    def _come_back(self, wait: float | None) -> None:
        if wait is None:
            return
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(wait, self._move_up)


class _Window:
    """As many answers as may be on their way at once."""

    def __init__(self) -> None:
        self.size = self.refused = 0
