"""OpenAI's protocol as the rehearsal server reads and writes it: requests, errors, JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from agents.rehearsal.teacher import Schema

Read = TypeVar("Read", bound=BaseModel)
Stop = Annotated[str, Field(min_length=1)]
RETRY_AFTER = "0.05"
"""Seconds; clients take fractions."""
TEXT = {"type": "string"}
JSON_OBJECT: Schema = {"type": "object", "properties": {"rationale": TEXT, "answer": TEXT}}
"""What a request for any JSON object gets: nothing else says what is asked for."""


class ApiError(Exception):
    """An error in OpenAI's shape."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.code, self.param = status, kind, code, param

    def body(self) -> dict[str, Any]:
        return {"error": {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        return as_json(self.body(), self.status, {"Retry-After": RETRY_AFTER} if self.status == 429 else {})


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
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None

    @model_validator(mode="after")
    def _alternatives_only_with_logprobs(self) -> Self:
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("`top_logprobs` is only allowed when `logprobs` is true")
        return self

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

    @property
    def stops(self) -> Sequence[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []


def parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "We could not parse the JSON body of your request.") from error


def read(model: type[Read], body: Any) -> Read:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise ApiError(400, f"Invalid value for {where}: {first['msg']}.", param=where) from error


def as_json(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    # ASCII escapes: a request may hold half a surrogate pair, which no UTF-8 response could carry back.
    return Response(json.dumps(value), status, headers, "application/json")


async def api_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return error.response()


async def http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    told = f"{error.detail}: {request.method} {request.url.path}"
    return ApiError(error.status_code, told, code="unknown_url" if error.status_code == 404 else None).response()
