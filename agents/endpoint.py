"""Where a teacher is reached and what it charges: the part of a teacher that never enters a call's key."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

Mode = Literal["schema", "json", "instruction"]
MODES: tuple[Mode, ...] = ("schema", "json", "instruction")
"""How a form is asked for, from the firmest way to the one that every endpoint can do."""

_SHORTEST_KEY = 8
_OURS = {"model", "messages", "response_format", "stream", "n"}


@dataclass(frozen=True)
class Price:
    prompt_usd_per_million: float
    completion_usd_per_million: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        prompt = prompt_tokens * self.prompt_usd_per_million
        return (prompt + completion_tokens * self.completion_usd_per_million) / 1_000_000


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible server and one model on it. Raises ValueError for settings that could never work."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    key_env: str = "OPENAI_API_KEY"
    """The environment variable that the key was read from, for messages."""
    price: Price | None = None
    timeout_s: float = 120.0
    concurrency: int = 64
    max_tokens: int = 1024
    structured: Mode = "schema"
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

    def redacted(self, text: str) -> str:
        """The text without the key: some servers repeat the key they refuse."""
        # A shorter one is a placeholder for a local server, and may well be a word of a reply.
        return text.replace(self.api_key, "<key>") if len(self.api_key) >= _SHORTEST_KEY else text

    def _check_url(self) -> None:
        url = urlsplit(self.base_url)
        if url.username or url.password:
            raise ValueError(f"the base URL of {self.model} holds a password; put it in {self.key_env} instead")
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"base URL {self.base_url!r} of {self.model} is not a web address; expected https://…/v1")

    def _check_key(self) -> None:
        # A header cannot carry such a key, and the error that would say so shows the key.
        if self.api_key and not (self.api_key.isascii() and self.api_key.isprintable() and " " not in self.api_key):
            raise ValueError(
                f"the key in environment variable {self.key_env} has spaces, line ends or letters that no key has; "
                "copy it again"
            )

    def _check_extra(self) -> None:
        taken = sorted(_OURS & self.extra.keys())
        if self.extra.get("seed") is not None:
            taken.append("seed")
        if taken:
            raise ValueError(f"extra parameters of {self.model} may not set {', '.join(taken)}: the teacher sets them")
        if self.extra.get("max_tokens", self.max_tokens) is None and not self.extra.get("max_completion_tokens"):
            raise ValueError(f"extra parameters of {self.model} set no limit to a reply; set max_completion_tokens")
