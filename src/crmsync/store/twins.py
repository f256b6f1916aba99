"""Activities, companies and deals: what was settled about each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select

from crmsync.model.link import Twin
from crmsync.store.bulk import CHUNK, Upsert, among, chunks, excluded, many
from crmsync.store.codec import dump, load, maybe_micros, maybe_moment, micros
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.tables import twins as table

_SAVE = Upsert(
    table="twins",
    columns=("twin_id", "kind", "waiting", "retry_at", "data"),
    key=("twin_id",),
    update=excluded("kind", "waiting", "retry_at", "data"),
)
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


def get(connection: Connection, ids: Sequence[str]) -> dict[str, Twin]:
    """id -> what was settled about it; unknown ids are left out."""
    found: dict[str, Twin] = {}
    for part in chunks(ids):
        found.update((row[0], load(Twin, row[1])) for row in _GET.rows(connection, listed=part))
    return found


def save(connection: Connection, twins: Sequence[Twin]) -> None:
    """Inserts or replaces by id."""
    _SAVE.run(connection, [(t.twin_id, t.kind, t.waiting, maybe_micros(t.retry_at), dump(t)) for t in twins])


class Twins:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, ids: Sequence[str]) -> dict[str, Twin]:
        """id -> twin; unknown ids are left out."""
        with self._db.reading() as connection:
            return get(connection, ids)

    def save(self, rows: Sequence[Twin]) -> None:
        """Inserts or replaces."""
        with self._db.writing() as connection:
            save(connection, rows)

    def drop(self, ids: Sequence[str]) -> None:
        """What was settled only: records are unlinked by the store's `link`."""
        with self._db.writing() as connection:
            for part in chunks(ids):
                connection.execute(delete(table).where(among(connection, table.c.twin_id, part)))

    def due(self, now: datetime, limit: int) -> list[str]:
        """Twins whose retry_at is now or past, the longest due first."""
        with self._db.reading() as connection:
            return [row.twin_id for row in _DUE.rows(connection, now=micros(now), most=limit)]

    def let_rest(self, ids: Sequence[str]) -> None:
        """These twins are not due any more, whatever they say themselves."""
        with self._db.writing() as connection:
            many(connection, "UPDATE twins SET retry_at = NULL WHERE twin_id = ?", [(id,) for id in ids])

    def next_retry_at(self) -> datetime | None:
        """The earliest retry_at of all twins."""
        with self._db.reading() as connection:
            return maybe_moment(_NEXT.value(connection))

    def counts(self) -> dict[tuple[str, str], int]:
        """(kind, why it waits) -> number."""
        with self._db.reading() as connection:
            return {(row[0], row[1]): row[2] for row in _COUNTS.rows(connection)}

    def iter_ids(self) -> Iterator[str]:
        """Every twin in id order, read in pages: no transaction stays open between them."""
        last = ""
        while True:
            query = select(table.c.twin_id).where(table.c.twin_id > last).order_by(table.c.twin_id).limit(CHUNK)
            with self._db.reading() as connection:
                page = list(connection.execute(query).scalars())
            yield from page
            if len(page) < CHUNK:
                return
            last = page[-1]
