"""Where a teacher is reached and what it charges: the part of a teacher that never enters a call's key."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import quote, urlsplit

Mode = Literal["schema", "json", "instruction"]
MODES: tuple[Mode, ...] = ("schema", "json", "instruction")
"""How a form is asked for, from the firmest way to the one that every endpoint can do."""

_SHORTEST_KEY = 8
_OURS = {"model", "messages", "response_format", "stream", "n"}
_SECRET = re.compile(r"api.?key|authorization|password|secret|(access|auth|bearer).?token", re.IGNORECASE)
"""Names of what is a key: request parameters are stored with every call."""


@dataclass(frozen=True)
class Price:
    prompt_usd_per_million: float
    completion_usd_per_million: float
    cached_prompt_usd_per_million: float | None = None
    """For prompt tokens that the endpoint had cached; None: as for any other."""
    batch_factor: float = 1.0
    """What a batch endpoint charges of it."""

    def of(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> float:
        """In dollars; the cached tokens are some of the prompt's."""
        cached = self.cached_prompt_usd_per_million
        cached = self.prompt_usd_per_million if cached is None else cached
        prompt = (prompt_tokens - cached_tokens) * self.prompt_usd_per_million + cached_tokens * cached
        return (prompt + completion_tokens * self.completion_usd_per_million) / 1_000_000

    def in_batches(self) -> "Price":
        """What a batch endpoint charges. Not every one takes caching off as well, so none is counted on."""
        factor = self.batch_factor
        return Price(self.prompt_usd_per_million * factor, self.completion_usd_per_million * factor)


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible server and one model on it. Raises ValueError for settings that could never work."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    key_env: str = "OPENAI_API_KEY"
    """The environment variable that the key was read from, for messages."""
    key_file: str = ""
    """The file that it was read from instead."""
    price: Price | None = None
    timeout_s: float = 120.0
    concurrency: int = 64
    """Requests on their way at once, at most; it is adapted below that."""
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    """Prompt and longest reply together, as providers count them; declared, or None."""
    max_tokens: int = 1024
    structured: Mode = "schema"
    choices: int = 1
    """How many replies one request may ask for (`n`), where a step wants several of one prompt."""
    extra: dict[str, Any] = field(default_factory=dict)
    """More request parameters. None takes one away, e.g. {"max_tokens": None, "max_completion_tokens": 2000}."""

    def __post_init__(self) -> None:
        self._check_url()
        self._check_key()
        self._check_extra()

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        host = urlsplit(self.base_url).hostname or ""
        if host == "localhost":
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:  # a name, not an address
            return False

    @property
    def key_place(self) -> str:
        """Where the key is, for messages: never the key."""
        if self.key_file:
            return f"file {self.key_file}"
        return f"environment variable {self.key_env}" if self.key_env else "`key_env` or `key_file` (neither is given)"

    def redacted(self, text: str) -> str:
        """The text without the key: some servers repeat the key they refuse."""
        for spelt in self._spelt:
            text = text.replace(spelt, "<key>")
        return text

    def redacted_bytes(self, content: bytes) -> bytes:
        for spelt in self._spelt_bytes:
            content = content.replace(spelt, b"<key>")
        return content

    @cached_property
    def _spelt(self) -> tuple[str, ...]:
        """The key as it is, and as JSON, URLs and Basic authentication write it, the longest first."""
        key = self.api_key
        # A shorter one is a placeholder for a local server, and may well be a word of a reply.
        if len(key) < _SHORTEST_KEY:
            return ()
        encoded = [encode(key.encode()).decode() for encode in (b64encode, urlsafe_b64encode)]
        spelt = {key, json.dumps(key)[1:-1], key.replace("/", r"\/"), quote(key, safe=""), *encoded}
        return tuple(sorted(spelt | {one.rstrip("=") for one in encoded}, key=len, reverse=True))

    @cached_property
    def _spelt_bytes(self) -> tuple[bytes, ...]:
        return tuple(spelt.encode() for spelt in self._spelt)

    def _check_url(self) -> None:
        url = urlsplit(self.base_url)
        if url.username or url.password:
            raise ValueError(f"the base URL of {self.model} holds a password; put it in {self.key_place} instead")
        if url.query or url.fragment:
            raise ValueError(
                f"the base URL of {self.model} goes on after its path, with ? or #; expected https://…/v1, and the key in "
                f"{self.key_place}"
            )
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"base URL {self.base_url!r} of {self.model} is not a web address; expected https://…/v1")

    def _check_key(self) -> None:
        # A header cannot carry such a key, and the error that would say so shows the key.
        if self.api_key and not (self.api_key.isascii() and self.api_key.isprintable() and " " not in self.api_key):
            raise ValueError(
                f"the key in {self.key_place} has spaces, line ends or letters that no key has; copy it again"
            )

    def _check_extra(self) -> None:
        if secret := next((name for name in _names_in(self.extra) if _SECRET.search(name)), None):
            raise ValueError(
                f"extra parameters of {self.model} hold {secret}: they are stored with every call; put the key in "
                f"{self.key_place}"
            )
        taken = sorted(_OURS & self.extra.keys())
        if self.extra.get("seed") is not None:
            taken.append("seed")
        if taken:
            raise ValueError(f"extra parameters of {self.model} may not set {', '.join(taken)}: the teacher sets them")
        if self.extra.get("max_tokens", self.max_tokens) is None and not self.extra.get("max_completion_tokens"):
            raise ValueError(f"extra parameters of {self.model} set no limit to a reply; set max_completion_tokens")


def _names_in(value: Any) -> Iterator[str]:
    """Of parameters, and of what is in them."""
    if isinstance(value, dict):
        yield from map(str, value)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _names_in(item)
