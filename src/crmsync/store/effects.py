"""Timed effects that crmsync has had: each one once (law 9)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, exists, select

from crmsync.store.bulk import Upsert
from crmsync.store.codec import micros
from crmsync.store.database import Database
from crmsync.store.tables import effects as table
from crmsync.store.tables import persons

_KEY = ("rule", "person_id", "due_at")
_CLAIM = Upsert(table="effects", columns=_KEY, key=_KEY)


class Effects:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def claim(self, rule: str, person_id: str, due: datetime) -> bool:
        """True the first time ever (law 9), False ever after; undone when the surrounding transaction is."""
        with self._db.writing() as connection:
            return _CLAIM.run(connection, [(rule, person_id, micros(due))]) == 1

    def forget(self, before: datetime, limit: int) -> int:
        """Effects from before that moment of persons who are no more; returns how many. Those of a person who is known stay for ever."""
        known = exists().where(persons.c.person_id == table.c.person_id)
        old = select(table.c.rule, table.c.person_id, table.c.due_at).where(table.c.due_at < micros(before), ~known).limit(limit)
        with self._db.writing() as connection:
            rows = connection.execute(old).all()
            for row in rows:
                mine = (table.c.rule == row.rule, table.c.person_id == row.person_id, table.c.due_at == row.due_at)
                connection.execute(delete(table).where(*mine))
        return len(rows)
