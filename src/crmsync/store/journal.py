"""The journal: every write as an intent before it is sent, settled by the answer (law 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from crmsync.model.journal import JournalEntry
from crmsync.store.bulk import chunks, many
from crmsync.store.codec import build, dump, maybe_micros, maybe_moment, micros, moment, parse, tidy, without
from crmsync.store.prepared import Prepared
from crmsync.store.tables import journal as table

_OWN_COLUMNS = frozenset({"side", "person_id", "kind", "at", "record_id", "outcome", "cause", "message", "settled_at"})
_ADD = (
    "INSERT INTO journal (write_id, side, person_id, kind, at, record_id, outcome, cause, message, settled_at, data) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SETTLE = "UPDATE journal SET record_id = ?, outcome = ?, cause = ?, message = ?, settled_at = ? WHERE write_id = ?"

_OPEN = Prepared(lambda _: select(table).where(table.c.outcome.is_(None)).order_by(table.c.seq))
_OPEN_OF = Prepared(
    lambda among: select(table.c.data).where(
        table.c.outcome.is_(None), table.c.kind == bindparam("kind"), among(table.c.person_id, "listed")
    )
)
_COUNT_OPEN = Prepared(lambda _: select(func.count()).select_from(table).where(table.c.outcome.is_(None)))
_OF_PERSON = Prepared(
    lambda _: select(table).where(table.c.person_id == bindparam("person_id")).order_by(table.c.seq.desc()).limit(bindparam("most"))
)
_ONE = Prepared(lambda _: select(table).where(table.c.write_id == bindparam("write_id")))


def add(connection: Connection, entries: Sequence[JournalEntry]) -> None:
    many(connection, _ADD, [_columns(entry) for entry in entries])


def _columns(entry: JournalEntry) -> tuple[Any, ...]:
    return (
        entry.write.write_id, entry.side, entry.person_id, entry.kind, micros(entry.at), entry.record_id, entry.outcome, tidy(entry.cause),
        tidy(entry.message), maybe_micros(entry.settled_at), packed(entry),
    )  # fmt: skip


def packed(entry: JournalEntry) -> bytes:
    """What of an entry has no column of its own."""
    return dump(without(entry, _OWN_COLUMNS))


def settle(connection: Connection, entries: Sequence[JournalEntry]) -> None:
    touched = many(
        connection,
        _SETTLE,
        [
            (one.record_id, one.outcome, tidy(one.cause), tidy(one.message), maybe_micros(one.settled_at), one.write.write_id)
            for one in entries
        ],
    )
    if touched != len(entries):
        raise LookupError(f"{len(entries) - touched} of {len(entries)} settled writes were never journalled")


def read(row: Row[Any]) -> JournalEntry:
    return build(
        JournalEntry, parse(row.data),
        side=row.side, person_id=row.person_id, kind=row.kind, at=moment(row.at), record_id=row.record_id, outcome=row.outcome,
        cause=row.cause, message=row.message, settled_at=maybe_moment(row.settled_at),
    )  # fmt: skip


def open_intents(connection: Connection) -> list[JournalEntry]:
    return [read(row) for row in _OPEN.rows(connection)]


def count_open(connection: Connection) -> int:
    return int(_COUNT_OPEN.value(connection))


def open_keys(connection: Connection, kind: str, person_ids: Sequence[str]) -> set[str]:
    """The crmsync_key of every write of that kind about these persons that has no outcome yet."""
    told = [row.data for part in chunks(person_ids) for row in _OPEN_OF.rows(connection, kind=kind, listed=part)]
    return {str(key) for data in told if (key := parse(data)["write"].get("key")) is not None}


def of_person(connection: Connection, person_id: str, limit: int) -> list[JournalEntry]:
    return [read(row) for row in _OF_PERSON.rows(connection, person_id=person_id, most=limit)]


def one(connection: Connection, write_id: str) -> JournalEntry | None:
    row = _ONE.row(connection, write_id=write_id)
    return None if row is None else read(row)
