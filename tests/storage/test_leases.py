"""One holder at a time, whoever asks at once; the dead and the silent hold nothing."""

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import get_context
from typing import Any

import pytest

from agents.procs import here, is_dead
from storage.leases import give_back_lease, keep_lease, take_lease
from storage.store import Store, open_store

LONG = timedelta(minutes=10)


def nobody(_holder: str) -> bool:
    return False


def take(store: Store, holder: str, lasts: timedelta = LONG, dead: Callable[[str], bool] = nobody) -> str:
    return take_lease(store, "gpu", holder, "trains", lasts, dead).holder


def test_the_first_one_has_it_until_it_is_given_back(store: Store) -> None:
    assert take(store, "one") == "one"
    assert take(store, "two") == "one"
    give_back_lease(store, "gpu", "two")
    assert take(store, "two") == "one"
    give_back_lease(store, "gpu", "one")
    assert take(store, "two") == "two"


def test_leases_of_other_names_are_free(store: Store) -> None:
    assert take(store, "one") == "one"
    assert take_lease(store, "another gpu", "two", "trains", LONG, nobody).holder == "two"


def test_a_silent_holder_loses_it_and_is_told(store: Store) -> None:
    assert take(store, "one", timedelta(seconds=-1)) == "one"
    assert take(store, "two") == "two"
    assert not keep_lease(store, "gpu", "one", LONG)
    assert keep_lease(store, "gpu", "two", LONG)


def test_a_heartbeat_makes_it_last(store: Store) -> None:
    assert take(store, "one", timedelta(seconds=-1)) == "one"
    assert keep_lease(store, "gpu", "one", LONG)
    assert take(store, "two") == "one"


def test_a_dead_holder_is_followed_at_once(store: Store) -> None:
    assert take(store, "one") == "one"
    assert take(store, "two", dead=lambda holder: holder == "one") == "two"


def take_and_hold(url: str, start: Any, told: Any) -> None:
    with open_store(url) as store:
        start.wait()
        lease = take_lease(store, "gpu", here(), "trains", LONG, is_dead)
        told.put((os.getpid(), lease.holder))
        time.sleep(60)


@pytest.mark.slow
def test_of_processes_that_ask_at_once_one_has_it_and_killed_it_is_followed_at_once(url: str) -> None:
    open_store(url).close()
    context = get_context("fork")
    start, told = context.Barrier(4), context.Queue()
    processes = [context.Process(target=take_and_hold, args=(url, start, told)) for _ in range(4)]
    for process in processes:
        process.start()
    try:
        answers = dict(told.get(timeout=30) for _ in processes)
        assert len(set(answers.values())) == 1
        (holder,) = set(answers.values())
        pid = int(holder.partition("@")[0])
        assert pid in answers
        with open_store(url) as store:
            assert take(store, here(), dead=is_dead) == holder
            os.kill(pid, signal.SIGKILL)
            next(process for process in processes if process.pid == pid).join()
            assert take(store, here(), dead=is_dead) == here()
    finally:
        for process in processes:
            process.kill()
            process.join()
