"""Carries requests in a process of its own, so that what the SDK costs is not taken from the run's own process.

Two thirds of the CPU time of a call are the SDK's and the connection's. Elsewhere, they halve the time of a run that an
endpoint could answer faster than one core can ask; and the SDK is imported while the run gets ready.
"""

import asyncio
import gc
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from agents.endpoint import Endpoint
from agents.troubles import Trouble
from agents.wire import Answered, Wire

PACKAGES = Path(__file__).parents[1]
COLLECT_AFTER = 50_000
"""Of new objects. Thousands of calls under way are no garbage, and looking through them took a third of the time."""
ISOLATED = ("-P",)
"""Else a file `openai.py` in the folder where a run is started would be imported by the process that has the keys."""
LENGTH = 4
"""Bytes that say how long the message is that follows."""


class Mailbox(asyncio.Protocol):
    """Whole messages over a stream. What is sent within one turn of the loop goes in one write."""

    transport: asyncio.Transport

    def __init__(self, receive: Callable[[Any], None], closed: Callable[[], None]) -> None:
        self._receive, self._closed = receive, closed
        self._received = bytearray()
        self._sent: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received += data
        start, end = 0, len(self._received)
        while end - start >= LENGTH:
            length = int.from_bytes(self._received[start : start + LENGTH], "big")
            if end - start - LENGTH < length:
                break
            start += LENGTH + length
            self._receive(pickle.loads(self._received[start - length : start]))  # from a process of our own
        del self._received[:start]

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed()

    def send(self, message: Any) -> None:
        if not self._sent:
            asyncio.get_running_loop().call_soon(self._flush)
        content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._sent += (len(content).to_bytes(LENGTH, "big"), content)

    def _flush(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"".join(self._sent))
        self._sent.clear()


class Carrier:
    """The process, seen from the run. It starts at once, ends with the run however that ends, and is replaced if it dies."""

    _spare: "ClassVar[tuple[socket.socket, subprocess.Popen[bytes]] | None]" = None

    @classmethod
    def prepare(cls) -> None:
        """Start the process of the next carrier now: it imports the SDK while the run imports the rest."""
        cls._spare = cls._started()

    def __init__(self) -> None:
        self._endpoints: list[Endpoint] = []
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._mailbox: Mailbox | None = None
        self._closing = False
        self._opening = asyncio.Lock()
        self._socket, self._process = Carrier._spare or self._started()
        Carrier._spare = None

    def wire(self, endpoint: Endpoint) -> Wire:
        """A wire to this endpoint, whose other end is in the process."""
        self._endpoints.append(endpoint)
        if self._mailbox:
            self._mailbox.send((None, endpoint))
        return CarriedWire(endpoint, partial(self._carry, len(self._endpoints) - 1))

    async def aclose(self) -> None:
        self._closing = True
        if self._mailbox:
            self._mailbox.transport.close()
        self._socket.close()
        try:
            await asyncio.to_thread(self._process.wait, 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    async def _carry(self, wire: int, *asked: Any) -> Any:
        """An Answered, or what a Trouble is made of."""
        mailbox = self._mailbox or await self._open()
        number = next(self._numbers)
        self._waiting[number] = future = asyncio.get_running_loop().create_future()
        mailbox.send((number, wire, *asked))
        try:
            return await future
        except asyncio.CancelledError:
            mailbox.send((number, None))
            raise
        finally:
            del self._waiting[number]

    @staticmethod
    def _started() -> "tuple[socket.socket, subprocess.Popen[bytes]]":
        ours, theirs = socket.socketpair()
        paths = [str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
        with theirs:
            process = subprocess.Popen(
                [sys.executable, *ISOLATED, "-m", "agents.carrier", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                # A Ctrl-C is the run's: it waits for replies that are paid for.
                start_new_session=True,
            )
        return ours, process

    async def _open(self) -> Mailbox:
        async with self._opening:
            if self._mailbox is None:
                if self._process.poll() is not None:
                    self._socket.close()
                    self._socket, self._process = self._started()
                mailbox = Mailbox(self._deliver, self._lost)
                await asyncio.get_running_loop().create_connection(lambda: mailbox, sock=self._socket)
                for endpoint in self._endpoints:
                    mailbox.send((None, endpoint))
                self._mailbox = mailbox
            return self._mailbox

    def _deliver(self, message: Any) -> None:
        number, answer = message
        future = self._waiting.get(number)
        if future and not future.done():
            future.set_result(answer)

    def _lost(self) -> None:
        """Whoever waits is told, and asks again; the next request starts another process."""
        self._mailbox = None
        if not self._closing:
            self._process.kill()
            self._process.wait()
        for future in self._waiting.values():
            if not future.done():
                future.set_result((None, "the process that carries the requests has ended", None, False))


class CarriedWire(Wire):
    """A wire whose end is in the carrier's process."""

    def __init__(self, endpoint: Endpoint, carry: Callable[..., Awaitable[Any]]) -> None:
        super().__init__(endpoint)
        self._carry = carry

    async def post(self, path: str, content: bytes) -> Answered:
        return await self._carried("post", path, content)

    async def get(self, path: str) -> Answered:
        return await self._carried("get", path)

    async def upload(self, content: bytes, name: str, purpose: str) -> Answered:
        return await self._carried("upload", content, name, purpose)

    async def _carried(self, *asked: Any) -> Answered:
        self._check_allowed()
        found = await self._carry(*asked)
        if isinstance(found, Answered):
            return found
        if isinstance(found, str):
            raise RuntimeError(f"the process that carries the requests failed at one: {found}")
        status, text, pause, late = found
        raise Trouble(status, text, retry_after=pause, late=late)


class Deck:
    """The process, seen from within."""

    def __init__(self) -> None:
        self._wires: list[Wire] = []
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._over = asyncio.get_running_loop().create_future()
        self._mailbox = Mailbox(self._take, lambda: self._over.set_result(None))

    async def work(self, ours: socket.socket) -> None:
        """Until the other end is closed, by whatever."""
        await asyncio.get_running_loop().create_connection(lambda: self._mailbox, sock=ours)
        await self._over
        for task in self._tasks.values():
            task.cancel()
        for wire in self._wires:
            await wire.aclose()

    def _take(self, message: Any) -> None:
        number, wire, *asked = message
        if number is None:
            self._wires.append(Wire(wire))
        elif wire is not None:
            self._tasks[number] = asyncio.create_task(self._answer(number, self._wires[wire], *asked))
        elif number in self._tasks:
            self._tasks[number].cancel()

    async def _answer(self, number: int, wire: Wire, verb: str, *asked: Any) -> None:
        try:
            found: Any = await getattr(wire, verb)(*asked)
        except Trouble as trouble:
            found = (trouble.status, trouble.text, trouble.retry_after, trouble.late)
        except Exception as error:  # noqa: BLE001  whoever waits there must hear of it, whatever it is
            found = wire.endpoint.redacted(f"{type(error).__name__}: {error}")
        finally:
            del self._tasks[number]
        self._mailbox.send((number, found))


def main() -> None:
    import openai  # noqa: F401  while the run gets ready
    import uvloop

    async def work() -> None:
        await Deck().work(socket.socket(fileno=int(sys.argv[1])))

    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    uvloop.run(work())


if __name__ == "__main__":
    main()
