"""Native tasks that crmsync created."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, text

from crmsync.store.bulk import Upsert, chunks, excluded, many
from crmsync.store.codec import dump, maybe_micros, maybe_moment, micros, moment, parse
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.tables import tasks as table


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A task that was decided. key: its crmsync_key. record_id: None until the CRM has answered. owner: house owner id. draft: what it says, JSON."""

    key: str
    person_id: str
    side: str
    kind: str
    created_at: datetime
    record_id: str | None = None
    owner: str | None = None
    due_at: datetime | None = None
    draft: Mapping[str, Any] = field(default_factory=dict)


_SAVE = Upsert(
    table="tasks",
    columns=("key", "person_id", "side", "kind", "created_at", "record_id", "owner", "due_at", "draft"),
    key=("key",),
    update=excluded("person_id", "side", "kind", "created_at", "record_id", "owner", "due_at", "draft"),
)
_OF = Prepared(lambda among: select(table).where(among(table.c.person_id, "listed")).order_by(table.c.created_at, table.c.key))
_BY_KEY = Prepared(lambda among: select(table).where(among(table.c.key, "listed")))
_PENDING = Prepared(
    lambda _: (
        select(table)
        .where(text("tasks.record_id IS NULL"), table.c.key > bindparam("after"))
        .order_by(table.c.key)
        .limit(bindparam("most"))
    )
)


class Tasks:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def save(self, rows: Sequence[TaskRow]) -> None:
        """Inserts or replaces by key."""
        with self._db.writing() as connection:
            _SAVE.run(connection, [_columns(one) for one in rows])

    def of(self, person_ids: Sequence[str]) -> dict[str, list[TaskRow]]:
        """person -> tasks, oldest first."""
        found: dict[str, list[TaskRow]] = defaultdict(list)
        with self._db.reading() as connection:
            for part in chunks(person_ids):
                for row in _OF.rows(connection, listed=part):
                    found[row.person_id].append(_task(row))
        return dict(found)

    def by_key(self, keys: Sequence[str]) -> dict[str, TaskRow]:
        """key -> task; unknown keys are left out."""
        found: dict[str, TaskRow] = {}
        with self._db.reading() as connection:
            for part in chunks(keys):
                found.update((row.key, _task(row)) for row in _BY_KEY.rows(connection, listed=part))
        return found

    def pending(self, limit: int, after: str = "") -> list[TaskRow]:
        """Tasks without a record yet, in key order, those after the key `after`."""
        with self._db.reading() as connection:
            return [_task(row) for row in _PENDING.rows(connection, after=after, most=limit)]

    def created(self, key: str, record_id: str) -> None:
        """The CRM has it under this id ("refused" when it never will)."""
        with self._db.writing() as connection:
            many(connection, "UPDATE tasks SET record_id = ? WHERE key = ?", [(record_id, key)])


def _columns(one: TaskRow) -> tuple[Any, ...]:
    return (
        one.key, one.person_id, one.side, one.kind, micros(one.created_at), one.record_id, one.owner, maybe_micros(one.due_at),
        dump(one.draft),
    )  # fmt: skip


def _task(row: Row[Any]) -> TaskRow:
    return TaskRow(
        key=row.key, person_id=row.person_id, side=row.side, kind=row.kind, created_at=moment(row.created_at),
        record_id=row.record_id, owner=row.owner, due_at=maybe_moment(row.due_at), draft=parse(row.draft),
    )  # fmt: skip
