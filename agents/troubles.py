"""What can go wrong between a request and a reply, which of it passes by itself, and how it is said to people."""

import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from agents.endpoint import Endpoint

_SHOWN = 200
_ABOUT_FORM = re.compile(r"response_format|json_schema|json_object|structured.?output|guided|grammar", re.IGNORECASE)
_ABOUT_MODEL = re.compile(
    r"(unknown|invalid|no such|unrecogni[sz]ed|unsupported) model"
    r"|\bmodels?\b.{0,80}(not found|not exist|not available|not a valid|unknown|pinned)|\bpinned\b.{0,80}\bmodel",
    re.IGNORECASE | re.DOTALL,
)
_FILTERED = re.compile(r"content_filter|content_policy_violation")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s?(?![\dm]))?(?:(\d+(?:\.\d+)?)ms)?")
_NO_MONEY = re.compile(r"insufficient_quota|insufficient.{0,10}(credit|balance|funds)", re.IGNORECASE)


class TeacherUnavailable(Exception):
    """The endpoint cannot be used. The message says what was found, where, and what to do."""


class Trouble(Exception):
    """One request got no usable answer."""

    def __init__(
        self,
        status: int | None,
        text: str,
        *,
        retry_after: float | None = None,
        passing: bool | None = None,
        late: bool = False,
    ) -> None:
        super().__init__(f"{status}: {text[:_SHOWN]}")
        self.status = status
        self.text = text
        self.retry_after = retry_after
        self.late = late
        """Whether no answer came in time."""
        self._passing = passing

    @property
    def is_rate_limit(self) -> bool:
        return self.status == 429 and not self.is_lack_of_money

    @property
    def is_passing(self) -> bool:
        """Whether asking again may help."""
        if self._passing is not None:
            return self._passing
        return self.status is None or self.status in (408, 409) or self.status >= 500

    @property
    def is_outage(self) -> bool:
        """Whether it is the endpoint that fails, and not this one request."""
        return self.is_passing and not self.is_rate_limit and self.status != 409

    @property
    def is_lack_of_money(self) -> bool:
        return self.status == 402 or (self.status == 429 and bool(_NO_MONEY.search(self.text)))

    @property
    def is_about_form(self) -> bool:
        """Whether the endpoint cannot do the kind of structured reply that was asked for."""
        return self.status in (400, 404, 422, 501) and bool(_ABOUT_FORM.search(self.text))

    @property
    def is_of_request(self) -> bool:
        """Whether the endpoint refuses what this request says, e.g. a prompt that is too long."""
        return self.status in (400, 413, 422)

    @property
    def is_about_model(self) -> bool:
        """Whether the endpoint does not serve the model that was asked for, by what it says."""
        return self.status == 400 and bool(_ABOUT_MODEL.search(self.text))

    @property
    def is_filter(self) -> bool:
        """Whether a content filter stopped this prompt: that is a reply, and stays one however often it is asked."""
        return self.status == 400 and bool(_FILTERED.search(self.text))

    @property
    def is_html(self) -> bool:
        return self.text.lstrip()[:15].lower().startswith(("<!doctype", "<html"))


class Outage(Trouble):
    """The endpoint stayed down through one trial after the other."""

    def __init__(self, last: Trouble) -> None:
        super().__init__(last.status, last.text, passing=False)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as an HTTP date; None if it gives neither."""
    # LiteLLM hands on what the provider behind it says under a name of its own.
    value = (headers.get("retry-after") or headers.get("llm_provider-retry-after") or "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:  # no date either
        return None


def seconds_in(headers: Mapping[str, str], name: str) -> float | None:
    """The duration in a header, spelt like `1m30s`, `20ms` or `12`; None if there is none."""
    found = _DURATION.fullmatch(headers.get(name, "").strip())
    if not found or not found[0]:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def completion_in(content: bytes) -> dict[str, Any]:
    """The chat completion in a 200 answer. Raises Trouble if there is none."""
    try:
        body = decoded(content)
    except (ValueError, RecursionError):
        text = content.decode("utf-8", "replace")
        trouble = Trouble(200, text)
        raise Trouble(200, text, passing=not trouble.is_html) from None
    return completion_of(body, content)


def completion_of(body: Any, content: bytes) -> dict[str, Any]:
    """The body, which was read from this content, if it is a chat completion. Raises Trouble if it is none."""
    error = body.get("error") if isinstance(body, dict) else None
    if error:  # some routers report the failure of the server behind them this way
        code = error.get("code") if isinstance(error, dict) else None
        raise Trouble(code if isinstance(code, int) else 200, content.decode("utf-8", "replace"))
    if not _has_choice(body):
        raise Trouble(200, content.decode("utf-8", "replace"), passing=True)
    return body


def decoded(content: bytes) -> Any:
    """JSON without what no database stores. Most of it orjson can read, at a tenth of the time."""
    if b"\\u0000" not in content:
        try:
            return orjson.loads(content)
        except ValueError:  # NaN, half a surrogate pair, numbers beyond 64 bits: JSON only to some
            pass
    return _storable(json.loads(content, parse_constant=lambda _: None))


def _storable(value: Any) -> Any:
    """PostgreSQL stores neither NUL nor half a surrogate pair, and JSON can spell both."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value


def filtered_completion(trouble: Trouble) -> dict[str, Any]:
    """What an endpoint that reports a filtered prompt as an error would have sent as a reply."""
    return {"choices": [{"finish_reason": "content_filter", "message": {"refusal": trouble.text[:1000]}}]}


def explain(endpoint: Endpoint, trouble: Trouble) -> str:
    """A message for people: what was found, which endpoint and model, what to do."""
    shown = " ".join(trouble.text.split())[:_SHOWN]
    status = "" if trouble.status is None else f" ({trouble.status})"
    return f"{endpoint.model} at {endpoint.base_url}{status}: {_advice(endpoint, trouble)} Found: {shown or 'nothing'}"


def _advice(endpoint: Endpoint, trouble: Trouble) -> str:
    passing = f"no usable answer after all retries; see whether the server is up, then run again ({trouble.status})."
    by_status = {
        None: "it cannot be reached; is the server running, and is the base URL right?",
        401: f"the key in {endpoint.key_place} was refused; set a valid one.",
        403: f"the key in {endpoint.key_place} was refused for this model; use one that may use it.",
        404: "it does not know this model or this path; check the model's name and that the base URL ends in /v1.",
        429: "it still limits the rate; lower the concurrency or run again later.",
    }
    if trouble.is_html and not trouble.is_passing and trouble.status not in (401, 403):
        return "it answered with HTML, is the base URL right? expected …/v1."
    if trouble.is_lack_of_money:
        return "the account has no credit left; add some or use another endpoint, then run again."
    if trouble.is_about_model:
        return f"it does not serve the model {endpoint.model!r}; write one that it serves under `model:` in the machine file."
    if trouble.status in by_status:
        return by_status[trouble.status]
    if trouble.status == 200:
        return "it answered with something that is not a chat completion; is the base URL right? expected …/v1."
    return passing if trouble.is_passing else "it refused the request; see why, and change the recipe or `extra`."


def _has_choice(body: Any) -> bool:
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(choice, dict) and isinstance(choice.get("message"), dict)
