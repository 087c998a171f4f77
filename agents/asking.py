"""The request that asks a model for a form: as a JSON schema, as JSON, or in words."""

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from agents.endpoint import Endpoint, Mode
from agents.kinds import SAMPLING, Sampling
from storage.keyed import canonical_json


@dataclass(frozen=True)
class Question:
    """What is asked, before it is known how the endpoint wants to be asked for a form."""

    prompt: str
    form: type[BaseModel]
    sample: int = 0
    sampling: Sampling = SAMPLING
    choices: int = 1
    """How many replies one request asks for."""
    later: tuple[tuple[str, str], ...] = ()
    """(role, text) of what follows the prompt, when a reply is to be repaired."""

    def repair(self, content: str, reason: str) -> "Question":
        """The same question once more, with the reply that could not be read and why."""
        # The schema in words, also where it is asked for as one: some endpoints take it and pay no heed to it.
        wish = f"Your reply could not be read: {reason}{_in_words(self.form)}"
        # Some endpoints refuse an empty message.
        return replace(self, choices=1, later=(("assistant", content or "(empty)"), ("user", wish)))

    def request(self, endpoint: Endpoint, mode: Mode) -> dict[str, Any]:
        """The request as it is stored: all that makes the reply what it is, but for the model's name."""
        prompt = self.prompt if mode == "schema" else self.prompt + _in_words(self.form)
        request: dict[str, Any] = {
            "messages": [_message("user", prompt), *(_message(role, text) for role, text in self.later)],
            "temperature": float(self.sampling.temperature),
            "max_tokens": endpoint.max_tokens,
            **_chosen(self.sampling),
            **endpoint.extra,
        }
        request = {name: value for name, value in request.items() if value is not None}
        if self.choices > 1:
            request["n"] = self.choices
        # Not every endpoint takes a seed, but the sample number always tells two calls apart.
        request["seed"] = self.sample
        if mode != "instruction":
            request["response_format"] = _response_format(self.form, mode)
        return request


def body(endpoint: Endpoint, request: dict[str, Any]) -> bytes:
    """A stored request as it is sent."""
    sent = {"model": endpoint.model, **request}
    if "seed" in endpoint.extra:
        del sent["seed"]
    return canonical_json(sent)


def longest_reply(request: dict[str, Any]) -> int:
    """How many tokens the reply may have, all its choices together."""
    return max(request.get("max_tokens", 0), request.get("max_completion_tokens", 0)) * request.get("n", 1)


@lru_cache
def strict_schema(form: type[BaseModel]) -> dict[str, Any]:
    """The form's JSON schema as strict endpoints want it: every field required, no others allowed, no defaults."""
    return _strict(form.model_json_schema())


def _chosen(sampling: Sampling) -> dict[str, Any]:
    """What a sampling says beyond its temperature, in the words of the protocol."""
    chosen: dict[str, Any] = {}
    if sampling.top_p is not None:
        chosen["top_p"] = float(sampling.top_p)
    if sampling.max_tokens is not None:
        chosen["max_tokens"] = sampling.max_tokens
    if sampling.stop:
        chosen["stop"] = list(sampling.stop)
    if sampling.logit_bias:
        chosen["logit_bias"] = {token: float(bias) for token, bias in sampling.logit_bias}
    if sampling.top_logprobs is not None:
        chosen |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
    return chosen


def _message(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def _in_words(form: type[BaseModel]) -> str:
    schema = json.dumps(strict_schema(form), ensure_ascii=False)
    return f"\n\nReply with one JSON object that fits this JSON schema, and nothing else:\n{schema}"


def _response_format(form: type[BaseModel], mode: Mode) -> dict[str, Any]:
    if mode == "json":
        return {"type": "json_object"}
    name = re.sub(r"[^A-Za-z0-9_-]", "_", form.__name__)[:64]
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": strict_schema(form)}}


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    strict = {word: _below(word, value) for word, value in node.items() if word not in ("title", "default")}
    if "$ref" in strict and len(strict) > 1 and "$defs" not in strict:
        strict["anyOf"] = [{"$ref": strict.pop("$ref")}]  # strict endpoints want a reference to stand alone
    if "properties" in strict:
        strict.update(required=list(strict["properties"]), additionalProperties=False)
    return strict


def _below(word: str, value: Any) -> Any:
    if word in ("properties", "$defs"):  # here the keys are names that the form chose, not words of JSON schema
        return {name: _strict(schema) for name, schema in value.items()}
    return value if word in ("enum", "const", "examples") else _strict(value)
