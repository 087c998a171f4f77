"""A call that takes too long is ended, wherever it is, and the next one does not notice."""

import asyncio
import os
import threading

from agents.limited import Came, call_limited

HERE = "tests.agents.limited_functions"


def call(name: str, *arguments: object, seconds: float = 5.0) -> Came:
    return call_limited(f"{HERE}:{name}", *arguments, seconds=seconds)


def test_what_a_function_returns_comes_back_and_what_it_prints_does_not() -> None:
    assert call("doubled", 21) == Came("done", 42)


def test_one_process_does_all_and_it_is_not_this_one() -> None:
    found = {call("process").value for _ in range(3)}
    assert len(found) == 1
    assert os.getpid() not in found


def test_what_does_not_end_is_ended_and_the_next_call_is_answered() -> None:
    before = call("process").value
    assert call("endless", seconds=0.2).how == "time"
    assert call("doubled", 2) == Came("done", 4)
    assert call("process").value != before


def test_waiting_is_not_counted_but_time_of_the_processor_is() -> None:
    assert call("asleep", seconds=0.2) == Came("done", "awake")


def test_what_wants_too_much_memory_what_raises_and_what_ends_the_process_are_told() -> None:
    assert call("greedy").how == "memory"
    assert call("raises") == Came("error", message="ValueError: so")
    assert call("ends").message == "its process ended with status 3"
    assert call("doubled", 1) == Came("done", 2)


def test_threads_do_not_get_each_others_answers() -> None:
    found: dict[int, Came] = {}
    threads = [threading.Thread(target=lambda n=n: found.update({n: call("doubled", n)})) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: Came("done", 2 * n) for n in range(20)}


async def test_it_can_be_called_beside_an_event_loop() -> None:
    found = await asyncio.gather(*(asyncio.to_thread(call, "doubled", n) for n in range(5)))
    assert [came.value for came in found] == [0, 2, 4, 6, 8]
