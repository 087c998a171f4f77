"""Rows as the tokens that a trainer reads, and which of them are learned: as TRL's SFTTrainer does it, row by row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
REPLIES = ("completion", "chosen", "rejected")


@dataclass(frozen=True)
class Tokens:
    """One reply of a row, with what stands before it."""

    row: int
    """Number of the row, from 1."""
    part: str
    """`completion`, `chosen`, `rejected` or `text`."""
    ids: tuple[int, ...]
    """Of prompt and reply as one text."""
    prompt: tuple[int, ...]
    """Of the prompt alone, up to where the reply begins."""

    @property
    def begins(self) -> int:
        """Where what is learned begins: behind what both token lists have in common."""
        pairs = zip(self.ids, self.prompt, strict=False)
        return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(self.ids), len(self.prompt)))

    @property
    def learned(self) -> tuple[int, ...]:
        return self.ids[self.begins :]


def tokens_of(rows: Sequence[tuple[int, Row]], tokenizer: Any) -> list[Tokens]:
    """Of (number, row) each reply. Raises what the chat template raises."""
    parts = [(number, part, *texts) for number, row in rows for part, *texts in _texts(row, tokenizer)]
    wholes = _ids(tokenizer, [whole for _, _, _, whole in parts])
    prompts = _ids(tokenizer, [prompt for _, _, prompt, _ in parts])
    return [
        Tokens(number, part, tuple(whole), tuple(prompt))
        for (number, part, _, _), whole, prompt in zip(parts, wholes, prompts, strict=True)
    ]


def shown(tokens: Tokens, tokenizer: Any) -> list[tuple[str, bool]]:
    """The text in two pieces, with special tokens: (text, whether it is learned)."""
    pieces = [(tokens.ids[: tokens.begins], False), (tokens.learned, True)]
    return [(tokenizer.decode(list(ids), skip_special_tokens=False), taught) for ids, taught in pieces if ids]


def said(reply: Any) -> str:
    """The text of a reply: messages put together, or a plain text."""
    return reply if isinstance(reply, str) else "".join(str(turn["content"]) for turn in reply)


def replies(row: Row) -> Iterator[tuple[str, Any]]:
    yield from ((name, row[name]) for name in ("text", *REPLIES) if name in row)


def _texts(row: Row, tokenizer: Any) -> Iterator[tuple[str, str, str]]:
    """(part, prompt, prompt and reply) of each reply."""
    for part, reply in replies(row):
        if part == "text":
            yield part, "", reply + (tokenizer.eos_token or "")
        else:
            before = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
            yield part, before, tokenizer.apply_chat_template([*row["prompt"], *reply], tokenize=False)


def _ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    return tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
