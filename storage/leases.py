"""Leases: taken, kept alive and given back, each in one transaction, on SQLite and PostgreSQL alike."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, select, text, update

from storage.bulk import insert_new
from storage.keyed import utc_now
from storage.records import Lease
from storage.store import Store

_LEASE: Table = Lease.__table__  # type: ignore[attr-defined]


def take_lease(
    store: Store, name: str, holder: str, doing: str, lasts: timedelta, is_dead: Callable[[str], bool]
) -> Lease:
    """The lease as it stands now: the caller's if nobody had it, or who had it is dead or was silent for too long.

    `is_dead` is asked of the present holder. Raises StoreError.
    """
    with store.writing() as connection:
        now = _now(connection)
        taken = Lease(name=name, holder=holder, doing=doing, taken_at=now, heartbeat_at=now, expires_at=now + lasts)
        if insert_new(connection, Lease, [taken.model_dump()]):
            return taken
        found = connection.execute(select(_LEASE).where(_LEASE.c.name == name).with_for_update()).mappings().one()
        held = Lease(**found)
        if held.holder not in ("", holder) and held.expires_at > now and not is_dead(held.holder):
            return held
        connection.execute(update(_LEASE).where(_LEASE.c.name == name).values(taken.model_dump(exclude={"name"})))
        return taken


def keep_lease(store: Store, name: str, holder: str, lasts: timedelta) -> bool:
    """Say that the holder lives. False if the lease is another's by now. Raises StoreError."""
    with store.writing() as connection:
        now = _now(connection)
        mine = (_LEASE.c.name == name) & (_LEASE.c.holder == holder)
        return (
            connection.execute(update(_LEASE).where(mine).values(heartbeat_at=now, expires_at=now + lasts)).rowcount > 0
        )


def give_back_lease(store: Store, name: str, holder: str) -> None:
    """Let the next one have it, unless it is another's already. Raises StoreError."""
    with store.writing() as connection:
        mine = (_LEASE.c.name == name) & (_LEASE.c.holder == holder)
        connection.execute(update(_LEASE).where(mine).values(holder="", expires_at=_now(connection)))


def _now(connection: Connection) -> datetime:
    """By one clock for all who share the store: the server's, where there is one."""
    if connection.dialect.name == "sqlite":
        return utc_now()
    return connection.execute(text("SELECT clock_timestamp()")).scalar_one()
