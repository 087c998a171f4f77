"""OpenAI's Batch API over the rehearsal teachers: files go in, batches are worked off meanwhile, files come out.

Everything is kept in memory, for the life of the server. The expiry of files is accepted and changes nothing.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol, TypeVar
from uuid import uuid4

from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agents.rehearsal.batch_lines import Line, Problem, as_response, as_result, checked, disordered
from agents.rehearsal.protocol import ApiError, as_json, parse, read

MOST_REQUESTS = 50_000
MOST_BYTES = 200 * 1024 * 1024
DAY = 86_400
ANSWERING = 0.8
"""The share of a batch's time in which its requests are answered; in the rest its files are made."""
ENDS = {"completed", "failed", "expired", "cancelled"}
MOMENTS = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
UNDONE = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "The batch was cancelled before this request was executed."),
}
Label = Annotated[str, Field(max_length=64)]
Told = Annotated[str, Field(max_length=512)]


class Listed(Protocol):
    @property
    def id(self) -> str: ...

    def told(self) -> dict[str, Any]: ...


Kept = TypeVar("Kept", bound=Listed)
Handler = Callable[[Request], Awaitable[Response]]


class BatchRequest(BaseModel):
    input_file_id: str
    endpoint: Literal["/v1/chat/completions"]
    completion_window: Literal["24h"]
    metadata: Annotated[dict[Label, Told], Field(max_length=16)] | None = None


class Page(BaseModel):
    """What part of a list is asked for."""

    limit: Annotated[int, Field(ge=1)]
    after: str | None = None
    order: Literal["asc", "desc"] = "desc"
    purpose: str | None = None


@dataclass(frozen=True)
class File:
    id: str
    name: str
    purpose: str
    content: bytes
    created: int

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created,
            "expires_at": self.created + 30 * DAY if self.purpose == "batch" else None,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


@dataclass
class Batch:
    """The life of a batch, as far as it has come."""

    id: str
    asked: BatchRequest
    created: int
    status: str = "validating"
    moments: dict[str, int] = field(default_factory=dict)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    model: str | None = None
    total: int = 0
    completed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    usage: Counter[str] = field(default_factory=Counter)
    problems: Sequence[Problem] = ()
    output_file_id: str | None = None
    error_file_id: str | None = None

    def enter(self, status: str) -> None:
        """Of a batch that is being cancelled, nothing is told before its end."""
        if self.status != "cancelling" or status in ENDS:
            self.status = status
            self.moments[status] = now()

    async def pause(self, seconds: float) -> None:
        """Ends early when the batch is cancelled; others have their turn however short it is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopped.wait()

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "batch",
            **self.asked.model_dump(),
            "model": self.model,
            "status": self.status,
            "errors": {"object": "list", "data": self.problems} if self.problems else None,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created,
            "expires_at": self.created + DAY,
            **{f"{status}_at": self.moments.get(status) for status in MOMENTS},
            "request_counts": {"total": self.total, "completed": len(self.completed), "failed": len(self.failed)},
            "usage": {
                "input_tokens": self.usage["prompt_tokens"],
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": self.usage["completion_tokens"],
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": self.usage["total_tokens"],
            },
        }


class Batches:
    """The routes of files and batches, and what was given to them."""

    def __init__(
        self,
        admit: Callable[[Request], None],
        answer: Callable[[Any], Awaitable[dict[str, Any]]],
        seconds: float,
        expire_after: int,
    ) -> None:
        self.admit, self.answer, self.seconds, self.expire_after = admit, answer, seconds, expire_after
        self.files: dict[str, File] = {}
        self.batches: dict[str, Batch] = {}
        self.working: set[asyncio.Task[None]] = set()
        self.accepted = 0

    def routes(self) -> Iterator[Route]:
        for method, path, handler in (
            ("POST", "/v1/files", self.upload),
            ("GET", "/v1/files", self.list_files),
            ("GET", "/v1/files/{id}", self.file),
            ("GET", "/v1/files/{id}/content", self.content),
            ("DELETE", "/v1/files/{id}", self.delete),
            ("POST", "/v1/batches", self.create),
            ("GET", "/v1/batches", self.list_batches),
            ("GET", "/v1/batches/{id}", self.batch),
            ("POST", "/v1/batches/{id}/cancel", self.cancel),
        ):
            yield Route(path, self._admitted(handler), methods=[method])

    def counts(self) -> dict[str, int]:
        return {"batches": len(self.batches), "batch_requests": self.accepted}

    async def upload(self, request: Request) -> Response:
        # The whole form is measured, before any of it is read.
        if int(request.headers.get("content-length", 0)) > MOST_BYTES:
            raise ApiError(413, f"The file is too large: a batch file may have {MOST_BYTES >> 20} MB.", param="file")
        async with request.form() as form:
            given, purpose = form.get("file"), form.get("purpose")
            if purpose != "batch":
                raise ApiError(400, f"{purpose!r} is not one of ['batch'] - 'purpose'", param="purpose")
            if not isinstance(given, UploadFile):
                raise ApiError(400, "Missing required parameter: 'file'.", param="file")
            return as_json(self._keep(given.filename or "upload", "batch", await given.read()).told())

    async def list_files(self, request: Request) -> Response:
        return as_json(listed(self.files, request, usual=10_000, most=10_000))

    async def file(self, request: Request) -> Response:
        return as_json(self._file(request.path_params["id"]).told())

    async def content(self, request: Request) -> Response:
        return Response(self._file(request.path_params["id"]).content, media_type="application/octet-stream")

    async def delete(self, request: Request) -> Response:
        file = self._file(request.path_params["id"])
        del self.files[file.id]
        return as_json({"id": file.id, "object": "file", "deleted": True})

    async def create(self, request: Request) -> Response:
        asked = read(BatchRequest, parse(await request.body()))
        file = self._file(asked.input_file_id, "input_file_id")
        if file.purpose != "batch":
            raise ApiError(400, f"A file of purpose {file.purpose!r} is no input of a batch.", param="input_file_id")
        if file.content.rstrip().count(b"\n") >= MOST_REQUESTS:
            told = f"The file holds more than {MOST_REQUESTS:,} requests, the most of a batch."
            raise ApiError(400, told, code="too_many_tasks", param="input_file_id")
        batch = Batch(f"batch_{uuid4().hex}", asked, now())
        self.batches[batch.id] = batch
        task = asyncio.create_task(self._work(batch, file.content))
        self.working.add(task)
        task.add_done_callback(self.working.discard)
        return as_json(batch.told())

    async def list_batches(self, request: Request) -> Response:
        return as_json(listed(self.batches, request, usual=20, most=100))

    async def batch(self, request: Request) -> Response:
        return as_json(self._batch(request).told())

    async def cancel(self, request: Request) -> Response:
        batch = self._batch(request)
        if batch.status in ENDS:
            raise ApiError(409, f"Cannot cancel a batch with status '{batch.status}'.")
        batch.enter("cancelling")
        batch.stopped.set()
        return as_json(batch.told())

    def _admitted(self, handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            self.admit(request)
            return await handler(request)

        return handle

    def _file(self, id: str, param: str = "id") -> File:
        if file := self.files.get(id):
            return file
        raise ApiError(404, f"No such File object: {id}", param=param)

    def _batch(self, request: Request) -> Batch:
        if batch := self.batches.get(request.path_params["id"]):
            return batch
        raise ApiError(404, f"No batch found with id '{request.path_params['id']}'.")

    def _keep(self, name: str, purpose: str, content: bytes) -> File:
        file = File(f"file-{uuid4().hex}", name, purpose, content, now())
        self.files[file.id] = file
        return file

    async def _work(self, batch: Batch, content: bytes) -> None:
        # In a thread: to read so large a file takes seconds, and live requests must not wait for it.
        lines, batch.problems = await asyncio.to_thread(checked, content, batch.asked.endpoint)
        if batch.problems:
            batch.enter("failed")
            return
        batch.total, batch.model = len(lines), lines[0].body.get("model")
        self.accepted += batch.total
        batch.enter("in_progress")
        lines = disordered(lines)
        await self._answer(batch, lines[: self.expire_after or None])
        batch.enter("finalizing")
        await asyncio.sleep(self.seconds * (1 - ANSWERING))
        undone = lines[len(batch.completed) + len(batch.failed) :]
        end = "cancelled" if batch.stopped.is_set() else "expired" if undone else "completed"
        missed = [as_result(line, error=dict(zip(("code", "message"), UNDONE[end], strict=True))) for line in undone]
        batch.output_file_id = self._written(batch, "output", batch.completed)
        batch.error_file_id = self._written(batch, "error", [*batch.failed, *missed])
        batch.enter(end)

    async def _answer(self, batch: Batch, lines: Sequence[Line]) -> None:
        """One after the other, spread over the time that a batch takes."""
        clock = asyncio.get_running_loop().time
        start = clock()
        for number, line in enumerate(lines, 1):
            await batch.pause(start + self.seconds * ANSWERING * number / len(lines) - clock())
            if batch.stopped.is_set():
                return
            try:
                completion = await self.answer(line.body)
            except ApiError as error:
                batch.failed.append(as_result(line, as_response(error.status, error.body())))
            else:
                batch.completed.append(as_result(line, as_response(200, completion)))
                batch.usage.update(completion["usage"])

    def _written(self, batch: Batch, what: str, results: Sequence[str]) -> str | None:
        """There is no file of nothing."""
        content = "".join(f"{result}\n" for result in results).encode()
        return self._keep(f"{batch.id}_{what}.jsonl", "batch_output", content).id if results else None


def listed(kept: Mapping[str, Kept], request: Request, usual: int, most: int) -> dict[str, Any]:
    """A page of a list, the newest first."""
    page = read(Page, {"limit": usual, **request.query_params})
    if page.limit > most:
        raise ApiError(400, f"Invalid value for limit: it is at most {most}.", param="limit")
    told = [one.told() for one in kept.values()]
    told = [one for one in told if page.purpose in {None, one.get("purpose")}][:: -1 if page.order == "desc" else 1]
    ids = [one["id"] for one in told]
    if page.after and page.after not in ids:
        raise ApiError(400, f"Invalid value for after: there is no {page.after!r}.", param="after")
    start = ids.index(page.after) + 1 if page.after else 0
    data = told[start : start + page.limit]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, **ends, "has_more": start + len(data) < len(told)}


def now() -> int:
    return int(time.time())
