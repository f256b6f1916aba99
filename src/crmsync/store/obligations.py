"""What was owed for whom by when, and what became of it (process.md A1, A2, A9): one row per SLA clock, for the compliance report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, func, select, text

from crmsync.model.work import BREACHED, ENDED, MET, Clock
from crmsync.store.bulk import Upsert, among, chunks, excluded, many
from crmsync.store.codec import maybe_micros, maybe_moment, micros, moment, tidy
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.tables import obligations as table

OPEN = "open"
"""Of a clock that is still owed and not breached."""
_COLUMNS = (
    "person_id", "kind", "started_at", "owner", "pool", "mql_type", "source", "minutes", "working", "due_at", "breached_at", "late",
    "at_risk", "met_at", "ended_at", "ended", "used",
)  # fmt: skip
_KEY = ("person_id", "kind", "started_at")
_SAVE = Upsert(table="obligations", columns=_COLUMNS, key=_KEY, update=excluded(*(name for name in _COLUMNS if name not in _KEY)))
_OF = Prepared(
    lambda among: select(table).where(among(table.c.person_id, "listed")).order_by(table.c.person_id, table.c.started_at, table.c.kind)
)
_BETWEEN = Prepared(
    lambda _: (
        select(table)
        .where(table.c.started_at >= bindparam("start"), table.c.started_at < bindparam("end"))
        .order_by(table.c.started_at, table.c.person_id, table.c.kind)
    )
)
_PASSED = table.c.breached_at.is_not(None) | (table.c.due_at < bindparam("now"))
_PROMISED = Prepared(
    lambda _: (
        select(*(table.c[name] for name in Promised._fields))
        .where(table.c.started_at >= bindparam("start"), table.c.started_at < bindparam("end"), table.c.kind == bindparam("kind"))
        .order_by(table.c.started_at, table.c.person_id)
    )
)
_STANDS = case(
    (table.c.breached_at.is_not(None), BREACHED),
    (table.c.met_at.is_not(None), MET),
    (table.c.ended_at.is_not(None), ENDED),
    (table.c.due_at < bindparam("now"), BREACHED),
    else_=OPEN,
)
_TALLIES = Prepared(
    lambda _: (
        select(table.c.kind, table.c.minutes, table.c.working, _STANDS.label("stands"), func.count(), func.sum(table.c.late))
        .where(table.c.started_at >= bindparam("start"), table.c.started_at < bindparam("end"))
        .group_by(table.c.kind, table.c.minutes, table.c.working, "stands")
    )
)
_OPEN = Prepared(
    lambda _: (
        select(table)
        .where(table.c.kind == bindparam("kind"), table.c.ended_at.is_(None), table.c.met_at.is_(None))
        .order_by(table.c.started_at, table.c.person_id)
    )
)
_COUNTS = Prepared(
    lambda _: (
        select(
            table.c.kind,
            func.count().label("all"),
            func.count().filter(_PASSED).label("breached"),
            func.count().filter(table.c.breached_at.is_(None), table.c.due_at.is_(None)).label("paused"),
            func.count().filter(table.c.at_risk == 1, table.c.due_at.is_not(None), ~_PASSED).label("at_risk"),
            func.min(table.c.started_at).label("oldest"),
        )
        .where(text("ended_at IS NULL"))
        .group_by(table.c.kind)
        .order_by(table.c.kind)
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenClocks:
    """Clocks of one kind that are still owed. breached: their deadline has passed. paused: of the others. at_risk: of the running ones those of which the owner was
    warned (A4). oldest: since when the longest of them runs (UTC)."""

    running: int
    paused: int
    breached: int
    oldest: datetime
    at_risk: int = 0


class Promised(NamedTuple):
    """An obligation as it is counted by the hundred thousand: moments are microseconds since 1970 UTC, the rest is as in Obligation."""

    person_id: str
    started_at: int
    owner: str | None
    pool: str
    mql_type: str
    source: str
    due_at: int | None
    breached_at: int | None
    late: int
    met_at: int | None
    ended_at: int | None
    used: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Clocks of one kind and window. stands: BREACHED (also when a deadline passed unseen), MET (in time), OPEN, or ENDED before anything was due. late: breaches noticed
    late."""

    kind: str
    minutes: float
    working: bool
    stands: str
    count: int
    late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """One SLA clock as it stands, or stood when it ended. person_id, kind, started_at name it. owner: house owner id in whose time it runs, or ran last (None: the
    playbook's). pool, mql_type, source: of the person then; "" where there is none. minutes, working: the window. due_at: the deadline (None while paused).
    breached_at: the deadline that passed. late: noticed long after. at_risk: the owner was warned that the window is going. met_at: when what was owed was done; ended_at, ended: when and why it was over ("met", a stage,
    "reassigned", "left"). used: minutes that ran until then (None while it runs). All UTC."""

    person_id: str
    kind: str
    started_at: datetime
    minutes: float
    working: bool = True
    owner: str | None = None
    pool: str = ""
    mql_type: str = ""
    source: str = ""
    due_at: datetime | None = None
    breached_at: datetime | None = None
    late: bool = False
    at_risk: bool = False
    met_at: datetime | None = None
    ended_at: datetime | None = None
    ended: str = ""
    used: float | None = None

    @property
    def kept(self) -> bool | None:
        """Whether it was kept: met without a breach before; False once breached; None when it is open, or was over before anything was due."""
        if self.breached_at is not None:
            return False
        return True if self.met_at is not None else None


def obligation(person_id: str, clock: Clock, *, pool: str = "", mql_type: str = "", source: str = "") -> Obligation:
    """The row of a clock."""
    return Obligation(
        person_id=person_id, kind=clock.kind, started_at=clock.started_at, minutes=float(clock.minutes), working=clock.working, owner=clock.owner,
        pool=pool, mql_type=mql_type, source=source, due_at=clock.due_at, breached_at=clock.breached_at, late=clock.late,
        at_risk=any(share < 1.0 for share in clock.told), met_at=clock.met_at,
        ended_at=clock.ended_at, ended=clock.ended, used=None if clock.open else clock.used,
    )  # fmt: skip


class Obligations:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def save(self, rows: Iterable[Obligation]) -> None:
        """Inserts or replaces by person, kind and start."""
        given = [_columns(row) for row in rows]
        if given:
            with self._db.writing() as connection:
                _SAVE.run(connection, given)

    def of(self, person_ids: Iterable[str]) -> dict[str, list[Obligation]]:
        """person -> theirs, oldest first; persons without any are left out."""
        found: dict[str, list[Obligation]] = {}
        with self._db.reading() as connection:
            for part in chunks(person_ids):
                for row in _OF.rows(connection, listed=part):
                    found.setdefault(row.person_id, []).append(_read(row))
        return found

    def between(self, start: datetime, end: datetime) -> list[Obligation]:
        """All that began from `start` up to but not at `end`, oldest first."""
        with self._db.reading() as connection:
            return [_read(row) for row in _BETWEEN.rows(connection, start=micros(start), end=micros(end))]

    def promised(self, kind: str, start: datetime, end: datetime) -> list[Promised]:
        """Those of one kind that began from `start` up to but not at `end`, oldest first."""
        with self._db.reading() as connection:
            rows = _PROMISED.plain(connection, kind=kind, start=micros(start), end=micros(end))
        return list(map(Promised._make, rows))

    def tallies(self, start: datetime, end: datetime, now: datetime) -> list[Tally]:
        """How those stand at `now` that began from `start` up to but not at `end`."""
        with self._db.reading() as connection:
            rows = _TALLIES.plain(connection, start=micros(start), end=micros(end), now=micros(now))
        return [
            Tally(kind=kind, minutes=minutes, working=bool(working), stands=stands, count=count, late=int(late))
            for kind, minutes, working, stands, count, late in rows
        ]

    def still_open(self, kind: str) -> list[Obligation]:
        """All of that kind that are still owed, oldest first."""
        with self._db.reading() as connection:
            return [_read(row) for row in _OPEN.rows(connection, kind=kind)]

    def open_counts(self, now: datetime) -> dict[str, OpenClocks]:
        """Kind -> how its open clocks stand at `now` (UTC); kinds without any are left out. Along the index of open ones: neither persons nor past clocks are
        read."""
        with self._db.reading() as connection:
            return {
                row.kind: OpenClocks(
                    running=row.all - row.breached - row.paused,
                    paused=row.paused,
                    breached=row.breached,
                    oldest=moment(row.oldest),
                    at_risk=row.at_risk,
                )
                for row in _COUNTS.rows(connection, now=micros(now))
            }

    def move(self, lost: str, kept: str) -> None:
        """Two persons are one: the clocks of both are theirs. Of two that began at one moment the one that is kept stays."""
        with self._db.writing() as connection:
            many(
                connection,
                "UPDATE obligations SET person_id = ? WHERE person_id = ? AND NOT EXISTS (SELECT 1 FROM obligations mine "
                "WHERE mine.person_id = ? AND mine.kind = obligations.kind AND mine.started_at = obligations.started_at)",
                [(kept, lost, kept)],
            )
            _erase(connection, [lost])

    def erase(self, person_ids: Sequence[str]) -> int:
        """Forgets everything about these persons; returns how many rows."""
        with self._db.writing() as connection:
            return sum(_erase(connection, part) for part in chunks(person_ids))

    def forget_before(self, at: datetime, limit: int = 10_000) -> int:
        """Forgets what was over before that moment, at most so many rows; returns how many. What is still owed stays, however old."""
        key = (table.c.person_id, table.c.kind, table.c.started_at)
        # By when it began: that has an index, and nothing is over before it began.
        old = select(*key).where(table.c.started_at < micros(at), table.c.ended_at < micros(at)).limit(limit)
        with self._db.writing() as connection:
            rows = connection.execute(old).all()
            many(connection, "DELETE FROM obligations WHERE person_id = ? AND kind = ? AND started_at = ?", [tuple(row) for row in rows])
        return len(rows)


def _erase(connection: Connection, person_ids: Sequence[str]) -> int:
    return connection.execute(delete(table).where(among(connection, table.c.person_id, person_ids))).rowcount


def _columns(row: Obligation) -> tuple[object, ...]:
    return (
        row.person_id, row.kind, micros(row.started_at), row.owner and tidy(row.owner), tidy(row.pool), tidy(row.mql_type), tidy(row.source),
        row.minutes, int(row.working), maybe_micros(row.due_at), maybe_micros(row.breached_at), int(row.late), int(row.at_risk), maybe_micros(row.met_at),
        maybe_micros(row.ended_at), tidy(row.ended), row.used,
    )  # fmt: skip


def _read(row: Any) -> Obligation:
    return Obligation(
        person_id=row.person_id, kind=row.kind, started_at=moment(row.started_at), owner=row.owner, pool=row.pool, mql_type=row.mql_type,
        source=row.source, minutes=row.minutes, working=bool(row.working), due_at=maybe_moment(row.due_at),
        breached_at=maybe_moment(row.breached_at), late=bool(row.late), at_risk=bool(row.at_risk), met_at=maybe_moment(row.met_at), ended_at=maybe_moment(row.ended_at),
        ended=row.ended, used=row.used,
    )  # fmt: skip
