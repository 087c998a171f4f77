"""A reply as a choice of a completion: ended where the request ends it, counted, with the odds of its tokens."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import log
from random import Random
from typing import Any

from agents.rehearsal.protocol import ChatRequest
from agents.rehearsal.teacher import Refusal

TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])(?:\s+\Z)?|\s+")
"""A word or a sign with the space before it, so that the tokens of a text make the text again."""
WORD = re.compile(r"\S+")
ELSE = [f" {word}" for word in "the of and to a in is it that was for on as with by at from be or this not".split()]
"""What might have been said instead of a token: one more than the most alternatives that can be asked for."""


def choice(index: int, reply: str | Refusal, chat: ChatRequest, content: str) -> dict[str, Any]:
    if isinstance(reply, Refusal):
        where, text, finish = "refusal", reply.reason, "stop"
    else:
        where, (text, finish) = "content", cut(reply, chat.most_tokens, chat.stops)
    nothing = {"content": None, "refusal": None}
    message = {"role": "assistant", **nothing, where: text, "annotations": []}
    odds = None
    if chat.logprobs:
        odds = {**nothing, where: list(token_odds(text, chat.top_logprobs or 0, f"{content}:{index}"))}
    return {"index": index, "message": message, "logprobs": odds, "finish_reason": finish}


def cut(text: str, most_tokens: int | None, stops: Sequence[str] = ()) -> tuple[str, str]:
    """The text before the first of `stops`, up to so many words, and why it ends there."""
    found = [at for stop in stops if (at := text.find(stop)) >= 0]
    text = text[: min(found, default=None)]
    if most_tokens is None:
        return text, "stop"
    ends = [word.end() for word in islice(WORD.finditer(text), most_tokens + 1)]
    return (text, "stop") if len(ends) <= most_tokens else (text[: ends[most_tokens - 1]], "length")


def token_odds(text: str, alternatives: int, seed: str) -> Iterator[dict[str, Any]]:
    """Every token with its log probability and those of what might have been said, the same for the same seed."""
    luck = Random(seed)
    for token in TOKEN.findall(text):
        first, *others = falling(luck, max(alternatives, 1))
        told = spelled(token, first)
        instead = [spelled(*pair) for pair in zip((word for word in ELSE if word != token), others, strict=False)]
        yield {**told, "top_logprobs": [told, *instead][:alternatives]}


def falling(luck: Random, count: int) -> Iterator[float]:
    """Log probabilities that fall, of a sum below one: each takes more than half of what the others have left."""
    left = 1.0
    for _ in range(count):
        taken = left * luck.uniform(0.51, 0.95)
        yield log(taken)
        left -= taken


def spelled(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "surrogatepass"))}


def usage(chat: ChatRequest, choices: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """An estimate: words and signs, and no more of a choice than was allowed."""
    prompt = sum(tokens(message.content) for message in chat.messages)
    written = [tokens(one["message"]["content"] or one["message"]["refusal"]) for one in choices]
    completion = sum(min(count, chat.most_tokens or count) for count in written)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def tokens(content: str | list[dict[str, Any]] | None) -> int:
    texts = [str(part.get("text", "")) for part in content] if isinstance(content, list) else [content or ""]
    return sum(len(TOKEN.findall(text)) for text in texts)
