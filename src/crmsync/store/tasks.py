"""Native tasks that crmsync created, and the timed effects it has had (law 9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text

from crmsync.store.bulk import Upsert, chunks, excluded, many
from crmsync.store.codec import dump, maybe_micros, maybe_moment, micros, moment, parse
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
_WAITING = Prepared(
    lambda _: (
        select(table)
        .where(text("tasks.record_id IS NULL"), table.c.key > bindparam("after"))
        .order_by(table.c.key)
        .limit(bindparam("most"))
    )
)
_CLAIM = Upsert(table="effects", columns=("rule", "person_id", "due_at"), key=("rule", "person_id", "due_at"))


def save(connection: Connection, rows: Sequence[TaskRow]) -> None:
    _SAVE.run(
        connection,
        [
            (
                one.key, one.person_id, one.side, one.kind, micros(one.created_at), one.record_id, one.owner, maybe_micros(one.due_at),
                dump(one.draft),
            )
            for one in rows
        ],
    )  # fmt: skip


def of(connection: Connection, person_ids: Sequence[str]) -> dict[str, list[TaskRow]]:
    found: dict[str, list[TaskRow]] = defaultdict(list)
    for part in chunks(person_ids):
        for row in _OF.rows(connection, listed=part):
            found[row.person_id].append(_task(row))
    return dict(found)


def by_key(connection: Connection, keys: Sequence[str]) -> dict[str, TaskRow]:
    found: dict[str, TaskRow] = {}
    for part in chunks(keys):
        found.update((row.key, _task(row)) for row in _BY_KEY.rows(connection, listed=part))
    return found


def waiting(connection: Connection, limit: int, after: str) -> list[TaskRow]:
    """Tasks the CRM has not got yet, in key order."""
    return [_task(row) for row in _WAITING.rows(connection, after=after, most=limit)]


def created(connection: Connection, key: str, record_id: str) -> None:
    many(connection, "UPDATE tasks SET record_id = ? WHERE key = ?", [(record_id, key)])


def _task(row: Row[Any]) -> TaskRow:
    return TaskRow(
        key=row.key, person_id=row.person_id, side=row.side, kind=row.kind, created_at=moment(row.created_at),
        record_id=row.record_id, owner=row.owner, due_at=maybe_moment(row.due_at), draft=parse(row.draft),
    )  # fmt: skip


def claim(connection: Connection, rule: str, person_id: str, due: datetime) -> bool:
    return _CLAIM.run(connection, [(rule, person_id, micros(due))]) == 1
