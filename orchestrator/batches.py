"""The batches that providers were given, written down in the store."""

import asyncio
from collections.abc import Collection, Sequence
from itertools import count

from agents.procs import here
from storage.records import Batch, BatchState
from storage.store import Store


class StoredBatches:
    """The batch log of a store. In threads: so many keys take a while, and calls must not wait for them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def intend(self, endpoint: str, requests: Sequence[str]) -> Batch:
        return await asyncio.to_thread(self._added, endpoint, requests)

    async def settle(self, key: str, state: BatchState, remote: str, note: str = "") -> None:
        await asyncio.to_thread(self._store.settle_batch, key, state, remote, note)

    async def open(self, endpoint: str) -> Sequence[Batch]:
        return await asyncio.to_thread(self._store.open_batches, endpoint)

    async def stored(self, requests: Collection[str]) -> set[str]:
        return await asyncio.to_thread(self._store.stored_calls, requests)

    def _added(self, endpoint: str, requests: Sequence[str]) -> Batch:
        """Of batches with the same requests, the first number that is free."""
        facts = {"endpoint": endpoint, "requests": list(requests), "note": here()}
        made = (Batch.new(**facts, number=number) for number in count())
        return next(batch for batch in made if self._store.add(batch))
