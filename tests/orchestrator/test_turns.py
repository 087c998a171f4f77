"""Of those who want to train at once one does; the others wait or go, and who fell silent stops."""

import asyncio
from datetime import timedelta

import pytest

from orchestrator import turns
from orchestrator.turns import NotItsTurn, TurnLost, turn
from storage.leases import give_back_lease, take_lease
from storage.store import Store

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
