"""When something in a calendar repeats (RFC 5545, 3.3.10): days, weeks, months and years, with BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, INTERVAL and COUNT.

Each period is gone through once, up to an end that is always given, so that a rule that never comes true costs no more than one that does. At most one occurrence a
day: hours, minutes and seconds multiply. Rules by the number of a week or of a day in the year are not known here.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, timedelta

DAILY, WEEKLY, MONTHLY, YEARLY = "DAILY", "WEEKLY", "MONTHLY", "YEARLY"
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BY_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_KNOWN = frozenset(("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "WKST"))
_MOST_VALUES = 400
_LONGEST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """days: (which one in the month or year, 0: each; weekday, 0 Monday). month_days, positions: negative ones count from the end. Empty: as the start has it."""

    frequency: str
    interval: int = 1
    count: int | None = None
    days: tuple[tuple[int, int], ...] = ()
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    positions: tuple[int, ...] = ()
    week_start: int = 0


def pattern_of(rule: str) -> Pattern:
    """What an RRULE says; UNTIL is the caller's. Raises: ValueError for one that is not known here."""
    parts = dict(part.split("=", 1) for part in rule.strip().upper().split(";") if part)
    if set(parts) - _KNOWN or parts.get("FREQ") not in (DAILY, WEEKLY, MONTHLY, YEARLY):
        raise ValueError("unknown rule")
    days = [_BY_DAY.fullmatch(part) for part in _listed(parts, "BYDAY")]
    interval, count = int(parts.get("INTERVAL", 1)), int(parts["COUNT"]) if "COUNT" in parts else None
    if not 1 <= interval <= _LONGEST or (count is not None and not 1 <= count <= _LONGEST) or None in days:
        raise ValueError("out of range")
    return Pattern(
        frequency=parts["FREQ"],
        interval=interval,
        count=count,
        days=tuple((int(found[1] or 0), _DAYS.index(found[2])) for found in days if found is not None),
        months=frozenset(int(part) for part in _listed(parts, "BYMONTH")),
        month_days=frozenset(int(part) for part in _listed(parts, "BYMONTHDAY")),
        positions=tuple(int(part) for part in _listed(parts, "BYSETPOS")),
        week_start=_DAYS.index(parts.get("WKST", "MO")),
    )


def occurrences(pattern: Pattern, start: datetime, last: datetime) -> Iterator[datetime]:
    """The times by the wall clock at which it happens, in order, from `start` to `last`, both included."""
    number = 0
    for candidates in _periods(pattern, start.date(), last.date()):
        days = candidates
        if pattern.positions:
            places = {place - 1 if place > 0 else len(days) + place for place in pattern.positions if place}
            days = [days[place] for place in sorted(places) if 0 <= place < len(days)]
        for day in days:
            at = datetime.combine(day, start.time())
            if at > last or number == pattern.count:
                return
            if at >= start:
                number += 1
                yield at


def _periods(pattern: Pattern, start: date, last: date) -> Iterator[list[date]]:
    """The days that fit in each period, from that of the start on."""
    if pattern.frequency in (DAILY, WEEKLY):
        weekly = pattern.frequency == WEEKLY
        first = start - timedelta(days=(start.weekday() - pattern.week_start) % 7) if weekly else start
        weekdays = {day for _, day in pattern.days} or ({start.weekday()} if weekly else set(range(7)))
        length, step = (7, 7 * pattern.interval) if weekly else (1, pattern.interval)
        for begin in range(first.toordinal(), last.toordinal() + 1, step):
            days = [date.fromordinal(n) for n in range(begin, begin + length)]
            yield [day for day in days if day.weekday() in weekdays and _fits(pattern, day)]
        return
    month, year, pace = start.month, start.year, pattern.interval * (12 if pattern.frequency == YEARLY else 1)
    for count in range(0, (last.year - start.year) * 12 + last.month - start.month + 12, pace):
        year = start.year + (start.month - 1 + count) // 12
        if year >= MAXYEAR:
            return
        if pattern.frequency == MONTHLY:
            month = (start.month - 1 + count) % 12 + 1
            yield _of_month(pattern, start, year, month) if not pattern.months or month in pattern.months else []
        elif pattern.days and not pattern.months and not pattern.month_days:
            yield _named(pattern, date(year, 1, 1), date(year, 12, 31))
        else:
            own = range(1, 13) if pattern.month_days else (start.month,)
            yield [day for month in sorted(pattern.months or own) if 1 <= month <= 12 for day in _of_month(pattern, start, year, month)]


def _of_month(pattern: Pattern, start: date, year: int, month: int) -> list[date]:
    length = monthrange(year, month)[1]
    if not pattern.days and not pattern.month_days:
        return [date(year, month, start.day)] if start.day <= length else []
    first, last = date(year, month, 1), date(year, month, length)
    days = _named(pattern, first, last) if pattern.days else [date(year, month, n) for n in range(1, length + 1)]
    return [day for day in days if _fits(pattern, day)]


def _named(pattern: Pattern, first: date, last: date) -> list[date]:
    """The days of BYDAY between the two, each counted from the begin or the end."""
    found: set[int] = set()
    for which, weekday in pattern.days:
        days = range(first.toordinal() + (weekday - first.weekday()) % 7, last.toordinal() + 1, 7)
        if which == 0:
            found.update(days)
        elif abs(which) <= len(days):
            found.add(days[which - 1] if which > 0 else days[which])
    return [date.fromordinal(n) for n in sorted(found)]


def _fits(pattern: Pattern, day: date) -> bool:
    if pattern.months and day.month not in pattern.months:
        return False
    wanted = pattern.month_days
    return not wanted or day.day in wanted or day.day - monthrange(day.year, day.month)[1] - 1 in wanted


def _listed(parts: dict[str, str], name: str) -> list[str]:
    found = [part for part in parts.get(name, "").split(",") if part]
    if len(found) > _MOST_VALUES:
        raise ValueError("too many")
    return found
