"""From a chat completion to the reply that is stored, and from its text to the form that was asked for. Pure."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from pydantic import ValidationError

from agents.endpoint import Price
from agents.kinds import Form, Refused, Reply, Token, UnreadableReply
from storage.records import Call

_FENCE = re.compile(r"^[ \t]*```[\w-]*\s*", re.MULTILINE)
_PROBLEMS_SHOWN = 5


class Truncated(UnreadableReply):
    """The reply ended at the token limit."""


def reply_in(completion: dict[str, Any]) -> dict[str, Any]:
    """What is stored of a chat completion: its first choice, and all of them in `choices` where several came.

    It takes any shape: what is paid for is stored first, and found unreadable later.
    """
    choices = [_choice(_mapping(choice)) for choice in completion["choices"]]
    reply = {**choices[0], "usage": _mapping(completion.get("usage")) or None, "model": completion.get("model")}
    return {**reply, "choices": choices} if len(choices) > 1 else reply


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    message = _mapping(choice.get("message"))
    # LiteLLM puts what its own form of a message has no field for into another one.
    moved = _mapping(message.get("provider_specific_fields"))
    stored = {
        "content": _text(message.get("content")),
        "refusal": message.get("refusal") or moved.get("refusal"),
        "reasoning": message.get("reasoning") or message.get("reasoning_content"),
        "finish_reason": choice.get("finish_reason"),
    }
    tokens = _tokens(_mapping(choice.get("logprobs")).get("content"))
    return {**stored, "logprobs": tokens} if tokens else stored


def _tokens(logprobs: Any) -> list[Any]:
    """`[text, logprob, [[text, logprob], …]]` of each: a tenth of what the protocol says. Nothing if it is not of its form."""
    try:
        return [
            [
                one["token"],
                float(one["logprob"]),
                [[o["token"], float(o["logprob"])] for o in one.get("top_logprobs") or []],
            ]
            for one in logprobs or []
        ]
    except (AttributeError, KeyError, TypeError, ValueError):
        return []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def choices_in(call: Call) -> int:
    return len(call.reply.get("choices", [call.reply]))


def content_of(call: Call, choice: int) -> str:
    """The text of one choice; empty if it never came."""
    return _choice_of(call, choice)["content"] if choice < choices_in(call) else ""


def _choice_of(call: Call, choice: int) -> dict[str, Any]:
    return call.reply.get("choices", [call.reply])[choice]


def cost_of(reply: dict[str, Any], price: Price | None) -> dict[str, Any]:
    """`prompt_tokens`, `completion_tokens` and `usd` of a stored reply. What the provider charged beats the table."""
    usage = reply["usage"] or {}
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    usd = _charged(usage.get("cost"))
    if usd is None:
        usd = price.of(prompt, completion, min(prompt, _cached(usage))) if price and prompt + completion else None
    return {"prompt_tokens": prompt, "completion_tokens": completion, "usd": usd}


def with_cost(completion: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """The completion with what it cost, which LiteLLM says in a header alone."""
    usage = completion.get("usage") or {}
    try:
        cost = float(headers.get("x-litellm-response-cost", ""))
    except ValueError:
        return completion
    if not isinstance(usage, dict) or usage.get("cost") is not None or _charged(cost) is None:
        return completion
    return {**completion, "usage": {**usage, "cost": cost}}


def read_call(call: Call, form: type[Form], choice: int = 0) -> Reply[Form]:
    """The form in a stored reply. Raises Refused, Truncated or UnreadableReply."""
    reply = _choice_of(call, choice)
    if reply["refusal"] or reply["finish_reason"] == "content_filter":
        raise Refused(str(reply["refusal"] or "a content filter stopped the reply"), call.key)
    if reply["finish_reason"] == "length":
        raise Truncated(f"the reply ended at the token limit, after {call.completion_tokens} tokens", call.key)
    tokens = tuple(Token(text, logprob, tuple(map(tuple, top))) for text, logprob, top in reply.get("logprobs", ()))
    return Reply(read(reply["content"], form, call.key), call.key, str(reply["reasoning"] or ""), tokens)


def read(text: str, form: type[Form], call: str = "") -> Form:
    """The form in a text: bare JSON, JSON in a fence, or the first JSON object in prose. Raises UnreadableReply."""
    value = _json_in(text)
    if value is None:
        raise UnreadableReply("the reply holds no JSON object", call)
    try:
        # By way of JSON again, because only then a strict form takes text for its dates and enums.
        return form.model_validate_json(json.dumps(value, allow_nan=False))
    except ValidationError as error:
        raise UnreadableReply(_problems(error), call) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableReply(f"the reply's JSON cannot be used: {error}", call) from error


def _json_in(text: str) -> Any:
    for decode in (_bare, _embedded):
        for value in decode(text):
            return value
    return None


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_not_json)


def _bare(text: str) -> Iterator[Any]:
    try:
        yield _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return


def _embedded(text: str) -> Iterator[Any]:
    starts = [match.end() for match in _FENCE.finditer(text)] + [match.start() for match in re.finditer("{", text)]
    for start in starts:
        try:
            value, _ = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    shown = [f"{'.'.join(map(str, item['loc'])) or 'reply'}: {item['msg']}" for item in found[:_PROBLEMS_SHOWN]]
    return "; ".join(shown)


def _text(content: Any) -> str:
    """Some reasoning models send a list of parts, of which the text parts are the reply."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _cached(usage: dict[str, Any]) -> int:
    details = usage.get("prompt_tokens_details")
    return _count(details.get("cached_tokens")) if isinstance(details, dict) else 0


def _charged(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= sys.float_info.max else None
