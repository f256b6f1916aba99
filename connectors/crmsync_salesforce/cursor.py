"""Where a pull of one object stands: a JSON-able cursor, and what the next poll must read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from crmsync_salesforce import wire
from crmsync_salesforce.soql import stamp

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """All datetimes are ISO text, UTC.

    high: SystemModstamp up to which everything was read (None: nothing was there). high_at / high_server: our clock and the org's when
    `high` last moved. polled: our clock when the last pull began. read / read_server: both clocks when the last pull was finished.
    wide / wide_server: both clocks when the wide overlap was last read.
    logged: our clock when the delete log was last asked; covered: up to when its answer reached (the org's clock).
    at: (SystemModstamp, Id) of the last row read by a pull that is not finished. top: highest stamp a bulk job showed so far.
    roles: up to when the contact roles of opportunities were looked at.
    job / locator / job_at / columns: an unfinished bulk query job, its next page, the org's clock when it was made, what it selects.
    """

    high: str | None = None
    high_at: str | None = None
    high_server: str | None = None
    polled: str | None = None
    read: str | None = None
    read_server: str | None = None
    wide: str | None = None
    wide_server: str | None = None
    logged: str | None = None
    covered: str | None = None
    at: tuple[str, str] | None = None
    job: str | None = None
    locator: str | None = None
    job_at: str | None = None
    columns: str | None = None
    top: str | None = None
    roles: str | None = None

    def without_job(self) -> Position:
        """The same place, with the bulk job forgotten."""
        return replace(self, job=None, locator=None, job_at=None, columns=None, top=None)

    def to_json(self) -> Mapping[str, Any]:
        """The cursor as the engine stores it; absent parts left out."""
        return {"v": VERSION, **{name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items() if v is not None}}


def from_json(cursor: Mapping[str, Any]) -> Position | None:
    """A stored cursor, or None when it is of a version this one cannot read (then the pull starts from the beginning)."""
    if cursor.get("v") != VERSION:
        return None
    known = {name: cursor.get(name) for name in Position.__dataclass_fields__}
    at = known.pop("at")
    return Position(**known, at=(str(at[0]), str(at[1])) if at else None)


def seconds(since: str | None, now: datetime | None) -> float | None:
    """Seconds from a stored moment to now; None when either is unknown."""
    return None if since is None or now is None else (now - wire.moment(since)).total_seconds()


def after(at: tuple[str, str]) -> str:
    """The condition for what lies behind one row in (SystemModstamp, Id) order.

    It takes in the rows of the same second again: stamps have a resolution of one second, ties are common, and how ids compare with `>`
    is documented nowhere, so nothing may depend on it."""
    return f"SystemModstamp >= {stamp(at[0])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How far back polls read again, in seconds: `narrow` usually, `wide` every `every` seconds, for transactions that commit late."""

    narrow: float
    wide: float
    every: float

    def condition(self, position: Position, now: datetime, server: datetime | None) -> tuple[str, bool]:
        """The WHERE text of the next poll and whether it reads the wide overlap.

        Rows at the high-water mark itself are asked for again until a pull was made when, by both clocks, ours and the org's, no commit at that
        mark could be outstanding any more; from then on an idle poll gets nothing at all, even after a change of a million rows in one second.
        What counts is when we last read, not what time it is: somebody who asks once an hour must not miss what came right after.
        """
        high = position.high
        if high is None:
            return "", True
        last_wide = seconds(position.wide, now)
        due = last_wide is None or last_wide < 0 or last_wide >= self.every
        if due and _quiet(position, position.wide, position.wide_server) <= self.wide:
            return f"SystemModstamp >= {_back(high, self.wide)}", True
        if _quiet(position, position.read, position.read_server) <= self.narrow:
            return f"SystemModstamp >= {_back(high, self.narrow)}", False
        return f"SystemModstamp > {stamp(high)}", False


def _quiet(position: Position, ours: str | None, theirs: str | None) -> float:
    """How long the mark had stood at that moment, in seconds by the slower of both clocks; 0 when a clock is not known."""
    gone = [seconds(since, wire.moment(at)) for since, at in ((position.high_at, ours), (position.high_server, theirs)) if at is not None]
    known = [one for one in gone if one is not None]
    return min(known) if len(known) == 2 else 0.0


def _back(high: str, seconds_back: float) -> str:
    return wire.stamp(wire.moment(stamp(high)) - timedelta(seconds=seconds_back))


def finished(position: Position, high: str | None, *, now: datetime, server: datetime | None) -> Position:
    """The position after a pull that read up to `high`."""
    moved = high is not None and (position.high is None or high > position.high)
    ours, theirs = wire.stamp(now), wire.stamp(server) if server else None
    done = replace(position.without_job(), at=None, read=ours, read_server=theirs)
    if position.wide == ours:
        done = replace(done, wide_server=theirs)
    if not moved:
        return done
    return replace(done, high=high, high_at=ours, high_server=theirs)
