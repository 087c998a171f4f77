"""Serves rehearsal and recorded teachers over the OpenAI chat-completions protocol, on the loopback interface only."""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import re
import socket
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal, Protocol

import uvicorn
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agents.rehearsal import recorded
from agents.rehearsal.teacher import Refusal, RehearsalTeacher, Schema, UnknownModel

TOKEN = re.compile(r"\w+|[^\w\s]")
WORD = re.compile(r"\S+")
HOST = "127.0.0.1"
FAULTS_IN_A_ROW = 2
RETRY_AFTER = "0.05"
"""Seconds; clients take fractions."""
TEXT = {"type": "string"}
JSON_OBJECT: Schema = {"type": "object", "properties": {"rationale": TEXT, "answer": TEXT}}
"""What a request for any JSON object gets: nothing else says what is asked for."""


class Answering(Protocol):
    """Who answers for some models."""

    @property
    def models(self) -> Sequence[str]: ...

    def reply(
        self, model: str, messages: Sequence[Mapping[str, Any]], schema: Schema | None, seed: int = 0, sample: int = 0
    ) -> str | Refusal:
        """Raises UnknownModel."""
        ...


class NamedSchema(BaseModel):
    asked: Annotated[dict[str, Any], Field(alias="schema")]


class SchemaFormat(BaseModel):
    type: Literal["json_schema"]
    json_schema: NamedSchema


class PlainFormat(BaseModel):
    type: Literal["text", "json_object"]


class Message(BaseModel):
    role: str
    content: str | list[dict[str, Any]] | None = None


class ChatRequest(BaseModel):
    """What is read of a request; the rest of OpenAI's parameters are accepted and change nothing."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    seed: int | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    response_format: Annotated[SchemaFormat | PlainFormat, Field(discriminator="type")] | None = None
    stream: Literal[False] | None = None

    @property
    def schema_asked(self) -> Schema | None:
        match self.response_format:
            case SchemaFormat(json_schema=named):
                return named.asked
            case PlainFormat(type="json_object"):
                return JSON_OBJECT
        return None

    @property
    def most_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class ApiError(Exception):
    """An error in OpenAI's shape."""

    def __init__(self, status: int, message: str, kind: str = "invalid_request_error", code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.kind, self.code = status, kind, code

    def response(self) -> Response:
        told = {"message": str(self), "type": self.kind, "param": None, "code": self.code}
        return as_json({"error": told}, self.status, {"Retry-After": RETRY_AFTER} if self.status == 429 else {})


@dataclass(frozen=True)
class Manners:
    """How the endpoint treats its clients, apart from what it answers."""

    key: str | None = None
    latency: float = 0.0
    rate_limit_rate: float = 0.0
    server_error_rate: float = 0.0

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

    def app(self) -> Starlette:
        routes = [
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
            Route("/v1/models", self.models),
            Route("/health", self.health),
            Route("/counts", self.counts),
        ]
        return Starlette(routes=routes, exception_handlers={ApiError: _api_error, HTTPException: _http_error})

    async def complete(self, request: Request) -> Response:
        self._admit(request)
        body, chat = parse(await request.body())
        content = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        seen = self.seen[content]
        self._attempt(content, seen)
        completion = self._completion(content, body["messages"], chat)
        if self.manners.latency:
            await asyncio.sleep(self.manners.latency)
        seen.answered += 1
        return as_json(completion)

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
        return as_json({"requests": requests, "answered": sum(answered), "repeats": repeats})

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
        choices = [choice(index, reply, chat.most_tokens) for index, reply in enumerate(replies)]
        return {
            "id": f"chatcmpl-{content[:24]}",
            "object": "chat.completion",
            "created": 0,
            "model": chat.model,
            "choices": choices,
            "usage": usage(chat, choices),
            "system_fingerprint": "rehearsal",
        }


def parse(content: bytes) -> tuple[dict[str, Any], ChatRequest]:
    try:
        body = json.loads(content)
        return body, ChatRequest.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise ApiError(400, f"Invalid value for {where}: {first['msg']}.") from error
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "We could not parse the JSON body of your request.") from error


def choice(index: int, reply: str | Refusal, most_tokens: int | None) -> dict[str, Any]:
    refusal = reply.reason if isinstance(reply, Refusal) else None
    text, finish = (None, "stop") if isinstance(reply, Refusal) else cut(reply, most_tokens)
    message = {"role": "assistant", "content": text, "refusal": refusal, "annotations": []}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}


def cut(text: str, most_tokens: int | None) -> tuple[str, str]:
    """The text up to so many words, and why it ends there."""
    if most_tokens is None:
        return text, "stop"
    ends = [word.end() for word in islice(WORD.finditer(text), most_tokens + 1)]
    return (text, "stop") if len(ends) <= most_tokens else (text[: ends[most_tokens - 1]], "length")


def usage(chat: ChatRequest, choices: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """An estimate: words and signs, and no more of a choice than was allowed."""
    prompt = sum(tokens(message.content) for message in chat.messages)
    written = [tokens(one["message"]["content"] or one["message"]["refusal"]) for one in choices]
    completion = sum(min(count, chat.most_tokens or count) for count in written)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def tokens(content: str | list[dict[str, Any]] | None) -> int:
    texts = [str(part.get("text", "")) for part in content] if isinstance(content, list) else [content or ""]
    return sum(len(TOKEN.findall(text)) for text in texts)


def as_json(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    # ASCII escapes: a request may hold half a surrogate pair, which no UTF-8 response could carry back.
    return Response(json.dumps(value), status, headers, "application/json")


async def _api_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return error.response()


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    told = f"{error.detail}: {request.method} {request.url.path}"
    return ApiError(error.status_code, told, code="unknown_url" if error.status_code == 404 else None).response()


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
    manners = Manners(told.key, told.latency, told.rate_limit_rate, told.server_error_rate)
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
