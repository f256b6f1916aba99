"""Working time (process.md A6): deadlines in the owner's working hours, exact over nights, weekends, holidays and clock changes.

A minute is a working minute when the owner's wall clock then shows a day that is no holiday and a time within their hours of that weekday. On the day of a clock
change this is taken literally: an hour that does not exist is not worked, an hour that exists twice is worked twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from crmsync.model.rules import WorkingHours
from crmsync.model.week import Span, Week

LONGEST = 3_660
"""Days looked ahead before a calendar is taken to hold no working time."""

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


def due_at(
    *, start: datetime, minutes: float, hours: WorkingHours, zone: str | None, week: Week | None = None, working_time: bool = True
) -> datetime:
    """The earliest moment (UTC) at which `minutes` have been worked since `start`; `start` itself for 0 or fewer.

    zone: the owner's IANA name; unknown ones fall back to `hours.time_zone`, then UTC. week: the owner's own hours, in place of those of `hours`.
    Due at the end of a working day means that day's end, not the next morning. Plain minutes when `working_time` is False, or when the calendar
    holds no working time for ten years (no days, or end not after start). holidays: ISO dates in the owner's zone.
    """
    start = start.astimezone(UTC)
    left = timedelta(minutes=max(0.0, minutes))
    plain = start + left
    spans = _by_day(hours, week)
    if not working_time or not left or not spans:
        return plain
    local = zone_of(zone, hours.time_zone)
    day = start.astimezone(local).date() - _DAY
    off = frozenset(hours.holidays)
    for _ in range(LONGEST):
        if (worked := spans.get(day.weekday())) and day.isoformat() not in off:
            for opens, closes in _windows(day, worked, local):
                opens = max(opens, start)
                if closes - opens >= left:
                    return opens + left
                left -= max(closes - opens, timedelta())
        day += _DAY
    return plain


def _by_day(hours: WorkingHours, week: Week | None) -> dict[int, list[Span]]:
    """Weekday -> its spans, of the week or else of the playbook's hours."""
    spans = week.spans if week is not None else [(day, hours.start, hours.end) for day in hours.days if hours.end > hours.start]
    found: dict[int, list[Span]] = {}
    for span in spans:
        found.setdefault(span[0], []).append(span)
    return found


def due_on(moment: datetime, zone: str | None, fallback: str = "UTC") -> date:
    """The calendar day of `moment` in `zone` (IANA name; unknown: in `fallback`)."""
    return moment.astimezone(zone_of(zone, fallback)).date()


def zone_of(name: str | None, fallback: str = "UTC") -> tzinfo:
    """The time zone of that IANA name, else of `fallback`, else UTC."""
    return (_zone(name) if name else None) or _zone(fallback) or UTC


def known_zone(name: str | None) -> bool:
    """Whether a time zone has that name. What a CRM tells may be anything."""
    return bool(name) and _zone(str(name)) is not None


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _windows(day: date, spans: Sequence[Span], zone: tzinfo) -> list[tuple[datetime, datetime]]:
    """UTC stretches, in order, in which the wall clock of `zone` shows `day` within one of the spans: of each two when the clock changes in it."""
    midnight = datetime.combine(day, time(), tzinfo=UTC)
    # A local day begins 14 h before to 12 h after its namesake in UTC; one hour is added on either side.
    early, late = midnight - timedelta(hours=15), midnight + timedelta(hours=37)
    before, after = _offset(early, zone), _offset(late, zone)
    shown = [(midnight + opens * _MINUTE, midnight + closes * _MINUTE) for _, opens, closes in spans]
    if before == after:
        return [(opens - before, closes - before) for opens, closes in shown]
    change = _change(early, late, zone)
    pieces = [(opens - before, min(closes - before, change)) for opens, closes in shown]
    pieces += [(max(opens - after, change), closes - after) for opens, closes in shown]
    return [(a, b) for a, b in pieces if a < b]


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _change(early: datetime, late: datetime, zone: tzinfo) -> datetime:
    """The moment between two of different offset at which the clock changes, to the second."""
    first = _offset(early, zone)
    low, high = 0, int((late - early).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(early + timedelta(seconds=middle), zone) == first:
            low = middle
        else:
            high = middle
    return early + timedelta(seconds=high)
