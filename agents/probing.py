"""What an endpoint can do, found by asking it for one token at a time. Nothing of it is stored or budgeted."""

from dataclasses import dataclass

from pydantic import BaseModel

from agents.asking import Question, body
from agents.endpoint import Mode
from agents.kinds import Sampling
from agents.line import FormNotSupported, Line
from agents.troubles import TeacherUnavailable, Trouble


@dataclass(frozen=True)
class Probe:
    """What an endpoint was found to do."""

    latency_s: float
    mode: Mode
    """The firmest way it takes to ask for a form."""
    logprobs: bool
    choices: bool
    """Whether one request may ask for several replies (`n`)."""
    batches: bool
    """Whether it has batch endpoints."""


class _Ping(BaseModel):
    ok: bool


async def probe(line: Line) -> Probe:
    """One request for one token, and one for each further ability. Raises TeacherUnavailable if the first fails."""
    mode = line.mode
    try:
        found = await line.probe(_request(line, Sampling(temperature=0.0, max_tokens=1)))
    except FormNotSupported:
        line.weaken(mode)
        return await probe(line)
    return Probe(
        found.latency_s,
        mode,
        logprobs=await _logprobs(line),
        choices=await _choices(line),
        batches=await _batches(line),
    )


def _request(line: Line, sampling: Sampling, choices: int = 1) -> bytes:
    request = Question("Reply with true.", _Ping, 0, sampling, choices).request(line.endpoint, line.mode)
    request |= {name: 1 for name in ("max_tokens", "max_completion_tokens") if name in request}
    return body(line.endpoint, request)


async def _logprobs(line: Line) -> bool:
    try:
        found = await line.probe(_request(line, Sampling(temperature=0.0, max_tokens=1, top_logprobs=1)))
    except (FormNotSupported, TeacherUnavailable):
        return False
    logprobs = found.body["choices"][0].get("logprobs")
    return bool(isinstance(logprobs, dict) and logprobs.get("content"))


async def _choices(line: Line) -> bool:
    try:
        found = await line.probe(_request(line, Sampling(temperature=0.0, max_tokens=1), choices=2))
    except (FormNotSupported, TeacherUnavailable):
        return False
    return len(found.body["choices"]) == 2


async def _batches(line: Line) -> bool:
    try:
        await line.wire.get("/batches?limit=1")
    except Trouble:
        return False
    return True
