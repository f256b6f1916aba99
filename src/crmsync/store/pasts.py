"""Persons and their signals as playing history again wants them: few values of many persons, in pages, without building what nobody looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, func, null, select

from crmsync.model.record import Value
from crmsync.store.codec import parse
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.tables import persons, signals

_PAGE = Prepared(
    lambda _: (
        select(persons.c.person_id, persons.c.data)
        .where(persons.c.person_id > bindparam("after"))
        .order_by(persons.c.person_id)
        .limit(bindparam("most"))
    )
)
_BETWEEN = (signals.c.person_id >= bindparam("first"), signals.c.person_id <= bindparam("last"))
_COUNTS = Prepared(
    lambda _: select(signals.c.person_id, func.count()).where(*_BETWEEN).group_by(signals.c.person_id).order_by(signals.c.person_id)
)
_MOMENTS = Prepared(
    lambda among: (
        select(signals.c.at, signals.c.type, case((among(signals.c.type, "listed"), signals.c.detail), else_=null()).label("detail"))
        .where(*_BETWEEN)
        .order_by(signals.c.person_id, signals.c.at)
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is stored of one person's past. created_at: when a CRM first had them (UTC). stages: (stage, the one before, when as ISO 8601 UTC), oldest
    first. values: house field -> side -> the value last agreed."""

    person_id: str
    created_at: datetime | None
    stages: Sequence[tuple[str, str | None, str]]
    values: Mapping[str, Mapping[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSignals:
    """Signals of a range of persons. counts: (person, how many), in id order; rows: (microseconds since 1970 UTC, type, detail with answers of the types
    whose details were asked for), person after person in that order, each one's in the order of time."""

    counts: Sequence[tuple[str, int]]
    rows: Sequence[tuple[int, str, str | None]]


class Pasts:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def page(self, after: str, limit: int) -> list[Past]:
        """The next persons in id order with what is stored of their past; "" begins."""
        with self._db.reading() as connection:
            return [_past(id, parse(data)) for id, data in _PAGE.plain(connection, after=after, most=limit)]

    def signals(self, first: str, last: str, types: Sequence[str]) -> PastSignals:
        """Signals of the persons from one id to another, both included; the details of those of these types."""
        with self._db.reading() as connection:
            return PastSignals(
                counts=_COUNTS.plain(connection, first=first, last=last),
                rows=_MOMENTS.plain(connection, first=first, last=last, listed=list(types)),
            )


def _past(person_id: str, state: Mapping[str, Any]) -> Past:
    created = state.get("created_at")
    return Past(
        person_id=person_id,
        created_at=None if created is None else datetime.fromisoformat(created),
        stages=[(one["stage"], one["previous"], one["at"]) for one in state.get("stages", ())],
        values={name: agreed["values"] for name, agreed in state.get("base", {}).items()},
    )
