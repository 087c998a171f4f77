"""The lines of batch files: the requests that a batch is given, and the results that it gives back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Annotated, Any
from uuid import uuid4

from pydantic import BaseModel, Field, ValidationError

Problem = dict[str, Any]
"""A line of `errors.data`: why a batch failed before any request of it was answered."""


class Line(BaseModel):
    """One request of a batch."""

    custom_id: Annotated[str, Field(min_length=1)]
    method: str
    url: str
    body: dict[str, Any]


def checked(content: bytes, endpoint: str) -> tuple[list[Line], list[Problem]]:
    """The requests of a batch, and what is wrong with them."""
    lines: list[Line] = []
    problems: list[Problem] = []
    ids: set[str] = set()
    for number, raw in enumerate(content.split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            line = Line.model_validate(json.loads(raw.decode()))
        except ValidationError as error:
            problems += [misread(number, one["type"], one["loc"], one["msg"]) for one in error.errors()]
        except (ValueError, RecursionError):
            problems.append(problem("invalid_json_line", "This line is not parseable as valid JSON.", number))
        else:
            lines.append(line)
            problems += [problem(code, told, number, at) for code, told, at in unfit(line, lines[0], endpoint, ids)]
            ids.add(line.custom_id)
    if not lines and not problems:
        told = "The input file is empty. Please ensure that your batch contains at least one request."
        problems.append(problem("empty_file", told, param="input_file_id"))
    return lines, problems


def unfit(line: Line, first: Line, endpoint: str, ids: set[str]) -> Iterator[tuple[str, str, str]]:
    """What keeps a line that can be read out of its batch: code, message and parameter."""
    if line.method != "POST":
        yield "invalid_method", "The method provided for this request is not supported: it must be POST.", "method"
    if line.url != endpoint:
        yield "invalid_url", "The URL provided for this request does not match the batch endpoint.", "url"
    if line.custom_id in ids:
        told = f"The custom_id '{line.custom_id}' for this request is a duplicate of another request."
        once = "The custom_id parameter must be unique for each request in a batch."
        yield "duplicate_custom_id", f"{told} {once}", "custom_id"
    if (model := line.body.get("model")) != first.body.get("model"):
        told = f"The model '{model}' for this request does not match the rest of the batch."
        yield "mismatched_model", f"{told} Each batch must contain requests for a single model.", "body.model"


def misread(number: int, kind: str, where: Sequence[int | str], told: str) -> Problem:
    name = ".".join(map(str, where)) or "line"
    if kind == "missing":
        return problem("missing_required_parameter", f"Missing required parameter: '{name}'.", number, name)
    return problem("invalid_value", f"Invalid value for '{name}': {told}.", number, name)


def problem(code: str, message: str, line: int | None = None, param: str | None = None) -> Problem:
    return {"code": code, "message": message, "param": param, "line": line}


def disordered(lines: Sequence[Line]) -> list[Line]:
    """Never as they were given, where there are two: the order of a batch's answers promises nothing."""
    mixed = list(lines)
    Random(lines[0].custom_id).shuffle(mixed)
    return mixed[::-1] if mixed[0] is lines[0] else mixed


def as_response(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"status_code": status, "request_id": uuid4().hex, "body": body}


def as_result(line: Line, response: Mapping[str, Any] | None = None, error: Mapping[str, str] | None = None) -> str:
    result = {"id": f"batch_req_{uuid4().hex}", "custom_id": line.custom_id, "response": response, "error": error}
    return json.dumps(result)
