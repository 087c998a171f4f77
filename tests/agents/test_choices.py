"""What a request says beside its prompt, and what its replies say beside their text: sampling, choices, tokens."""

import json
from typing import Any

import pytest

from agents.kinds import Sampling, Token, UnreadableReply
from agents.replies import Truncated
from storage.records import CallOutcome
from tests.agents.scripted import Answer, MemoryLog, Purse, Scripted, said, serving, teach

TOKENS = [("{", -0.5), ("4", -0.25)]


def saying(*answers: int) -> tuple[int, dict[str, Any]]:
    first, *again = [{"answer": answer} for answer in answers]
    return said(first, again=again)


async def answers(server: Scripted, log: MemoryLog, samples: int, **options: Any) -> list[int]:
    """What comes of so many samples, asked together."""
    teacher = teach(server, log, **options)
    several = teacher.several(samples)
    replies = [await several.ask("2+2?", Answer, sample=sample) for sample in range(samples)]
    await teacher.aclose()
    return [reply.value.answer for reply in replies]


async def test_samples_of_one_prompt_are_the_choices_of_one_request() -> None:
    log = MemoryLog()
    async with serving(saying(1, 2, 3, 4)) as server:
        assert await answers(server, log, 4, choices=4) == [1, 2, 3, 4]
        (body,) = server.bodies
    assert (body["n"], body["seed"]) == (4, 0)
    assert log.outcomes() == ["read"]
    assert await answers("http://127.0.0.1:9/v1", log, 4, choices=4) == [1, 2, 3, 4], "stored whole"  # type: ignore[arg-type]


async def test_choices_are_spread_evenly_over_as_few_requests_as_can_be() -> None:
    async with serving(saying(1, 2), saying(3, 4)) as server:
        assert await answers(server, MemoryLog(), 4, choices=3) == [1, 2, 3, 4]
    assert [(body["n"], body["seed"]) for body in server.bodies] == [(2, 0), (2, 1)]


@pytest.mark.parametrize(("samples", "choices"), [(3, 1), (1, 8)])
async def test_one_reply_is_asked_for_without_a_word_of_choices(samples: int, choices: int) -> None:
    async with serving(saying(7)) as server:
        assert await answers(server, MemoryLog(), samples, choices=choices) == [7] * samples
    assert ["n" in body for body in server.bodies] == [False] * samples


async def test_the_worst_case_of_a_request_is_that_of_all_its_choices() -> None:
    purse = Purse()
    async with serving(saying(1, 2, 3, 4)) as server:
        teacher = teach(server, purse=purse, choices=4, max_tokens=50)
        await teacher.several(4).ask("2+2?", Answer)
        await teacher.aclose()
    assert [worst.completion_tokens for worst in purse.reserved] == [200]


async def test_an_endpoint_that_ignores_choices_is_found_out() -> None:
    log = MemoryLog()
    async with serving(saying(1)) as server:
        teacher = teach(server, log, choices=4)
        several = teacher.several(4)
        assert (await several.ask("2+2?", Answer)).value == Answer(answer=1)
        for sample in (1, 2, 3):
            with pytest.raises(UnreadableReply, match=r"^1 of the 4 replies .* came; set a lower `choices`") as caught:
                await several.ask("2+2?", Answer, sample=sample)
        await teacher.aclose()
        assert len(server.bodies) == 1, "what never came cannot be repaired"
    assert list(log.calls) == [caught.value.call]
    assert log.outcomes() == ["read"]


async def test_one_choice_is_repaired_alone() -> None:
    log = MemoryLog()
    async with serving(said({"answer": 1}, again=["two"]), saying(2)) as server:
        assert await answers(server, log, 2, choices=2) == [1, 2]
    assert log.outcomes() == ["unreadable", "read"]
    call, _ = log.calls.values()
    assert call["reason"] == "1 of 2 choices: the reply holds no JSON object"
    assert "n" not in server.bodies[1]
    assert server.bodies[1]["seed"] == 1
    assert server.bodies[1]["messages"][1]["content"] == "two"


async def test_a_choice_that_is_cut_off_spoils_no_other() -> None:
    whole, cut = saying(1, 2), saying(1, 2)
    cut[1]["choices"][1]["finish_reason"] = "length"
    async with serving(cut, whole) as server:
        teacher = teach(server, log := MemoryLog(), choices=2)
        several = teacher.several(2)
        with pytest.raises(Truncated):
            await several.ask("2+2?", Answer, sample=1)
        assert (await several.ask("2+2?", Answer)).value == Answer(answer=1)
        await teacher.aclose()
    assert log.outcomes() == [CallOutcome.TRUNCATED]


async def test_a_sampling_reaches_the_request_and_the_key() -> None:
    asked = {
        "temperature": 0.2,
        "top_p": 0.9,
        "max_tokens": 33,
        "stop": ["\n\n"],
        "logit_bias": {"50256": -100.0},
        "logprobs": True,
        "top_logprobs": 3,
    }
    sampling = Sampling(0.2, 0.9, 33, ("\n\n",), (("50256", -100),), 3)
    async with serving(saying(4)) as server:
        teacher = teach(server, log := MemoryLog())
        await teacher.ask("2+2?", Answer, sampling=sampling)
        await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    chosen, usual = server.bodies
    assert asked.items() <= chosen.items()
    assert (usual["temperature"], usual["max_tokens"]) == (0.7, 1024)
    assert not (asked.keys() - {"temperature", "max_tokens"}) & usual.keys()
    assert len(log.calls) == 2


async def test_what_the_endpoint_is_given_beside_beats_a_sampling() -> None:
    async with serving(saying(4)) as server:
        teacher = teach(server, extra={"temperature": None, "max_tokens": None, "max_completion_tokens": 9})
        await teacher.ask("2+2?", Answer, sampling=Sampling(temperature=0.1, max_tokens=5))
        await teacher.aclose()
    assert not {"temperature", "max_tokens"} & server.bodies[0].keys()
    assert server.bodies[0]["max_completion_tokens"] == 9


async def test_tokens_come_with_their_log_probabilities_and_are_stored_in_few_words() -> None:
    log, sampling = MemoryLog(), Sampling(top_logprobs=1)
    async with serving(said({"answer": 4}, again=[{"answer": 5}], logprobs=TOKENS)) as server:
        teacher = teach(server, log, choices=2).several(2)
        reply = await teacher.ask("2+2?", Answer, sample=1, sampling=sampling)
        await teacher._line.aclose()
    assert reply.tokens == (Token("{", -0.5, (("{", -0.5),)), Token("4", -0.25, (("4", -0.25),)))
    stored = log.calls[reply.call]["reply"]["choices"][1]
    assert stored["logprobs"] == [["{", -0.5, [["{", -0.5]]], ["4", -0.25, [["4", -0.25]]]]
    assert "bytes" not in json.dumps(log.calls)


async def test_a_reply_without_tokens_has_none_and_what_was_thought_is_told() -> None:
    plain, thinking = saying(4), saying(5)
    message = thinking[1]["choices"][0]["message"]
    message["reasoning_content"] = message.pop("reasoning")
    plain[1]["choices"][0]["logprobs"] = None
    async with serving(plain, thinking) as server:
        teacher = teach(server)
        replies = [await teacher.ask("2+2?", Answer, sample=sample) for sample in (0, 1)]
        await teacher.aclose()
    assert [(reply.tokens, reply.reasoning) for reply in replies] == [((), "I thought.")] * 2
