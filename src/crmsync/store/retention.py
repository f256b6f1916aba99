"""Forgetting what is old and no longer needed, a bounded number of rows at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from crmsync.model.change import OutcomeKind
from crmsync.store.bulk import among
from crmsync.store.codec import micros, parse
from crmsync.store.settings import PROOF
from crmsync.store.tables import events, journal

ARRIVED = frozenset({OutcomeKind.DONE.value, "looked_up"})
"""Outcomes of writes that may stand in a CRM."""
_COLUMNS = (journal.c.seq, journal.c.side, journal.c.person_id, journal.c.record_id, journal.c.outcome, journal.c.data)

Place = tuple[str, str, str, str]
"""side, object, record, native field."""


def journal_page(connection: Connection, after: int, before: datetime, limit: int) -> tuple[int, int | None]:
    """Looks at the next settled writes from before that moment, those after the number `after`; returns how many were forgotten, and the number of the
    last one looked at (None: there was none).

    Kept are open intents, and every accepted write that is the newest one of any field of its record: it tells who set the value and what was there."""
    query = select(*_COLUMNS).where(journal.c.seq > after, journal.c.at < micros(before)).order_by(journal.c.seq).limit(limit)
    rows = connection.execute(query).all()
    if not rows:
        return 0, None
    newest = _newest(connection, sorted({row.person_id for row in rows if row.person_id is not None and row.outcome in ARRIVED}))
    over = [row.seq for row in rows if row.outcome is not None and not _needed(row, newest)]
    if over:
        connection.execute(delete(journal).where(journal.c.seq.in_(over)))
    return len(over), rows[-1].seq


def _needed(row: Any, newest: Mapping[Place, int]) -> bool:
    return row.outcome in ARRIVED and any(newest.get(place, 0) <= row.seq for place in _places(row))


def _newest(connection: Connection, people: Sequence[str]) -> dict[Place, int]:
    """The number of the newest write of each field that a CRM has confirmed."""
    newest: dict[Place, int] = defaultdict(int)
    if people:
        query = select(*_COLUMNS).where(among(connection, journal.c.person_id, people), journal.c.outcome == OutcomeKind.DONE.value)
        for row in connection.execute(query):
            for place in _places(row):
                newest[place] = max(newest[place], row.seq)
    return newest


def _places(row: Any) -> list[Place]:
    write = parse(row.data)["write"]
    record = str(row.record_id or write.get("id") or "")
    return [(row.side, write["object"], record, name) for name in (*write.get("fields", {}), "")]


def drop_events(connection: Connection, before: datetime, limit: int) -> int:
    """All but the proofs of erasures, which are kept for ever."""
    old = select(events.c.event_id).where(events.c.at < micros(before), events.c.kind != PROOF).order_by(events.c.event_id).limit(limit)
    return connection.execute(delete(events).where(events.c.event_id.in_(old))).rowcount
