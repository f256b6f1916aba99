"""Conflicts that wait for a person's choice: at most one per person and field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from crmsync.errors import ConfigError
from crmsync.model.attention import Conflict
from crmsync.model.record import Value
from crmsync.store.bulk import Upsert, chunks, many
from crmsync.store.codec import dump_sorted, micros, moment, parse
from crmsync.store.prepared import Prepared
from crmsync.store.tables import conflicts as table

_OPEN = Upsert(
    table="conflicts",
    columns=("person_id", "field", "shown", "opened_at"),
    key=("person_id", "field"),
    # A choice was made for the values seen then: other values are asked about again.
    update={"shown": "excluded.shown", "resolution": "CASE WHEN conflicts.shown = excluded.shown THEN conflicts.resolution END"},
)

_ALL = Prepared(lambda _: select(table).order_by(table.c.conflict_id))
_OF = Prepared(lambda among: select(table).where(among(table.c.person_id, "listed")).order_by(table.c.conflict_id))


def open_all(connection: Connection, rows: Sequence[tuple[str, str, Mapping[str, Value]]], now: datetime) -> None:
    at = micros(now)
    _OPEN.run(connection, [(person, field, dump_sorted(values), at) for person, field, values in rows])


def listed(connection: Connection, person_ids: Sequence[str] | None) -> list[Conflict]:
    parts = [None] if person_ids is None else list(chunks(person_ids))
    found: list[Conflict] = []
    for part in parts:
        for row in _ALL.rows(connection) if part is None else _OF.rows(connection, listed=part):
            found.append(
                Conflict(
                    conflict_id=row.conflict_id, person_id=row.person_id, field=row.field, values=parse(row.shown),
                    opened_at=moment(row.opened_at), resolution=row.resolution,
                )
            )  # fmt: skip
    return sorted(found, key=lambda one: one.conflict_id)


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def resolve(connection: Connection, conflict_id: int, side: str) -> str:
    """Returns the person it belongs to."""
    row = connection.execute(select(table.c.shown, table.c.person_id).where(table.c.conflict_id == conflict_id)).one_or_none()
    if row is None:
        raise ConfigError(f"There is no open conflict number {conflict_id}; nothing was changed. `crmsync conflicts` lists them.")
    sides = sorted(parse(row.shown))
    if side not in sides:
        raise ConfigError(f"Conflict {conflict_id} is between {' and '.join(sides)}, not {side}; nothing was changed.")
    connection.execute(update(table).where(table.c.conflict_id == conflict_id).values(resolution=side))
    return str(row.person_id)


def close(connection: Connection, pairs: Sequence[tuple[str, str]]) -> None:
    many(connection, "DELETE FROM conflicts WHERE person_id = ? AND field = ?", [tuple(pair) for pair in pairs])
