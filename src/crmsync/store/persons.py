"""What crmsync itself remembers of persons: the whole state as one blob, beside the columns it is asked by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select

from crmsync.model.link import PersonState
from crmsync.store.bulk import Upsert, among, chunks, excluded
from crmsync.store.codec import dump, load, maybe_micros, maybe_moment, micros
from crmsync.store.prepared import Prepared
from crmsync.store.tables import persons as table

_SAVE = Upsert(
    table="persons",
    columns=("person_id", "next_due_at", "owner", "stage", "data"),
    key=("person_id",),
    update=excluded("next_due_at", "owner", "stage", "data"),
)

_GET = Prepared(lambda among: select(table.c.person_id, table.c.data).where(among(table.c.person_id, "listed")))
_DUE = Prepared(
    lambda _: (
        select(table.c.person_id)
        .where(table.c.next_due_at.is_not(None), table.c.next_due_at <= bindparam("now"))
        .order_by(table.c.next_due_at, table.c.person_id)
        .limit(bindparam("most"))
    )
)
_NEXT = Prepared(lambda _: select(func.min(table.c.next_due_at)).where(table.c.next_due_at.is_not(None)))
_COUNT = Prepared(lambda _: select(func.count()).select_from(table))


def get(connection: Connection, ids: Sequence[str]) -> dict[str, PersonState]:
    found: dict[str, PersonState] = {}
    for part in chunks(ids):
        found.update((row[0], load(PersonState, row[1])) for row in _GET.rows(connection, listed=part))
    return found


def save(connection: Connection, states: Sequence[PersonState]) -> None:
    _SAVE.run(
        connection,
        [
            (state.person_id, maybe_micros(state.next_due_at), state.owner, state.stages[-1].stage if state.stages else None, dump(state))
            for state in states
        ],
    )


def drop(connection: Connection, ids: Sequence[str]) -> None:
    for part in chunks(ids):
        connection.execute(delete(table).where(among(connection, table.c.person_id, part)))


def due(connection: Connection, now: datetime, limit: int) -> list[str]:
    return [row.person_id for row in _DUE.rows(connection, now=micros(now), most=limit)]


def next_due_at(connection: Connection) -> datetime | None:
    return maybe_moment(_NEXT.value(connection))


def count(connection: Connection) -> int:
    return int(_COUNT.value(connection))


def stage_counts(connection: Connection) -> dict[str, int]:
    query = select(table.c.stage, func.count()).where(table.c.stage.is_not(None)).group_by(table.c.stage)
    return {row[0]: row[1] for row in connection.execute(query)}


def ids_after(connection: Connection, after: str, limit: int) -> list[str]:
    query = select(table.c.person_id).where(table.c.person_id > after).order_by(table.c.person_id).limit(limit)
    return list(connection.execute(query).scalars())
