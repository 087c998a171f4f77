"""The way to an endpoint that several teachers share: what is sent once, and what a failure is blamed on."""

import asyncio
import contextlib
import random
from typing import Any

import pytest

from agents.flights import Flights
from agents.kinds import Unanswered, UnreadableReply
from agents.line import Line
from agents.pace import DOWN_AFTER
from agents.teacher import BudgetSpent, EndpointTeacher, Reservation
from agents.troubles import TeacherUnavailable
from storage.records import Call
from tests.agents.scripted import (
    GOOD,
    NO_SCHEMA,
    QUICK,
    Answer,
    Ledger,
    MemoryLog,
    Purse,
    line_to,
    serving,
    teach,
    unavailable,
)

TOO_LONG = (400, {"error": {"message": "maximum context length is 4096 tokens"}})
BROKEN = (500, {"error": "worker died"})
LIMITED = (429, {"error": "slow down"}, {"retry-after": "3600"})


async def asked(teacher: EndpointTeacher, sample: int) -> type | int:
    """What the teacher says, or which error it raises."""
    try:
        return (await teacher.ask("2+2?", Answer, sample=sample)).value.answer
    except Exception as error:  # noqa: BLE001 - it is compared
        return type(error)


# What a failure is blamed on


@pytest.mark.parametrize("failure", [[TOO_LONG], [BROKEN] * 3, [(200, "oops")] * 3], ids=["refused", "broken", "odd"])
async def test_a_request_that_fails_beside_others_that_do_not_is_alone_to_blame(failure: list[Any]) -> None:
    async with serving(GOOD, *failure, GOOD) as server:
        teacher = teach(server, log := MemoryLog(), purse := Purse())
        assert [await asked(teacher, sample) for sample in range(3)] == [4, Unanswered, 4]
        await teacher.aclose()
    assert len(log.calls) == 2
    assert purse.events == ["reserve", "settle", "reserve", "release", "reserve", "settle"]


async def test_a_request_without_an_answer_is_asked_again_another_time() -> None:
    async with serving(GOOD, TOO_LONG, GOOD) as server:
        teacher = teach(server)
        assert [await asked(teacher, sample) for sample in (0, 1, 1)] == [4, Unanswered, 4]
        await teacher.aclose()


async def test_an_unanswered_request_says_what_was_found() -> None:
    async with serving(GOOD, TOO_LONG) as server:
        teacher = teach(server)
        await teacher.ask("2+2?", Answer)
        with pytest.raises(Unanswered, match=r"\(400\): it refused the request.*context length"):
            await teacher.ask("2+3?", Answer)
        await teacher.aclose()


async def test_ten_failures_in_a_row_are_the_endpoints_fault() -> None:
    refusals = [TOO_LONG] * (DOWN_AFTER - 1)
    async with serving(GOOD, *refusals, GOOD, *refusals, TOO_LONG) as server:
        teacher = teach(server)
        found = [await asked(teacher, sample) for sample in range(2 * DOWN_AFTER + 1)]
        await teacher.aclose()
    row = [Unanswered] * (DOWN_AFTER - 1)
    assert found == [4, *row, 4, *row, TeacherUnavailable]


async def test_an_endpoint_that_never_answered_is_unavailable_at_once() -> None:
    async with serving(TOO_LONG) as server:
        assert "maximum context length" in await unavailable(server)
        assert len(server.bodies) == 1


@pytest.mark.parametrize("failure", [(401, {}), (404, {}), (402, {}), LIMITED])
async def test_some_failures_are_never_one_requests(failure: Any) -> None:
    async with serving(GOOD, failure) as server:
        teacher = teach(server)
        assert [await asked(teacher, sample) for sample in range(2)] == [4, TeacherUnavailable]
        await teacher.aclose()


async def test_who_is_asked_in_words_has_no_form_to_give_up() -> None:
    echoed = (400, {"error": {"message": "the prompt is too long: Correct the grammar of …"}})
    async with serving(GOOD, echoed) as server:
        teacher = teach(server, structured="instruction")
        assert [await asked(teacher, sample) for sample in range(2)] == [4, Unanswered]
        await teacher.aclose()
    async with serving((400, NO_SCHEMA)) as server:
        teacher = teach(server)
        assert await asked(teacher, 0) is TeacherUnavailable
        await teacher.aclose()
        assert len(server.bodies) == 3


# What is sent once


def sharing(line: Line, log: MemoryLog, teachers: int = 2, ledger: type[Ledger] = Ledger) -> list[EndpointTeacher]:
    return [EndpointTeacher(line, ledger(log, Purse())) for _ in range(teachers)]


async def test_two_roles_on_one_line_send_the_same_request_once() -> None:
    async with serving(GOOD, delay_s=0.02) as server:
        line, log = line_to(server), MemoryLog()
        replies = await asyncio.gather(*(teacher.ask("2+2?", Answer) for teacher in sharing(line, log)))
        await line.aclose()
    assert replies[0] == replies[1]
    assert len(server.bodies) == 1


async def test_two_roles_on_one_line_share_its_places_and_its_mode() -> None:
    async with serving((400, NO_SCHEMA), GOOD, delay_s=0.01) as server:
        line = line_to(server, concurrency=2)
        first, second = sharing(line, MemoryLog())
        await first.ask("2+2?", Answer)
        asking = (teacher.ask("2+2?", Answer, sample=n) for n in range(1, 5) for teacher in (first, second))
        await asyncio.gather(*asking)
        await line.aclose()
    assert server.most_at_once == 2
    assert [body["response_format"]["type"] for body in server.bodies] == ["json_schema"] + ["json_object"] * 5


class Slow(Ledger):
    """Takes its time, a different one each time."""

    async def find(self, key: str) -> Call | None:
        await asyncio.sleep(random.uniform(0, 0.004))
        found = await super().find(key)
        await asyncio.sleep(random.uniform(0, 0.004))
        return found

    async def keep(self, call: Call, worst: Reservation) -> Call:
        await asyncio.sleep(random.uniform(0, 0.004))
        kept = await super().keep(call, worst)
        await asyncio.sleep(random.uniform(0, 0.004))
        return kept


@pytest.mark.parametrize("seed", range(3))
async def test_no_reply_that_lands_while_another_looks_is_bought_twice(seed: int) -> None:
    random.seed(seed)
    async with serving(GOOD) as server:
        line, log = line_to(server, concurrency=8), MemoryLog()
        teachers = sharing(line, log, 3, Slow)

        async def ask(sample: int) -> None:
            await asyncio.sleep(random.uniform(0, 0.06))
            await random.choice(teachers).ask("2+2?", Answer, sample=sample)

        await asyncio.gather(*(ask(n % 10) for n in range(150)))
        await line.aclose()
    assert sorted(body["seed"] for body in server.bodies) == list(range(10))
    assert [event for event, _ in log.events].count("keep") == len(log.calls) == 10


async def test_a_reply_that_is_being_kept_is_kept_when_its_asker_is_cancelled() -> None:
    keeping = asyncio.Event()

    class Keeping(Ledger):
        async def keep(self, call: Call, worst: Reservation) -> Call:
            keeping.set()
            await asyncio.sleep(0.02)
            return await super().keep(call, worst)

    async with serving(GOOD) as server:
        line, log, purse = line_to(server), MemoryLog(), Purse()
        asking = asyncio.create_task(EndpointTeacher(line, Keeping(log, purse)).ask("2+2?", Answer))
        await keeping.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await line.aclose()
    assert log.outcomes() == ["answered"]
    assert purse.events == ["reserve", "settle"]


async def test_one_model_at_two_endpoints_is_asked_once_for_one_thing() -> None:
    async with serving(GOOD, delay_s=0.05) as one, serving(GOOD, delay_s=0.05) as other:
        flights, ledger = Flights(), Ledger(MemoryLog(), Purse())
        lines = [Line(line_to(server).endpoint, flights=flights, patience=QUICK) for server in (one, other)]
        replies = await asyncio.gather(*(EndpointTeacher(line, ledger).ask("2+2?", Answer) for line in lines))
        for line in lines:
            await line.aclose()
    assert len({reply.call for reply in replies}) == len(one.bodies) + len(other.bodies) == 1


async def test_a_request_that_waited_too_long_for_its_place_is_kept_back() -> None:
    class Over(Ledger):
        def permit(self) -> None:
            raise BudgetSpent("the minutes are over")

    async with serving(GOOD) as server:
        line, log, purse = line_to(server), MemoryLog(), Purse()
        with pytest.raises(BudgetSpent):
            await EndpointTeacher(line, Over(log, purse)).ask("2+2?", Answer)
        await line.aclose()
        assert not server.bodies
    assert purse.events == ["reserve", "release"]


@pytest.mark.parametrize(
    "odd",
    [
        {"message": "x"},
        {"message": {"content": '{"answer": 4}'}, "logprobs": [1]},
        {"message": {"content": '{"answer": 4}'}, "logprobs": {"content": [{"logprob": 1}]}},
        {"message": {"content": 5, "refusal": ["no"]}, "finish_reason": 3},
    ],
)
async def test_a_reply_of_any_shape_is_stored_before_it_is_found_unreadable(odd: dict[str, Any]) -> None:
    body = {"choices": [{"message": {"content": ""}}, odd] if odd == {"message": "x"} else [odd]}
    async with serving((200, body)) as server:
        log = MemoryLog()
        teacher = teach(server, log)
        with contextlib.suppress(UnreadableReply):
            await teacher.ask("2+2?", Answer)
        await teacher.aclose()
    assert len(log.calls) == len(server.bodies) > 0
