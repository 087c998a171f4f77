"""The rows of a dataset as a trainer will read them, and what of them cannot teach."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPLIES = ("completion", "chosen", "rejected")


def read(path: Path) -> list[dict[str, Any]]:
    """Raises ValueError for a row of which there is nothing to learn."""
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for number, row in enumerate(rows, 1):
        for name in ("text", *REPLIES):
            if name in row and not _said(row[name]).strip():
                raise ValueError(f"row {number} of {len(rows)} has an empty {name!r}; leave such drafts out by a step")
    return rows


def lengths(rows: list[dict[str, Any]], tokenizer: Any) -> list[int]:
    """Tokens of all that the model reads of these rows: a row with two replies is read twice."""
    texts = [text for row in rows for text in _texts(row, tokenizer)]
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def check_longest(longest: int, tokenizer: Any) -> None:
    """Raises ValueError: what does not fit would be cut without a word."""
    if longest > tokenizer.model_max_length:
        raise ValueError(
            f"the longest row has {longest} tokens, the model reads {tokenizer.model_max_length}; "
            "leave out long rows or choose a base with a longer context"
        )


def _texts(row: dict[str, Any], tokenizer: Any) -> Iterator[str]:
    if "text" in row:
        yield row["text"] + tokenizer.eos_token
    for name in REPLIES:
        if name in row:
            yield tokenizer.apply_chat_template(row["prompt"] + row[name], tokenize=False)


def _said(reply: Any) -> str:
    return reply if isinstance(reply, str) else "".join(turn["content"] for turn in reply)
