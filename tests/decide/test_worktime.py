"""Working time against a minute-by-minute count on the wall clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decide.worktime import due_at, due_on
from crmsync.model.rules import WorkingHours

MINUTE = timedelta(minutes=1)
# Moments around clock changes, the change at midnight (Santiago, Cairo), half-hour shifts (Lord Howe), a day that never was (Apia).
ZONES = {
    "Europe/Berlin": (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
    "America/Santiago": (datetime(2026, 9, 6, tzinfo=UTC), datetime(2026, 4, 5, tzinfo=UTC)),
    "Africa/Cairo": (datetime(2026, 4, 24, tzinfo=UTC), datetime(2026, 10, 30, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 4, 5, tzinfo=UTC), datetime(2026, 10, 4, tzinfo=UTC)),
    "Pacific/Apia": (datetime(2011, 12, 30, tzinfo=UTC), datetime(2011, 12, 31, tzinfo=UTC)),
    "Asia/Kathmandu": (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)),
    "Pacific/Kiritimati": (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)),
}


def counted(start: datetime, minutes: int, hours: WorkingHours, zone: str) -> datetime:
    """The slow way: look at the wall clock every minute."""
    local, t, left = ZoneInfo(zone), start, minutes
    free = {date.fromisoformat(day) for day in hours.holidays}
    while left:
        wall = t.astimezone(local)
        if hours.start <= wall.hour * 60 + wall.minute < hours.end and wall.weekday() in hours.days and wall.date() not in free:
            left -= 1
        t += MINUTE
    return t


@settings(max_examples=100, deadline=None)
@given(data=st.data(), zone=st.sampled_from(sorted(ZONES)))
def test_agrees_with_counting_minutes(data: st.DataObject, zone: str) -> None:
    around = data.draw(st.sampled_from(ZONES[zone]))
    start = around + data.draw(st.integers(-4 * 1440, 2 * 1440)) * MINUTE
    opens = data.draw(st.integers(0, 1380))
    closes = data.draw(st.integers(opens + 30, 1440))
    days = tuple(sorted(data.draw(st.sets(st.integers(0, 6), min_size=4, max_size=7))))
    free = tuple((start + timedelta(days=n)).date().isoformat() for n in data.draw(st.sets(st.integers(0, 3), max_size=2)))
    hours = WorkingHours(days=days, start=opens, end=closes, holidays=free)
    minutes = data.draw(st.integers(1, 2 * (closes - opens)))
    assert due_at(start=start, minutes=minutes, hours=hours, zone=zone) == counted(start, minutes, hours, zone)


@settings(max_examples=300, deadline=None)
@given(zone=st.sampled_from(sorted(ZONES)), offset=st.integers(-3000, 3000), first=st.integers(1, 900), second=st.integers(1, 900))
def test_worked_in_two_parts_is_worked_at_once(zone: str, offset: int, first: int, second: int) -> None:
    hours = WorkingHours(days=(0, 1, 2, 3, 4, 5, 6), start=480, end=1080)
    start = ZONES[zone][0] + offset * MINUTE
    half = due_at(start=start, minutes=first, hours=hours, zone=zone)
    assert due_at(start=half, minutes=second, hours=hours, zone=zone) == due_at(start=start, minutes=first + second, hours=hours, zone=zone)


BERLIN = WorkingHours(time_zone="Europe/Berlin", holidays=("2026-12-25",))


@pytest.mark.parametrize(
    ("start", "minutes", "due"),
    [
        (datetime(2026, 3, 27, 15, 30, tzinfo=UTC), 60, datetime(2026, 3, 30, 7, 30, tzinfo=UTC)),  # Friday 16:30 CET -> Monday 09:30 CEST
        (datetime(2026, 3, 27, 15, 30, tzinfo=UTC), 30, datetime(2026, 3, 27, 16, 0, tzinfo=UTC)),  # ends with the day
        (datetime(2026, 3, 28, 12, 0, tzinfo=UTC), 10, datetime(2026, 3, 30, 7, 10, tzinfo=UTC)),  # Saturday
        (datetime(2026, 12, 24, 15, 0, tzinfo=UTC), 90, datetime(2026, 12, 28, 8, 30, tzinfo=UTC)),  # over a holiday and a weekend
        (datetime(2026, 6, 1, 3, 0, 30, tzinfo=UTC), 480, datetime(2026, 6, 1, 15, 0, tzinfo=UTC)),  # before the day begins
        (datetime(2026, 6, 1, 8, 0, 30, tzinfo=UTC), 1, datetime(2026, 6, 1, 8, 1, 30, tzinfo=UTC)),  # seconds are kept
        (datetime(2026, 6, 6, 8, 0, tzinfo=UTC), 0, datetime(2026, 6, 6, 8, 0, tzinfo=UTC)),
    ],
)
def test_known_dates(start: datetime, minutes: int, due: datetime) -> None:
    assert due_at(start=start, minutes=minutes, hours=BERLIN, zone=None) == due


def test_the_owners_zone_beats_the_default_and_unknown_ones_fall_back() -> None:
    start = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
    assert due_at(start=start, minutes=10, hours=BERLIN, zone="America/New_York") == datetime(2026, 6, 1, 13, 10, tzinfo=UTC)
    for odd in ("Mars/Olympus", "", "../etc/passwd", "America", "\0"):
        assert due_at(start=start, minutes=10, hours=BERLIN, zone=odd) == start + 10 * MINUTE
    nowhere = WorkingHours(time_zone="Nowhere")
    assert due_at(start=datetime(2026, 6, 1, 8, 0, tzinfo=UTC), minutes=10, hours=nowhere, zone="Nope") == datetime(
        2026, 6, 1, 9, 10, tzinfo=UTC
    )


def test_plain_minutes() -> None:
    start = datetime(2026, 6, 6, 8, 0, tzinfo=UTC)
    assert due_at(start=start, minutes=90, hours=BERLIN, zone=None, working_time=False) == start + 90 * MINUTE
    for never in (WorkingHours(days=()), WorkingHours(start=600, end=600), WorkingHours(days=(9,))):
        assert due_at(start=start, minutes=90, hours=never, zone=None) == start + 90 * MINUTE


def test_due_on_is_the_local_day() -> None:
    moment = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
    assert due_on(moment, "Europe/Berlin") == date(2026, 6, 2)
    assert due_on(moment, "America/New_York") == date(2026, 6, 1)
    assert due_on(moment, None, "Asia/Tokyo") == date(2026, 6, 2)
