"""Problems: what could not be done, parked beside the person or record it belongs to (law 5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, delete, exists, func, select

from crmsync.model.attention import ParkedProblem, Problem
from crmsync.model.record import RecordState
from crmsync.store.bulk import Upsert, chunks, excluded, many
from crmsync.store.codec import maybe_micros, maybe_moment, micros, moment, tidy
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.tables import problems as table
from crmsync.store.tables import snapshots

Group = tuple[str, str, str, str | None, int, str]
_KEY = ("cause", "side", "object", "record_id", "person_id", "field")  # "" stands for None, which no unique index would hold together
_PARK = Upsert(
    table="problems",
    columns=(*_KEY, "message", "data_hash", "attempts", "first_at", "last_at", "retry_at"),
    key=_KEY,
    update={
        **excluded("message", "data_hash", "last_at", "retry_at"),
        "attempts": "CASE WHEN problems.data_hash = excluded.data_hash THEN problems.attempts + 1 ELSE 1 END",
    },
)

_ALL = Prepared(lambda _: select(table).order_by(table.c.problem_id).limit(bindparam("most")))
_OF = Prepared(lambda among: select(table).where(among(table.c.person_id, "listed")).order_by(table.c.problem_id).limit(bindparam("most")))


def _groups() -> Select[Any]:
    columns = (table.c.cause, table.c.side, table.c.object, table.c.field)
    number = func.count().label("number")
    return select(*columns, number, func.min(table.c.message)).group_by(*columns).order_by(number.desc(), *columns)


_GROUPS = Prepared(lambda _: _groups())


class Problems:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def park(self, problems: Sequence[Problem], now: datetime, retry_at: datetime | None = None) -> None:
        """One row per (cause, side, object, record_id, person_id, field). Attempts count up while data_hash stays, else begin at 1."""
        at, again = micros(now), maybe_micros(retry_at)
        rows = [
            (
                tidy(one.cause), one.side, one.object, one.record_id or "", one.person_id or "", one.field or "",
                tidy(one.message), tidy(one.data_hash), 1, at, at, again,
            )
            for one in problems
        ]  # fmt: skip
        with self._db.writing() as connection:
            _PARK.run(connection, rows)

    def rows(self, *, person_ids: Sequence[str] | None = None, limit: int = 1000) -> list[ParkedProblem]:
        """The longest known first. person_ids: of these only."""
        with self._db.reading() as connection:
            if person_ids is None:
                return [_parked(row) for row in _ALL.rows(connection, most=limit)]
            found = [_parked(row) for part in chunks(person_ids) for row in _OF.rows(connection, listed=part, most=limit)]
        return sorted(found, key=lambda one: one.problem_id)[:limit]

    def groups(self) -> list[Group]:
        """(cause, side, object, field, number, one message), the largest group first."""
        with self._db.reading() as connection:
            return [(row[0], row[1], row[2], row[3] or None, row[4], row[5]) for row in _GROUPS.rows(connection)]

    def count(self) -> int:
        """All that are parked."""
        with self._db.reading() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

    def drop(self, ids: Sequence[int]) -> int:
        """Returns how many there were."""
        with self._db.writing() as connection:
            return sum(connection.execute(delete(table).where(table.c.problem_id.in_(part))).rowcount for part in chunks(ids, 1_000))

    def heal(self, side: str, rows: Sequence[tuple[str, str, Collection[str]]]) -> None:
        """(person, object, house fields) accepted by that side: forgets what was refused of those fields or of the whole record."""
        fields = [(side, object, person, name) for person, object, names in rows for name in ("", *names)]
        with self._db.writing() as connection:
            many(
                connection,
                "DELETE FROM problems WHERE side = ? AND object = ? AND person_id = ? AND field = ? AND cause <> 'duplicate'",
                fields,
            )

    def forget(self, before: datetime, limit: int) -> int:
        """Problems of people without a live record, last met before that moment: nobody could solve them. Returns how many."""
        lives = exists().where(snapshots.c.person_id == table.c.person_id, snapshots.c.state == RecordState.LIVE.value)
        old = select(table.c.problem_id).where(table.c.last_at < micros(before), table.c.person_id != "", ~lives).limit(limit)
        with self._db.writing() as connection:
            return connection.execute(delete(table).where(table.c.problem_id.in_(old))).rowcount


def _parked(row: Row[Any]) -> ParkedProblem:
    problem = Problem(
        cause=row.cause, message=row.message, side=row.side, object=row.object, record_id=row.record_id or None,
        person_id=row.person_id or None, field=row.field or None, data_hash=row.data_hash,
    )  # fmt: skip
    return ParkedProblem(
        problem_id=row.problem_id, problem=problem, attempts=row.attempts, first_at=moment(row.first_at), last_at=moment(row.last_at),
        retry_at=maybe_moment(row.retry_at),
    )  # fmt: skip
