"""An endpoint with a script, a log and a purse that remember what they were told, and a teacher between them."""

import asyncio
import json
import re
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from agents.endpoint import Endpoint
from agents.line import Line
from agents.patience import Patience
from agents.teacher import BudgetSpent, EndpointTeacher, Reservation
from agents.troubles import TeacherUnavailable
from storage.records import Call, CallOutcome

KEY = "sk-very-secret-0123456789"
QUICK = Patience(attempts=3, first_wait_s=0.01, longest_wait_s=0.02, rate_limit_s=3.0)
HTML = "<!DOCTYPE html><html><body>Welcome</body></html>"
NO_SCHEMA = {"error": {"message": "response_format json_schema is not supported"}}


class Answer(BaseModel):
    answer: int


class Scripted:
    """One answer per request, in order; the last one again and again."""

    def __init__(self, *answers: tuple[int, Any] | tuple[int, Any, dict[str, str]], delay_s: float = 0.0) -> None:
        self.answers = list(answers)
        self.delay_s = delay_s
        self.bodies: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.base_url = ""
        self.handling: set[asyncio.Task[None] | None] = set()
        self.most_at_once = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.handling.add(task := asyncio.current_task())
        self.most_at_once = max(self.most_at_once, len(self.handling))
        try:
            await self.handle(reader, writer)
        finally:
            self.handling.discard(task)
            writer.close()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        if length := re.search(r"content-length: *(\d+)", head, re.IGNORECASE):
            self.bodies.append(json.loads(await reader.readexactly(int(length[1]))))
        status, body, *headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await asyncio.sleep(self.delay_s)
        writer.write(_http(status, body, headers[0] if headers else {}))
        await writer.drain()


def _http(status: int, body: Any, headers: dict[str, str]) -> bytes:
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    kind = "text/html" if isinstance(body, str) else "application/json"
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(content)}", "connection: close"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode() + content


@asynccontextmanager
async def serving(*answers: Any, delay_s: float = 0.0) -> AsyncIterator[Scripted]:
    script = Scripted(*answers, delay_s=delay_s)
    server = await asyncio.start_server(script.accept, "127.0.0.1", 0)
    script.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield script
        # A caller that gave up has left its request behind.
        left = [task for task in script.handling if task]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def said(
    content: Any,
    *,
    finish: str = "stop",
    refusal: str | None = None,
    again: Sequence[Any] = (),
    logprobs: Sequence[tuple[str, float]] = (),
    **usage: Any,
) -> tuple[int, dict[str, Any]]:
    """A completion that says this, and in further choices what is said `again`."""
    choices = [_choice(each, finish, refusal, logprobs) for each in (content, *again)]
    counted = {"prompt_tokens": 100, "completion_tokens": 20, **usage}
    return 200, {"model": "m-2024", "choices": choices, "usage": counted}


def _choice(content: Any, finish: str, refusal: str | None, logprobs: Sequence[tuple[str, float]]) -> dict[str, Any]:
    text = content if isinstance(content, str) else json.dumps(content)
    message = {"role": "assistant", "content": text, "refusal": refusal, "reasoning": "I thought."}
    choice = {"index": 0, "finish_reason": finish, "message": message}
    tokens = [
        {
            "token": token,
            "logprob": p,
            "bytes": list(token.encode()),
            "top_logprobs": [{"token": token, "logprob": p, "bytes": []}],
        }
        for token, p in logprobs
    ]
    return {**choice, "logprobs": {"content": tokens}} if tokens else choice


GOOD = said({"answer": 4})


class MemoryLog:
    """Stores copies, as a database would, and remembers in which order it was told what."""

    def __init__(self) -> None:
        self.calls: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[str, ...]] = []

    def call(self, key: str) -> Call | None:
        stored = self.calls.get(key)
        return Call(**stored) if stored else None

    def outcomes(self) -> list[str]:
        return [call["outcome"] for call in self.calls.values()]


class Purse:
    """Refuses what could pass the cap, and remembers what became of each reservation."""

    def __init__(self, cap: int | None = None) -> None:
        self.cap = cap
        self.events: list[str] = []
        self.reserved: list[Reservation] = []


@dataclass
class Ledger:
    """The ledger of one teacher: a log and a purse that the test can look into."""

    log: MemoryLog
    purse: Purse

    async def find(self, key: str) -> Call | None:
        await asyncio.sleep(0)
        return self.log.call(key)

    async def reserve(self, worst: Reservation) -> None:
        if self.purse.cap is not None and worst.tokens > self.purse.cap:
            raise BudgetSpent("no money left")
        self.purse.reserved.append(worst)
        self.purse.events.append("reserve")

    async def keep(self, call: Call, worst: Reservation) -> Call:
        assert worst.prompt_tokens >= call.prompt_tokens
        await asyncio.sleep(0)
        self.log.calls[call.key] = json.loads(json.dumps(call.model_dump(), default=str))
        self.log.events.append(("keep", call.key))
        self.purse.events.append("settle")
        return call

    def permit(self) -> None:
        pass

    def release(self, worst: Reservation) -> None:
        self.purse.events.append("release")

    def read_as(self, key: str, outcome: CallOutcome, reason: str) -> None:
        self.log.calls[key].update(outcome=outcome, reason=reason)
        self.log.events.append(("read_as", outcome))


class Taught(EndpointTeacher):
    """A teacher with a line of its own, closed with it."""

    async def aclose(self) -> None:
        await self._line.aclose()


def line_to(server: Scripted | str, **options: Any) -> Line:
    base_url = server if isinstance(server, str) else server.base_url
    endpoint = Endpoint(**{"base_url": base_url, "model": "m", "api_key": KEY, "key_env": "MY_KEY", **options})
    return Line(endpoint, patience=QUICK)


def teach(server: Scripted | str, log: MemoryLog | None = None, purse: Purse | None = None, **options: Any) -> Taught:
    return Taught(line_to(server, **options), Ledger(log or MemoryLog(), purse or Purse()))


async def unavailable(server: Scripted | str, **options: Any) -> str:
    """The message of the TeacherUnavailable that asking raises."""
    log, purse = MemoryLog(), Purse()
    teacher = teach(server, log, purse, **options)
    with pytest.raises(TeacherUnavailable) as caught:
        await teacher.ask("2+2?", Answer)
    await teacher.aclose()
    assert not log.calls
    assert purse.events == ["reserve", "release"]
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY not in shown + repr(caught.value)
    return str(caught.value)
