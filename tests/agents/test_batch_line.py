"""The line that asks in batches, against the rehearsed Batch API over HTTP."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from agents import batch_api, batch_line
from agents.batch_api import _result
from agents.generators.write_solution import WorkedSolution
from agents.kinds import Unanswered
from agents.line import Errand, FormNotSupported
from agents.procs import here
from agents.rehearsal.serving import serve
from agents.teacher import BudgetSpent, EndpointTeacher
from agents.troubles import TeacherUnavailable, Trouble
from storage.records import BatchState
from storage.store import Store
from tests.agents.batching import (
    PLAIN,
    answers,
    batches,
    calls,
    counts,
    ledger_of,
    line_to,
    prompts,
    states,
    teaching,
    told,
    until,
)


@pytest.fixture(scope="module")
def calm() -> Iterator[str]:
    with serve("--batch-seconds", "0.1") as url:
        yield url
        assert counts(url)["repeats"] == 0


@pytest.fixture(scope="module")
def slow() -> Iterator[str]:
    with serve("--batch-seconds", "0.6") as url:
        yield url


# --- one process


async def test_what_is_asked_together_goes_in_one_batch(calm: str, store: Store) -> None:
    before, asked = counts(calm), prompts(20)
    async with teaching(calm, store) as teacher:
        assert teacher.places == 50_000
        replies = await answers(teacher, asked)
        assert await answers(teacher, asked) == replies
    after = counts(calm)
    assert (after["batches"] - before["batches"], after["answered"] - before["answered"]) == (1, 20)
    stored = calls(store, replies)
    assert len(stored) == 20
    assert {call.attempts for call in stored} == {1}
    assert all(0.1 < call.latency_s < 5 for call in stored)
    assert states(store) == [("ended", "completed")]
    assert batches(store)[0].remote.startswith("batch_")


async def test_a_request_that_fails_goes_into_the_next_batch(store: Store) -> None:
    with serve("--rate-limit-rate", "0.3", "--server-error-rate", "0.2", "--batch-seconds", "0") as url:
        async with teaching(url, store) as teacher:
            replies = await answers(teacher, prompts(30))
        found = counts(url)
    assert (found["answered"], found["repeats"], found["batches"]) == (30, 0, 3)
    assert {call.attempts for call in calls(store, replies)} == {1, 2, 3}
    assert {state for state, _ in states(store)} == {BatchState.ENDED}


async def test_only_what_an_expired_batch_left_open_is_asked_again(store: Store) -> None:
    with serve("--batch-expire-after", "2", "--batch-seconds", "0") as url:
        async with teaching(url, store) as teacher:
            replies = await answers(teacher, prompts(9))
        found = counts(url)
    assert (found["answered"], found["repeats"], found["batches"]) == (9, 0, 5)
    assert {call.attempts for call in calls(store, replies)} == {1}
    assert [note for _, note in states(store)] == ["expired"] * 4 + ["completed"]


async def test_a_batch_cancelled_at_the_provider_keeps_what_it_answered(slow: str, store: Store) -> None:
    before, asked = counts(slow), prompts(10)
    async with teaching(slow, store) as teacher:
        asking = asyncio.create_task(answers(teacher, asked))
        await until(lambda: batches(store) and batches(store)[0].remote)
        remote = batches(store)[0].remote
        await until(lambda: told(slow, remote)["request_counts"]["completed"] > 2)
        httpx.post(f"{slow}/batches/{remote}/cancel").raise_for_status()
        with pytest.raises(TeacherUnavailable) as caught:
            await asking
    done = told(slow, remote)["request_counts"]["completed"]
    left = f"run again to submit the {10 - done} requests that it did not answer"
    assert f"batch {remote} was cancelled at the provider; {left}" in str(caught.value)
    assert store.stored_calls(batches(store)[0].requests) and states(store) == [("ended", "cancelled")]  # noqa: PT018
    async with teaching(slow, store) as teacher:
        await answers(teacher, asked)
    after = counts(slow)
    assert (after["answered"] - before["answered"], after["repeats"]) == (10, before["repeats"])
    assert len(batches(store)[1].requests) == 10 - done


async def test_a_batch_refused_as_a_whole_says_why(calm: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = prompts(2)
    with monkeypatch.context() as patch:
        patch.setattr(batch_line, "file_of", lambda _: b"{\n" * 5)
        async with teaching(calm, store) as teacher:
            with pytest.raises(TeacherUnavailable, match=r"refused as a whole; .*Found: line 1: .* 2 more"):
                await answers(teacher, asked)
    assert states(store) == [("ended", "failed")]
    async with teaching(calm, store) as teacher:
        assert len(await answers(teacher, asked)) == 2


async def test_a_refusal_that_speaks_of_forms_is_about_forms_only_where_one_was_asked_for(
    calm: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else there would be no weaker way to ask."""
    problem = b'{"custom_id": "guided grammar", "method": "POST", "url": "/v1/chat/completions"}\n'
    monkeypatch.setattr(batch_line, "file_of", lambda _: problem)
    monkeypatch.setattr(batch_api, "_said", lambda _: "guided grammar is too deep")
    plain, formed = (body(prompt) for prompt in prompts(2))
    formed = formed.replace(b"{", b'{"response_format":{},', 1)
    async with aclosing(line_to(calm, store)) as line:
        asking = (line.complete("call:1", plain, 0, Errand()), line.complete("call:2", formed, 0, Errand()))
        one, other = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(one, TeacherUnavailable)
    assert "Found: guided grammar is too deep" in str(one)
    assert isinstance(other, FormNotSupported)
    async with aclosing(line_to(calm, store, structured="instruction")) as line, aclosing(ledger_of(store)) as ledger:
        with pytest.raises(TeacherUnavailable, match="refused as a whole"):
            await EndpointTeacher(line, ledger).ask(prompts(1)[0], WorkedSolution)


async def test_an_endpoint_without_a_batch_api_is_said(calm: str, store: Store) -> None:
    async with teaching(f"{calm}/elsewhere", store) as teacher:
        with pytest.raises(TeacherUnavailable, match=r"\(404\).* take `batch: true` out of the machine file"):
            await answers(teacher, prompts(1))


async def test_an_endpoint_that_is_not_there_is_said(store: Store) -> None:
    async with teaching("http://127.0.0.1:9/v1", store) as teacher:
        with pytest.raises(TeacherUnavailable, match="it cannot be reached"):
            await answers(teacher, prompts(1))
    assert states(store) == [("intended", here())]


def body(prompt: str, **more: object) -> bytes:
    return json.dumps({"model": PLAIN, "messages": [{"role": "user", "content": prompt}], **more}).encode()


async def test_a_request_that_is_refused_fails_alone(calm: str, store: Store) -> None:
    one, other = prompts(2)
    async with aclosing(line_to(calm, store)) as line:
        asking = (
            line.complete("call:1", body(one), 0, Errand()),
            line.complete("call:2", body(other, n=0), 0, Errand()),
        )
        good, bad = await asyncio.gather(*asking, return_exceptions=True)
        assert not isinstance(good, BaseException)
        assert good.body["choices"]
        assert isinstance(bad, Unanswered)
        # an endpoint that answered nothing is another matter
        line.has_answered = False
        with pytest.raises(TeacherUnavailable, match="it refused the request"):
            await line.complete("call:2", body(other, n=0), 0, Errand())


def test_a_line_of_results_is_what_a_live_call_would_have_met() -> None:
    def read(status: int, body: Any) -> Any:
        return _result({"custom_id": "x", "response": {"status_code": status, "body": body}, "error": None})

    filtered = read(400, {"error": {"code": "content_filter"}})
    assert filtered["choices"][0]["finish_reason"] == "content_filter"
    for trouble, status, passes in (
        (read(200, {"hello": 1}), 200, True),
        (read(429, None), 429, False),
        (read(401, None), 401, False),
        (_result({"response": None, "error": {"code": "batch_expired"}}), 503, True),
    ):
        assert isinstance(trouble, Trouble)
        assert (trouble.status, trouble.is_passing) == (status, passes)


# --- askers that come, meet and go


async def test_two_who_ask_the_same_are_one_request(calm: str, store: Store) -> None:
    before, (asked,) = counts(calm), prompts(1)
    async with teaching(calm, store) as teacher:
        one, other = await answers(teacher, [asked, asked])
    assert one == other
    assert counts(calm)["batch_requests"] - before["batch_requests"] == 1


async def test_what_is_given_up_before_it_leaves_is_not_sent(calm: str, store: Store) -> None:
    before, (kept, dropped) = counts(calm), prompts(2)
    async with teaching(calm, store) as teacher:
        giving_up = asyncio.create_task(teacher.ask(dropped, WorkedSolution))
        asking = asyncio.create_task(teacher.ask(kept, WorkedSolution))
        await asyncio.sleep(0.03)
        giving_up.cancel()
        await asking
    assert counts(calm)["batch_requests"] - before["batch_requests"] == 1


async def test_what_is_given_up_in_a_batch_is_still_stored(calm: str, store: Store) -> None:
    (asked,) = prompts(1)
    async with teaching(calm, store) as teacher:
        asking = asyncio.create_task(teacher.ask(asked, WorkedSolution))
        await until(lambda: batches(store) and batches(store)[0].remote)
        asking.cancel()
        await until(lambda: store.stored_calls(batches(store)[0].requests))
    assert states(store) == [("ended", "completed")]


async def test_a_cap_that_holds_a_part_lets_the_rest_follow(calm: str, store: Store) -> None:
    """The worst case of a call is some 900 tokens here, and what it takes some 120."""
    before = counts(calm)["batches"]
    async with teaching(calm, store, tokens=7000) as teacher:
        assert len(await answers(teacher, prompts(12))) == 12
    assert counts(calm)["batches"] - before > 1
    async with teaching(calm, store, tokens=3000) as teacher:
        with pytest.raises(BudgetSpent):
            await answers(teacher, prompts(30))
