"""One cycle trains at a time: a lease in the store that a thread keeps alive, even while the event loop is busy."""

import asyncio
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
    store: Store, name: str, doing: str, overlap: Overlap, waiting: Callable[[str], None]
) -> AsyncIterator[None]:
    """Inside, no other process has the turn of this name. Raises NotItsTurn, TurnLost, StoreError.

    A process has a turn once: a second one inside the same process would be let in.
    """
    holder, told = here(), ""
    while (lease := await asyncio.to_thread(take_lease, store, name, holder, doing, LASTS, is_dead)).holder != holder:
        if overlap == "skip":
            raise NotItsTurn(f"another cycle is training: {_who(lease)}")
        if lease.holder != told:
            waiting(f"waits for its turn: {_who(lease)}")
            told = lease.holder
        await asyncio.sleep(ASK_AGAIN_S)
    try:
        with _kept_alive(store, name, holder):
            yield
    finally:
        give_back_lease(store, name, holder)


def _who(lease: Lease) -> str:
    return f"{lease.doing}, process {lease.holder.partition(' ')[0]}, since {lease.taken_at:%Y-%m-%d %H:%M} UTC"


@contextmanager
def _kept_alive(store: Store, name: str, holder: str) -> Iterator[None]:
    """What is inside is cancelled when the turn is lost, and TurnLost raised in the place of the cancellation."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task
    done, lost = threading.Event(), threading.Event()

    def keep() -> None:
        said = time.monotonic()
        while not done.wait(HEARTBEAT_S):
            try:
                mine = keep_lease(store, name, holder, LASTS)
            except StoreError:  # it may come back in time; what is done inside will say it otherwise
                mine = time.monotonic() - said < LASTS.total_seconds()
            else:
                said = time.monotonic()
            if not mine:
                lost.set()
                loop.call_soon_threadsafe(task.cancel)
                return

    keeper = threading.Thread(target=keep, name=f"keeps {name}", daemon=True)
    keeper.start()
    try:
        yield
    except asyncio.CancelledError:
        if not lost.is_set():
            raise
        task.uncancel()
        raise TurnLost(
            f"this process said nothing for {LASTS.total_seconds():.0f} s and lost its turn to train; "
            "what is done is kept: the next cycle goes on where this one stopped"
        ) from None
    finally:
        done.set()
        keeper.join()
