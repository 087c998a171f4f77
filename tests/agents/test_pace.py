"""The pace of an endpoint: how many at once, how many a minute, and when nobody goes at all. No server, little waiting."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agents.endpoint import Endpoint
from agents.pace import DOWN_AFTER, LONGEST_RESET_S, Pace
from agents.patience import Patience
from agents.troubles import Outage, Trouble
from tests.agents.scripted import GOOD, Answer, line_to, serving, teach

ATTEMPTS = 3
PATIENCE = Patience(attempts=ATTEMPTS, first_wait_s=0.01, longest_wait_s=0.02, rate_limit_s=3.0)
DOWN = Trouble(503, "down")
LIMITED = Trouble(429, "slow down")


def a_pace(concurrency: int = 64, **options: Any) -> Pace:
    return Pace(Endpoint("http://127.0.0.1:9/v1", "m", concurrency=concurrency, **options), PATIENCE)


def answers(pace: Pace, *, refused: int, of: int) -> None:
    """So many answers, the refused ones evenly among them."""
    for number in range(of):
        if number * refused // of != (number + 1) * refused // of:
            pace.troubled(LIMITED)
        else:
            pace.answered(0.1, {})


async def went(pace: Pace, requests: int, within_s: float, tokens: int = 1) -> int:
    """How many of so many requests have gone after a while; each is answered at once."""
    gone = 0

    async def request() -> None:
        nonlocal gone
        async with pace.turn(tokens):
            gone += 1

    asking = [asyncio.create_task(request()) for _ in range(requests)]
    await asyncio.sleep(within_s)
    await given_up(asking)
    return gone


async def given_up(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def held(pace: Pace, turns: int) -> AsyncIterator[asyncio.Event]:
    """So many requests on their way, until the event is set or this ends."""
    back = asyncio.Event()

    async def request() -> None:
        async with pace.turn(1):
            await back.wait()

    tasks = [asyncio.create_task(request()) for _ in range(turns)]
    await asyncio.sleep(0)
    yield back
    await given_up(tasks)


# At once


async def test_never_more_at_once_than_the_limit() -> None:
    pace, most = a_pace(5), 0

    async def request() -> None:
        nonlocal most
        async with pace.turn(1):
            most = max(most, pace.on_their_way)
            await asyncio.sleep(random.uniform(0, 0.002))
            pace.answered(0.001, {})

    await asyncio.gather(*(request() for _ in range(200)))
    assert (most, pace.on_their_way) == (5, 0)


async def test_who_came_first_goes_first() -> None:
    pace, order = a_pace(1), []

    async def request(number: int) -> None:
        async with pace.turn(1):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(request(number) for number in range(20)))
    assert order == list(range(20))


async def test_windows_full_of_refusals_shrink_the_number_at_once_to_one() -> None:
    pace = a_pace()
    answers(pace, refused=64, of=64)
    assert 48 < pace.at_once < 64, "one window is no proof"
    answers(pace, refused=1000, of=1000)
    assert pace.at_once == 1


async def test_sparse_refusals_leave_it_high_and_dense_ones_do_not() -> None:
    sparse, dense = a_pace(), a_pace()
    answers(sparse, refused=50, of=5000)
    answers(dense, refused=2500, of=5000)
    assert sparse.at_once > 56
    assert dense.at_once < 8


async def test_clean_windows_grow_it_back_and_never_above_the_limit() -> None:
    pace = a_pace()
    answers(pace, refused=1000, of=1000)
    steps = []
    for _ in range(4):
        answers(pace, refused=0, of=int(pace.at_once + 1))
        steps.append(int(pace.at_once))
    assert steps == [2, 3, 4, 5]
    answers(pace, refused=0, of=5000)
    assert pace.at_once == 64


async def test_replies_that_queue_for_half_the_time_out_count_as_refused() -> None:
    pace = a_pace(timeout_s=1.0)
    pace.answered(0.05, {})
    for _ in range(64):
        pace.answered(0.6, {})
    assert pace.at_once < 64


async def test_a_model_that_is_slow_by_itself_is_not_slowed_down() -> None:
    pace = a_pace(timeout_s=1.0)
    for _ in range(200):
        pace.answered(0.6, {})
    assert pace.at_once == 64


async def test_a_reset_that_lies_far_away_holds_nobody_for_so_long() -> None:
    pace = a_pace()
    pace.answered(0.05, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1790000000"})
    assert 0 < (pace._wait(1) or 0) <= LONGEST_RESET_S


async def test_fewer_at_once_holds_those_who_wait() -> None:
    pace = a_pace(8)
    answers(pace, refused=100, of=100)
    async with held(pace, 3):
        assert pace.on_their_way == 1


# A minute


async def test_requests_a_minute_are_kept() -> None:
    pace = a_pace(requests_per_minute=1200)
    assert 20 <= await went(pace, 100, 0.02) <= 23, "a second's worth may go ahead"
    assert 4 <= await went(pace, 100, 0.2) <= 6


async def test_tokens_a_minute_are_kept() -> None:
    pace = a_pace(tokens_per_minute=60_000)
    assert 10 <= await went(pace, 100, 0.02, tokens=100) <= 12
    assert 1 <= await went(pace, 100, 0.2, tokens=100) <= 3
    assert await went(pace, 5, 0.0, tokens=10**6) <= 1, "one that is larger than a minute still goes some time"


async def test_the_tighter_of_two_rates_counts() -> None:
    pace = a_pace(requests_per_minute=600, tokens_per_minute=10**9)
    assert 10 <= await went(pace, 100, 0.02) <= 12


async def test_an_endpoint_that_says_none_is_left_is_asked_again_when_it_said() -> None:
    pace = a_pace()
    async with pace.turn(1):
        pace.answered(0.1, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "100ms"})
    assert await went(pace, 5, 0.07) == 0
    assert await went(pace, 5, 0.06) == 5


async def test_one_that_is_still_on_its_way_holds_nobody_longer_than_was_said() -> None:
    pace = a_pace()
    async with held(pace, 1):
        pace.answered(0.1, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "50ms"})
        assert await went(pace, 5, 0.03) == 0
        assert await went(pace, 5, 0.06) == 5


async def test_no_more_go_at_once_than_are_left() -> None:
    pace = a_pace()
    pace.answered(0.1, {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1s"})
    async with held(pace, 10):
        assert pace.on_their_way == 3


@pytest.mark.parametrize("left", ["", "-1", "many", "1.5"])
async def test_what_is_left_must_be_a_number(left: str) -> None:
    pace = a_pace()
    pace.answered(0.1, {"x-ratelimit-remaining-requests": left})
    assert await went(pace, 5, 0.0) == 5


# Not at all


async def test_a_crowded_endpoint_is_left_alone_as_long_as_it_asks() -> None:
    pace = a_pace(4)
    answers(pace, refused=4, of=4)
    pace.troubled(Trouble(429, "slow down", retry_after=0.1))
    assert await went(pace, 3, 0.07) == 0
    assert await went(pace, 3, 0.06) == 3


async def test_one_refusal_among_many_replies_holds_nobody_else() -> None:
    pace = a_pace(4)
    answers(pace, refused=0, of=20)
    pace.troubled(Trouble(429, "slow down", retry_after=60))
    assert await went(pace, 3, 0.0) == 3


async def tried(pace: Pace, attempt: Callable[[], Awaitable[None]], times: int) -> list[type]:
    """What became of so many requests, one after the other."""
    found: list[type] = []
    for _ in range(times):
        try:
            async with pace.turn(1):
                await attempt()
        except Trouble as trouble:
            found.append(type(trouble))
        else:
            found.append(type(None))
    return found


async def test_after_failures_in_a_row_one_at_a_time_tries() -> None:
    pace = a_pace()
    for _ in range(DOWN_AFTER - 1):
        pace.troubled(DOWN)
    async with held(pace, 10):
        assert pace.on_their_way == 10, "not down yet"
    pace.troubled(DOWN)
    assert await went(pace, 1, 0.0) == 0, "nobody at first"
    await asyncio.sleep(0.015)
    async with held(pace, 10):
        assert pace.on_their_way == 1


async def test_an_outage_ends_everyone_once_the_trials_are_used_up() -> None:
    pace, sent = a_pace(), 0

    async def fail() -> None:
        nonlocal sent
        sent += 1
        await asyncio.sleep(0)
        pace.troubled(DOWN)
        raise DOWN

    found = await asyncio.gather(*(tried(pace, fail, 1) for _ in range(200)))
    assert sent == 64 + DOWN_AFTER - 1 + ATTEMPTS, "those who went before it was known, and the trials"
    assert [kinds[0] for kinds in found].count(Outage) == 200 - sent
    assert pace.on_their_way == 0
    assert await tried(pace, fail, 2) == [Outage, Outage]


async def test_an_answer_opens_the_way_again() -> None:
    pace = a_pace(8)
    for _ in range(DOWN_AFTER):
        pace.troubled(DOWN)
    async with held(pace, 8) as back:
        await asyncio.sleep(0.02)
        assert pace.on_their_way == 1
        pace.answered(0.1, {})
        back.set()
    async with held(pace, 8):
        assert pace.on_their_way == 8
    for _ in range(DOWN_AFTER - 1):
        pace.troubled(DOWN)
    async with held(pace, 8):
        assert pace.on_their_way == 8, "they are counted anew"


@pytest.mark.parametrize("trouble", [LIMITED, Trouble(409, "busy"), Trouble(400, "too long"), Trouble(401, "who?")])
async def test_what_is_no_outage_stops_nobody(trouble: Trouble) -> None:
    pace = a_pace()
    for _ in range(DOWN_AFTER - 1):
        pace.troubled(DOWN)
    for _ in range(DOWN_AFTER):
        pace.troubled(trouble)
    async with held(pace, 5):
        assert pace.on_their_way == 5


async def test_who_gives_up_gives_his_place_back() -> None:
    random.seed(1)
    pace = a_pace(3)

    async def request() -> None:
        async with pace.turn(1):
            await asyncio.sleep(0.001)

    for _ in range(20):
        tasks = [asyncio.create_task(request()) for _ in range(20)]
        await asyncio.sleep(random.choice([0, 0, 0.001, 0.002]))
        leaving = random.sample(tasks, 15)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert pace.on_their_way == 0
        assert sum(not task.cancelled() for task in tasks) >= 5
    async with held(pace, 5):
        assert pace.on_their_way == 3


async def test_who_gives_up_at_the_moment_he_may_go_gives_his_place_back() -> None:
    pace = a_pace(1)
    async with held(pace, 1) as back:
        second = asyncio.create_task(went(pace, 1, 9))
        await asyncio.sleep(0)
        third = asyncio.create_task(pace._place(1))
        await asyncio.sleep(0)
        back.set()
        await asyncio.sleep(0)
        await given_up([second, third])  # type: ignore[list-item]
    assert pace.on_their_way == 0
    assert await went(pace, 2, 0.0) == 2


# At a real endpoint


async def test_a_server_is_not_asked_before_the_time_it_gave() -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "100ms"}
    async with serving(GOOD, (*GOOD, headers)) as server:
        teacher, clock = teach(server), asyncio.get_running_loop().time
        await teacher.ask("2+2?", Answer)
        began = clock()
        await teacher.ask("2+3?", Answer)
        await teacher.ask("2+4?", Answer)
        took = clock() - began
        await teacher.aclose()
    assert took >= 0.1


async def test_many_askers_of_a_server_that_is_down_send_little() -> None:
    async with serving((503, {})) as server:
        line = line_to(server, concurrency=8)
        teacher = teach(server)
        teacher._line = line
        found = await asyncio.gather(
            *(teacher.ask("2+2?", Answer, sample=n) for n in range(100)), return_exceptions=True
        )
        await line.aclose()
    assert {type(error).__name__ for error in found if error} == {"TeacherUnavailable"}
    assert len(server.bodies) <= 8 + DOWN_AFTER + 3 + 1
