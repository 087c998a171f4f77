"""Many calls at once, few transactions: what arrives while one is being committed goes into the next together."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from storage.records import Call, CallOutcome, Record
from storage.store import Store, StoreError, UnfitRecord

GATHERING_S = 0.01
"""How long the first that arrives waits for others. Nobody's place on the wire is held for it."""
Waiting = list[tuple[Any, "asyncio.Future[Any]"]]


class Journal:
    """What a run writes and asks of its store call by call. Used from one event loop; one transaction at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked: Waiting = []
        self._given: Waiting = []
        self._read: dict[str, tuple[CallOutcome, str]] = {}
        self._unnoted: StoreError | None = None
        self._turning: asyncio.Task[None] | None = None
        # The driver gives the interpreter's lock away at every row, and a busy loop is slow to hand it back: a file is
        # written faster where one is. A server is waited for elsewhere.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal") if store.is_remote else None

    async def find(self, key: str) -> Call | None:
        """The stored call of this key. Raises StoreError."""
        return await self._wait(self._asked, key)

    async def keep(self, *records: Record) -> bool:
        """Returns once these are committed, all of them: False if one of them may have been there before.

        Raises StoreError, and then none of them is.
        """
        return await self._wait(self._given, records)

    def note(self, key: str, outcome: CallOutcome, reason: str) -> None:
        """Commits, with the next transaction, how a stored reply was read."""
        self._read[key] = (outcome, reason)
        self._start()

    async def flush(self) -> None:
        """Returns once everything is committed. Raises StoreError."""
        while self._turning:
            await asyncio.shield(self._turning)  # who gives up waiting ends nobody's transaction
        error, self._unnoted = self._unnoted, None
        if error:
            raise error

    async def aclose(self) -> None:
        try:
            await self.flush()
        finally:
            if self._thread:
                self._thread.shutdown()

    async def _wait(self, queue: Waiting, what: Any) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        queue.append((what, future))
        self._start()
        return await future

    def _start(self) -> None:
        if self._turning is None:
            self._turning = asyncio.create_task(self._turn())

    async def _turn(self) -> None:
        try:
            while self._asked or self._given or self._read:
                await asyncio.sleep(GATHERING_S)
                asked, self._asked = self._asked, []
                given, self._given = self._given, []
                read, self._read = self._read, {}
                try:
                    found, outcomes = await self._carried_out(asked, given, read)
                except BaseException as error:  # else whoever waits would wait for ever
                    for _, future in [*asked, *given, *self._asked, *self._given]:
                        _settle(future, error)
                    self._asked, self._given = [], []
                    raise
                for key, future in asked:
                    _settle(future, found if isinstance(found, StoreError) else found.get(key))
                for (_, future), outcome in zip(given, outcomes, strict=True):
                    _settle(future, outcome)
        finally:
            self._turning = None

    async def _carried_out(self, *work: Any) -> tuple[dict[str, Call] | StoreError, Sequence[StoreError | bool]]:
        if self._thread is None:
            return self._commit(*work)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, *work)

    def _commit(
        self, asked: Waiting, given: Waiting, read: dict[str, tuple[CallOutcome, str]]
    ) -> tuple[dict[str, Call] | StoreError, Sequence[StoreError | bool]]:
        """What was asked for, and what became of each that was given."""
        outcomes = self._kept([records for records, _ in given], read)
        try:
            return self._store.by_key(Call, [key for key, _ in asked]) if asked else {}, outcomes
        except StoreError as error:
            return error, outcomes

    def _kept(
        self, given: list[tuple[Record, ...]], read: dict[str, tuple[CallOutcome, str]]
    ) -> Sequence[StoreError | bool]:
        together = [record for records in given for record in records]
        try:
            added = self._store.add(*together, readings=read)
        except UnfitRecord as error:
            if read and given:
                self._kept([], read)
                return self._kept(given, {})
            self._unnoted = error if read else self._unnoted
            if len(given) < 2:
                return [error] * len(given)
            # One that does not fit must not take the others with it.
            return [outcome for records in given for outcome in self._kept([records], {})]
        except StoreError as error:  # of the store itself: to try one by one would only wait as often
            self._unnoted = error if read else self._unnoted
            return [error] * len(given)
        return [added == len(together)] * len(given)


def _settle(future: "asyncio.Future[Any]", outcome: Any) -> None:
    if future.done():  # whoever waited was cancelled
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
