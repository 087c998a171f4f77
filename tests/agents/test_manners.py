"""What servers that nobody here wrote were found to do: LiteLLM's proxy, `transformers serve`, llama.cpp's server."""

import asyncio
from typing import Any

import pytest

from agents.endpoint import Endpoint, Price
from agents.kinds import Refused
from agents.probing import probe
from agents.replies import cost_of, reply_in, with_cost
from agents.troubles import Trouble, explain, retry_after
from tests.agents.scripted import (
    GOOD,
    QUICK,
    Answer,
    MemoryLog,
    Purse,
    Scripted,
    line_to,
    said,
    serving,
    teach,
    unavailable,
)

FALLEN = (500, {"error": {"message": "failed to parse grammar"}})
LIMITED = (429, {"error": "slow down"})


def modes(bodies: list[dict[str, Any]]) -> list[str | None]:
    return [body.get("response_format", {}).get("type") for body in bodies]


# Refusals and costs where LiteLLM puts them


async def test_a_refusal_that_was_moved_is_one() -> None:
    status, body = said("")
    body["choices"][0]["message"] = {"content": None, "provider_specific_fields": {"refusal": "I would rather not."}}
    async with serving((status, body)) as server:
        teacher = teach(server, log := MemoryLog())
        with pytest.raises(Refused, match="rather not"):
            await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    assert log.outcomes() == ["refused"]


@pytest.mark.parametrize("fields", [None, [], {}, {"refusal": None}])
def test_what_else_was_moved_is_no_refusal(fields: Any) -> None:
    message = {"content": "4", "provider_specific_fields": fields}
    assert reply_in({"choices": [{"message": message}]})["refusal"] is None


async def test_a_cost_in_a_header_alone_counts() -> None:
    async with serving((*GOOD, {"x-litellm-response-cost": "6.2e-05"})) as server:
        teacher = teach(server, log := MemoryLog(), price=Price(1.0, 2.0))
        reply = await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    assert log.calls[reply.call]["usd"] == 6.2e-05
    assert log.calls[reply.call]["reply"]["usage"]["cost"] == 6.2e-05


@pytest.mark.parametrize("told", ["None", "", "nan", "-1", "inf", "free"])
def test_a_header_that_says_no_cost_is_not_read(told: str) -> None:
    completion = {"usage": {"prompt_tokens": 1}}
    assert with_cost(completion, {"x-litellm-response-cost": told}) == completion


def test_a_cost_in_the_usage_beats_the_header_and_no_usage_is_no_hindrance() -> None:
    headers = {"x-litellm-response-cost": "0.5"}
    assert with_cost({"usage": {"cost": 0.25}}, headers) == {"usage": {"cost": 0.25}}
    assert with_cost({"usage": None}, headers) == {"usage": {"cost": 0.5}}
    assert with_cost({}, {}) == {}


# Cached tokens


@pytest.mark.parametrize(
    ("price", "details", "usd"),
    [
        (Price(4, 8, 1), {"cached_tokens": 60}, 40 * 4 + 60 * 1 + 10 * 8),
        (Price(4, 8, 1), {"cached_tokens": 600}, 100 * 1 + 10 * 8),
        (Price(4, 8, 1), {"cached_tokens": None}, 100 * 4 + 10 * 8),
        (Price(4, 8, 1), None, 100 * 4 + 10 * 8),
        (Price(4, 8), {"cached_tokens": 60}, 100 * 4 + 10 * 8),
        (Price(4, 8, 1, 0.5).in_batches(), {"cached_tokens": 60}, 100 * 2 + 10 * 4),
    ],
)
def test_cached_tokens_cost_what_is_known_of_them(price: Price, details: Any, usd: float) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": details}
    assert cost_of({"usage": usage}, price)["usd"] == pytest.approx(usd / 1e6)


async def test_the_worst_case_counts_on_no_cache() -> None:
    async with serving(GOOD) as server:
        teacher = teach(server, purse=(purse := Purse()), price=Price(4, 8, 1))
        await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    (worst,) = purse.reserved
    assert worst.usd == pytest.approx((worst.prompt_tokens * 4 + worst.completion_tokens * 8) / 1e6)


# Forms


async def test_a_repair_says_the_schema_in_words_also_where_a_schema_is_asked_for() -> None:
    async with serving(said("four"), GOOD) as server:
        teacher = teach(server)
        await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    assert modes(server.bodies) == ["json_schema"] * 2
    prompt, _, wish = server.bodies[1]["messages"]
    assert "schema" not in prompt["content"]
    assert "holds no JSON object" in wish["content"]
    assert '"properties": {"answer"' in wish["content"]


async def test_a_server_that_falls_over_a_schema_is_asked_in_a_weaker_way() -> None:
    async with serving(*[FALLEN] * QUICK.attempts, GOOD) as server:
        teacher = teach(server, log := MemoryLog())
        assert [(await teacher.ask("2+2?", Answer, sample=n)).value.answer for n in range(2)] == [4, 4]
        await teacher.aclose()
    assert modes(server.bodies) == [*["json_schema"] * QUICK.attempts, "json_object", "json_object"]
    assert log.outcomes() == ["read", "read"]


class Schemaless(list[Any]):
    """The answers of a server that falls over every schema, however late it comes."""

    def __init__(self, server: Scripted) -> None:
        super().__init__([GOOD])
        self.server = server

    def __getitem__(self, _: Any) -> Any:
        return FALLEN if modes(self.server.bodies[-1:]) == ["json_schema"] else GOOD


@pytest.mark.parametrize("concurrency", [1, 4, 64])
async def test_many_at_once_all_find_the_weaker_way(concurrency: int) -> None:
    async with serving(GOOD, delay_s=0.01) as server:
        server.answers = Schemaless(server)
        teacher = teach(server, log := MemoryLog(), concurrency=concurrency)
        await asyncio.gather(*(teacher.ask("2+2?", Answer, sample=n) for n in range(40)))
        await teacher.aclose()
    assert log.outcomes() == ["read"] * 40
    assert set(modes(server.bodies)) == {"json_schema", "json_object"}


async def test_a_server_that_is_broken_is_unavailable_once_every_way_was_tried() -> None:
    async with serving(FALLEN) as server:
        teacher = teach(server, purse=(purse := Purse()))
        with pytest.raises(Exception, match="no usable answer after all retries"):
            await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    assert modes(server.bodies) == [
        mode for mode in ("json_schema", "json_object", None) for _ in range(QUICK.attempts)
    ]
    assert purse.events == ["reserve", "release"] * 3


# Limits and models


def test_a_wait_that_litellm_hands_on_is_one() -> None:
    assert retry_after({"llm_provider-retry-after": "7"}) == 7
    assert retry_after({"retry-after": "3", "llm_provider-retry-after": "7"}) == 3


async def test_a_probe_waits_for_one_limit_and_not_for_many() -> None:
    async with serving(LIMITED, GOOD) as server:
        line = line_to(server)
        assert (await probe(line)).mode == "schema"
        await line.aclose()
    async with serving((*LIMITED, {"retry-after": "60"})) as server:
        line = line_to(server)
        with pytest.raises(Exception, match="it still limits the rate; lower the concurrency") as caught:
            await probe(line)
        await line.aclose()
        assert len(server.bodies) == 1
    assert "long waits" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "/chat/completions: Invalid model name passed in model=m. Call `/v1/models`",
        "Server is pinned to model '/models/base', but 'm' was requested",
        "The model `m` does not exist",
        "unknown model: m",
    ],
)
async def test_a_model_that_is_not_served_is_named(text: str) -> None:
    async with serving((400, {"error": {"message": text}})) as server:
        assert "it does not serve the model 'm'; write one that it serves under `model:`" in await unavailable(server)


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 4096 tokens",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    ],
)
def test_what_only_mentions_a_model_is_no_unknown_model(text: str) -> None:
    assert "it refused the request" in explain(Endpoint("http://127.0.0.1:9/v1", "m"), Trouble(400, text))
