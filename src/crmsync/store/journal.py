"""The journal: every write as an intent before it is sent, settled by the answer (law 3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from crmsync.model.journal import JournalEntry
from crmsync.store import retention
from crmsync.store.bulk import chunks, many
from crmsync.store.codec import build, dump, maybe_micros, maybe_moment, micros, moment, parse, tidy, without
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.tables import journal as table

_OWN_COLUMNS = frozenset({"side", "person_id", "kind", "at", "record_id", "outcome", "cause", "message", "settled_at"})
_NOTE = (
    "INSERT INTO journal (write_id, side, person_id, kind, at, record_id, outcome, cause, message, settled_at, data) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SETTLE = "UPDATE journal SET record_id = ?, outcome = ?, cause = ?, message = ?, settled_at = ? WHERE write_id = ?"

_OPEN = Prepared(lambda _: select(table).where(table.c.outcome.is_(None)).order_by(table.c.seq))
_OPEN_TASKS = Prepared(
    lambda among: select(table.c.data).where(table.c.outcome.is_(None), table.c.kind == "task", among(table.c.person_id, "listed"))
)
_COUNT_OPEN = Prepared(lambda _: select(func.count()).select_from(table).where(table.c.outcome.is_(None)))
_OF_PERSON = Prepared(
    lambda _: select(table).where(table.c.person_id == bindparam("person_id")).order_by(table.c.seq.desc()).limit(bindparam("most"))
)
_ONE = Prepared(lambda _: select(table).where(table.c.write_id == bindparam("write_id")))


class Journal:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def note(self, entries: Sequence[JournalEntry]) -> None:
        """Intents. On the disk when this (or the surrounding transaction) returns; a write_id used before is an IntegrityError."""
        with self._db.writing() as connection:
            many(connection, _NOTE, [_columns(entry) for entry in entries])

    def settle(self, entries: Sequence[JournalEntry]) -> None:
        """Stores outcome, record_id, cause, message and settled_at of journalled writes. LookupError for one never journalled."""
        answers = [
            (one.record_id, one.outcome, tidy(one.cause), tidy(one.message), maybe_micros(one.settled_at), one.write.write_id)
            for one in entries
        ]
        with self._db.writing() as connection:
            touched = many(connection, _SETTLE, answers)
            if touched != len(entries):
                raise LookupError(f"{len(entries) - touched} of {len(entries)} settled writes were never journalled")

    def open_intents(self) -> list[JournalEntry]:
        """Writes without an outcome, oldest first."""
        with self._db.reading() as connection:
            return [read(row) for row in _OPEN.rows(connection)]

    def count_open(self) -> int:
        """Writes without an outcome."""
        with self._db.reading() as connection:
            return int(_COUNT_OPEN.value(connection))

    def open_task_keys(self, person_ids: Sequence[str]) -> set[str]:
        """Keys of our tasks of these persons that were sent, or taken back, without an answer yet."""
        with self._db.reading() as connection:
            told = [row.data for part in chunks(person_ids) for row in _OPEN_TASKS.rows(connection, listed=part)]
        return {str(key) for data in told if (key := parse(data)["write"].get("key")) is not None}

    def of(self, person_id: str, limit: int = 200) -> list[JournalEntry]:
        """Writes about that person, newest first."""
        with self._db.reading() as connection:
            return [read(row) for row in _OF_PERSON.rows(connection, person_id=person_id, most=limit)]

    def entry(self, write_id: str) -> JournalEntry | None:
        """One write; None when there is none with this id."""
        with self._db.reading() as connection:
            row = _ONE.row(connection, write_id=write_id)
            return None if row is None else read(row)

    def forget(self, after: int, before: datetime, limit: int) -> tuple[int, int | None]:
        """Of the next `limit` writes since number `after` and from before that moment, forgets those that nobody needs any more: (how many, the number of
        the last one looked at; None at the end). Open intents and the newest write of every field of a record stay."""
        with self._db.writing() as connection:
            return retention.journal_page(connection, after, before, limit)


def _columns(entry: JournalEntry) -> tuple[Any, ...]:
    return (
        entry.write.write_id, entry.side, entry.person_id, entry.kind, micros(entry.at), entry.record_id, entry.outcome, tidy(entry.cause),
        tidy(entry.message), maybe_micros(entry.settled_at), packed(entry),
    )  # fmt: skip


def packed(entry: JournalEntry) -> bytes:
    """What of an entry has no column of its own."""
    return dump(without(entry, _OWN_COLUMNS))


def read(row: Row[Any]) -> JournalEntry:
    """The entry of one row of the whole table."""
    return build(
        JournalEntry, parse(row.data),
        side=row.side, person_id=row.person_id, kind=row.kind, at=moment(row.at), record_id=row.record_id, outcome=row.outcome,
        cause=row.cause, message=row.message, settled_at=maybe_moment(row.settled_at),
    )  # fmt: skip
