"""Conflicts that wait for a person's choice: at most one per person and field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update

from crmsync.errors import ConfigError
from crmsync.model.attention import Conflict
from crmsync.model.record import Value
from crmsync.store import snapshots
from crmsync.store.bulk import Upsert, chunks, many
from crmsync.store.codec import dump_sorted, micros, moment, parse
from crmsync.store.database import Database
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


class Conflicts:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def open(self, rows: Sequence[tuple[str, str, Mapping[str, Value]]], now: datetime) -> None:
        """(person, field, side -> value). Opening again changes nothing; other values replace the row's and take back its resolution."""
        at = micros(now)
        with self._db.writing() as connection:
            _OPEN.run(connection, [(person, field, dump_sorted(values), at) for person, field, values in rows])

    def rows(self, person_ids: Sequence[str] | None = None) -> list[Conflict]:
        """The longest open first. person_ids: of these only."""
        with self._db.reading() as connection:
            if person_ids is None:
                return [_conflict(row) for row in _ALL.rows(connection)]
            found = [_conflict(row) for part in chunks(person_ids) for row in _OF.rows(connection, listed=part)]
        return sorted(found, key=lambda one: one.conflict_id)

    def count(self) -> int:
        """All that are open."""
        with self._db.reading() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

    def resolve(self, conflict_id: int, side: str) -> None:
        """Notes whose value wins; the person waits for a decision. ConfigError for an unknown number or a side that is not part of it."""
        mine = table.c.conflict_id == conflict_id
        with self._db.writing() as connection:
            row = connection.execute(select(table.c.shown, table.c.person_id).where(mine)).one_or_none()
            if row is None:
                raise ConfigError(f"There is no open conflict number {conflict_id}; nothing was changed. `crmsync conflicts` lists them.")
            sides = sorted(parse(row.shown))
            if side not in sides:
                raise ConfigError(f"Conflict {conflict_id} is between {' and '.join(sides)}, not {side}; nothing was changed.")
            connection.execute(update(table).where(mine).values(resolution=side))
            snapshots.mark_dirty_persons(connection, [str(row.person_id)])

    def close(self, pairs: Sequence[tuple[str, str]]) -> None:
        """(person, field): settled, forget them."""
        with self._db.writing() as connection:
            many(connection, "DELETE FROM conflicts WHERE person_id = ? AND field = ?", [tuple(pair) for pair in pairs])


def _conflict(row: Row[Any]) -> Conflict:
    return Conflict(
        conflict_id=row.conflict_id, person_id=row.person_id, field=row.field, values=parse(row.shown), opened_at=moment(row.opened_at),
        resolution=row.resolution,
    )  # fmt: skip
