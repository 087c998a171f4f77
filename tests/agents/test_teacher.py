"""The teacher against a real HTTP server with a script: what is sent, what is stored and what is made of it."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from agents import wire
from agents.endpoint import Price
from agents.kinds import Refused, Sampling, UnreadableReply
from agents.probing import probe
from agents.replies import Truncated
from agents.teacher import BudgetSpent
from agents.troubles import TeacherUnavailable
from storage.records import CallOutcome
from tests.agents.scripted import (
    GOOD,
    HTML,
    KEY,
    NO_SCHEMA,
    Answer,
    MemoryLog,
    Purse,
    line_to,
    said,
    serving,
    teach,
)

# What is sent and stored


async def test_a_reply_is_stored_whole_and_read() -> None:
    async with serving(GOOD) as server:
        log, purse = MemoryLog(), Purse()
        teacher = teach(server, log, purse, price=Price(2.0, 10.0), extra={"top_p": 0.9})
        reply = await teacher.ask("2+2?", Answer, sample=3, sampling=Sampling(temperature=1))
        await teacher.aclose()
    assert reply.value == Answer(answer=4)
    call = log.call(reply.call)
    assert call is not None
    assert (call.prompt_tokens, call.completion_tokens, call.attempts, call.outcome) == (100, 20, 1, CallOutcome.READ)
    assert call.usd == pytest.approx((100 * 2 + 20 * 10) / 1e6)
    assert call.reply["content"] == '{"answer": 4}'
    assert (call.reply["model"], call.reply["finish_reason"]) == ("m-2024", "stop")
    assert call.reply["reasoning"] == "I thought."
    assert log.events == [("keep", reply.call), ("read_as", "read")]
    assert purse.events == ["reserve", "settle"]
    assert server.bodies == [{"model": "m", **call.request}]
    assert (call.request["seed"], call.request["temperature"], call.request["top_p"]) == (3, 1.0, 0.9)
    schema = call.request["response_format"]["json_schema"]
    assert (schema["name"], schema["strict"], schema["schema"]["additionalProperties"]) == ("Answer", True, False)
    assert f"authorization: Bearer {KEY}" in server.heads[0]
    assert KEY not in json.dumps(log.calls)


async def test_the_same_request_is_sent_once() -> None:
    async with serving(GOOD, delay_s=0.05) as server:
        log = MemoryLog()
        teacher = teach(server, log)
        replies = await asyncio.gather(*(teacher.ask("2+2?", Answer) for _ in range(5)))
        again = await teacher.ask("2+2?", Answer)
        await teacher.ask("2+2?", Answer, sample=1)
        fresh = teach("http://127.0.0.1:9/v1", log, api_key="another", concurrency=1)
        assert await fresh.ask("2+2?", Answer) == again
        await teacher.aclose()
    assert {reply.call for reply in replies} == {again.call}
    assert len(server.bodies) == 2


async def test_a_crash_while_reading_loses_no_reply() -> None:
    class Fragile(BaseModel):
        answer: int

        @field_validator("answer")
        @classmethod
        def crash(cls, value: int) -> int:
            raise RuntimeError(f"the power went out at {value}")

    async with serving(GOOD) as server:
        log = MemoryLog()
        for teacher in (teach(server, log), teach(server, log)):
            with pytest.raises(RuntimeError, match="power"):
                await teacher.ask("2+2?", Fragile)
            await teacher.aclose()
            assert log.outcomes() == ["answered"]
        assert len(server.bodies) == 1


async def test_a_reply_on_its_way_is_kept_when_its_asker_is_cancelled() -> None:
    async with serving(GOOD, delay_s=0.1) as server:
        log, purse = MemoryLog(), Purse()
        teacher = teach(server, log, purse, concurrency=1)
        asking = [asyncio.create_task(teacher.ask(prompt, Answer)) for prompt in ("first", "second")]
        while not server.bodies:
            await asyncio.sleep(0.005)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await teacher.aclose()
        assert len(server.bodies) == 1, "what was not yet sent is not sent"
    assert log.outcomes() == ["answered"]
    assert sorted(purse.events) == ["release", "reserve", "reserve", "settle"]


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        ({}, None, None),
        ({}, Price(1.0, 2.0), 0.00014),
        ({"cost": 0.5}, Price(1.0, 2.0), 0.5),
        ({"cost": 0}, Price(1.0, 2.0), 0),
        ({"cost": "free"}, None, None),
        ({"cost": -5}, Price(1.0, 2.0), 0.00014),
        ({"cost": float("inf")}, Price(1.0, 2.0), 0.00014),
        ({"cost": 10**400}, None, None),
        ({"prompt_tokens": None, "completion_tokens": None}, Price(1.0, 2.0), None),
    ],
)
async def test_what_the_provider_charged_beats_the_price_table(usage: Any, price: Any, usd: Any) -> None:
    async with serving(said({"answer": 4}, **usage)) as server:
        log = MemoryLog()
        teacher = teach(server, log, price=price)
        reply = await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    assert log.calls[reply.call]["usd"] == (None if usd is None else pytest.approx(usd))


async def test_a_reservation_is_made_at_the_price_of_the_endpoint_that_is_asked() -> None:
    purse = Purse()
    async with serving(GOOD) as server:
        for price in (Price(1.0, 2.0), Price(3.0, 4.0), None):
            teacher = teach(server, purse=purse, price=price, max_tokens=50)
            await teacher.ask("2+2?", Answer)
            await teacher.aclose()
    size = purse.reserved[0].prompt_tokens
    assert size > len(json.dumps(server.bodies[0], separators=(",", ":"))) - 2
    assert [worst.usd for worst in purse.reserved] == [(size + 100) / 1e6, (3 * size + 200) / 1e6, None]
    assert {worst.tokens for worst in purse.reserved} == {size + 50}


async def test_nothing_is_sent_when_the_budget_is_spent() -> None:
    async with serving(GOOD) as server:
        with pytest.raises(BudgetSpent):
            await teach(server, purse=Purse(cap=1025)).ask("2+2?", Answer)
        assert not server.bodies


async def test_no_more_requests_at_once_than_allowed() -> None:
    async with serving(GOOD, delay_s=0.05) as server:
        teacher = teach(server, concurrency=2)
        await asyncio.gather(*(teacher.ask("2+2?", Answer, sample=n) for n in range(6)))
        await teacher.aclose()
    assert len(server.bodies) == 6
    assert server.most_at_once == 2


async def test_parameters_can_be_taken_away_and_samples_still_differ() -> None:
    async with serving(GOOD) as server:
        extra = {"max_tokens": None, "max_completion_tokens": 50, "seed": None}
        log = MemoryLog()
        teacher = teach(server, log, extra=extra)
        await asyncio.gather(*(teacher.ask("2+2?", Answer, sample=n) for n in range(2)))
        await teacher.aclose()
    assert len(log.calls) == 2
    assert all(body.keys().isdisjoint({"max_tokens", "seed"}) for body in server.bodies)


async def test_what_no_database_can_store_is_replaced() -> None:
    async with serving(said('{"answer": 4}', finish="stop", note="\x00\ud800")) as server:
        log = MemoryLog()
        teacher = teach(server, log)
        reply = await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    assert log.calls[reply.call]["reply"]["usage"]["note"] == "\ufffd?"


async def test_the_environment_is_not_told_to_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "private")
    async with serving(GOOD) as server:
        teacher = teach(server, api_key="")
        await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    assert "private" not in server.heads[0]


async def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.setenv(name, "" if name == "NO_PROXY" else "http://127.0.0.1:9")
        monkeypatch.delenv(name.lower(), raising=False)
    async with serving(GOOD) as server:
        teacher = teach(server)
        await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    assert len(server.bodies) == 1


async def test_a_reply_is_stored_without_the_key_and_a_placeholder_spoils_no_reply() -> None:
    async with serving(said({"answer": 4}, note=f"you are {KEY}")) as server:
        log = MemoryLog()
        for key in (KEY, "tokens"):
            teacher = teach(server, log, api_key=key)
            reply = await teacher.ask("2+2?", Answer, sample=len(log.calls))
            assert log.calls[reply.call]["prompt_tokens"] == 100
            assert (KEY in json.dumps(log.calls[reply.call])) == (key != KEY)
            await teacher.aclose()


# What the replies say


@pytest.mark.parametrize(
    ("answer", "error", "outcome"),
    [
        (said("", refusal="I would rather not."), Refused, "refused"),
        (said("", finish="content_filter"), Refused, "refused"),
        ((400, {"error": {"code": "content_filter", "message": "no"}}), Refused, "refused"),
        (said('{"answer": 4}', finish="length"), Truncated, "truncated"),
    ],
)
async def test_refused_and_truncated_replies_are_not_repaired(answer: Any, error: type, outcome: str) -> None:
    async with serving(answer) as server:
        log = MemoryLog()
        for teacher in (teach(server, log), teach(server, log)):
            with pytest.raises(error) as caught:
                await teacher.ask("2+2?", Answer)
            await teacher.aclose()
        assert len(server.bodies) == 1
    assert log.outcomes() == [outcome]
    assert log.calls[caught.value.call]["reason"] == str(caught.value)
    assert len(log.events) == 2, "the second reading found the outcome stored"


async def test_an_unreadable_reply_is_repaired_once() -> None:
    async with serving(said("four"), GOOD) as server:
        log = MemoryLog()
        teacher = teach(server, log)
        reply = await teacher.ask("2+2?", Answer)
        assert await teach(server, log).ask("2+2?", Answer) == reply
        await teacher.aclose()
    assert len(server.bodies) == 2
    prompt, answered, wish = server.bodies[1]["messages"]
    assert (prompt["content"], answered) == ("2+2?", {"role": "assistant", "content": "four"})
    assert "holds no JSON object" in wish["content"]
    assert log.outcomes() == ["unreadable", "read"]
    assert list(log.calls)[1] == reply.call
    assert next(iter(log.calls.values()))["reason"] == "the reply holds no JSON object"


async def test_a_reply_that_stays_unreadable_is_said_to_be_so() -> None:
    async with serving(said({"answer": "four"}), said("")) as server:
        log = MemoryLog()
        teacher = teach(server, log)
        with pytest.raises(UnreadableReply) as caught:
            await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    assert len(server.bodies) == 2
    assert log.outcomes() == ["unreadable", "unreadable"]
    assert caught.value.call == list(log.calls)[1]


async def test_an_endpoint_without_schemas_is_asked_in_words_from_then_on() -> None:
    async with serving((400, NO_SCHEMA), (422, NO_SCHEMA), GOOD) as server:
        log, purse = MemoryLog(), Purse()
        teacher = teach(server, log, purse)
        reply = await teacher.ask("2+2?", Answer)
        await teacher.ask("2+3?", Answer)
        assert await teach("http://127.0.0.1:9/v1", log).ask("2+2?", Answer) == reply
        await teacher.aclose()
    modes = [body.get("response_format", {}).get("type") for body in server.bodies]
    assert modes == ["json_schema", "json_object", None, None]
    assert '"answer"' in server.bodies[2]["messages"][0]["content"]
    assert log.calls[reply.call]["request"]["messages"] == server.bodies[2]["messages"]
    assert purse.events == ["reserve", "release"] * 2 + ["reserve", "settle"] * 2


async def test_many_at_once_find_out_together_that_there_are_no_schemas() -> None:
    async with serving(*[(400, NO_SCHEMA)] * 4, GOOD, delay_s=0.2) as server:
        teacher = teach(server)
        await asyncio.gather(*(teacher.ask("2+2?", Answer, sample=n) for n in range(4)))
        await teacher.aclose()
    modes = [body["response_format"]["type"] for body in server.bodies]
    assert modes == ["json_schema"] * 4 + ["json_object"] * 4


# Doctor and guard


@pytest.mark.parametrize(
    ("answers", "mode"),
    [
        ([GOOD], "schema"),
        ([(400, NO_SCHEMA), GOOD], "json"),
        ([(400, NO_SCHEMA), (422, NO_SCHEMA), GOOD], "instruction"),
    ],
)
async def test_a_probe_costs_one_token_and_finds_how_a_form_is_asked_for(answers: list[Any], mode: str) -> None:
    async with serving(*answers) as server:
        line = line_to(server)
        found = await probe(line)
        await line.aclose()
    assert found.mode == line.mode == mode
    assert found.latency_s > 0
    assert all(body["max_tokens"] == 1 for body in server.bodies)


async def test_a_probe_tells_what_else_the_endpoint_can_do() -> None:
    able = said({"answer": 4}, logprobs=[("4", -0.1)]), said({"answer": 4}, again=[{"answer": 4}]), (200, {"data": []})
    async with serving(GOOD, *able) as server:
        line = line_to(server)
        found = await probe(line)
        await line.aclose()
    assert (found.logprobs, found.choices, found.batches) == (True, True, True)
    assert (server.bodies[1]["top_logprobs"], server.bodies[2]["n"]) == (1, 2)
    async with serving(GOOD, (400, {"error": "no logprobs"}), (400, {"error": "no n"}), (404, HTML)) as server:
        line = line_to(server)
        found = await probe(line)
        await line.aclose()
    assert (found.logprobs, found.choices, found.batches) == (False, False, False)


async def test_a_probe_does_not_wait_for_better_times() -> None:
    for answer in ((503, {}), (429, {}, {"retry-after": "60"}), (400, {"error": "no"})):
        async with serving(answer) as server:
            line = line_to(server)
            with pytest.raises(TeacherUnavailable):
                await probe(line)
            await line.aclose()
            assert len(server.bodies) == 1


async def test_the_guard_names_the_test_that_forgot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ALLOW_REQUESTS", False)
    teacher = teach("https://api.example.com/v1")
    for attempt in (teacher.ask("2+2?", Answer), probe(line_to("https://api.example.com/v1"))):
        with pytest.raises(RuntimeError, match="test_the_guard_names_the_test_that_forgot"):
            await attempt
    async with serving(GOOD) as server:
        loopback = teach(server)
        await loopback.ask("2+2?", Answer)
        await loopback.aclose()
