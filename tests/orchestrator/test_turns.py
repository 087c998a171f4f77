"""Of those who want to train at once one does; the others wait or go, and who fell silent stops."""

import asyncio
import threading
from datetime import timedelta

import pytest

from orchestrator import turns
from orchestrator.turns import NotItsTurn, TurnLost, turn
from storage.leases import give_back_lease, take_lease
from storage.store import Store, StoreError

OTHER = "4@another machine"
LONG = timedelta(minutes=10)


def of_another(store: Store, lasts: timedelta = LONG) -> bool:
    """Whether another process gets the turn."""
    return take_lease(store, "training", OTHER, "recipe other", lasts, lambda _: False).holder == OTHER


async def test_nobody_else_has_the_turn_inside_and_anybody_after(store: Store) -> None:
    async with turn(store, "training", "recipe mine", "skip", print):
        assert not of_another(store)
    assert of_another(store)


async def test_it_is_given_back_after_an_error(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with turn(store, "training", "recipe mine", "skip", print):
            raise ZeroDivisionError
    assert of_another(store)


async def test_one_that_skips_says_who_trains(store: Store) -> None:
    of_another(store)
    with pytest.raises(NotItsTurn, match=r"another cycle is training: recipe other, process 4@another, since 20"):
        async with turn(store, "training", "recipe mine", "skip", print):
            raise AssertionError("it is not its turn")


async def test_one_that_waits_says_so_once_and_follows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "ASK_AGAIN_S", 0.01)
    of_another(store)
    said: list[str] = []

    async def follow() -> None:
        async with turn(store, "training", "recipe mine", "wait", said.append):
            assert not of_another(store)

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.1)
    assert not following.done()
    give_back_lease(store, "training", OTHER)
    await asyncio.wait_for(following, 5)
    assert len(said) == 1
    assert "waits for its turn: recipe other" in said[0]


async def test_a_turn_is_kept_alive_while_it_lasts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(turns, "LASTS", timedelta(seconds=0.5))
    async with turn(store, "training", "recipe mine", "skip", print):
        await asyncio.sleep(0.8)
        assert not of_another(store)


async def test_who_lost_its_turn_stops_what_it_does(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(turns, "LASTS", timedelta(seconds=-1))

    async def train() -> None:
        async with turn(store, "training", "recipe mine", "skip", print):
            assert of_another(store)
            await asyncio.sleep(10)

    with pytest.raises(TurnLost, match="goes on where this one stopped"):
        await train()
    monkeypatch.setattr(turns, "LASTS", LONG)
    with pytest.raises(NotItsTurn):  # what the other has is not given back by the one that lost it
        async with turn(store, "training", "recipe mine", "skip", print):
            pass


async def test_an_interruption_from_outside_stays_one(store: Store) -> None:
    async def train() -> None:
        async with turn(store, "training", "recipe mine", "skip", print):
            await asyncio.sleep(10)

    training = asyncio.create_task(train())
    await asyncio.sleep(0.05)
    training.cancel()
    with pytest.raises(asyncio.CancelledError):
        await training
    assert of_another(store)


async def test_of_those_that_would_do_the_same_one_waits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "ASK_AGAIN_S", 0.01)
    of_another(store)
    assert take_lease(store, "training: next x", "5@another machine", "recipe x", LONG, lambda _: False)
    with pytest.raises(NotItsTurn, match=r"waits already to do the same: recipe x, process 5@another"):
        async with turn(store, "training", "recipe x", "wait", print, "x"):
            raise AssertionError("one that waits is enough")
    waiting = asyncio.create_task(anext(turn(store, "training", "recipe y", "wait", print, "y").gen))  # type: ignore[attr-defined]
    await asyncio.sleep(0.1)
    assert take_lease(store, "training: next y", OTHER, "recipe y", LONG, lambda _: False).holder != OTHER
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert take_lease(store, "training: next y", OTHER, "recipe y", LONG, lambda _: False).holder == OTHER


@pytest.mark.parametrize("how", ["fails", "does not answer"])
async def test_a_store_that_is_away_for_too_long_costs_the_turn(
    how: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may have it by then; so also where the driver says something that nobody foresaw."""
    answers = threading.Event()

    def keep(*_: object) -> bool:
        if how == "fails":
            raise RuntimeError("connection already closed")
        return answers.wait(10)

    monkeypatch.setattr(turns, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(turns, "LASTS", timedelta(seconds=0.2))
    monkeypatch.setattr(turns, "keep_lease", keep)
    with pytest.raises(TurnLost):
        async with turn(store, "training", "recipe mine", "skip", print):
            await asyncio.sleep(5)
    answers.set()


async def test_what_was_done_counts_although_the_turn_cannot_be_given_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("the server is away")

    said: list[str] = []
    async with turn(store, "training", "recipe mine", "skip", said.append):
        monkeypatch.setattr(turns, "give_back_lease", away)
    assert said == ["its turn ends by itself in 30 s, since it could not be given back: the server is away"]
