"""Problems: what could not be done, parked beside the person or record it belongs to (law 5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, select

from crmsync.model.attention import ParkedProblem, Problem
from crmsync.store.bulk import Upsert, chunks, excluded, many
from crmsync.store.codec import maybe_micros, maybe_moment, micros, moment, tidy
from crmsync.store.prepared import Prepared
from crmsync.store.tables import problems as table

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


def park(connection: Connection, problems: Sequence[Problem], now: datetime, retry_at: datetime | None) -> None:
    at, again = micros(now), maybe_micros(retry_at)
    _PARK.run(
        connection,
        [
            (
                tidy(one.cause), one.side, one.object, one.record_id or "", one.person_id or "", one.field or "",
                tidy(one.message), tidy(one.data_hash), 1, at, at, again,
            )
            for one in problems
        ],
    )  # fmt: skip


def listed(connection: Connection, person_ids: Sequence[str] | None, limit: int) -> list[ParkedProblem]:
    if person_ids is None:
        return [_parked(row) for row in _ALL.rows(connection, most=limit)]
    found = [_parked(row) for part in chunks(person_ids) for row in _OF.rows(connection, listed=part, most=limit)]
    return sorted(found, key=lambda one: one.problem_id)[:limit]


def _parked(row: Row[Any]) -> ParkedProblem:
    problem = Problem(
        cause=row.cause, message=row.message, side=row.side, object=row.object, record_id=row.record_id or None,
        person_id=row.person_id or None, field=row.field or None, data_hash=row.data_hash,
    )  # fmt: skip
    return ParkedProblem(
        problem_id=row.problem_id, problem=problem, attempts=row.attempts, first_at=moment(row.first_at), last_at=moment(row.last_at),
        retry_at=maybe_moment(row.retry_at),
    )  # fmt: skip


def groups(connection: Connection) -> list[Group]:
    return [(row[0], row[1], row[2], row[3] or None, row[4], row[5]) for row in _GROUPS.rows(connection)]


def drop(connection: Connection, ids: Sequence[int]) -> int:
    return sum(connection.execute(delete(table).where(table.c.problem_id.in_(part))).rowcount for part in chunks(ids, 1_000))


def heal(connection: Connection, side: str, rows: Sequence[tuple[str, str, Collection[str]]]) -> None:
    """(person, object, fields): a write of these was accepted there, so what was refused of them before, or of the whole record, is over."""
    fields = [(side, object, person, name) for person, object, names in rows for name in ("", *names)]
    many(
        connection,
        "DELETE FROM problems WHERE side = ? AND object = ? AND person_id = ? AND field = ? AND cause <> 'duplicate'",
        fields,
    )


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()
