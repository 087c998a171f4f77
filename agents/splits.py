"""Which part a split key belongs to: a share of its hash, so that a key never changes sides when others come or go."""

import hashlib
from typing import Any

from pydantic import Field

from agents.kinds import Part, Source


class SplitByHash(Source):
    """A source whose parts are shares of all split keys; a share of 0 leaves the part empty."""

    probe: float = Field(default=0.15, ge=0, lt=0.5)
    test: float = Field(default=0.15, ge=0, lt=0.5)

    def part_of(self, split_key: str) -> Part:
        share = int.from_bytes(hashlib.sha256(split_key.encode()).digest()[:4], "big") / 2**32
        return "probe" if share < self.probe else "test" if share < self.probe + self.test else "train"


def folded(value: Any) -> str:
    """A text as split keys spell it: lower case, one space between words."""
    return " ".join(str(value).lower().split())


def fingerprint(text: str) -> bytes:
    """16 bytes that stand for a text, to know it again."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
