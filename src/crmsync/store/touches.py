"""Completed follow-ups of reps, and how far our own tasks are (process.md A3, C7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from crmsync.model.work import TASK_OPEN, TaskSeen, Touch
from crmsync.store.bulk import Upsert, among, chunks, excluded, many
from crmsync.store.codec import maybe_moment, micros, moment, parse, tidy
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.tables import tasks
from crmsync.store.tables import touches as table

_COLUMNS = ("person_id", "twin_id", "at", "channel", "owner", "outcome", "task_key")
_SAVE = Upsert(table="touches", columns=_COLUMNS, key=("person_id", "twin_id"), update=excluded(*_COLUMNS[2:]))
_OF = Prepared(
    lambda among: select(table).where(among(table.c.person_id, "listed")).order_by(table.c.person_id, table.c.at, table.c.twin_id)
)
_BY = Prepared(lambda among: select(table).where(among(table.c.twin_id, "listed")).order_by(table.c.twin_id, table.c.person_id))
_BETWEEN = Prepared(
    lambda _: (
        select(table)
        .where(table.c.at >= bindparam("start"), table.c.at < bindparam("end"))
        .order_by(table.c.at, table.c.person_id, table.c.twin_id)
    )
)
_MARKS = Prepared(
    lambda _: select(table.c.person_id, table.c.at, table.c.channel, table.c.task_key).where(
        table.c.at >= bindparam("start"), table.c.at < bindparam("end")
    )
)
_SEEN = (tasks.c.key, tasks.c.person_id, tasks.c.kind, tasks.c.owner, tasks.c.due_at, tasks.c.state, tasks.c.state_at)
_TASKS = Prepared(
    lambda among: select(*_SEEN).where(among(tasks.c.person_id, "listed")).order_by(tasks.c.person_id, tasks.c.created_at, tasks.c.key)
)
_OWN = Prepared(lambda among: select(*_SEEN, tasks.c.draft).where(among(tasks.c.key, "listed")))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTask:
    """One of our own tasks: whose it is, how far it is, and the channel of its draft."""

    person_id: str
    seen: TaskSeen
    channel: str


class Touches:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, person_ids: Iterable[str]) -> dict[str, list[Touch]]:
        """person -> their touches, oldest first; persons without any are left out."""
        found: dict[str, list[Touch]] = defaultdict(list)
        with self._db.reading() as connection:
            for part in chunks(person_ids):
                for row in _OF.rows(connection, listed=part):
                    found[row.person_id].append(_touch(row))
        return dict(found)

    def by_twin(self, twin_ids: Iterable[str]) -> dict[str, dict[str, Touch]]:
        """activity -> person -> the touch that it is for them."""
        found: dict[str, dict[str, Touch]] = defaultdict(dict)
        with self._db.reading() as connection:
            for part in chunks(twin_ids):
                for row in _BY.rows(connection, listed=part):
                    found[row.twin_id][row.person_id] = _touch(row)
        return dict(found)

    def between(self, start: datetime, end: datetime) -> list[tuple[str, Touch]]:
        """(person, touch) of all that were made from `start` on and before `end` (UTC), oldest first."""
        with self._db.reading() as connection:
            return [(row.person_id, _touch(row)) for row in _BETWEEN.rows(connection, start=micros(start), end=micros(end))]

    def marks(self, start: datetime, end: datetime) -> list[tuple[str, int, str, str]]:
        """(person, when in microseconds since 1970 UTC, channel, key of our own task or "") of all from `start` on and before `end`, in no order: for counting many."""
        with self._db.reading() as connection:
            return _MARKS.plain(connection, start=micros(start), end=micros(end))

    def save(self, rows: Sequence[tuple[str, Touch]]) -> None:
        """Stores (person, touch); the same activity for the same person is one."""
        if rows:
            with self._db.writing() as connection:
                _SAVE.run(connection, [_columns(person, touch) for person, touch in rows])

    def drop(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Takes back what was a touch: (person, activity)."""
        if pairs:
            with self._db.writing() as connection:
                many(connection, "DELETE FROM touches WHERE person_id = ? AND twin_id = ?", list(pairs))

    # --- our own tasks -------------------------------------------------------------------------------------------------------

    def tasks_of(self, person_ids: Iterable[str]) -> dict[str, list[TaskSeen]]:
        """person -> our own tasks of them, in any state, oldest first."""
        found: dict[str, list[TaskSeen]] = defaultdict(list)
        with self._db.reading() as connection:
            for part in chunks(person_ids):
                for row in _TASKS.rows(connection, listed=part):
                    found[row.person_id].append(_seen(row))
        return dict(found)

    def own(self, keys: Iterable[str]) -> dict[str, OwnTask]:
        """Of these keys those of our own tasks."""
        found: dict[str, OwnTask] = {}
        with self._db.reading() as connection:
            for part in chunks(keys):
                for row in _OWN.rows(connection, listed=part):
                    channel = str(parse(row.draft).get("channel") or "")
                    found[row.key] = OwnTask(person_id=row.person_id, seen=_seen(row), channel=channel)
        return found

    def set_states(self, rows: Sequence[tuple[str, str, datetime]]) -> None:
        """Notes (key, TASK_OPEN | TASK_DONE | TASK_DELETED, since when) of our own tasks."""
        if rows:
            with self._db.writing() as connection:
                many(
                    connection,
                    "UPDATE tasks SET state = ?, state_at = ? WHERE key = ?",
                    [(state, micros(at), key) for key, state, at in rows],
                )

    # --- privacy, merges, retention ---------------------------------------------------------------------------------------------

    def erase(self, person_ids: Sequence[str]) -> int:
        """Deletes the touches of these persons; returns how many. Their tasks are tasks' own matter."""
        gone = 0
        with self._db.writing() as connection:
            for part in chunks(person_ids):
                gone += connection.execute(delete(table).where(among(connection, table.c.person_id, part))).rowcount
        return gone

    def move(self, lost: str, kept: str) -> None:
        """Two persons are one: what was made for the one was made for the other, and so were our own tasks; an activity that both had counts once."""
        with self._db.writing() as connection:
            both = "SELECT twin_id FROM touches WHERE person_id = ?"
            many(connection, f"DELETE FROM touches WHERE person_id = ? AND twin_id IN ({both})", [(lost, kept)])  # noqa: S608 - own names
            many(connection, "UPDATE touches SET person_id = ? WHERE person_id = ?", [(kept, lost)])
            many(connection, "UPDATE tasks SET person_id = ? WHERE person_id = ?", [(kept, lost)])

    def forget_before(self, at: datetime, limit: int = 10_000) -> int:
        """Deletes touches from before that moment, at most `limit`; returns how many."""
        rows = table.c
        with self._db.writing() as connection:
            old = connection.execute(select(rows.person_id, rows.twin_id).where(rows.at < micros(at)).order_by(rows.at).limit(limit)).all()
            many(connection, "DELETE FROM touches WHERE person_id = ? AND twin_id = ?", [tuple(row) for row in old])
        return len(old)


def _columns(person: str, touch: Touch) -> tuple[object, ...]:
    owner, outcome = touch.owner and tidy(touch.owner), tidy(touch.outcome)
    return person, touch.twin_id, micros(touch.at), touch.channel, owner, outcome, touch.task_key


def _touch(row: Any) -> Touch:
    return Touch(twin_id=row.twin_id, at=moment(row.at), channel=row.channel, owner=row.owner, outcome=row.outcome, task_key=row.task_key)


def _seen(row: Any) -> TaskSeen:
    return TaskSeen(
        key=row.key, kind=row.kind, owner=row.owner, due_at=maybe_moment(row.due_at), state=row.state or TASK_OPEN,
        state_at=maybe_moment(row.state_at),
    )  # fmt: skip
