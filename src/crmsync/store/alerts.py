"""Alerts on their way to people: one row per cause and receiver, from the moment it was decided until it is sent or given up.

A row says whom it is for by name ("owner:rita@acme.example", "channel:sales"), never where that leads. What a message said is deleted once it is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, func, select, update

from crmsync.store.bulk import Upsert, among, chunks, many
from crmsync.store.codec import dump, maybe_moment, micros, moment, parse, tidy
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.tables import alerts as table

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""`not_before` of what was given up: it waits no more and was never sent."""
FOR_NOBODY = "no address"
"""`error` of what is over without having been sent."""
TITLE, BODY = 300, 10_000
"""Characters kept at most."""
_SAID = ("title", "body", "owner", "late")
_ADD = Upsert(
    table="alerts",
    columns=("person_id", "kind", "at", "address", "created_at", "not_before", "sent_at", "tries", "error", "data"),
    key=("person_id", "kind", "at", "address"),
)
_DUE = Prepared(
    lambda _: (
        select(table)
        .where(table.c.sent_at.is_(None), table.c.not_before <= bindparam("now"))
        .order_by(table.c.not_before, table.c.alert_id)
        .limit(bindparam("most"))
    )
)
_OF = Prepared(lambda among: select(table).where(among(table.c.person_id, "listed")).order_by(table.c.at, table.c.alert_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One alert for one receiver. person_id: "" for what is about nobody in particular. at: the moment that names its cause (UTC). owner: house owner id of the
    rep it is about. not_before: when it may be sent, and while it is being sent the moment until which nobody else sends it. tries: how often sending has begun.
    error: why the last try failed. title, body: "" once it is sent."""

    person_id: str
    kind: str
    at: datetime
    address: str
    not_before: datetime
    title: str = ""
    body: str = ""
    owner: str | None = None
    late: bool = False
    alert_id: int = 0
    created_at: datetime | None = None
    sent_at: datetime | None = None
    tries: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCounts:
    """waiting: not sent yet, and how many of them are due and were tried in vain (`failing`). given_up: never sent. oldest: since when the longest waiting one
    could have been sent (None: none is due)."""

    waiting: int = 0
    failing: int = 0
    given_up: int = 0
    oldest: datetime | None = None


class Alerts:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, rows: Iterable[AlertRow], now: datetime) -> int:
        """Remembers them; returns how many were new. One of the same person, kind, moment and address as an earlier one changes nothing, also when that was
        sent long ago (law 9)."""
        with self._db.writing() as connection:
            return _ADD.run(
                connection,
                [
                    (
                        tidy(row.person_id), row.kind, micros(row.at), tidy(row.address), micros(now), micros(row.not_before), None, 0, "",
                        dump({"title": row.title[:TITLE], "body": row.body[:BODY], "owner": row.owner, "late": row.late}),
                    )
                    for row in rows
                ],
            )  # fmt: skip

    def due(self, now: datetime, limit: int, *, busy: Collection[str] = ()) -> list[AlertRow]:
        """What may be sent now, the longest waiting first; nothing for the addresses in `busy`."""
        with self._db.reading() as connection:
            if not busy:
                return [_read(row) for row in _DUE.rows(connection, now=micros(now), most=limit)]
            query = select(table).where(table.c.sent_at.is_(None), table.c.not_before <= micros(now), table.c.address.not_in(sorted(busy)))
            return [_read(row) for row in connection.execute(query.order_by(table.c.not_before, table.c.alert_id).limit(limit))]

    def claim(self, rows: Sequence[AlertRow], until: datetime) -> list[AlertRow]:
        """Those of these rows that the caller may send: each is claimed by one process only, and is due again for everybody after `until` unless it was settled
        by then. Counts a try. Rows as they are from then on."""
        found: list[AlertRow] = []
        with self._db.writing() as connection:
            for part in chunks(rows, 500):
                wanted = {row.alert_id: row for row in part}
                query = select(table.c.alert_id, table.c.not_before, table.c.sent_at).where(table.c.alert_id.in_(list(wanted)))
                free = {
                    known.alert_id
                    for known in connection.execute(query)
                    if known.sent_at is None and known.not_before == micros(wanted[known.alert_id].not_before)
                }
                mine = [row for row in part if row.alert_id in free]
                many(
                    connection,
                    "UPDATE alerts SET not_before = ?, tries = tries + 1 WHERE alert_id = ?",
                    [(micros(until), row.alert_id) for row in mine],
                )
                found += [replace(row, not_before=until, tries=row.tries + 1) for row in mine]
        return found

    def sent(self, ids: Sequence[int], now: datetime) -> None:
        """These have arrived: what they said is no longer needed."""
        with self._db.writing() as connection:
            many(
                connection,
                "UPDATE alerts SET sent_at = ?, error = '', data = ? WHERE alert_id = ? AND sent_at IS NULL",
                [(micros(now), dump({}), id) for id in ids],
            )

    def failed(self, rows: Iterable[tuple[int, str, datetime]]) -> None:
        """(alert, why it did not arrive, when to try again; NEVER: not at all)."""
        with self._db.writing() as connection:
            many(
                connection,
                "UPDATE alerts SET error = ?, not_before = ? WHERE alert_id = ? AND sent_at IS NULL",
                [(tidy(error)[:200], micros(at), id) for id, error, at in rows],
            )

    def put_back(self, ids: Sequence[int], now: datetime) -> None:
        """These were claimed and not tried: they are due again."""
        with self._db.writing() as connection:
            many(
                connection,
                "UPDATE alerts SET not_before = ?, tries = tries - 1 WHERE alert_id = ? AND sent_at IS NULL AND tries > 0",
                [(micros(now), id) for id in ids],
            )

    def drop(self, ids: Sequence[int], now: datetime) -> None:
        """These are for nobody: over without having been sent. The row stays, so that its cause is not told again later (law 9)."""
        with self._db.writing() as connection:
            many(
                connection,
                "UPDATE alerts SET sent_at = ?, error = ?, data = ? WHERE alert_id = ? AND sent_at IS NULL",
                [(micros(now), FOR_NOBODY, dump({}), id) for id in ids],
            )

    def standing(self, ids: Sequence[int]) -> set[int]:
        """Those of these that are still to be sent: neither erased with their person nor settled by anybody."""
        found: set[int] = set()
        with self._db.reading() as connection:
            for part in chunks(ids, 500):
                query = select(table.c.alert_id).where(table.c.alert_id.in_(list(part)), table.c.sent_at.is_(None))
                found.update(connection.execute(query).scalars())
        return found

    def of(self, person_ids: Sequence[str]) -> dict[str, list[AlertRow]]:
        """person -> their alerts, sent ones included, oldest first. Persons without any are left out."""
        found: dict[str, list[AlertRow]] = {}
        with self._db.reading() as connection:
            for part in chunks(person_ids):
                for row in _OF.rows(connection, listed=part):
                    found.setdefault(row.person_id, []).append(_read(row))
        return found

    def counts(self, now: datetime) -> AlertCounts:
        """Looks at unsent ones only, along their index."""
        open, given_up = table.c.sent_at.is_(None), table.c.not_before >= micros(NEVER)
        with self._db.reading() as connection:
            query = select(func.count(), func.count().filter(table.c.tries > 0), func.min(table.c.not_before)).where(open, ~given_up)
            waiting, failing, oldest = connection.execute(query).one()
            over = connection.execute(select(func.count()).where(open, given_up)).scalar_one()
        since = maybe_moment(oldest)
        return AlertCounts(waiting=waiting, failing=failing, given_up=over, oldest=since if since is not None and since <= now else None)

    def erase(self, person_ids: Sequence[str]) -> int:
        """Deletes all about these persons, sent or not; returns how many there were."""
        with self._db.writing() as connection:
            return sum(
                connection.execute(delete(table).where(among(connection, table.c.person_id, part))).rowcount for part in chunks(person_ids)
            )

    def move(self, lost: str, kept: str) -> None:
        """Two persons are one: what one of them was the cause of is the other's, once."""
        other = table.alias("other")
        same = exists().where(
            other.c.person_id == kept, other.c.kind == table.c.kind, other.c.at == table.c.at, other.c.address == table.c.address
        )
        with self._db.writing() as connection:
            connection.execute(delete(table).where(table.c.person_id == lost, same))
            connection.execute(update(table).where(table.c.person_id == lost).values(person_id=kept))

    def forget_before(self, at: datetime, limit: int = 10_000) -> int:
        """Alerts from before that moment, at most so many, that are sent or given up; returns how many."""
        with self._db.writing() as connection:
            return _forget(connection, micros(at), limit)


def _forget(connection: Connection, before: int, limit: int) -> int:
    done = table.c.sent_at.is_not(None) | (table.c.not_before >= micros(NEVER))
    old = select(table.c.alert_id).where(table.c.created_at < before, table.c.at < before, done).limit(limit)
    return connection.execute(delete(table).where(table.c.alert_id.in_(old))).rowcount


def _read(row: Row[Any] | Any) -> AlertRow:
    said: Mapping[str, Any] = parse(row.data)
    return AlertRow(
        alert_id=row.alert_id, person_id=row.person_id, kind=row.kind, at=moment(row.at), address=row.address,
        created_at=moment(row.created_at), not_before=moment(row.not_before), sent_at=maybe_moment(row.sent_at), tries=row.tries,
        error=row.error, **{name: said[name] for name in _SAID if name in said},
    )  # fmt: skip
