"""How persons went from stage to stage, and which of their clocks were told of, for the compliance report: few values of many persons, without building what nobody looks at."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import select

from crmsync.model.link import StageEntry
from crmsync.store.bulk import chunks
from crmsync.store.codec import parse
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.tables import persons as table

_GET = Prepared(lambda among: select(table.c.person_id, table.c.data).where(among(table.c.person_id, "listed")))


class Courses:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def out_of(self, stages: Collection[str], person_ids: Iterable[str]) -> dict[str, list[StageEntry]]:
        """person -> their transitions out of these stages, oldest first; persons without any are left out."""
        found: dict[str, list[StageEntry]] = {}
        with self._db.reading() as connection:
            for part in chunks(person_ids):
                for person_id, data in _GET.plain(connection, listed=part):
                    rows = [_read(one) for one in parse(data).get("stages", ()) if one["previous"] in stages and one["stage"] not in stages]
                    if rows:
                        found[person_id] = rows
        return found

    def told(self, kind: str, person_ids: Iterable[str]) -> set[tuple[str, datetime]]:
        """(person, start) of the clocks of that kind of whose running out somebody has heard (A4)."""
        found: set[tuple[str, datetime]] = set()
        with self._db.reading() as connection:
            for part in chunks(person_ids):
                for person_id, data in _GET.plain(connection, listed=part):
                    clocks = [one for one in parse(data).get("clocks", ()) if one["kind"] == kind and one.get("told")]
                    found |= {(person_id, datetime.fromisoformat(one["started_at"])) for one in clocks}
        return found


def _read(one: dict[str, str]) -> StageEntry:
    return StageEntry(
        stage=one["stage"], previous=one["previous"], at=datetime.fromisoformat(one["at"]), cause=one["cause"], who=one["who"]
    )  # fmt: skip
