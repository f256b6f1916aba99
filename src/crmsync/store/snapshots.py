"""Records as last shown by a CRM, their e-mail index, and the work queue of those that changed since they were last decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from sqlalchemy import Connection, LargeBinary, Select, bindparam, func, literal, or_, select, text, tuple_

from crmsync.model.link import Snapshot
from crmsync.model.record import GONE, RecordState, Ref
from crmsync.store.bulk import Upsert, chunks, excluded, many, rows_among
from crmsync.store.codec import build, dump, micros, moment, parse, tidy, without
from crmsync.store.prepared import Among, Prepared
from crmsync.store.tables import emails as email_table
from crmsync.store.tables import persons
from crmsync.store.tables import snapshots as table

EMAIL_LENGTH = 320
"""Longer "e-mails" are not addresses (RFC 5321: 64 + 1 + 255) and are not indexed."""
_STATES = {state.value: state for state in RecordState}
_OWN_COLUMNS = frozenset({"ref", "state", "person_id", "modified_at"})
SEEN = (table.c.side, table.c.object, table.c.id, table.c.state, table.c.person_id, table.c.modified_at, table.c.data)
_DIRTY = text("snapshots.dirty = 1")  # literal, or the partial index would not be used


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSnapshot:
    """A snapshot with what it is found by. hash: of the native record, to tell changes. emails: folded, the primary first. key: crmsync_key."""

    snapshot: Snapshot
    hash: str
    emails: tuple[str, ...] = ()
    key: str | None = None


_UPDATE = {
    **excluded("state", "hash", "key", "emails", "modified_at", "data"),
    "person_id": "coalesce(excluded.person_id, snapshots.person_id)",
    # A version counts changes that ask for a decision: our own writes coming back (dirty=0) leave it alone.
    "version": "snapshots.version + excluded.dirty",
    "dirty": "CASE WHEN excluded.dirty = 1 THEN 1 ELSE snapshots.dirty END",
}
_SAVE = Upsert(
    table="snapshots",
    columns=("side", "object", "id", "state", "person_id", "hash", "key", "emails", "modified_at", "version", "dirty", "data"),
    key=("side", "object", "id"),
    update=_UPDATE,
)
_BY_REF = Prepared(
    lambda among: select(*SEEN).where(table.c.side == bindparam("side"), table.c.object == bindparam("object"), among(table.c.id, "listed"))
)
_BY_PERSON = Prepared(lambda among: _ordered(select(*SEEN).where(among(table.c.person_id, "listed"))))
_BY_EMAIL = Prepared(
    lambda among: _ordered(select(email_table.c.email, *SEEN).join(table, _same_record()).where(among(email_table.c.email, "listed")))
)
_BY_KEY = Prepared(lambda among: _ordered(select(table.c.key, *SEEN).where(among(table.c.key, "listed"))))
_COUNT = Prepared(
    lambda _: select(table.c.side, table.c.object, table.c.state, func.count()).group_by(table.c.side, table.c.object, table.c.state)
)
_DIRTY_DELETED = Prepared(
    lambda among: (
        select(table.c.side, table.c.object, func.count())
        .where(_DIRTY, among(table.c.state, "gone"), table.c.person_id.is_not(None))
        .group_by(table.c.side, table.c.object)
    )
)
_DIRTY_COUNT = Prepared(lambda _: select(func.count()).select_from(table).where(_DIRTY))
_DIRTY_COUNT_OF = Prepared(lambda among: select(func.count()).select_from(table).where(_DIRTY, among(table.c.object, "objects")))


def _take(among: Among, *, later: bool, some: bool) -> Select[Any]:
    query = _ordered(select(*SEEN, table.c.version).where(_DIRTY))
    if some:
        query = query.where(among(table.c.object, "objects"))
    if later:
        place = tuple_(bindparam("side"), bindparam("of"), bindparam("id"))
        query = query.where(tuple_(table.c.side, table.c.object, table.c.id) > place)
    return query.limit(bindparam("most"))


_TAKE = {(later, some): Prepared(partial(_take, later=later, some=some)) for later in (False, True) for some in (False, True)}
"""(only those after a place, only some objects) -> the next dirty ones."""
_SAVE_EMAILS = Upsert(table="emails", columns=("email", "side", "object", "id"), key=("email", "side", "object", "id"))


def hashes(connection: Connection, side: str, object: str, ids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in chunks(ids):
        found.update(
            rows_among(connection, "SELECT id, hash FROM snapshots WHERE side = ? AND object = ? AND id IN (?)", (side, object), part)
        )
    return found


def save(connection: Connection, rows: Sequence[StoredSnapshot], *, dirty: bool) -> None:
    latest = {row.snapshot.ref: row for row in rows}
    found_by = [_addresses(row) for row in latest.values()]
    _save_emails(connection, latest, found_by)
    flag = int(dirty)
    _SAVE.run(connection, [_columns(row, addresses, flag) for row, addresses in zip(latest.values(), found_by, strict=True)])


def _columns(row: StoredSnapshot, addresses: list[str], dirty: int) -> tuple[Any, ...]:
    shot = row.snapshot
    ref = shot.ref
    return (
        ref.side, ref.object, ref.id, shot.state.value, shot.person_id, row.hash, None if row.key is None else tidy(row.key),
        "\n".join(addresses), micros(shot.modified_at), 1, dirty, dump(without(shot, _OWN_COLUMNS)),
    )  # fmt: skip


def _addresses(row: StoredSnapshot) -> list[str]:
    return [tidy(email) for email in dict.fromkeys(row.emails) if 0 < len(email) <= EMAIL_LENGTH]


def _save_emails(connection: Connection, refs: Collection[Ref], found_by: Sequence[list[str]]) -> None:
    """Before the snapshots themselves: what they held until now tells whose index rows change at all."""
    held: dict[tuple[str, str, str], str] = {}
    statement = "SELECT id, emails FROM snapshots WHERE emails <> '' AND side = ? AND object = ? AND id IN (?)"
    for side, object, ids in _grouped(refs):
        held.update(((side, object, id), emails) for id, emails in rows_among(connection, statement, (side, object), ids))
    places = [(ref.side, ref.object, ref.id) for ref in refs]
    changed = [(at, addresses) for at, addresses in zip(places, found_by, strict=True) if held.get(at, "") != "\n".join(addresses)]
    many(connection, "DELETE FROM emails WHERE side = ? AND object = ? AND id = ?", [at for at, _ in changed if at in held])
    _SAVE_EMAILS.run(connection, [(email, *at) for at, addresses in changed for email in addresses])


def _grouped(refs: Iterable[Ref]) -> Iterator[tuple[str, str, list[str]]]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for ref in refs:
        groups[ref.side, ref.object].append(ref.id)
    for (side, object), ids in groups.items():
        for part in chunks(ids):
            yield side, object, part


def read(row: Any) -> Snapshot:
    return build(
        Snapshot, parse(row.data),
        ref=Ref(side=row.side, object=row.object, id=row.id), state=_STATES[row.state], person_id=row.person_id,
        modified_at=moment(row.modified_at),
    )  # fmt: skip


def by_ref(connection: Connection, refs: Sequence[Ref]) -> dict[Ref, Snapshot]:
    found: dict[Ref, Snapshot] = {}
    for side, object, ids in _grouped(refs):
        found.update((shot.ref, shot) for shot in map(read, _BY_REF.rows(connection, side=side, object=object, listed=ids)))
    return found


def persons_of(connection: Connection, refs: Iterable[Ref]) -> dict[Ref, str]:
    """record -> the person it is linked to; records without one are left out."""
    statement = "SELECT id, person_id FROM snapshots WHERE side = ? AND object = ? AND id IN (?)"
    found: dict[Ref, str] = {}
    for side, object, ids in _grouped(refs):
        rows = rows_among(connection, statement, (side, object), ids)
        found.update((Ref(side=side, object=object, id=id), person) for id, person in rows if person is not None)
    return found


def by_person(connection: Connection, person_ids: Sequence[str]) -> dict[str, list[Snapshot]]:
    found: dict[str, list[Snapshot]] = defaultdict(list)
    for part in chunks(person_ids):
        for row in _BY_PERSON.rows(connection, listed=part):
            found[row.person_id].append(read(row))
    return dict(found)


def by_email(connection: Connection, emails: Sequence[str], known: Mapping[Ref, Snapshot]) -> dict[str, list[Snapshot]]:
    """known: snapshots as they are stored, which need not be made once more."""
    asked = {tidy(email): email for email in emails}
    found: dict[str, list[Snapshot]] = defaultdict(list)
    for part in chunks(asked):
        for row in _BY_EMAIL.rows(connection, listed=part):
            if row.state == RecordState.LIVE.value:  # asked of the database, this lures SQLite into the index on states
                found[asked[row.email]].append(known.get(Ref(side=row.side, object=row.object, id=row.id)) or read(row))
    return dict(found)


def by_key(connection: Connection, keys: Sequence[str]) -> dict[str, list[Snapshot]]:
    found: dict[str, list[Snapshot]] = defaultdict(list)
    for part in chunks(keys):
        for row in _BY_KEY.rows(connection, listed=part):
            found[row.key].append(read(row))
    return dict(found)


def persons_of_email(connection: Connection, email: str) -> list[str]:
    query = (
        select(table.c.person_id)
        .select_from(email_table.join(table, _same_record()))
        .where(email_table.c.email == tidy(email), table.c.person_id.is_not(None))
        .distinct()
    )
    return sorted(connection.execute(query).scalars())


def _same_record() -> Any:
    return (email_table.c.side == table.c.side) & (email_table.c.object == table.c.object) & (email_table.c.id == table.c.id)


def _ordered(query: Select[Any]) -> Select[Any]:
    return query.order_by(table.c.side, table.c.object, table.c.id)


def link(connection: Connection, pairs: Mapping[Ref, str | None]) -> None:
    rows = [(person, ref.side, ref.object, ref.id) for ref, person in pairs.items()]
    many(connection, "UPDATE snapshots SET person_id = ? WHERE side = ? AND object = ? AND id = ?", rows)


def holding(connection: Connection, side: str, values: Sequence[str], after: tuple[str, str], limit: int) -> list[Snapshot]:
    """Snapshots of one side in whose JSON one of these texts is a value, in (object, id) order, those after `after`. Reads every record of the side."""
    packed = [orjson.dumps(value) for value in values]
    if connection.dialect.name == "postgresql":
        hits = [func.position(literal(value, LargeBinary).op("in")(table.c.data)) > 0 for value in packed]
    else:
        hits = [func.instr(table.c.data, literal(value, LargeBinary)) > 0 for value in packed]
    query = select(*SEEN).where(table.c.side == side, tuple_(table.c.object, table.c.id) > tuple_(*after), or_(*hits))
    return [read(row) for row in connection.execute(query.order_by(table.c.object, table.c.id).limit(limit))]


def rewrite(connection: Connection, rows: Sequence[Snapshot]) -> None:
    """Replaces what is known of these records and has them wait for a decision; what they are found by stays."""
    values = [(dump(without(row, _OWN_COLUMNS)), row.ref.side, row.ref.object, row.ref.id) for row in rows]
    many(connection, "UPDATE snapshots SET data = ?, dirty = 1, version = version + 1 WHERE side = ? AND object = ? AND id = ?", values)


def count(connection: Connection) -> dict[tuple[str, str, str], int]:
    return {(row[0], row[1], row[2]): row[3] for row in _COUNT.rows(connection)}


def without_email(connection: Connection) -> dict[str, int]:
    query = select(table.c.side, func.count()).join(persons, persons.c.person_id == table.c.person_id)
    query = query.where(table.c.state == RecordState.LIVE.value, table.c.emails == "")
    return {row[0]: row[1] for row in connection.execute(query.group_by(table.c.side))}


def refs_after(connection: Connection, side: str, object: str, after: str, limit: int) -> list[tuple[str, str]]:
    """(id, state) of the next records in id order; after: the last id seen ("" at the start)."""
    query = select(table.c.id, table.c.state).where(table.c.side == side, table.c.object == object, table.c.id > after)
    return [(row[0], row[1]) for row in connection.execute(query.order_by(table.c.id).limit(limit))]


# --- the work queue --------------------------------------------------------------------------------------------------------


def dirty_count(connection: Connection, objects: Collection[str] | None) -> int:
    query = _DIRTY_COUNT if objects is None else _DIRTY_COUNT_OF
    return int(query.value(connection, **_only(objects)))


def _only(objects: Collection[str] | None) -> dict[str, list[str]]:
    return {} if objects is None else {"objects": sorted(objects)}


def take_dirty(
    connection: Connection, limit: int, after: tuple[str, str, str] | None, objects: Collection[str] | None
) -> list[tuple[Snapshot, int]]:
    place = {} if after is None else dict(zip(("side", "of", "id"), after, strict=True))
    query = _TAKE[after is not None, objects is not None]
    return [(read(row), row.version) for row in query.rows(connection, most=limit, **place, **_only(objects))]


def clean(connection: Connection, pairs: Sequence[tuple[Ref, int]]) -> None:
    rows = [(ref.side, ref.object, ref.id, version) for ref, version in pairs]
    many(connection, "UPDATE snapshots SET dirty = 0 WHERE side = ? AND object = ? AND id = ? AND version = ?", rows)


def clean_persons(connection: Connection, person_ids: Sequence[str]) -> None:
    many(connection, "UPDATE snapshots SET dirty = 0 WHERE person_id = ? AND dirty = 1", [(id,) for id in person_ids])


def mark_dirty_persons(connection: Connection, person_ids: Sequence[str]) -> None:
    # Deleted records are news only once: a person to be decided again must not look like a delete to the brakes (F39).
    rows = [(id,) for id in dict.fromkeys(person_ids)]
    many(
        connection, "UPDATE snapshots SET dirty = 1, version = version + 1 WHERE person_id = ? AND state NOT IN ('deleted', 'purged')", rows
    )


def dirty_deleted(connection: Connection) -> dict[tuple[str, str], int]:
    return {(row[0], row[1]): row[2] for row in _DIRTY_DELETED.rows(connection, gone=sorted(GONE))}


def mark_dirty(connection: Connection, refs: Sequence[Ref]) -> None:
    rows = [(ref.side, ref.object, ref.id) for ref in refs]
    many(connection, "UPDATE snapshots SET dirty = 1, version = version + 1 WHERE side = ? AND object = ? AND id = ?", rows)
