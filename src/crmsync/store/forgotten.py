"""Persons who were erased: their rows deleted everywhere, and keyed hashes by which their records and addresses are recognised.

The key is random, made with the first erasure, and never leaves the database: without it nobody can try addresses against the hashes.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, LargeBinary, Table, bindparam, delete, func, literal, or_, select, update

from crmsync.model.link import Snapshot, Twin
from crmsync.model.record import RecordState, Ref
from crmsync.store import answers, links, settings, signals, snapshots, tables, twins
from crmsync.store import journal as writes
from crmsync.store.bulk import Upsert, among, chunks, many
from crmsync.store.codec import dump, load, micros, moment, parse, tidy
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.settings import PROOF
from crmsync.store.tables import forgotten as table

_KEY, _COMPACT = "crmsync:forgotten", "crmsync:compact"
_ADD = Upsert(table="forgotten", columns=("mark", "at"), key=("mark",), update={"at": "excluded.at"})
_PURGED = Prepared(
    lambda _: (
        select(*snapshots.SEEN)
        .where(tables.snapshots.c.state == RecordState.PURGED.value)
        .order_by(tables.snapshots.c.side, tables.snapshots.c.object, tables.snapshots.c.id)
        .limit(bindparam("most"))
    )
)
_NEEDLES = 200
"""Texts looked for in one statement."""
_MINE = (
    tables.persons, tables.signals, tables.journal, tables.conflicts, tables.problems, tables.tasks, tables.effects, tables.lookups,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What goes with one person. twins: activities that belong to nobody else. shared: those that belong to others too and lose the link.
    records: the native records of all of it. emails: folded addresses."""

    person_id: str | None
    records: frozenset[Ref]
    emails: frozenset[str]
    twins: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()


class Forgotten:
    """Erasing, and what is remembered of it. Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- what is recognised ------------------------------------------------------------------------------------------------------

    def known(self, refs: Iterable[Ref] = (), emails: Iterable[str] = ()) -> tuple[dict[Ref, datetime], dict[str, datetime]]:
        """Of these records and folded addresses, those that were erased, with the moment (UTC). One small query while nobody ever was."""
        with self._db.reading() as connection:
            key = _key(connection)
            if key is None:
                return {}, {}
            by_ref = {_of_record(key, ref): ref for ref in refs}
            by_email = {_of_email(key, email): email for email in emails}
            at: dict[str, datetime] = {}
            for part in chunks([*by_ref, *by_email]):
                query = select(table.c.mark, table.c.at).where(among(connection, table.c.mark, part))
                at.update((row[0], moment(row[1])) for row in connection.execute(query))
        return {ref: at[m] for m, ref in by_ref.items() if m in at}, {email: at[m] for m, email in by_email.items() if m in at}

    def email_hash(self, email: str) -> str:
        """The keyed hash of a folded address, as proof lines show it; "" while nobody was ever erased."""
        with self._db.reading() as connection:
            key = _key(connection)
        return "" if key is None else _of_email(key, email)

    def add(self, now: datetime, refs: Iterable[Ref] = (), emails: Iterable[str] = ()) -> None:
        """Has these records and folded addresses recognised from now on."""
        with self._db.writing() as connection:
            key = _key(connection) or _make_key(connection)
            marks = {*(_of_record(key, ref) for ref in refs), *(_of_email(key, email) for email in emails)}
            _ADD.run(connection, [(mark, micros(now)) for mark in sorted(marks)])

    def proofs(self) -> tuple[int, datetime | None]:
        """(how many persons were erased, when the last one was)."""
        with self._db.reading() as connection:
            query = select(func.count(), func.max(tables.events.c.at)).where(tables.events.c.kind == PROOF)
            row = connection.execute(query).one()
        return row[0], None if row[1] is None else moment(row[1])

    # --- what there is to erase ---------------------------------------------------------------------------------------------------

    def purged(self, limit: int) -> list[Snapshot]:
        """Records that a CRM has erased for privacy and that are still held here."""
        with self._db.reading() as connection:
            return [snapshots.read(row) for row in _PURGED.rows(connection, most=limit)]

    def records_of(self, email: str) -> list[Snapshot]:
        """Records in every state, linked or not, that have this folded address."""
        rows, index = tables.snapshots, tables.emails
        same = (index.c.side == rows.c.side) & (index.c.object == rows.c.object) & (index.c.id == rows.c.id)
        with self._db.reading() as connection:
            query = select(*snapshots.SEEN).join(index, same).where(index.c.email == tidy(email))
            return [snapshots.read(row) for row in connection.execute(query.order_by(rows.c.side, rows.c.object, rows.c.id))]

    def emails_of(self, refs: Collection[Ref]) -> frozenset[str]:
        """Folded addresses of these records."""
        index = tables.emails
        found: set[str] = set()
        with self._db.reading() as connection:
            for ref in refs:
                query = select(index.c.email).where(index.c.side == ref.side, index.c.object == ref.object, index.c.id == ref.id)
                found.update(connection.execute(query).scalars())
        return frozenset(found)

    def linking(self, refs: Collection[Ref]) -> list[Ref]:
        """Records that belong to one of these."""
        rows = tables.links
        found: set[Ref] = set()
        with self._db.reading() as connection:
            for ref in refs:
                query = select(rows.c.object, rows.c.id).where(
                    rows.c.side == ref.side, rows.c.to_object == ref.object, rows.c.to_id == ref.id
                )
                found.update(Ref(side=ref.side, object=row[0], id=row[1]) for row in connection.execute(query))
        return sorted(found)

    def twins_naming(self, person_ids: Sequence[str]) -> dict[str, Twin]:
        """Twins that were last settled as belonging to one of these persons. Reads every twin."""
        found: dict[str, Twin] = {}
        with self._db.reading() as connection:
            for part in chunks(person_ids, _NEEDLES):
                hits = or_(*(_holds(connection, tables.twins.c.data, dump(id)) for id in part))
                found.update(
                    (row[0], load(Twin, row[1]))
                    for row in connection.execute(select(tables.twins.c.twin_id, tables.twins.c.data).where(hits))
                )
        return {id: twin for id, twin in found.items() if any(set(ids) & set(person_ids) for ids in twin.links.values())}

    # --- erasing ------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def erasing(self) -> Iterator[None]:
        """A write transaction in which what is deleted is overwritten, and after which the database file is due to be rewritten."""
        with self._db.writing() as connection, _overwriting(connection):
            yield
            settings.put(connection, _COMPACT, True)

    def erase(self, what: Erasure, now: datetime) -> dict[str, int]:
        """Deletes all of it and has its records and addresses recognised from now on; returns numbers by kind of row. Inside `erasing`."""
        counts: Counter[str] = Counter()
        with self._db.writing() as connection:
            ids = [*sorted(what.twins), *([] if what.person_id is None else [what.person_id])]
            early = [signals.whose(email) for email in sorted(what.emails)]
            counts["signals"] += connection.execute(
                delete(tables.signals).where(among(connection, tables.signals.c.person_id, early))
            ).rowcount
            for rows in _MINE:
                counts[rows.name] += connection.execute(delete(rows).where(among(connection, rows.c.person_id, ids))).rowcount
            counts["tasks"] += connection.execute(delete(tables.tasks).where(among(connection, tables.tasks.c.key, ids))).rowcount
            counts["twins"] += connection.execute(delete(tables.twins).where(among(connection, tables.twins.c.twin_id, ids))).rowcount
            counts["answers"] += answers.erase(connection, ids, what.emails)
            places = [(ref.side, ref.object, ref.id) for ref in sorted(what.records)]
            for side, object, _ in places:
                counts[f"{side} {object}"] += 1
            many(connection, "DELETE FROM snapshots WHERE side = ? AND object = ? AND id = ?", places)
            many(connection, "DELETE FROM emails WHERE side = ? AND object = ? AND id = ?", places)
            counts["problems"] += many(connection, "DELETE FROM problems WHERE side = ? AND object = ? AND record_id = ?", places)
            _let_go(connection, what)
            links.forget(connection, sorted(what.records))
            self.add(now, what.records, what.emails)
        return {str(name): count for name, count in counts.items() if count}

    def erase_strays(self, refs: Collection[Ref], texts: Collection[str]) -> int:
        """Deletes writes to these records under another person's name (persons that were joined), and texts that name somebody; returns the number
        of writes. texts: addresses, names, ids. Reads the whole journal. Inside `erasing`."""
        needles = sorted({text.lower() for text in texts if text})
        rows = tables.journal
        with self._db.writing() as connection:
            places: dict[str, list[str]] = {}
            for ref in refs:
                places.setdefault(ref.side, []).append(ref.id)
            strays = [
                row
                for side, ids in places.items()
                for part in chunks(ids)
                for row in connection.execute(select(rows).where(rows.c.side == side, among(connection, rows.c.record_id, part)))
                if Ref(side=side, object=parse(row.data)["write"]["object"], id=row.record_id) in refs
            ]
            for part in chunks([row.seq for row in strays], 1_000):
                connection.execute(delete(rows).where(rows.c.seq.in_(part)))
            _forget_joined(connection, {row.person_id for row in strays if row.person_id is not None})
            for seq in _naming(connection, rows.c.seq, rows.c.message, needles):
                connection.execute(update(rows).where(rows.c.seq == seq).values(message=""))
            for seq in _naming(connection, tables.problems.c.problem_id, tables.problems.c.message, needles):
                connection.execute(delete(tables.problems).where(tables.problems.c.problem_id == seq))
            for seq in _naming(connection, tables.events.c.event_id, tables.events.c.text, needles, tables.events.c.kind != PROOF):
                connection.execute(delete(tables.events).where(tables.events.c.event_id == seq))
        return len(strays)

    def compact_if_due(self) -> bool:
        """After an erasure, rewrites the database file, so that no page of it holds what was deleted. True when nothing is left to do.

        SQLite only: takes seconds per gigabyte and as much free disk as the file has. Not inside a transaction. UnreachableError: stays due."""
        with self._db.reading() as connection:
            if not settings.get(connection, _COMPACT, False):
                return True
        if not self._db.compact():
            return False
        with self._db.writing() as connection:
            settings.put(connection, _COMPACT, False)
        return True


# --- inside -------------------------------------------------------------------------------------------------------------------------


def _key(connection: Connection) -> bytes | None:
    found = settings.get(connection, _KEY, None)
    return None if found is None else bytes.fromhex(found["key"])


def _make_key(connection: Connection) -> bytes:
    key = secrets.token_bytes(32)
    settings.put(connection, _KEY, {"key": key.hex()})
    return key


def _of_record(key: bytes, ref: Ref) -> str:
    return _mark(key, "record", ref.side, ref.object, ref.id)


def _of_email(key: bytes, email: str) -> str:
    return _mark(key, "email", email)


def _mark(key: bytes, *parts: str) -> str:
    return hashlib.blake2b("\n".join(map(tidy, parts)).encode(), key=key, digest_size=16).hexdigest()


@contextmanager
def _overwriting(connection: Connection) -> Iterator[None]:
    """Deleted content is overwritten with zeros (SQLite)."""
    if connection.dialect.name != "sqlite":
        yield
        return
    before = connection.exec_driver_sql("PRAGMA secure_delete").scalar_one()
    connection.exec_driver_sql("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA secure_delete = {int(before)}")


def _holds(connection: Connection, column: Column[Any], value: bytes) -> ColumnElement[bool]:
    if connection.dialect.name == "postgresql":
        return func.position(literal(value, LargeBinary).op("in")(column)) > 0
    return func.instr(column, literal(value, LargeBinary)) > 0


def _naming(connection: Connection, key: Column[Any], column: Column[Any], needles: Sequence[str], *more: ColumnElement[bool]) -> list[int]:
    """Keys of rows whose text holds one of these, lower-case."""
    find = func.strpos if connection.dialect.name == "postgresql" else func.instr
    found: set[int] = set()
    for part in chunks(needles, _NEEDLES):
        hits = or_(*(find(func.lower(column), needle) > 0 for needle in part))
        found.update(connection.execute(select(key).where(column != "", hits, *more)).scalars())
    return sorted(found)


def _let_go(connection: Connection, what: Erasure) -> None:
    """Activities that belong to others, too, no longer belong to this person; nor do the writes that made them say so."""
    if what.person_id is None or not what.shared:
        return
    kept = twins.get(connection, sorted(what.shared))
    twins.save(
        connection,
        [
            replace(twin, links={side: tuple(id for id in ids if id != what.person_id) for side, ids in twin.links.items()})
            for twin in kept.values()
        ],
    )
    gone = {(ref.object, ref.id): ref for ref in what.records}
    rows = tables.journal
    for row in connection.execute(select(rows).where(among(connection, rows.c.person_id, sorted(what.shared)))).all():
        entry = writes.read(row)
        about, unlink = (tuple(ref for ref in refs if ref not in gone.values()) for refs in (entry.write.about, entry.write.unlink))
        if (about, unlink) != (entry.write.about, entry.write.unlink):
            less = replace(entry, write=replace(entry.write, about=about, unlink=unlink))
            connection.execute(update(rows).where(rows.c.seq == row.seq).values(data=writes.packed(less)))


def _forget_joined(connection: Connection, ids: Collection[str]) -> None:
    """What is left under the ids of persons that were joined with an erased one."""
    known = {*twins.get(connection, sorted(ids))}
    known |= {
        row[0]
        for row in connection.execute(select(tables.persons.c.person_id).where(among(connection, tables.persons.c.person_id, sorted(ids))))
    }
    gone = sorted(set(ids) - known)
    for rows in _MINE:
        _delete(connection, rows, gone)


def _delete(connection: Connection, rows: Table, ids: Sequence[str]) -> None:
    for part in chunks(ids):
        connection.execute(delete(rows).where(among(connection, rows.c.person_id, part)))
