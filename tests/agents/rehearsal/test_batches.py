"""The rehearsed Batch API, over real HTTP, as the openai client meets it."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types import Batch, FileObject
from openai.types.chat import ChatCompletion

from agents.prompts import tagged
from agents.rehearsal.batches import ENDS, MOST_BYTES, MOST_REQUESTS
from agents.rehearsal.serving import serve
from agents.rehearsal.world import items

KEY = "loopback"
PLAIN = "rehearsal-teacher?refusal_rate=0&malformed_rate=0"
ENDPOINT = "/v1/chat/completions"
QUESTIONS = [item.question for item in islice(items("trip", 11), 12)]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def calm() -> Iterator[str]:
    with serve("--key", KEY, "--batch-seconds", "0.1") as url:
        yield url


@pytest.fixture(scope="module")
def slow() -> Iterator[str]:
    with serve("--batch-seconds", "0.8") as url:
        yield url


@pytest.fixture
async def client() -> AsyncIterator[Callable[..., AsyncOpenAI]]:
    made: list[AsyncOpenAI] = []

    def to(url: str, key: str = KEY) -> AsyncOpenAI:
        made.append(AsyncOpenAI(base_url=url, api_key=key, max_retries=0))
        return made[-1]

    yield to
    for one in made:
        await one.close()


def body(number: int, **more: object) -> Row:
    return {"model": PLAIN, "messages": [{"role": "user", "content": tagged({"question": QUESTIONS[number]})}], **more}


def row(number: int, **more: object) -> Row:
    return {"custom_id": f"request-{number}", "method": "POST", "url": ENDPOINT, "body": body(number), **more}


def without(name: str) -> Row:
    return {key: value for key, value in row(1).items() if key != name}


def written(rows: Sequence[Row]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in rows).encode()


async def uploaded(api: AsyncOpenAI, content: bytes) -> FileObject:
    return await api.files.create(file=("asked.jsonl", content), purpose="batch")


async def begun(api: AsyncOpenAI, content: bytes, **more: Any) -> Batch:
    file = await uploaded(api, content)
    return await api.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", **more
    )


async def followed(api: AsyncOpenAI, batch: Batch) -> list[Batch]:
    """What was seen of a batch until its end, the end last."""
    seen = [batch]
    async with asyncio.timeout(10):
        while seen[-1].status not in ENDS:
            await asyncio.sleep(0.01)
            seen.append(await api.batches.retrieve(batch.id))
    return seen


async def ended(api: AsyncOpenAI, content: bytes) -> Batch:
    return (await followed(api, await begun(api, content)))[-1]


async def lines(api: AsyncOpenAI, file_id: str | None) -> list[Row]:
    if file_id is None:
        return []
    return [json.loads(line) for line in (await api.files.content(file_id)).text.splitlines()]


def counts(url: str) -> dict[str, int]:
    return httpx.get(url.removesuffix("/v1") + "/counts").json()


def by_id(results: Sequence[Row]) -> dict[str, Row]:
    return {result["custom_id"]: result for result in results}


async def test_a_batch_is_answered_as_live_requests_are(calm: str, client: Callable[..., AsyncOpenAI]) -> None:
    api, before = client(calm), counts(calm)
    asked = [row(number) for number in range(8)]
    batch = await begun(api, written(asked), metadata={"run": "1"})
    assert (batch.status, batch.metadata, batch.endpoint) == ("validating", {"run": "1"}, ENDPOINT)
    assert (batch.output_file_id, batch.error_file_id, batch.in_progress_at) == (None, None, None)
    end = (await followed(api, batch))[-1]
    assert (end.status, end.errors, end.error_file_id, end.model) == ("completed", None, None, PLAIN)
    assert end.request_counts is not None
    assert end.request_counts.model_dump() == {"total": 8, "completed": 8, "failed": 0}
    assert end.in_progress_at and end.finalizing_at and end.completed_at and end.expires_at  # noqa: PT018
    results = await lines(api, end.output_file_id)
    assert [result["custom_id"] for result in results] != [one["custom_id"] for one in asked]
    assert by_id(results).keys() == {one["custom_id"] for one in asked}
    assert all(result["error"] is None and result["response"]["status_code"] == 200 for result in results)
    after = counts(calm)
    assert [after[name] - before[name] for name in ("requests", "answered", "batches", "batch_requests")] == [
        8,
        8,
        1,
        8,
    ]
    live = await api.chat.completions.create(**body(3))
    assert ChatCompletion.model_validate(by_id(results)["request-3"]["response"]["body"]) == live
    assert counts(calm)["repeats"] == after["repeats"] + 1
    assert end.usage is not None
    assert end.usage.total_tokens == sum(one["response"]["body"]["usage"]["total_tokens"] for one in results)


async def test_a_batch_moves_on_while_live_requests_are_answered(slow: str, client: Callable[..., AsyncOpenAI]) -> None:
    api = client(slow)
    batch = await begun(api, written([row(number) for number in range(10)]))
    start = asyncio.get_running_loop().time()
    await api.chat.completions.create(**body(0))
    assert (await api.batches.retrieve(batch.id)).status != "completed"
    seen = await followed(api, batch)
    assert asyncio.get_running_loop().time() - start > 0.7
    statuses = list(dict.fromkeys(one.status for one in seen))
    assert statuses == ["validating", "in_progress", "finalizing", "completed"]
    done = [one.request_counts.completed for one in seen if one.request_counts]
    assert done == sorted(done)
    assert len(set(done)) > 4


async def test_requests_fail_alone(calm: str, client: Callable[..., AsyncOpenAI]) -> None:
    api = client(calm)
    end = await ended(api, written([row(0), row(1, body=body(1, n=0)), row(2, body=body(2, stream=True)), row(3)]))
    assert end.status == "completed"
    assert end.request_counts is not None
    assert end.request_counts.model_dump() == {"total": 4, "completed": 2, "failed": 2}
    assert by_id(await lines(api, end.output_file_id)).keys() == {"request-0", "request-3"}
    failed = by_id(await lines(api, end.error_file_id))
    assert failed.keys() == {"request-1", "request-2"}
    response = failed["request-1"]["response"]
    assert (response["status_code"], failed["request-1"]["error"]) == (400, None)
    assert response["body"]["error"]["type"] == "invalid_request_error"


async def test_a_batch_of_failures_has_no_output(calm: str, client: Callable[..., AsyncOpenAI]) -> None:
    api = client(calm)
    end = await ended(api, written([row(0, body=body(0, model="gpt-4o"))]))
    assert (end.status, end.output_file_id) == ("completed", None)
    (failed,) = await lines(api, end.error_file_id)
    assert failed["response"]["status_code"] == 404
    assert failed["response"]["body"]["error"]["code"] == "model_not_found"


async def test_faults_become_error_lines(client: Callable[..., AsyncOpenAI]) -> None:
    with serve("--rate-limit-rate", "0.4", "--server-error-rate", "0.4", "--batch-seconds", "0") as url:
        api = client(url)
        end = await ended(api, written([row(number) for number in range(12)]))
        assert end.request_counts is not None
        assert end.request_counts.completed + end.request_counts.failed == 12
        failed = await lines(api, end.error_file_id)
        assert len(failed) == end.request_counts.failed
        assert {one["response"]["status_code"] for one in failed} == {429, 500}
        assert all(one["response"]["body"]["error"]["message"] for one in failed)
        assert counts(url)["requests"] == 12


async def test_a_batch_expires(client: Callable[..., AsyncOpenAI]) -> None:
    with serve("--batch-expire-after", "3", "--batch-seconds", "0") as url:
        api = client(url)
        end = await ended(api, written([row(number) for number in range(5)]))
        assert (end.status, end.completed_at) == ("expired", None)
        assert end.expired_at is not None
        done, undone = await lines(api, end.output_file_id), await lines(api, end.error_file_id)
        assert (len(done), len(undone)) == (3, 2)
        assert len(by_id([*done, *undone])) == 5
        assert {(one["error"]["code"], one["response"]) for one in undone} == {("batch_expired", None)}
        assert (await ended(api, written([row(number) for number in range(3)]))).status == "completed"
        after = counts(url)
        assert (after["answered"], after["batches"], after["batch_requests"]) == (6, 2, 8)


async def test_a_batch_is_cancelled_midway(slow: str, client: Callable[..., AsyncOpenAI]) -> None:
    api = client(slow)
    batch = await begun(api, written([row(number) for number in range(10)]))
    while not (await api.batches.retrieve(batch.id)).request_counts.completed:  # type: ignore[union-attr]
        await asyncio.sleep(0.01)
    told = await api.batches.cancel(batch.id)
    assert told.status == "cancelling"
    assert (await api.batches.cancel(batch.id)).status == "cancelling"
    seen = await followed(api, told)
    end = seen[-1]
    assert {one.status for one in seen} == {"cancelling", "cancelled"}
    assert end.cancelling_at and end.cancelled_at and not end.completed_at  # noqa: PT018
    done, undone = await lines(api, end.output_file_id), await lines(api, end.error_file_id)
    assert end.request_counts is not None
    assert 1 <= len(done) == end.request_counts.completed < 10
    assert len(by_id([*done, *undone])) == 10
    assert {one["error"]["code"] for one in undone} == {"batch_cancelled"}
    with pytest.raises(openai.ConflictError, match="Cannot cancel a batch with status 'cancelled'"):
        await api.batches.cancel(batch.id)


async def test_a_batch_cancelled_at_once_does_nothing(slow: str, client: Callable[..., AsyncOpenAI]) -> None:
    api, before = client(slow), counts(slow)["answered"]
    batch = await begun(api, written([row(0), row(1)]))
    end = (await followed(api, await api.batches.cancel(batch.id)))[-1]
    assert (end.status, end.output_file_id) == ("cancelled", None)
    assert counts(slow)["answered"] == before


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b"", [("empty_file", None, "input_file_id")]),
        (b"\n \n", [("empty_file", None, "input_file_id")]),
        (written([row(0)]) + b"{\n\xff\n", [("invalid_json_line", 2, None), ("invalid_json_line", 3, None)]),
        (b"\xef\xbb\xbf" + written([row(0)]), [("invalid_json_line", 1, None)]),
        (b"[]", [("invalid_value", 1, "line")]),
        (written([row(0), row(0)]), [("duplicate_custom_id", 2, "custom_id")]),
        (written([row(0), without("custom_id")]), [("missing_required_parameter", 2, "custom_id")]),
        (written([without("method")]), [("missing_required_parameter", 1, "method")]),
        (written([row(0, custom_id=7)]), [("invalid_value", 1, "custom_id")]),
        (written([row(0, method="GET")]), [("invalid_method", 1, "method")]),
        (written([row(0), row(1, url="/v1/responses")]), [("invalid_url", 2, "url")]),
        (written([row(0), row(1, body=body(1, model="small"))]), [("mismatched_model", 2, "body.model")]),
        (written([row(0, method="GET", url="/")]), [("invalid_method", 1, "method"), ("invalid_url", 1, "url")]),
    ],
)
async def test_a_malformed_file_fails_its_batch(
    calm: str, client: Callable[..., AsyncOpenAI], content: bytes, problems: list[object]
) -> None:
    api, before = client(calm), counts(calm)
    end = await ended(api, content)
    assert (end.status, end.output_file_id, end.error_file_id) == ("failed", None, None)
    assert end.failed_at is not None
    assert end.errors is not None
    assert [(one.code, one.line, one.param) for one in end.errors.data or []] == problems
    assert all(one.message for one in end.errors.data or [])
    after = counts(calm)
    assert (after["requests"], after["batch_requests"]) == (before["requests"], before["batch_requests"])


async def test_files_are_kept_until_they_are_deleted(calm: str, client: Callable[..., AsyncOpenAI]) -> None:
    api, content = client(calm), written([row(0)])
    file = await uploaded(api, content)
    assert (file.object, file.filename, file.purpose, file.bytes) == ("file", "asked.jsonl", "batch", len(content))
    assert await api.files.retrieve(file.id) == file
    assert (await api.files.content(file.id)).content == content
    gone = await api.files.delete(file.id)
    assert (gone.id, gone.deleted) == (file.id, True)
    for lost in (api.files.retrieve, api.files.content, api.files.delete):
        with pytest.raises(openai.NotFoundError, match="No such File object"):
            await lost(file.id)
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        await api.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")


async def test_lists_are_paged_the_newest_first(calm: str, client: Callable[..., AsyncOpenAI]) -> None:
    api = client(calm)
    made = [await begun(api, written([row(number)])) for number in range(3)]
    first = await api.batches.list(limit=2)
    assert [one.id for one in first.data] == [made[2].id, made[1].id]
    assert first.has_more
    assert (await api.batches.list(limit=2, after=made[1].id)).data[0].id == made[0].id
    assert [one.id async for one in api.batches.list(limit=2)][:3] == [one.id for one in reversed(made)]
    files = [one.id async for one in api.files.list(purpose="batch", limit=1, order="asc")]
    assert [file for file in files if file in {one.input_file_id for one in made}] == [
        one.input_file_id for one in made
    ]
    for end in made:
        await followed(api, end)
    assert {one.purpose async for one in api.files.list(purpose="batch_output")} == {"batch_output"}
    for wrong in ({"limit": 101}, {"limit": 0}, {"after": "nothing"}):
        with pytest.raises(openai.BadRequestError):
            await api.batches.list(**wrong)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/files"),
        ("GET", "/files"),
        ("GET", "/files/x"),
        ("GET", "/files/x/content"),
        ("DELETE", "/files/x"),
        ("POST", "/batches"),
        ("GET", "/batches"),
        ("GET", "/batches/x"),
        ("POST", "/batches/x/cancel"),
    ],
)
def test_every_route_asks_for_the_key(calm: str, method: str, path: str) -> None:
    assert httpx.request(method, calm + path).status_code == 401
    assert httpx.request(method, calm + path, headers={"Authorization": f"Bearer {KEY}"}).status_code != 401


async def test_what_no_batch_can_be_made_of_is_refused(calm: str, client: Callable[..., AsyncOpenAI]) -> None:
    api = client(calm)
    good: dict[str, Any] = {
        "input_file_id": (await uploaded(api, written([row(0)]))).id,
        "endpoint": ENDPOINT,
        "completion_window": "24h",
    }
    for wrong in ({"endpoint": "/v1/embeddings"}, {"completion_window": "1h"}, {"metadata": {"a": "b" * 513}}):
        with pytest.raises(openai.BadRequestError, match=next(iter(wrong))):
            await api.batches.create(**{**good, **wrong})
    output = (await ended(api, written([row(0)]))).output_file_id
    with pytest.raises(openai.BadRequestError, match="batch_output"):
        await api.batches.create(**{**good, "input_file_id": output})
    with pytest.raises(openai.BadRequestError, match="purpose"):
        await api.files.create(file=b"{}", purpose="fine-tune")
    with pytest.raises(openai.NotFoundError, match="No batch found"):
        await api.batches.retrieve("batch_x")


async def test_limits_are_told(calm: str, client: Callable[..., AsyncOpenAI]) -> None:
    with pytest.raises(openai.BadRequestError, match="50,000 requests"):
        await begun(client(calm), b"{}\n" * (MOST_REQUESTS + 1))
    connection = http.client.HTTPConnection(urlsplit(calm).netloc, timeout=5)
    connection.putrequest("POST", "/v1/files")
    connection.putheader("Authorization", f"Bearer {KEY}")
    connection.putheader("Content-Length", str(MOST_BYTES + 1))
    connection.endheaders()
    reply = connection.getresponse()
    assert (reply.status, json.loads(reply.read())["error"]["message"].count("200 MB")) == (413, 1)
    connection.close()
