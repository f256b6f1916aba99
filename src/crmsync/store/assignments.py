"""Who was given whom, and when (process.md R8): for caps, reassignment, conversion rates and reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from crmsync.model.work import Assignment
from crmsync.store.bulk import among, chunks, many
from crmsync.store.codec import micros, moment, tidy
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.tables import assignments as table
from crmsync.store.tables import persons

_COLUMNS = ("person_id", "at", "owner", "previous", "cause", "rule", "pool", "reason", "mql_type", "source")
_ADD = f"INSERT INTO assignments ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - own names
_OF = Prepared(lambda among: select(table).where(among(table.c.person_id, "listed")).order_by(table.c.person_id, table.c.at, table.c.seq))
_SINCE = Prepared(lambda _: select(table.c.owner, table.c.at).where(table.c.at >= bindparam("start")).order_by(table.c.at))
_BETWEEN = Prepared(
    lambda _: select(table).where(table.c.at >= bindparam("start"), table.c.at < bindparam("end")).order_by(table.c.at, table.c.seq)
)
_CAUSED = Prepared(
    lambda _: select(table.c.person_id, table.c.at).where(
        table.c.at >= bindparam("start"), table.c.at < bindparam("end"), table.c.cause == bindparam("cause")
    )
)
_LOADS = Prepared(  # owners are named: so the index on owner and stage is looked up, and whom they had long ago costs nothing
    lambda among: (
        select(persons.c.owner, func.count())
        .where(among(persons.c.owner, "owners"), among(persons.c.stage, "stages"))
        .group_by(persons.c.owner)
    )
)


class Assignments:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, rows: Iterable[Assignment]) -> None:
        """Remembers these, each once however often the same is told: person, moment and owner name an assignment."""
        given = list({(row.person_id, row.at, row.owner): row for row in rows}.values())
        if not given:
            return
        with self._db.writing() as connection:
            known = {(row.person_id, row.at, row.owner) for found in self.of({row.person_id for row in given}).values() for row in found}
            many(connection, _ADD, [_columns(row) for row in given if (row.person_id, row.at, row.owner) not in known])

    def of(self, person_ids: Iterable[str]) -> dict[str, list[Assignment]]:
        """person -> theirs, oldest first; persons without any are left out."""
        found: dict[str, list[Assignment]] = {}
        with self._db.reading() as connection:
            for part in chunks(person_ids):
                for row in _OF.rows(connection, listed=part):
                    found.setdefault(row.person_id, []).append(_read(row))
        return found

    def between(self, start: datetime, end: datetime) -> Iterator[Assignment]:
        """All from `start` up to but not at `end`, oldest first."""
        with self._db.reading() as connection:
            rows = _BETWEEN.rows(connection, start=micros(start), end=micros(end))
        return map(_read, rows)

    def caused(self, cause: str, start: datetime, end: datetime) -> set[tuple[str, int]]:
        """(person, when in microseconds since 1970 UTC) of those of one cause from `start` up to but not at `end`."""
        with self._db.reading() as connection:
            return {(person, at) for person, at in _CAUSED.plain(connection, start=micros(start), end=micros(end), cause=cause)}

    def counts(self, since: dict[str, datetime]) -> dict[str, int]:
        """owner -> how many they were given since their moment; owners without any are left out."""
        if not since:
            return {}
        found: dict[str, int] = {}
        with self._db.reading() as connection:
            begun = {owner: micros(at) for owner, at in since.items()}
            for owner, at in _SINCE.plain(connection, start=min(begun.values())):
                if owner in begun and at >= begun[owner]:
                    found[owner] = found.get(owner, 0) + 1
        return found

    def loads(self, owners: Collection[str], stages: Collection[str]) -> dict[str, int]:
        """owner -> persons at one of these stages who are theirs now; owners without any are left out."""
        if not owners:
            return {}
        with self._db.reading() as connection:
            return dict(_LOADS.plain(connection, owners=sorted(owners), stages=sorted(stages)))

    def owned(self, owners: Sequence[str], stages: Sequence[str]) -> list[str]:
        """Persons at one of these stages who are one of these owners' now."""
        query = select(persons.c.person_id).where(persons.c.owner.in_(owners), persons.c.stage.in_(stages)).order_by(persons.c.person_id)
        with self._db.reading() as connection:
            return list(connection.execute(query).scalars())

    def waiting(self) -> list[str]:
        """Persons who are mql, are nobody's, and are to be looked at some time: those who wait for an owner are among them."""
        nobodys = (persons.c.stage == "mql", persons.c.owner.is_(None), persons.c.next_due_at.is_not(None))
        with self._db.reading() as connection:
            return list(connection.execute(select(persons.c.person_id).where(*nobodys).order_by(persons.c.person_id)).scalars())

    def ends(self, since: datetime) -> dict[tuple[str, str], dict[str, int]]:
        """(owner, MQL type) -> stage -> persons now at that stage whose last assignment since then was that one."""
        later = table.alias("later")
        newer = select(later.c.seq).where(
            later.c.person_id == table.c.person_id,
            or_(later.c.at > table.c.at, (later.c.at == table.c.at) & (later.c.seq > table.c.seq)),
        )
        query = (
            select(table.c.owner, table.c.mql_type, persons.c.stage, func.count())
            .join(persons, persons.c.person_id == table.c.person_id)
            .where(table.c.at >= micros(since), persons.c.stage.is_not(None), ~newer.exists())
            .group_by(table.c.owner, table.c.mql_type, persons.c.stage)
        )
        found: dict[tuple[str, str], dict[str, int]] = {}
        with self._db.reading() as connection:
            for owner, mql_type, stage, count in connection.execute(query):
                found.setdefault((owner, mql_type), {})[stage] = count
        return found

    def move(self, lost: str, kept: str) -> None:
        """Two persons are one: what happened to both happened to the one that is kept."""
        with self._db.writing() as connection:
            connection.execute(update(table).where(table.c.person_id == lost).values(person_id=kept))

    def erase(self, person_ids: Sequence[str]) -> int:
        """Forgets everything about these persons; returns how many rows."""
        with self._db.writing() as connection:
            return sum(_erase(connection, part) for part in chunks(person_ids))

    def forget_before(self, at: datetime, limit: int = 10_000) -> int:
        """Forgets assignments from before that moment, at most so many; returns how many."""
        old = select(table.c.seq).where(table.c.at < micros(at)).order_by(table.c.at).limit(limit)
        with self._db.writing() as connection:
            return connection.execute(delete(table).where(table.c.seq.in_(old))).rowcount


def _erase(connection: Connection, person_ids: Sequence[str]) -> int:
    return connection.execute(delete(table).where(among(connection, table.c.person_id, person_ids))).rowcount


def _columns(row: Assignment) -> tuple[object, ...]:
    return (
        row.person_id, micros(row.at), tidy(row.owner), row.previous and tidy(row.previous), row.cause, tidy(row.rule), tidy(row.pool),
        tidy(row.reason), row.mql_type, tidy(row.source),
    )  # fmt: skip


def _read(row: Any) -> Assignment:
    return Assignment(
        person_id=row.person_id, at=moment(row.at), owner=row.owner, previous=row.previous, cause=row.cause, rule=row.rule, pool=row.pool,
        reason=row.reason, mql_type=row.mql_type, source=row.source,
    )  # fmt: skip
