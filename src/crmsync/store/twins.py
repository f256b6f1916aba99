"""Activities, companies and deals: what was settled about each, and which records they belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, select

from crmsync.model.link import Snapshot, Twin
from crmsync.model.record import RecordState, Ref
from crmsync.store import snapshots
from crmsync.store.bulk import Upsert, among, chunks, excluded, many
from crmsync.store.codec import dump, load, maybe_micros, maybe_moment, micros
from crmsync.store.prepared import Among, Prepared
from crmsync.store.tables import links as link_table
from crmsync.store.tables import snapshots as records
from crmsync.store.tables import twins as table

_SAVE = Upsert(
    table="twins",
    columns=("twin_id", "kind", "waiting", "retry_at", "data"),
    key=("twin_id",),
    update=excluded("kind", "waiting", "retry_at", "data"),
)
_SAVE_LINKS = Upsert(
    table="links",
    columns=("side", "object", "id", "to_object", "to_id", "place"),
    key=("side", "object", "id", "to_object", "to_id"),
    update=excluded("place"),
)
_BELONGING = """
    SELECT l.side, l.object, l.id FROM snapshots p
    JOIN links l ON l.side = p.side AND l.to_object = p.object AND l.to_id = p.id WHERE p.person_id = ?
"""

_THEIRS = records.alias("theirs")
_BELONGS = records.join(
    link_table, (link_table.c.side == records.c.side) & (link_table.c.object == records.c.object) & (link_table.c.id == records.c.id)
).join(_THEIRS, (_THEIRS.c.side == link_table.c.side) & (_THEIRS.c.object == link_table.c.to_object) & (_THEIRS.c.id == link_table.c.to_id))
"""Records, what they belong to, and the records of that."""
_GET = Prepared(lambda among: select(table.c.twin_id, table.c.data).where(among(table.c.twin_id, "listed")))
_DUE = Prepared(
    lambda _: (
        select(table.c.twin_id)
        .where(table.c.retry_at.is_not(None), table.c.retry_at <= bindparam("now"))
        .order_by(table.c.retry_at, table.c.twin_id)
        .limit(bindparam("most"))
    )
)
_NEXT = Prepared(lambda _: select(func.min(table.c.retry_at)).where(table.c.retry_at.is_not(None)))
_COUNTS = Prepared(lambda _: select(table.c.kind, table.c.waiting, func.count()).group_by(table.c.kind, table.c.waiting))
_LINKS = Prepared(
    lambda among: (
        select(link_table.c.id, link_table.c.to_object, link_table.c.to_id)
        .where(link_table.c.side == bindparam("side"), link_table.c.object == bindparam("object"), among(link_table.c.id, "listed"))
        .order_by(link_table.c.id, link_table.c.place)
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


def get(connection: Connection, ids: Sequence[str]) -> dict[str, Twin]:
    found: dict[str, Twin] = {}
    for part in chunks(ids):
        found.update((row[0], load(Twin, row[1])) for row in _GET.rows(connection, listed=part))
    return found


def save(connection: Connection, twins: Sequence[Twin]) -> None:
    _SAVE.run(connection, [(t.twin_id, t.kind, t.waiting, maybe_micros(t.retry_at), dump(t)) for t in twins])


def drop(connection: Connection, ids: Sequence[str]) -> None:
    for part in chunks(ids):
        connection.execute(delete(table).where(among(connection, table.c.twin_id, part)))


def due(connection: Connection, now: datetime, limit: int) -> list[str]:
    return [row.twin_id for row in _DUE.rows(connection, now=micros(now), most=limit)]


def let_rest(connection: Connection, ids: Sequence[str]) -> None:
    many(connection, "UPDATE twins SET retry_at = NULL WHERE twin_id = ?", [(id,) for id in ids])


def next_retry_at(connection: Connection) -> datetime | None:
    return maybe_moment(_NEXT.value(connection))


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    return {(row[0], row[1]): row[2] for row in _COUNTS.rows(connection)}


def ids_after(connection: Connection, after: str, limit: int) -> list[str]:
    query = select(table.c.twin_id).where(table.c.twin_id > after).order_by(table.c.twin_id).limit(limit)
    return list(connection.execute(query).scalars())


# --- belonging ---------------------------------------------------------------------------------------------------------------


def save_links(connection: Connection, rows: Mapping[Ref, Sequence[Ref]]) -> None:
    """Replaces what each record belongs to."""
    gone = [(ref.side, ref.object, ref.id) for ref in rows]
    many(connection, "DELETE FROM links WHERE side = ? AND object = ? AND id = ?", gone)
    fresh = [
        (ref.side, ref.object, ref.id, to.object, to.id, place)
        for ref, targets in rows.items()
        for place, to in enumerate(dict.fromkeys(targets))
    ]
    _SAVE_LINKS.run(connection, fresh)


def links_of(connection: Connection, refs: Sequence[Ref]) -> dict[Ref, tuple[Ref, ...]]:
    """record -> records it belongs to, the main one first. Records without any are left out."""
    found: dict[Ref, list[Ref]] = defaultdict(list)
    grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for ref in refs:
        grouped[ref.side, ref.object].append(ref.id)
    for (side, object), ids in grouped.items():
        for part in chunks(ids):
            for row in _LINKS.rows(connection, side=side, object=object, listed=part):
                found[Ref(side=side, object=object, id=row[0])].append(Ref(side=side, object=row[1], id=row[2]))
    return {ref: tuple(targets) for ref, targets in found.items()}


def belonging_to(connection: Connection, person_ids: Sequence[str], objects: Collection[str] | None = None) -> dict[str, list[Snapshot]]:
    """person (or company, or deal) -> records that belong to one of their records, in every state, ordered by side, object, id."""
    found: dict[str, list[Snapshot]] = defaultdict(list)
    for part in chunks(person_ids):
        if objects is None:
            rows = _BELONGING_TO.rows(connection, listed=part)
        else:
            rows = _OF_OBJECTS.rows(connection, listed=part, objects=sorted(objects))
        for row in rows:
            found[row.whose].append(snapshots.read(row))
    return dict(found)


def unpaired(connection: Connection, person_ids: Sequence[str]) -> dict[str, list[Snapshot]]:
    """person -> live records without a twin that belong to them, ordered by side, object, id; only persons who have such on several sides."""
    rows: dict[str, list[Any]] = defaultdict(list)
    for part in chunks(person_ids):
        for row in _UNPAIRED.rows(connection, listed=part):
            rows[row.whose].append(row)
    made: dict[tuple[str, str, str], Snapshot] = {}
    found: dict[str, list[Snapshot]] = {}
    for person, theirs in rows.items():
        if len({row.side for row in theirs}) > 1:
            found[person] = [made.get(at := (row.side, row.object, row.id)) or made.setdefault(at, snapshots.read(row)) for row in theirs]
    return found


def wake(connection: Connection, person_ids: Sequence[str]) -> None:
    """Has everything that belongs to these persons, companies or deals decided again."""
    statement = f"UPDATE snapshots SET dirty = 1, version = version + 1 WHERE state <> 'deleted' AND (side, object, id) IN ({_BELONGING})"  # noqa: S608 - own text
    many(connection, statement, [(id,) for id in dict.fromkeys(person_ids)])


def forget_links(connection: Connection, refs: Sequence[Ref]) -> None:
    """Forgets what these records belong to, and what belongs to them."""
    rows = [(ref.side, ref.object, ref.id) for ref in refs]
    many(connection, "DELETE FROM links WHERE side = ? AND object = ? AND id = ?", rows)
    many(connection, "DELETE FROM links WHERE side = ? AND to_object = ? AND to_id = ?", rows)
