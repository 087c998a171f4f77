"""One cycle trains at a time: a lease in the store that a thread keeps alive, even while the event loop is busy."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Literal

from agents.procs import here, is_dead
from storage.leases import give_back_lease, keep_lease, take_lease
from storage.records import Lease
from storage.store import Store, StoreError

log = logging.getLogger("flows.turns")  # the flow run shows what `flows` logs
LASTS = timedelta(seconds=30)
"""A holder that was silent for so long has lost its turn: its machine is gone, or it was suspended."""
HEARTBEAT_S = 5.0
ASK_AGAIN_S = 2.0
Overlap = Literal["wait", "skip"]


class NotItsTurn(Exception):
    """Another process has the turn, and this one was told not to wait."""


class TurnLost(Exception):
    """This process was silent for so long that another may have the turn."""


@asynccontextmanager
async def turn(
    store: Store, name: str, doing: str, overlap: Overlap, tell: Callable[[str], None], same: str = ""
) -> AsyncIterator[None]:
    """Inside, no other process has the turn of this name. Raises NotItsTurn, TurnLost, StoreError.

    Of those that would do the `same`, one waits, since it will do it for all. A process has a turn once: a second one
    inside the same process would be let in.
    """
    holder = here()
    await _reached(store, name, doing, overlap, tell, f"{name}: next {same}")
    try:
        with _kept_alive(store, name, holder):
            yield
    finally:
        try:
            give_back_lease(store, name, holder)
        except StoreError as error:  # what was done inside, or went wrong there, is more than this
            tell(f"its turn ends by itself in {LASTS.total_seconds():.0f} s, since it could not be given back: {error}")


async def _reached(
    store: Store, name: str, doing: str, overlap: Overlap, tell: Callable[[str], None], place: str
) -> None:
    """Returns once it is its turn. Who waits holds the lease of its place in the line. Raises NotItsTurn, StoreError."""
    holder, told = here(), ""
    try:
        while (lease := await _asked(store, name, doing)).holder != holder:
            if overlap == "skip":
                raise NotItsTurn(f"another cycle is training: {_who(lease)}")
            waiting = await _asked(store, place, doing)
            if waiting.holder != holder:
                raise NotItsTurn(f"another cycle waits already to do the same: {_who(waiting)}")
            if lease.holder != told:
                tell(f"waits for its turn: {_who(lease)}")
                told = lease.holder
            await asyncio.sleep(ASK_AGAIN_S)
    finally:
        if told:
            give_back_lease(store, place, holder)


async def _asked(store: Store, name: str, doing: str) -> Lease:
    return await asyncio.to_thread(take_lease, store, name, here(), doing, LASTS, is_dead)


def _who(lease: Lease) -> str:
    return f"{lease.doing}, process {lease.holder.partition(' ')[0]}, since {lease.taken_at:%Y-%m-%d %H:%M} UTC"


@contextmanager
def _kept_alive(store: Store, name: str, holder: str) -> Iterator[None]:
    """What is inside is cancelled when the turn is lost, and TurnLost raised in the place of the cancellation."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task
    keeper = _Keeper(store, name, holder, lambda: loop.call_soon_threadsafe(lose))
    lost = False

    def lose() -> None:
        nonlocal lost
        if not lost and not keeper.done.is_set():
            lost = True
            task.cancel()

    try:
        with keeper.at_work():
            yield
    except asyncio.CancelledError:
        if not lost:
            raise
        task.uncancel()
        raise TurnLost(
            f"this process said nothing for {LASTS.total_seconds():.0f} s and lost its turn to train; "
            "what is done is kept: the next cycle goes on where this one stopped"
        ) from None


class _Keeper:
    """Two threads: one renews the lease, and one sees when that took too long, as with a store that does not answer."""

    def __init__(self, store: Store, name: str, holder: str, lose: Callable[[], object]) -> None:
        self._store, self._name, self._holder, self._lose = store, name, holder, lose
        self._kept = time.monotonic()
        self.done = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=each, name=f"keeps {self._name}", daemon=True) for each in (self._keep, self._watch)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.done.set()
            for thread in threads:
                thread.join(HEARTBEAT_S)

    def _keep(self) -> None:
        while not self.done.wait(HEARTBEAT_S):
            asked = time.monotonic()
            try:
                mine = keep_lease(self._store, self._name, self._holder, LASTS)
            except Exception as error:  # noqa: BLE001 - it may come back in time; the other thread says if it does not
                log.warning("the turn could not be renewed this time: %s", error)
                continue
            if not mine:
                self._lose()
                return
            self._kept = asked

    def _watch(self) -> None:
        while not self.done.wait(HEARTBEAT_S):
            if time.monotonic() - self._kept > LASTS.total_seconds():
                self._lose()
                return
