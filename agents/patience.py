"""How often a request is tried again, and how long is waited between."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from agents.troubles import Trouble

T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    rate_limit_s: float = 600.0
    """How long one request may wait because of rate limits, in all."""

    def pause(self, failures: int) -> float:
        """Doubles with every failure; the jitter keeps many callers from coming back at once."""
        return min(self.longest_wait_s, self.first_wait_s * 2 ** (failures - 1)) * random.uniform(0.75, 1.25)

    def rate_limit_pause(self, limits: int, asked: float | None) -> float:
        """At least what the endpoint asks for, and never nothing."""
        if asked is None:
            return self.pause(limits)
        return max(asked, self.first_wait_s) + random.uniform(0, self.first_wait_s)


PATIENT = Patience()
CURT = Patience(attempts=1, rate_limit_s=5.0)


async def persist(
    send: Callable[[], Awaitable[T]], patience: Patience, wanted: Callable[[], bool] = lambda: True
) -> tuple[T, int]:
    """What `send` returns, and how many attempts it took; waits for a rate limit are no attempts.

    Raises the last Trouble when patience ends, when asking again cannot help, or when nobody wants the answer any more.
    """
    failures, limits, waited = 0, 0, 0.0
    while True:
        try:
            return await send(), failures + 1
        except Trouble as trouble:
            if trouble.is_rate_limit:
                limits += 1
                pause = patience.rate_limit_pause(limits, trouble.retry_after)
                waited += pause
                over = waited > patience.rate_limit_s
            else:
                failures += 1
                pause = max(patience.pause(failures), min(trouble.retry_after or 0.0, patience.longest_wait_s))
                over = failures >= patience.attempts or not trouble.is_passing
            if over or not wanted():
                raise
            logger.info("waiting %.1f s before asking again: %s", pause, trouble)
        await asyncio.sleep(pause)
