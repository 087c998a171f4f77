"""Calls under way, so that the same request is sent once however many ask for it at the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from storage.records import Call

GRACE_S = 15.0
"""How long to wait at the end for replies that are paid for and on their way."""


@dataclass(eq=False)
class Flight:
    task: asyncio.Task[Call] = field(init=False)
    waiters: int = 0
    on_wire: bool = False
    permit: Callable[[], None] = lambda: None
    """Asked before the request goes out; what it raises keeps it back."""

    @property
    def wanted(self) -> bool:
        return self.waiters > 0

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Nobody who gives up ends it now: the request is paid for."""
        self.permit()
        with self.being_kept():
            yield

    @contextmanager
    def being_kept(self) -> Iterator[None]:
        self.on_wire = True
        try:
            yield
        finally:
            self.on_wire = False


class Flights:
    def __init__(self) -> None:
        self._by_key: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[Call]] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._by_key

    async def join(self, key: str, start: Callable[[Flight], Coroutine[Any, Any, Call]]) -> Call:
        """The call that `start` makes; a second caller of the same key waits for the first one's.

        When every caller is cancelled, a call that is not on the wire ends, and one that is on the wire is still kept.
        """
        flight = self._by_key.get(key) or self._take_off(key, start)
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.on_wire:
                self._forget(key, flight)
                flight.task.cancel()

    async def land(self) -> None:
        """Wait a little for what is on the wire, and end the rest."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=GRACE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _take_off(self, key: str, start: Callable[[Flight], Coroutine[Any, Any, Call]]) -> Flight:
        flight = Flight()
        flight.task = asyncio.create_task(start(flight))
        self._by_key[key] = flight
        self._tasks.add(flight.task)
        flight.task.add_done_callback(lambda task: self._landed(key, flight, task))
        return flight

    def _landed(self, key: str, flight: Flight, task: asyncio.Task[Call]) -> None:
        self._forget(key, flight)
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # asyncio warns of a failure that nobody looked at, as when all callers were cancelled

    def _forget(self, key: str, flight: Flight) -> None:
        if self._by_key.get(key) is flight:
            del self._by_key[key]
