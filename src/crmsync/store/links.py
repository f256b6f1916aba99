"""Which records belong to which: activities to people, people and deals to companies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from crmsync.model.link import Snapshot
from crmsync.model.record import RecordState, Ref
from crmsync.store import snapshots
from crmsync.store.bulk import Upsert, chunks, excluded, many
from crmsync.store.database import Database
from crmsync.store.prepared import Among, Prepared
from crmsync.store.tables import links as table
from crmsync.store.tables import snapshots as records

_SAVE = Upsert(
    table="links",
    columns=("side", "object", "id", "to_object", "to_id", "place"),
    key=("side", "object", "id", "to_object", "to_id"),
    update=excluded("place"),
)
_DROP = "DELETE FROM links WHERE side = ? AND object = ? AND id = ?"
_WAKE = """
    UPDATE snapshots SET dirty = 1, version = version + 1 WHERE state <> 'deleted' AND (side, object, id) IN (
        SELECT l.side, l.object, l.id FROM snapshots p
        JOIN links l ON l.side = p.side AND l.to_object = p.object AND l.to_id = p.id WHERE p.person_id = ?
    )
"""

_THEIRS = records.alias("theirs")
_MINE = (table.c.side == records.c.side) & (table.c.object == records.c.object) & (table.c.id == records.c.id)
_TO = (_THEIRS.c.side == table.c.side) & (_THEIRS.c.object == table.c.to_object) & (_THEIRS.c.id == table.c.to_id)
_BELONGS = records.join(table, _MINE).join(_THEIRS, _TO)
"""Records, what they belong to, and the records of that."""
_OF = Prepared(
    lambda among: (
        select(table.c.id, table.c.to_object, table.c.to_id)
        .where(table.c.side == bindparam("side"), table.c.object == bindparam("object"), among(table.c.id, "listed"))
        .order_by(table.c.id, table.c.place)
    )
)


def _theirs(among: Among) -> Select[Any]:
    found = select(_THEIRS.c.person_id.label("whose"), *snapshots.SEEN).select_from(_BELONGS).where(among(_THEIRS.c.person_id, "listed"))
    return found.order_by(records.c.side, records.c.object, records.c.id)


_BELONGING_TO = Prepared(_theirs)
_OF_OBJECTS = Prepared(lambda among: _theirs(among).where(among(records.c.object, "objects")))
_UNPAIRED = Prepared(
    lambda among: _theirs(among).where(
        records.c.state == RecordState.LIVE.value,
        func.coalesce(records.c.person_id, "") == "",  # said so that no index on persons answers it: there are many records of nobody
    )
)


class Links:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def save(self, rows: Mapping[Ref, Sequence[Ref]]) -> None:
        """record -> the records it belongs to, the main one first; replaces what was known."""
        fresh = [
            (ref.side, ref.object, ref.id, to.object, to.id, place)
            for ref, targets in rows.items()
            for place, to in enumerate(dict.fromkeys(targets))
        ]
        with self._db.writing() as connection:
            many(connection, _DROP, [(ref.side, ref.object, ref.id) for ref in rows])
            _SAVE.run(connection, fresh)

    def of(self, refs: Sequence[Ref]) -> dict[Ref, tuple[Ref, ...]]:
        """record -> the records it belongs to, the main one first. Records without any are left out."""
        found: dict[Ref, list[Ref]] = defaultdict(list)
        grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
        for ref in refs:
            grouped[ref.side, ref.object].append(ref.id)
        with self._db.reading() as connection:
            for (side, object), ids in grouped.items():
                for part in chunks(ids):
                    for row in _OF.rows(connection, side=side, object=object, listed=part):
                        found[Ref(side=side, object=object, id=row[0])].append(Ref(side=side, object=row[1], id=row[2]))
        return {ref: tuple(targets) for ref, targets in found.items()}

    def belonging_to(self, person_ids: Sequence[str], *, objects: Collection[str] | None = None) -> dict[str, list[Snapshot]]:
        """person (or company, or deal) -> the records that belong to it, in every state, ordered by side, object, id. objects: only records of
        these native objects."""
        found: dict[str, list[Snapshot]] = defaultdict(list)
        with self._db.reading() as connection:
            for part in chunks(person_ids):
                if objects is None:
                    rows = _BELONGING_TO.rows(connection, listed=part)
                else:
                    rows = _OF_OBJECTS.rows(connection, listed=part, objects=sorted(objects))
                for row in rows:
                    found[row.whose].append(snapshots.read(row))
        return dict(found)

    def unpaired(self, person_ids: Sequence[str]) -> dict[str, list[Snapshot]]:
        """person -> live records without a twin that belong to them, ordered by side, object, id; only persons who have such on several
        sides."""
        rows: dict[str, list[Any]] = defaultdict(list)
        with self._db.reading() as connection:
            for part in chunks(person_ids):
                for row in _UNPAIRED.rows(connection, listed=part):
                    rows[row.whose].append(row)
        made: dict[tuple[str, str, str], Snapshot] = {}
        found: dict[str, list[Snapshot]] = {}
        for person, theirs in rows.items():
            if len({row.side for row in theirs}) > 1:
                found[person] = [
                    made.get(at := (row.side, row.object, row.id)) or made.setdefault(at, snapshots.read(row)) for row in theirs
                ]
        return found

    def wake(self, person_ids: Sequence[str]) -> None:
        """Everything that belongs to these persons, companies or deals waits for a decision again."""
        with self._db.writing() as connection:
            many(connection, _WAKE, [(id,) for id in dict.fromkeys(person_ids)])


def forget(connection: Connection, refs: Sequence[Ref]) -> None:
    """Forgets what these records belong to, and what belongs to them."""
    rows = [(ref.side, ref.object, ref.id) for ref in refs]
    many(connection, _DROP, rows)
    many(connection, "DELETE FROM links WHERE side = ? AND to_object = ? AND to_id = ?", rows)
