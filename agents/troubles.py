"""What can go wrong between a request and a reply, which of it passes by itself, and how it is said to people."""

import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from agents.endpoint import Endpoint

_SHOWN = 200
_ABOUT_FORM = re.compile(r"response_format|json_schema|json_object|structured.?output|guided|grammar", re.IGNORECASE)
_FILTERED = re.compile(r"content_filter|content_policy_violation")
_NO_MONEY = re.compile(r"insufficient_quota|insufficient.{0,10}(credit|balance|funds)", re.IGNORECASE)


class TeacherUnavailable(Exception):
    """The endpoint cannot be used. The message says what was found, where, and what to do."""


class Trouble(Exception):
    """One request got no usable answer."""

    def __init__(
        self, status: int | None, text: str, *, retry_after: float | None = None, passing: bool | None = None
    ) -> None:
        super().__init__(f"{status}: {text[:_SHOWN]}")
        self.status = status
        self.text = text
        self.retry_after = retry_after
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
    def is_lack_of_money(self) -> bool:
        return self.status == 402 or (self.status == 429 and bool(_NO_MONEY.search(self.text)))

    @property
    def is_about_form(self) -> bool:
        """Whether the endpoint cannot do the kind of structured reply that was asked for."""
        return self.status in (400, 404, 422, 501) and bool(_ABOUT_FORM.search(self.text))

    @property
    def is_filter(self) -> bool:
        """Whether a content filter stopped this prompt: that is a reply, and stays one however often it is asked."""
        return self.status == 400 and bool(_FILTERED.search(self.text))

    @property
    def is_html(self) -> bool:
        return self.text.lstrip()[:15].lower().startswith(("<!doctype", "<html"))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as an HTTP date; None if it gives neither."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:  # no date either
        return None


def completion_in(text: str) -> dict[str, Any]:
    """The chat completion in the text of a 200 answer. Raises Trouble if there is none."""
    try:
        body = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        trouble = Trouble(200, text)
        raise Trouble(200, text, passing=not trouble.is_html) from None
    error = body.get("error") if isinstance(body, dict) else None
    if error:  # some routers report the failure of the server behind them this way
        code = error.get("code") if isinstance(error, dict) else None
        raise Trouble(code if isinstance(code, int) else 200, text)
    if not _has_choice(body):
        raise Trouble(200, text, passing=True)
    return body


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
        401: f"the key in environment variable {endpoint.key_env} was refused; set a valid one.",
        403: f"the key in environment variable {endpoint.key_env} was refused for this model; use one that may use it.",
        404: "it does not know this model or this path; check the model's name and that the base URL ends in /v1.",
        429: "it still limits the rate after long waits; lower the concurrency or run again later.",
    }
    if trouble.is_html and not trouble.is_passing and trouble.status not in (401, 403):
        return "it answered with HTML, is the base URL right? expected …/v1."
    if trouble.is_lack_of_money:
        return "the account has no credit left; add some or use another endpoint, then run again."
    if trouble.status in by_status:
        return by_status[trouble.status]
    if trouble.status == 200:
        return "it answered with something that is not a chat completion; is the base URL right? expected …/v1."
    return passing if trouble.is_passing else "it refused the request; see why, and change the recipe or `extra`."


def _has_choice(body: Any) -> bool:
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(choice, dict) and isinstance(choice.get("message"), dict)
