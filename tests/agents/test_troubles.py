"""What a teacher does when an endpoint fails, and what people are told; against a real HTTP server with a script."""

import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from agents.endpoint import Endpoint
from agents.troubles import retry_after, seconds_in
from tests.agents.scripted import GOOD, HTML, KEY, QUICK, Answer, MemoryLog, serving, teach, unavailable


async def test_rate_limits_are_waited_for_and_are_no_attempts() -> None:
    limit = (429, {"error": {"message": "slow down"}})
    async with serving((*limit, {"retry-after": "1"}), limit, limit, limit, GOOD) as server:
        log, started = MemoryLog(), time.monotonic()
        teacher = teach(server, log)
        reply = await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    assert time.monotonic() - started >= 1.0
    assert log.calls[reply.call]["attempts"] == 1
    assert len(server.bodies) == 5


async def test_rate_limits_are_not_waited_for_without_end() -> None:
    async with serving((429, {}, {"retry-after": "3600"})) as server:
        assert "lower the concurrency" in await unavailable(server)
        assert len(server.bodies) == 1


async def test_server_errors_are_tried_again_up_to_a_bound() -> None:
    async with serving((500, HTML), (503, {}), GOOD) as server:
        log = MemoryLog()
        teacher = teach(server, log)
        reply = await teacher.ask("2+2?", Answer)
        await teacher.aclose()
        assert log.calls[reply.call]["attempts"] == 3
    async with serving((502, {"error": "bad gateway"})) as server:
        message = await unavailable(server)
        assert len(server.bodies) == QUICK.attempts
    assert "(502)" in message
    assert "bad gateway" in message
    assert f"m at {server.base_url}" in message


@pytest.mark.parametrize(
    ("answer", "told", "requests"),
    [
        ((200, HTML), "answered with HTML, is the base URL right? expected …/v1", 1),
        ((404, HTML), "answered with HTML, is the base URL right? expected …/v1", 1),
        ((200, "oops"), "not a chat completion", 3),
        ((200, {"choices": []}), "not a chat completion", 3),
        ((200, {"error": {"code": 502, "message": "upstream"}}), "no usable answer", 3),
        ((200, {"error": {"code": 401, "message": f"wrong key {KEY}"}}), "MY_KEY was refused", 1),
        ((200, {"error": f"wrong key {KEY}"}), "wrong key <key>", 1),
        ((200, f"wrong key {KEY}"), "wrong key <key>", 3),
        ((401, {"error": f"wrong key {KEY}"}), "the key in environment variable MY_KEY was refused", 1),
        ((403, {"error": KEY}), "the key in environment variable MY_KEY was refused", 1),
        ((404, {"error": "no such model"}), "does not know this model", 1),
        ((402, {"error": "pay"}), "no credit left", 1),
        ((429, {"error": {"code": "insufficient_quota"}}), "no credit left", 1),
        ((400, {"error": "context too long"}), "context too long", 1),
    ],
)
async def test_people_are_told_what_was_found_and_what_to_do(
    answer: Any, told: str, requests: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(answer) as server:
        message = await unavailable(server)
        assert len(server.bodies) == requests
    assert told in message
    assert KEY not in caplog.text


async def test_nobody_there_and_nobody_answering() -> None:
    assert "is the server running" in await unavailable("http://127.0.0.1:9/v1")
    async with serving(GOOD, delay_s=9) as server:
        assert "no answer within 0.2 s" in await unavailable(server, timeout_s=0.2)
        assert len(server.bodies) == QUICK.attempts


def test_a_wait_is_asked_for_in_seconds_or_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after({"retry-after": " 2.5 "}) == 2.5
    assert retry_after({"retry-after": later}) == pytest.approx(30, abs=2)
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize(
    ("spelt", "seconds"),
    [
        ("1m30s", 90),
        ("20ms", 0.02),
        ("12", 12),
        ("6m0s", 360),
        ("1.5s", 1.5),
        ("1h2m3s", 3723),
        ("soon", None),
        ("", None),
    ],
)
def test_a_rate_limit_says_when_it_ends(spelt: str, seconds: float | None) -> None:
    assert seconds_in({"x-ratelimit-reset-requests": spelt}, "x-ratelimit-reset-requests") == seconds


def test_the_key_is_not_shown() -> None:
    teacher = teach("https://api.example.com/v1")
    assert KEY not in repr(teacher) + repr(Endpoint("https://api.example.com/v1", "m", KEY))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"base_url": "localhost:8000/v1"}, "not a web address"),
        ({"base_url": f"https://me:{KEY}@example.com/v1"}, "holds a password"),
        ({"api_key": f"{KEY}\n"}, "MY_KEY has spaces"),
        ({"extra": {"stream": True}}, "may not set stream"),
        ({"extra": {"seed": 4}}, "may not set seed"),
        ({"extra": {"max_tokens": None}}, "set max_completion_tokens"),
    ],
)
def test_settings_that_cannot_work_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        teach(**{"server": "https://api.example.com/v1", **options})
    assert KEY not in str(caught.value)
