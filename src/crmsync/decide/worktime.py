"""Working time (process.md A6): clocks in the owner's working hours, exact over nights, weekends, holidays and clock changes.

A minute is a working minute when the owner's wall clock then shows a day that is no holiday and a time within their hours of that weekday. On the day of a clock
change this is taken literally: an hour that does not exist is not worked, an hour that exists twice is worked twice.

Each calendar lays out the working stretches of a year (of UTC) once, when first asked about it; every question is then one or two bisections. How many years are
kept is bounded.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from crmsync.decide.country import country_of
from crmsync.decide.holiday import public_holidays
from crmsync.model.record import User
from crmsync.model.rules import WorkingHours
from crmsync.model.week import DAY_MINUTES, Span, Week

LONGEST = 10
"""Years looked ahead before a calendar is taken to hold no working time."""
ALWAYS: tuple[Span, ...] = tuple((day, 0, DAY_MINUTES) for day in range(7))
"""Around the clock on all days."""

_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000
_DAY_LONG = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAMPLE = timedelta(hours=6)
"""No zone ever changed its clock and back again within so short a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When somebody works. Made by `calendar_of`, `around_the_clock` or `calendar`; equal ones are the same object most of the time.

    zone: name of the time zone, one that `known_zone` knows. spans: of the week, by the clock on the wall there. off: ISO dates there that are free.
    country, region: whose public holidays are free, too. Moments are aware datetimes; those in answers are UTC.
    """

    zone: str
    spans: tuple[Span, ...]
    off: tuple[str, ...] = ()
    country: str | None = None
    region: str | None = None
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.zone, self.spans, self.off, self.country, self.region)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def never(self) -> bool:
        """No day of the week has working time: clocks then run in plain time, for they could not run at all."""
        return not self.spans

    def due(self, start: datetime, minutes: float) -> datetime:
        """The earliest moment at which `minutes` have been worked since `start`; `start` itself for 0 or fewer. Due at the end of a working day means that
        day's end, not the next morning. Plain minutes when there is no working time, or not so much of it within ten years."""
        start = start.astimezone(UTC)
        left = timedelta(minutes=max(0.0, minutes)) // _MICROSECOND
        if not left or not self.spans:
            return start + left * _MICROSECOND
        at, need = (start - _EPOCH) // _MICROSECOND, left
        for number in range(start.year, min(start.year + LONGEST, MAXYEAR) + 1):
            year = _year(self, number)
            first = bisect_right(year.closes, at)
            if first == len(year.closes):
                continue
            target = year.before(first, at) + need
            if target <= year.done[-1]:
                last = bisect_left(year.done, target, first)
                return _EPOCH + (year.closes[last] - (year.done[last] - target)) * _MICROSECOND
            need = target - year.done[-1]
        return start + left * _MICROSECOND

    def worked(self, start: datetime, end: datetime) -> float:
        """Working minutes between the two; 0 when `end` is not after `start`. Plain minutes when there is no working time, as for `due`."""
        if end <= start:
            return 0.0
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        low, high = (start - _EPOCH) // _MICROSECOND, (end - _EPOCH) // _MICROSECOND
        if not self.spans:
            return (high - low) / _MINUTE
        years = range(start.year, end.year + 1)
        whole = sum(_year(self, number).total for number in years[:-1])
        return (whole + _year(self, end.year).until(high) - _year(self, start.year).until(low)) / _MINUTE

    def open(self, at: datetime) -> bool:
        """Whether that is working time. The moment at which a stretch ends is not."""
        at = at.astimezone(UTC)
        year, moment = _year(self, at.year), (at - _EPOCH) // _MICROSECOND
        found = bisect_right(year.closes, moment)
        return found < len(year.closes) and year.opens[found] <= moment

    def opens(self, at: datetime) -> datetime | None:
        """`at` itself when that is working time, else the next moment that is; None when there is none within ten years."""
        at = at.astimezone(UTC)
        moment = (at - _EPOCH) // _MICROSECOND
        for number in range(at.year, min(at.year + LONGEST, MAXYEAR) + 1) if self.spans else ():
            year = _year(self, number)
            found = bisect_right(year.closes, moment)
            if found < len(year.closes):
                return at if year.opens[found] <= moment else _EPOCH + year.opens[found] * _MICROSECOND
        return None

    def day(self, at: datetime) -> date:
        """The calendar day of `at` there."""
        return at.astimezone(zone_of(self.zone)).date()

    def holiday(self, day: date) -> bool:
        """Whether that day there is a holiday."""
        return day.isoformat() in self.off or day in public_holidays(self.country, self.region, day.year)


def calendar_of(user: User | None, hours: WorkingHours) -> Calendar:
    """When that person works: their week, else the playbook's, by their clock, without holidays of the playbook and of their country, else its country. Their
    absences take no part. None: somebody of whom nothing is known."""
    week = user.hours if user is not None else None
    zone = user.time_zone if user is not None else None
    return calendar(hours, zone=zone, spans=week.spans if week is not None else None, place=holidays_of(user, hours))


def holidays_of(user: User | None, hours: WorkingHours) -> tuple[str | None, str | None]:
    """Country and region whose public holidays are theirs. A region without a country is one of the playbook's country, and the playbook's region is that of
    everybody in its country who has none of their own."""
    country, region = (user.country, user.region) if user is not None else (None, None)
    if country is None or (region is None and hours.country is not None and _same_country(country, hours.country)):
        return hours.country, region if region is not None else hours.region
    return country, region


@lru_cache(maxsize=1024)
def _same_country(one: str, other: str) -> bool:
    return one == other or (country_of(one) is not None and country_of(one) == country_of(other))


def around_the_clock() -> Calendar:
    """All minutes of all days, in UTC."""
    return _calendar("UTC", ALWAYS, (), None, None)


def calendar(
    hours: WorkingHours, *, zone: str | None, spans: Iterable[Span] | None, place: tuple[str | None, str | None] = (None, None)
) -> Calendar:
    """The calendar of these spans (None: the playbook's) in that zone (unknown: the playbook's, then UTC), without the playbook's holidays and the public ones
    of place: (country, region)."""
    if spans is None:
        spans = [(day, hours.start, hours.end) for day in hours.days] if hours.end > hours.start else ()
    known = next((name for name in (zone, hours.time_zone) if known_zone(name)), None) or "UTC"
    return _calendar(known, tuple(spans), hours.holidays, *place)


@lru_cache(maxsize=4096)
def _calendar(zone: str, spans: tuple[Span, ...], off: tuple[str, ...], country: str | None, region: str | None) -> Calendar:
    sound = tuple(sorted(span for span in set(spans) if 0 <= span[0] <= 6 and span[1] < span[2]))
    return Calendar(zone=zone, spans=sound, off=tuple(sorted(set(off))), country=country, region=region)


def due_at(
    *, start: datetime, minutes: float, hours: WorkingHours, zone: str | None, week: Week | None = None, working_time: bool = True
) -> datetime:
    """The earliest moment (UTC) at which `minutes` have been worked since `start`, as `Calendar.due`; plain minutes when `working_time` is False.

    zone: the owner's IANA name; unknown ones fall back to `hours.time_zone`, then UTC. week: the owner's own hours, in place of those of `hours`.
    """
    if not working_time:
        return around_the_clock().due(start, minutes)
    spans = week.spans if week is not None else None
    return calendar(hours, zone=zone, spans=spans, place=(hours.country, hours.region)).due(start, minutes)


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


# --- a year laid out -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Year:
    """Working stretches of a year of UTC, in order and apart, in microseconds since 1970; done: working time from the year's begin to the end of each."""

    opens: array[int]
    closes: array[int]
    done: array[int]

    @property
    def total(self) -> int:
        return self.done[-1] if self.done else 0

    def before(self, found: int, at: int) -> int:
        """Working time before `at`, which lies before the end of that stretch and not before the end of the one before."""
        return self.done[found] - (self.closes[found] - max(at, self.opens[found]))

    def until(self, at: int) -> int:
        found = bisect_right(self.closes, at)
        return self.before(found, at) if found < len(self.closes) else self.total


@lru_cache(maxsize=8192)
def _year(calendar: Calendar, number: int) -> _Year:
    """A few thousandths of a second, and 6 kB for office hours."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for weekday, opens, closes in calendar.spans:
        spans.setdefault(weekday, []).append((opens * _MINUTE, closes * _MINUTE))
    free = {day.toordinal() for day in _dates(calendar.off)}
    for year in (number - 1, number, number + 1):  # New Year comes at another moment there
        free |= {day.toordinal() for day in public_holidays(calendar.country, calendar.region, year)}
    pieces: list[tuple[int, int]] = []
    for begins, ends, offset in _stretches(calendar.zone, number):
        # Days by the wall clock, as if it were UTC: shifted by the offset they are moments.
        for day in range((begins + offset) // _DAY_LONG, (ends + offset - 1) // _DAY_LONG + 1):
            ordinal = day + _EPOCH.toordinal()
            if ordinal in free:
                continue
            midnight = day * _DAY_LONG - offset
            for opens, closes in spans.get((ordinal - 1) % 7, ()):
                low, high = max(midnight + opens, begins), min(midnight + closes, ends)
                if low < high:
                    pieces.append((low, high))
    return _laid_out(pieces)


def _dates(days: Iterable[str]) -> Iterator[date]:
    for day in days:
        with suppress(ValueError):  # check refuses what is no date
            yield date.fromisoformat(day)


def _laid_out(pieces: list[tuple[int, int]]) -> _Year:
    opens, closes, done = array("q"), array("q"), array("q")
    for low, high in sorted(pieces):
        if closes and low <= closes[-1]:
            done[-1] += max(0, high - closes[-1])
            closes[-1] = max(high, closes[-1])
        else:
            done.append((done[-1] if done else 0) + high - low)
            opens.append(low)
            closes.append(high)
    return _Year(opens=opens, closes=closes, done=done)


@lru_cache(maxsize=1024)
def _stretches(zone: str, number: int) -> tuple[tuple[int, int, int], ...]:
    """(begin, end, offset) of the year of UTC in that zone, parted where its clock changes; all in microseconds."""
    local = zone_of(zone) if 1 < number < MAXYEAR else UTC  # at the ends of time no other clock can be shown
    start, days = datetime(number, 1, 1, tzinfo=UTC), date(number, 12, 31).timetuple().tm_yday
    begun, offset = start, _offset(start, local)
    limit = (start - _EPOCH) // _MICROSECOND + days * _DAY_LONG
    found: list[tuple[int, int, int]] = []
    for sample in range(1, days * 4 + 1) if local is not UTC else ():
        later = start + sample * _SAMPLE
        if (then := _offset(later, local)) != offset:
            changed = _change(later - _SAMPLE, later, local)
            found.append(((begun - _EPOCH) // _MICROSECOND, (changed - _EPOCH) // _MICROSECOND, offset // _MICROSECOND))
            begun, offset = changed, then
    return (*found, ((begun - _EPOCH) // _MICROSECOND, limit, offset // _MICROSECOND))


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
