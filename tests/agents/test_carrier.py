"""Requests carried by a process of their own: as on a wire of this one, whatever becomes of the process."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agents import wire as wire_module
from agents.carrier import Carrier
from agents.endpoint import Endpoint
from agents.line import Line
from agents.troubles import Trouble
from agents.wire import Wire
from tests.agents.scripted import GOOD, HTML, KEY, QUICK, Answer, Ledger, MemoryLog, Purse, Taught, serving


@asynccontextmanager
async def carried(base_url: str, **options: Any) -> AsyncIterator[tuple[Carrier, Wire]]:
    carrier = Carrier()
    try:
        yield carrier, carrier.wire(Endpoint(base_url, "m", KEY, **options))
    finally:
        await carrier.aclose()


async def test_what_is_answered_and_what_goes_wrong_arrive_as_they_are() -> None:
    limited = (429, {"error": {"message": f"slow down {KEY}"}}, {"retry-after": "3"})
    seen = (*GOOD, {"x-ratelimit-remaining-requests": "7", "x-other": "no"})
    async with serving(seen, limited, (502, HTML), GOOD) as server, carried(server.base_url) as (_, wire):
        answered = await wire.post("/chat/completions", b'{"a": 1}')
        assert b"choices" in answered.content
        assert answered.headers["x-ratelimit-remaining-requests"] == "7"
        assert "x-other" not in answered.headers
        for status, pause in ((429, 3.0), (502, None)):
            with pytest.raises(Trouble) as caught:
                await wire.post("/chat/completions", b"{}")
            assert (caught.value.status, caught.value.retry_after) == (status, pause)
            assert KEY not in str(caught.value) + caught.value.text
        assert server.bodies[0] == {"a": 1}
        assert f"authorization: Bearer {KEY}" in server.heads[0]


async def test_an_endpoint_that_does_not_answer_in_time_is_late() -> None:
    async with serving(GOOD, delay_s=2) as server, carried(server.base_url, timeout_s=0.1) as (_, wire):
        with pytest.raises(Trouble, match="no answer within") as caught:
            await wire.post("/chat/completions", b"{}")
        assert caught.value.late


async def test_a_cancelled_request_is_cancelled_there_too() -> None:
    async with serving(GOOD, delay_s=1) as server, carried(server.base_url) as (_, wire):
        asking = asyncio.create_task(wire.post("/chat/completions", b"{}"))
        while not server.bodies:
            await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert (await wire.post("/chat/completions", b"{}")).content


async def test_a_process_that_is_killed_is_replaced_and_nothing_is_lost() -> None:
    async with serving(GOOD, delay_s=0.2) as server, carried(server.base_url) as (carrier, wire):
        log = MemoryLog()
        endpoint = Endpoint(server.base_url, "m", KEY)
        teacher = Taught(Line(endpoint, wire, patience=QUICK), Ledger(log, Purse()))
        asking = [asyncio.create_task(teacher.ask("2+2?", Answer, sample=n)) for n in range(8)]
        while not server.bodies:
            await asyncio.sleep(0.01)
        os.kill(carrier._process.pid, signal.SIGKILL)
        replies = await asyncio.gather(*asking)
        assert len(replies) == len(log.calls) == 8


@pytest.mark.parametrize("charset", ["hex", "undefined", "no-such-charset"])
async def test_an_answer_in_no_known_charset_is_a_trouble_like_any_other(charset: str) -> None:
    odd = (500, {"error": "no"}, {"content-type": f"application/json; charset={charset}"})
    async with serving(odd) as server, carried(server.base_url) as (_, wire):
        with pytest.raises(Trouble):
            await asyncio.wait_for(wire.post("/chat/completions", b"{}"), 5)


async def test_what_fails_in_the_process_is_raised_here() -> None:
    async with serving(GOOD) as server, carried(server.base_url) as (_, wire):
        with pytest.raises(RuntimeError, match="the process that carries the requests failed at one: TypeError"):
            await asyncio.wait_for(wire.post(5, b"{}"), 5)  # type: ignore[arg-type]


async def test_a_password_of_netrc_is_not_sent(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("default login me password private\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setattr(Endpoint, "is_loopback", False)
    monkeypatch.setattr(wire_module, "ALLOW_REQUESTS", True)
    async with serving(GOOD) as server:
        wire = Wire(Endpoint(server.base_url, "m", KEY))
        await wire.post("/chat/completions", b"{}")
        await wire.aclose()
    assert f"authorization: Bearer {KEY}" in server.heads[0]


async def test_a_module_of_the_folder_where_a_run_starts_is_not_imported(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openai.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    async with serving(GOOD) as server, carried(server.base_url) as (_, wire):
        assert (await asyncio.wait_for(wire.post("/chat/completions", b"{}"), 10)).content


async def test_large_requests_and_replies_arrive_whole() -> None:
    text = "x" * 3_000_000
    async with serving((200, {"choices": [], "text": text})) as server, carried(server.base_url) as (_, wire):
        for _ in range(3):
            assert len((await wire.post("/chat/completions", b'"' + text.encode() + b'"')).content) > 3_000_000


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Any) -> None:
    script = (
        "import asyncio, os, time\n"
        "from agents.carrier import Carrier\n"
        "carrier = Carrier()\n"
        "print(carrier._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + 10
    while _alive(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
