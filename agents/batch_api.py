"""A provider's Batch API, as OpenAI speaks it: a file of requests goes up, files of results come down."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from agents.patience import Patience, persist
from agents.troubles import Trouble, completion_of, decoded, filtered_completion
from agents.wire import Answered, Wire

ENDS = {"completed", "failed", "expired", "cancelled"}
PATH = "/v1/chat/completions"
NAME = "orchestrator"
"""Of the metadata that says which batch of ours one of the provider's is."""
PAGE = 100
_SLACK = timedelta(days=1)
"""Clocks differ, but not by more."""
_PROBLEMS_SHOWN = 3

Result = dict[str, Any] | Trouble
"""A chat completion, or what a live request would have met instead."""


@dataclass(frozen=True)
class Remote:
    """A batch as the provider tells of it."""

    id: str
    status: str
    files: tuple[str, ...]
    """Of its results: answers, and then errors."""
    problems: str
    """Why it was refused as a whole."""


def file_of(requests: Iterable[tuple[str, bytes]]) -> bytes:
    """A batch's file: a line for each request, whose result comes back under the same key."""
    return b"".join(
        orjson.dumps({"custom_id": key, "method": "POST", "url": PATH, "body": orjson.Fragment(content)}) + b"\n"
        for key, content in requests
    )


class BatchApi:
    """Each method raises Trouble, after as many tries as patience allows."""

    def __init__(self, wire: Wire, patience: Patience) -> None:
        self._wire = wire
        self._patience = patience

    async def submit(self, name: str, content: bytes) -> Remote:
        """A new batch of these lines, to be found again by this name."""
        file_name = f"{name.rpartition(':')[2]}.jsonl"
        file = await self._persist(lambda: self._wire.upload(content, file_name, "batch"))
        made = {
            "input_file_id": file["id"],
            "endpoint": PATH,
            "completion_window": "24h",
            "metadata": {NAME: name},
        }
        uncertain = False

        async def create() -> Remote:
            nonlocal uncertain
            # A try that got no answer may have made the batch, and a second one would be paid for too.
            if uncertain and (found := await self._search(name)):
                return found
            uncertain = True
            return _remote(_object(await self._wire.post("/batches", orjson.dumps(made))))

        return (await persist(create, self._patience))[0]

    async def find(self, name: str, since: datetime) -> Remote | None:
        """The batch that was submitted under this name, since then, if there is one."""
        return (await persist(lambda: self._search(name, since), self._patience))[0]

    async def look(self, remote: str) -> Remote:
        return _remote(await self._persist(lambda: self._wire.get(f"/batches/{remote}")))

    async def results(self, remote: Remote) -> dict[str, Result]:
        """What came of each request, by its key. A file that the provider has deleted holds nothing."""
        results: dict[str, Result] = {}
        for file in remote.files:
            try:
                found, _ = await persist(lambda file=file: self._wire.get(f"/files/{file}/content"), self._patience)
            except Trouble as trouble:
                if trouble.status != 404:
                    raise
            else:  # in a thread, because so many lines take a while and others have their turn meanwhile
                results = await asyncio.to_thread(dict, _results(found.content)) | results
        return results

    async def _search(self, name: str, since: datetime | None = None) -> Remote | None:
        oldest = (since - _SLACK).timestamp() if since else 0.0
        after = ""
        while True:  # the newest come first
            page = _object(await self._wire.get(f"/batches?limit={PAGE}{after}"), "data")
            for told in page["data"]:
                if (told.get("metadata") or {}).get(NAME) == name:
                    return _remote(told)
            if not page["data"] or not page.get("has_more") or page["data"][-1].get("created_at", oldest) < oldest:
                return None
            after = f"&after={page['data'][-1]['id']}"

    async def _persist(self, send: Any) -> dict[str, Any]:
        async def told() -> dict[str, Any]:
            return _object(await send())

        return (await persist(told, self._patience))[0]


def _object(answered: Answered, holding: str = "id") -> dict[str, Any]:
    try:
        told = decoded(answered.content)
    except ValueError:
        told = None
    if not isinstance(told, dict) or holding not in told:
        raise Trouble(200, answered.content.decode("utf-8", "replace"))
    return told


def _remote(told: dict[str, Any]) -> Remote:
    files = (told.get("output_file_id"), told.get("error_file_id"))
    problems = (told.get("errors") or {}).get("data") or []
    shown = "; ".join(_said(problem) for problem in problems[:_PROBLEMS_SHOWN])
    more = f"; {len(problems) - _PROBLEMS_SHOWN} more" if len(problems) > _PROBLEMS_SHOWN else ""
    return Remote(told["id"], str(told.get("status")), tuple(filter(None, files)), shown + more)


def _said(problem: dict[str, Any]) -> str:
    line = f"line {problem['line']}: " if problem.get("line") else ""
    return f"{line}{problem.get('message')} ({problem.get('code')})"


def _results(content: bytes) -> Iterator[tuple[str, Result]]:
    for line in filter(None, content.split(b"\n")):
        try:
            told = decoded(line)
        except (ValueError, RecursionError):  # a request without a line is asked again
            continue
        if isinstance(told, dict) and isinstance(told.get("custom_id"), str):
            yield told["custom_id"], _result(told)


def _result(told: dict[str, Any]) -> Result:
    response = told.get("response")
    if not isinstance(response, dict):
        # The provider's own failure: the request never came to a model.
        return Trouble(503, orjson.dumps(told.get("error")).decode())
    status, content = response.get("status_code"), orjson.dumps(response.get("body"))
    if status != 200:
        trouble = Trouble(status if isinstance(status, int) else 503, content.decode())
        return filtered_completion(trouble) if trouble.is_filter else trouble
    try:
        return completion_of(response.get("body"), content)
    except Trouble as trouble:
        return trouble
