"""Signals: each event once, whoever delivers it how often (S12)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from crmsync.model.link import Signal
from crmsync.store.bulk import Upsert, among, chunks, excluded
from crmsync.store.codec import micros, moment, tidy
from crmsync.store.prepared import Prepared
from crmsync.store.tables import signals as table

_COLUMNS = ("event_id", "person_id", "at", "type", "detail", "source")
_ADD = Upsert(table="signals", columns=_COLUMNS, key=("event_id",))
_SAVE = Upsert(table="signals", columns=_COLUMNS, key=("event_id",), update=excluded(*_COLUMNS[1:]))
_OF = Prepared(
    lambda among: select(table).where(among(table.c.person_id, "listed")).order_by(table.c.person_id, table.c.at, table.c.event_id)
)
_NOBODY_YET = "email:"
"""Before a folded address, in place of a person: an event of somebody who is not known yet."""
_UNKNOWN = (table.c.person_id >= _NOBODY_YET, table.c.person_id < "email;")
_FIRST = select(table.c.event_id).where(*_UNKNOWN).limit(1)


def whose(email: str) -> str:
    """What stands in place of the person for events of an address that nobody has yet. email: folded."""
    return tidy(_NOBODY_YET + email)


def add(connection: Connection, rows: Sequence[tuple[str, Signal]]) -> int:
    return _ADD.run(connection, [_row(person, one) for person, one in rows])


def save(connection: Connection, rows: Sequence[tuple[str, Signal]], drop: Sequence[str]) -> None:
    """drop: event ids that go."""
    for part in chunks(drop):
        connection.execute(delete(table).where(among(connection, table.c.event_id, part)))
    _SAVE.run(connection, [_row(person, one) for person, one in rows])


def any_waiting(connection: Connection) -> bool:
    return connection.execute(_FIRST).first() is not None


def waiting(connection: Connection, emails: Sequence[str]) -> dict[str, list[Signal]]:
    if not emails or not any_waiting(connection):
        return {}
    found = of(connection, [whose(email) for email in emails])
    return {person.removeprefix(_NOBODY_YET): rows for person, rows in found.items()}


def drop_waiting(connection: Connection, before: datetime, limit: int) -> int:
    old = select(table.c.event_id).where(*_UNKNOWN, table.c.at < micros(before)).limit(limit)
    return connection.execute(delete(table).where(table.c.event_id.in_(old))).rowcount


def _row(person: str, one: Signal) -> tuple[str, str, int, str, str, str]:
    lines = (one.detail, *one.answers) if one.answers or "\n" in one.detail else (one.detail,)
    told = "\n".join(" ".join(line.split("\n")) for line in lines)
    return tidy(one.event_id), person, micros(one.at), one.type, tidy(told), str(one.source)


def of(connection: Connection, person_ids: Sequence[str]) -> dict[str, list[Signal]]:
    found: dict[str, list[Signal]] = defaultdict(list)
    for part in chunks(person_ids):
        for row in _OF.rows(connection, listed=part):
            detail, *answers = row.detail.split("\n")
            one = Signal(event_id=row.event_id, type=row.type, at=moment(row.at), detail=detail, source=row.source, answers=tuple(answers))
            found[row.person_id].append(one)
    return dict(found)


def types(connection: Connection) -> dict[str, int]:
    query = select(table.c.type, func.count()).group_by(table.c.type)
    return {row[0]: row[1] for row in connection.execute(query)}


def move(connection: Connection, from_person: str, to_person: str) -> None:
    connection.execute(update(table).where(table.c.person_id == from_person).values(person_id=to_person))
