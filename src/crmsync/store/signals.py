"""Signals: each event once, whoever delivers it how often (S12)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from crmsync.model.link import Signal
from crmsync.store.bulk import Upsert, among, chunks, excluded
from crmsync.store.codec import micros, moment, tidy
from crmsync.store.database import Database
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


class Signals:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, rows: Sequence[tuple[str, Signal]]) -> int:
        """(person, signal). An event_id already known is ignored, whosever it is. Returns how many were new."""
        with self._db.writing() as connection:
            return _ADD.run(connection, [_row(person, one) for person, one in rows])

    def save(self, rows: Sequence[tuple[str, Signal]], drop: Sequence[str] = ()) -> None:
        """(person, signal), in place of what is known under the same event_id, whosever it was. drop: event ids that are another's by now."""
        with self._db.writing() as connection:
            for part in chunks(drop):
                connection.execute(delete(table).where(among(connection, table.c.event_id, part)))
            _SAVE.run(connection, [_row(person, one) for person, one in rows])

    def of(self, person_ids: Sequence[str]) -> dict[str, list[Signal]]:
        """person -> signals, oldest first. Persons without any are left out."""
        with self._db.reading() as connection:
            return _of(connection, person_ids)

    def waiting(self, emails: Sequence[str]) -> dict[str, list[Signal]]:
        """folded address -> signals that came before anybody with that address was known."""
        with self._db.reading() as connection:
            if not emails or connection.execute(_FIRST).first() is None:
                return {}
            found = _of(connection, [whose(email) for email in emails])
        return {person.removeprefix(_NOBODY_YET): rows for person, rows in found.items()}

    def any_waiting(self) -> bool:
        """Whether there are signals of addresses that nobody has. A small look at an index."""
        with self._db.reading() as connection:
            return connection.execute(_FIRST).first() is not None

    def forget_waiting(self, before: datetime, limit: int) -> int:
        """Signals from before that moment of addresses that nobody has; returns how many."""
        old = select(table.c.event_id).where(*_UNKNOWN, table.c.at < micros(before)).limit(limit)
        with self._db.writing() as connection:
            return connection.execute(delete(table).where(table.c.event_id.in_(old))).rowcount

    def types(self) -> dict[str, int]:
        """type -> signals of it, of whomever. Counts along an index: a tenth of a second per million, so not in each cycle."""
        query = select(table.c.type, func.count()).group_by(table.c.type)
        with self._db.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def move(self, lost: str, kept: str) -> None:
        """Two persons are one: what the one did, the other did."""
        with self._db.writing() as connection:
            connection.execute(update(table).where(table.c.person_id == lost).values(person_id=kept))


def _row(person: str, one: Signal) -> tuple[str, str, int, str, str, str]:
    lines = (one.detail, *one.answers) if one.answers or "\n" in one.detail else (one.detail,)
    told = "\n".join(" ".join(line.split("\n")) for line in lines)
    return tidy(one.event_id), person, micros(one.at), one.type, tidy(told), str(one.source)


def _of(connection: Connection, person_ids: Sequence[str]) -> dict[str, list[Signal]]:
    found: dict[str, list[Signal]] = defaultdict(list)
    for part in chunks(person_ids):
        for row in _OF.rows(connection, listed=part):
            detail, *answers = row.detail.split("\n")
            one = Signal(event_id=row.event_id, type=row.type, at=moment(row.at), detail=detail, source=row.source, answers=tuple(answers))
            found[row.person_id].append(one)
    return dict(found)
