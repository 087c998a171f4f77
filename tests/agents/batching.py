"""A store and a line that asks in batches, and what the tests of both want to know of them and of the server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import count, islice
from typing import Any

import httpx
from sqlmodel import col, select

from agents.batch_line import BatchLine, Rhythm
from agents.endpoint import Endpoint
from agents.generators.write_solution import WorkedSolution
from agents.kinds import Reply
from agents.patience import Patience
from agents.prompts import tagged
from agents.rehearsal.world import items
from agents.teacher import EndpointTeacher
from orchestrator.batches import StoredBatches
from orchestrator.clauses import Budget
from orchestrator.ledger import RunLedger
from storage.records import Batch, Call
from storage.store import Store

PLAIN = "rehearsal-teacher?refusal_rate=0&malformed_rate=0"
QUICK = Patience(attempts=3, first_wait_s=0.01, longest_wait_s=0.02)
RHYTHM = Rhythm(gather_s=0.05, first_look_s=0.02, longest_look_s=0.05)
QUESTIONS = [item.question for item in islice(items("trip", 5), 30)]
NUMBERS = count()
"""Tells the prompts of all tests apart, so that they can share a server."""


def prompts(number: int) -> list[str]:
    return [f"Solve.\n{next(NUMBERS)}\n{tagged({'question': question})}" for question in QUESTIONS[:number]]


def counts(url: str) -> dict[str, int]:
    return httpx.get(url.removesuffix("/v1") + "/counts").json()


def line_to(url: str, store: Store, rhythm: Rhythm = RHYTHM, **options: Any) -> BatchLine:
    endpoint = Endpoint(url, options.pop("model", PLAIN), max_tokens=200, **options)
    return BatchLine(endpoint, StoredBatches(store), patience=QUICK, rhythm=rhythm)


def ledger_of(store: Store, **caps: Any) -> RunLedger:
    return RunLedger(store, "run", Budget(**caps))


@asynccontextmanager
async def teaching(url: str, store: Store, rhythm: Rhythm = RHYTHM, **caps: Any) -> AsyncIterator[EndpointTeacher]:
    async with aclosing(ledger_of(store, **caps)) as ledger, aclosing(line_to(url, store, rhythm)) as line:
        yield EndpointTeacher(line, ledger)


async def answers(teacher: EndpointTeacher, asked: Sequence[str]) -> list[Reply[WorkedSolution]]:
    return await asyncio.gather(*(teacher.ask(prompt, WorkedSolution) for prompt in asked))


def batches(store: Store) -> list[Batch]:
    with store.reading() as session:
        return list(session.exec(select(Batch).order_by(col(Batch.created_at))))


def states(store: Store) -> list[tuple[str, str]]:
    return [(batch.state, batch.note) for batch in batches(store)]


def calls(store: Store, replies: Sequence[Reply[Any]]) -> list[Call]:
    return list(store.by_key(Call, [reply.call for reply in replies]).values())


def told(url: str, remote: str) -> dict[str, Any]:
    return httpx.get(f"{url}/batches/{remote}").json()


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.02)
