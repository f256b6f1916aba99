"""Signals: each event once, whoever delivers it how often (S12)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from crmsync.model.link import Signal
from crmsync.store.bulk import Upsert, among, chunks
from crmsync.store.codec import micros, moment, tidy
from crmsync.store.tables import signals as table

_ADD = Upsert(table="signals", columns=("event_id", "person_id", "at", "type", "detail", "source"), key=("event_id",))


def add(connection: Connection, rows: Sequence[tuple[str, Signal]]) -> int:
    return _ADD.run(
        connection,
        [(tidy(one.event_id), person, micros(one.at), one.type, tidy(one.detail), str(one.source)) for person, one in rows],
    )


def of(connection: Connection, person_ids: Sequence[str]) -> dict[str, list[Signal]]:
    found: dict[str, list[Signal]] = defaultdict(list)
    for part in chunks(person_ids):
        query = select(table).where(among(connection, table.c.person_id, part)).order_by(table.c.person_id, table.c.at, table.c.event_id)
        for row in connection.execute(query):
            one = Signal(event_id=row.event_id, type=row.type, at=moment(row.at), detail=row.detail, source=row.source)
            found[row.person_id].append(one)
    return dict(found)


def move(connection: Connection, from_person: str, to_person: str) -> None:
    connection.execute(update(table).where(table.c.person_id == from_person).values(person_id=to_person))
