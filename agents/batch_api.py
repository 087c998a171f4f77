"""A provider's Batch API, as OpenAI speaks it: a file of requests goes up, files of results come down."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

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
_LONGEST_NAME = 512

Result = dict[str, Any] | Trouble
"""A chat completion, or what a live request would have met instead."""

logger = logging.getLogger(__name__)


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
            "input_file_id": _name(file, "id"),
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
        return _remote(await self._persist(lambda: self._wire.get(f"/batches/{quote(remote, safe='')}")))

    async def results(self, remote: Remote) -> dict[str, Result]:
        """What came of each request, by its key. A file that the provider has deleted holds nothing."""
        results: dict[str, Result] = {}
        for file in remote.files:
            path = f"/files/{quote(file, safe='')}/content"
            try:
                found, _ = await persist(lambda path=path: self._wire.get(path), self._patience)
            except Trouble as trouble:
                if trouble.status != 404:
                    raise
            else:  # in a thread, because so many lines take a while and others have their turn meanwhile
                results = await asyncio.to_thread(_results, found.content) | results
        return results

    async def _search(self, name: str, since: datetime | None = None) -> Remote | None:
        oldest = (since - _SLACK).timestamp() if since else 0.0
        after = ""
        seen: set[str] = set()
        while True:  # the newest come first
            page = _object(await self._wire.get(f"/batches?limit={PAGE}{after}"), "data")
            batches = [told for told in _listed(page["data"]) if isinstance(told, dict)]
            if page["data"] and not batches:
                raise _unreadable("a list of batches that holds none", page)
            for told in batches:
                metadata = told.get("metadata")
                if isinstance(metadata, dict) and metadata.get(NAME) == name:
                    return _remote(told)
            if not batches or not page.get("has_more") or _made(batches[-1], oldest) < oldest:
                return None
            last = _name(batches[-1], "id")
            if last in seen:
                raise _unreadable("a list of batches without end", batches[-1])
            seen.add(last)
            after = f"&after={quote(last, safe='')}"

    async def _persist(self, send: Any) -> dict[str, Any]:
        async def told() -> dict[str, Any]:
            return _object(await send())

        return (await persist(told, self._patience))[0]


def _object(answered: Answered, holding: str = "id") -> dict[str, Any]:
    try:
        told = decoded(answered.content)
    except (ValueError, RecursionError):
        text = answered.content.decode("utf-8", "replace")
        raise Trouble(200, text, passing=not Trouble(200, text).is_html) from None
    if not isinstance(told, dict) or holding not in told:
        raise Trouble(200, answered.content.decode("utf-8", "replace"))
    return told


def _unreadable(what: str, found: Any) -> Trouble:
    return Trouble(200, f"{what}: {_encoded(found, b'(too deep or too large to show)').decode()}")


def _encoded(value: Any, instead: bytes) -> bytes:
    """As JSON, if orjson takes it: deeper nesting and larger numbers can be read than written."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return instead


def _name(told: dict[str, Any], field: str) -> str:
    """The provider's name for something. Raises Trouble if it is none."""
    name = told.get(field)
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise _unreadable(f"no usable `{field}`", told)
    return name


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _made(told: dict[str, Any], otherwise: float) -> float:
    made = told.get("created_at")
    return made if isinstance(made, int | float) else otherwise


def _remote(told: dict[str, Any]) -> Remote:
    files = tuple(_name(told, field) for field in ("output_file_id", "error_file_id") if told.get(field))
    return Remote(_name(told, "id"), _name(told, "status"), files, _problems(told.get("errors")))


def _problems(errors: Any) -> str:
    """What the provider says of a batch as a whole, also where it says it otherwise than OpenAI."""
    found = errors.get("data", errors) if isinstance(errors, dict) else errors
    problems = found if isinstance(found, list) else [found] if found else []
    shown = "; ".join(_said(problem) for problem in problems[:_PROBLEMS_SHOWN])
    more = f"; {len(problems) - _PROBLEMS_SHOWN} more" if len(problems) > _PROBLEMS_SHOWN else ""
    return shown + more


def _said(problem: Any) -> str:
    if not isinstance(problem, dict) or "message" not in problem:
        return problem if isinstance(problem, str) else _encoded(problem, b"(too deep to show)").decode()
    line = f"line {problem['line']}: " if problem.get("line") else ""
    return f"{line}{problem.get('message')} ({problem.get('code')})"


def _results(content: bytes) -> dict[str, Result]:
    """Of each request the first completion, or else the first trouble. A request without a line is asked again."""
    results: dict[str, Result] = {}
    unreadable = 0
    for line in filter(bytes.strip, content.split(b"\n")):
        try:
            told = decoded(line)
        except (ValueError, RecursionError):
            told = None
        key = told.get("custom_id") if isinstance(told, dict) else None
        if told is None or not isinstance(key, str):
            unreadable += 1
        elif key not in results or isinstance(results[key], Trouble):
            result = _result(told, line)
            if key not in results or not isinstance(result, Trouble):
                results[key] = result
    if unreadable:
        logger.warning("ignored %d lines of a batch's results that are none", unreadable)
    return results


def _result(told: dict[str, Any], line: bytes = b"") -> Result:
    response = told.get("response")
    if not isinstance(response, dict):
        # The provider's own failure: the request never came to a model.
        return Trouble(503, _encoded(told.get("error"), line).decode("utf-8", "replace"))
    status, content = response.get("status_code"), _encoded(response.get("body"), line)
    if status != 200:
        trouble = Trouble(status if isinstance(status, int) else 503, content.decode("utf-8", "replace"))
        return filtered_completion(trouble) if trouble.is_filter else trouble
    try:
        return completion_of(response.get("body"), content)
    except Trouble as trouble:
        return trouble
