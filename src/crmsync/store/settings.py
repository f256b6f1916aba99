"""Small values: settings, counters, cursors, users, the halt, the lease and the event log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from crmsync.model.attention import Halt
from crmsync.model.record import User
from crmsync.store import tables
from crmsync.store.bulk import Upsert, excluded, many
from crmsync.store.codec import dump, load, micros, moment, parse, tidy
from crmsync.store.prepared import Prepared

EVENTS_KEPT = 10_000
PROOF = "erased"
"""Kind of the one event that stays of a person who was erased; events of this kind are kept for ever."""
_HALT = "crmsync:halt"
_LEASE = "cycle"
_PUT = Upsert(table="settings", columns=("key", "data"), key=("key",), update=excluded("data"))
_COUNT = Upsert(table="counters", columns=("name", "value"), key=("name",), update=excluded("value"))
_MOVE = Upsert(table="cursors", columns=("side", "object", "data"), key=("side", "object"), update=excluded("data"))
_KNOW = Upsert(table="users", columns=("side", "id", "data"), key=("side", "id"), update=excluded("data"))
_GET = Prepared(lambda _: select(tables.settings.c.data).where(tables.settings.c.key == bindparam("key")))
_COUNTED = Prepared(lambda _: select(tables.counters.c.value).where(tables.counters.c.name == bindparam("name")))
_REACHED = Prepared(
    lambda _: select(tables.cursors.c.data).where(
        tables.cursors.c.side == bindparam("side"), tables.cursors.c.object == bindparam("object")
    )
)
_USERS_OF = Prepared(lambda _: select(tables.users.c.id, tables.users.c.data).where(tables.users.c.side == bindparam("side")))
_USERS = Prepared(lambda _: select(tables.users.c.data).order_by(tables.users.c.side, tables.users.c.id))


def get(connection: Connection, key: str, default: Any) -> Any:
    blob = _GET.value(connection, key=key)
    return default if blob is None else parse(blob)


def put(connection: Connection, key: str, value: Any) -> None:
    _PUT.run(connection, [(key, dump(value))])


def counter(connection: Connection, name: str) -> int:
    return _COUNTED.value(connection, name=name) or 0


def set_counter(connection: Connection, name: str, value: int) -> None:
    _COUNT.run(connection, [(name, value)])


def cursor(connection: Connection, side: str, object: str) -> Mapping[str, Any] | None:
    blob = _REACHED.value(connection, side=side, object=object)
    if blob is None:
        return None
    found: Mapping[str, Any] = parse(blob)
    return found


def save_cursor(connection: Connection, side: str, object: str, value: Mapping[str, Any]) -> None:
    _MOVE.run(connection, [(side, object, dump(value))])


def save_users(connection: Connection, side: str, users: Sequence[User]) -> None:
    new = {user.id: dump(user) for user in users}
    known = {row.id: bytes(row.data) for row in _USERS_OF.rows(connection, side=side)}
    if known == new:
        return
    gone = sorted(known.keys() - new.keys())
    many(connection, "DELETE FROM users WHERE side = ? AND id = ?", [(side, id) for id in gone])
    _KNOW.run(connection, [(side, id, data) for id, data in new.items() if known.get(id) != data])


def users(connection: Connection) -> list[User]:
    return [load(User, row.data) for row in _USERS.rows(connection)]


def halt(connection: Connection) -> Halt | None:
    blob = _GET.value(connection, key=_HALT)
    return None if blob is None else load(Halt, blob)


def set_halt(connection: Connection, value: Halt | None) -> None:
    if value is None:
        connection.execute(delete(tables.settings).where(tables.settings.c.key == _HALT))
    else:
        put(connection, _HALT, value)


# --- one process at a time -------------------------------------------------------------------------------------------------


def lease(connection: Connection, holder: str, now: datetime, ttl_seconds: float) -> bool:
    until = micros(now + timedelta(seconds=ttl_seconds))
    taken = many(
        connection,
        "INSERT INTO leases (name, holder, expires_at) VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at "
        "WHERE leases.holder = excluded.holder OR leases.expires_at <= ?",
        [(_LEASE, holder, until, micros(now))],
    )
    return taken == 1


def lease_holder(connection: Connection) -> tuple[str, datetime] | None:
    row = connection.execute(select(tables.leases).where(tables.leases.c.name == _LEASE)).one_or_none()
    return None if row is None else (row.holder, moment(row.expires_at))


def release(connection: Connection, holder: str) -> None:
    connection.execute(delete(tables.leases).where(tables.leases.c.name == _LEASE, tables.leases.c.holder == holder))


# --- the event log ---------------------------------------------------------------------------------------------------------


def log_event(connection: Connection, at: datetime, kind: str, text: str) -> None:
    table = tables.events
    result = connection.execute(insert(table).values(at=micros(at), kind=kind, text=tidy(text)))
    (newest,) = result.inserted_primary_key or (0,)
    connection.execute(delete(table).where(table.c.event_id <= newest - EVENTS_KEPT, table.c.kind != PROOF))


def events(connection: Connection, limit: int) -> list[tuple[datetime, str, str]]:
    query = select(tables.events).order_by(tables.events.c.event_id.desc()).limit(limit)
    return [(moment(row.at), row.kind, row.text) for row in connection.execute(query)]
