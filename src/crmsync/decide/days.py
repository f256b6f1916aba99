"""Calendar days and moments in a person's time zone: a due day in one CRM is a moment in the other (F46)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from crmsync.decide.canonical import moment, stamp
from crmsync.decide.worktime import zone_of

_MINUTE = timedelta(minutes=1)
_DATE = 10
"""Characters of "YYYY-MM-DD"."""


def day_of(value: str, zone: str) -> str:
    """The calendar day "YYYY-MM-DD" of a date (that day) or of a stamp (the day that the clocks of `zone` show then).

    zone: an IANA name; an unknown one means UTC. What is neither date nor stamp comes back unchanged.
    """
    at = moment(value) if len(value) > _DATE else None
    return value if at is None else _local(at, zone_of(zone)).date().isoformat()


def moment_of(day: str, zone: str, like: str | None = None, default: str = "09:00") -> str:
    """The stamp (UTC) of a time of day on `day` in `zone`: the time that the stamp `like` has there, else `default` ("HH:MM").

    A time that the clocks skip moves forward by as much as they do, unless that were the next day: then it is the last minute before. Of a
    time that the clocks show twice it is the first; `like` itself when it is on that day already. `day_of` gives the day back in every zone,
    except for the few days that a zone never had because it moved across the date line. What is no day comes back unchanged.
    """
    try:
        wanted = date.fromisoformat(day[:_DATE])
    except ValueError:
        return day
    local = zone_of(zone)
    clock = _clock(default)
    if like is not None and len(like) > _DATE and (before := moment(like)) is not None:
        shown = _local(before, local)
        if shown.date() == wanted:
            return stamp(before)
        clock = shown.time()
    try:
        # Without a fold, Python takes the offset before the change: later for a skipped time, the first of two.
        at = datetime.combine(wanted, clock, tzinfo=local).astimezone(UTC)
    except OverflowError:
        return stamp(datetime.combine(wanted, clock, tzinfo=UTC))
    early = at
    while _local(early, local).date() > wanted:
        early -= _MINUTE
    return stamp(early if _local(early, local).date() == wanted else at)


def _local(at: datetime, zone: tzinfo) -> datetime:
    """The wall clock of a zone; UTC's at the edges of the calendar."""
    try:
        return at.astimezone(zone)
    except OverflowError:
        return at


def _clock(text: str) -> time:
    hours, _, minutes = text.partition(":")
    return time(int(hours), int(minutes))
