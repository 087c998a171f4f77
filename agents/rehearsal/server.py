"""Serves rehearsal and recorded teachers over OpenAI's protocol, live and in batches, on the loopback only."""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import socket
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agents.rehearsal import recorded
from agents.rehearsal.batches import Batches
from agents.rehearsal.protocol import ApiError, ChatRequest, api_error, as_json, http_error, parse, read
from agents.rehearsal.teacher import Refusal, RehearsalTeacher, Schema, UnknownModel
from agents.rehearsal.wording import choice, usage

HOST = "127.0.0.1"
FAULTS_IN_A_ROW = 2


class Answering(Protocol):
    """Who answers for some models."""

    @property
    def models(self) -> Sequence[str]: ...

    def reply(
        self, model: str, messages: Sequence[Mapping[str, Any]], schema: Schema | None, seed: int = 0, sample: int = 0
    ) -> str | Refusal:
        """Raises UnknownModel."""
        ...


@dataclass(frozen=True)
class Manners:
    """How the endpoint treats its clients, apart from what it answers."""

    key: str | None = None
    latency: float = 0.0
    rate_limit_rate: float = 0.0
    server_error_rate: float = 0.0
    batch_seconds: float = 0.2
    batch_expire_after: int = 0

    def fault(self, luck: float) -> ApiError | None:
        if luck < self.rate_limit_rate:
            return ApiError(429, "Rate limit reached; try again shortly.", "requests", "rate_limit_exceeded")
        if luck < self.rate_limit_rate + self.server_error_rate:
            return ApiError(500, "The server had an error while processing your request.", "server_error")
        return None


@dataclass
class Seen:
    """What became of the requests of one content."""

    attempts: int = 0
    faults_in_a_row: int = 0
    answered: int = 0


class Endpoint:
    """The routes, and the memory of what was asked."""

    def __init__(self, answering: Sequence[Answering], manners: Manners) -> None:
        self.answering, self.manners = answering, manners
        self.seen: defaultdict[str, Seen] = defaultdict(Seen)
        self.batches = Batches(self._admit, self.answer, manners.batch_seconds, manners.batch_expire_after)

    def app(self) -> Starlette:
        routes = [
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
            Route("/v1/models", self.models),
            Route("/health", self.health),
            Route("/counts", self.counts),
            *self.batches.routes(),
        ]
        return Starlette(routes=routes, exception_handlers={ApiError: api_error, HTTPException: http_error})

    async def complete(self, request: Request) -> Response:
        self._admit(request)
        return as_json(await self.answer(parse(await request.body()), self.manners.latency))

    async def answer(self, body: Any, latency: float = 0.0) -> dict[str, Any]:
        """A completion, whether it was asked for live or in a batch. Raises ApiError."""
        chat = read(ChatRequest, body)
        content = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        seen = self.seen[content]
        self._attempt(content, seen)
        completion = self._completion(content, body["messages"], chat)
        if latency:
            await asyncio.sleep(latency)
        seen.answered += 1
        return completion

    async def models(self, request: Request) -> Response:
        self._admit(request)
        names = [name for teacher in self.answering for name in teacher.models]
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "rehearsal"} for name in names]
        return as_json({"object": "list", "data": data})

    async def health(self, _: Request) -> Response:
        return as_json({"status": "ok"})

    async def counts(self, _: Request) -> Response:
        answered = [seen.answered for seen in self.seen.values()]
        repeats = sum(times - 1 for times in answered if times)
        requests = sum(seen.attempts for seen in self.seen.values())
        asked = {"requests": requests, "answered": sum(answered), "repeats": repeats}
        return as_json({**asked, **self.batches.counts()})

    def _admit(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if self.manners.key and not hmac.compare_digest(given, f"Bearer {self.manners.key}".encode()):
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")

    def _attempt(self, content: str, seen: Seen) -> None:
        seen.attempts += 1
        fault = self.manners.fault(Random(f"{content}:{seen.attempts}").random())
        if fault is None or seen.faults_in_a_row >= FAULTS_IN_A_ROW:
            seen.faults_in_a_row = 0
            return
        seen.faults_in_a_row += 1
        raise fault

    def _completion(self, content: str, messages: Sequence[Mapping[str, Any]], chat: ChatRequest) -> dict[str, Any]:
        teacher = next((one for one in self.answering if chat.model in one.models), self.answering[-1])
        try:
            replies = [
                teacher.reply(chat.model, messages, chat.schema_asked, chat.seed or 0, sample)
                for sample in range(chat.n or 1)
            ]
        except UnknownModel as error:
            raise ApiError(404, str(error), code="model_not_found") from error
        choices = [choice(index, reply, chat, content) for index, reply in enumerate(replies)]
        return {
            "id": f"chatcmpl-{content[:24]}",
            "object": "chat.completion",
            "created": 0,
            "model": chat.model,
            "choices": choices,
            "usage": usage(chat, choices),
            "system_fingerprint": "rehearsal",
        }


class Announced(uvicorn.Server):
    """Says where it listens once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            print(f"listening on http://{HOST}:{port}/v1", flush=True)


def stop_with_stdin(server: uvicorn.Server) -> None:
    def watch() -> None:
        # Not `sys.stdin`: a thread that waits in its lock would abort the interpreter's own end.
        while os.read(0, 1024):
            pass
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()


def rate(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"a rate is from 0 to 1, found {text}")
    return value


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m agents.rehearsal.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", help="the bearer token that clients must send")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that an answer takes")
    parser.add_argument("--rate-limit-rate", type=rate, default=0.0, help="how often a request meets 429")
    parser.add_argument("--server-error-rate", type=rate, default=0.0, help="how often a request meets 500")
    parser.add_argument("--batch-seconds", type=float, default=0.2, help="how long a batch takes at least")
    parser.add_argument("--batch-expire-after", type=int, default=0, help="requests answered of a batch; 0 is all")
    parser.add_argument("--recorded", type=Path, metavar="FILE.jsonl", help="also serve the models recorded here")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the process at the other end")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments()
    told = parser.parse_args(argv)
    answering: list[Answering] = [RehearsalTeacher()]
    if told.recorded:
        try:
            answering.insert(0, recorded.load(told.recorded))
        except ValueError as error:
            parser.error(str(error))
    faults = told.rate_limit_rate, told.server_error_rate
    manners = Manners(told.key, told.latency, *faults, told.batch_seconds, told.batch_expire_after)
    config = uvicorn.Config(
        Endpoint(answering, manners).app(),
        host=HOST,
        port=told.port,
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    server = Announced(config)
    if told.until_stdin_closes:
        stop_with_stdin(server)
    server.run()


if __name__ == "__main__":
    main()
