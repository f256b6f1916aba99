"""Due days and moments: the same calendar day on both sides, whatever the zone and the clocks do (F46)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decide.canonical import moment
from crmsync.decide.days import day_of, moment_of

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
MARKED = ["Pacific/Kiritimati", "Pacific/Apia", "Pacific/Tongatapu", "America/Los_Angeles", "Etc/GMT+8", "Etc/GMT-13", "Australia/Lord_Howe",
          "America/Sao_Paulo", "America/Scoresbysund", "Asia/Kathmandu", "Africa/Casablanca", "Europe/Berlin", "UTC"]  # fmt: skip
zones = st.one_of(st.sampled_from(MARKED), st.sampled_from(ZONES))
days = st.dates(date(1970, 1, 2), date(2100, 12, 30))
clocks = st.times().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000))


def _local(stamp: str, zone: str) -> datetime:
    at = moment(stamp)
    assert at is not None
    return at.astimezone(ZoneInfo(zone))


def _lacks(day: date, zone: str) -> bool:
    """Whether the zone never had that day (it crossed the date line)."""
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    return all((noon + timedelta(hours=h / 4)).astimezone(ZoneInfo(zone)).date() != day for h in range(-4 * 40, 4 * 40))


def _exists(at: datetime, zone: str) -> bool:
    local = at.replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == at


@settings(max_examples=400, deadline=None)
@given(day=days, zone=zones, clock=clocks)
def test_a_day_comes_back_and_the_time_of_day_is_kept(day: date, zone: str, clock: time) -> None:
    found = moment_of(day.isoformat(), zone, default=f"{clock.hour:02}:{clock.minute:02}")
    if day_of(found, zone) != day.isoformat():
        assert _lacks(day, zone)
        return
    wanted = clock.replace(second=0, microsecond=0)
    if _exists(datetime.combine(day, wanted), zone):
        assert _local(found, zone).time() == wanted


@settings(max_examples=400, deadline=None)
@given(before=st.integers(365 * 86_400_000, 130 * 365 * 86_400_000), day=days, zone=zones)
def test_a_moved_day_keeps_the_time_it_had(before: int, day: date, zone: str) -> None:
    like = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=before)).isoformat()
    had = _local(like, zone)
    found = moment_of(day.isoformat(), zone, like=like)
    if day_of(like, zone) == day.isoformat():
        assert moment(found) == moment(like)
    elif _exists(datetime.combine(day, had.time()), zone):
        assert _local(found, zone).time() == had.time()
        assert day_of(found, zone) == day.isoformat()


def _turns(zone: str, year: int) -> list[date]:
    """Days of a year on which the offset changes."""
    offsets = [(datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=6 * i)).astimezone(ZoneInfo(zone)) for i in range(4 * 366)]
    turned = [b.date() for a, b in pairwise(offsets) if a.utcoffset() != b.utcoffset()]
    return sorted({day + timedelta(days=d) for day in turned for d in (-1, 0, 1)})


@pytest.mark.parametrize("zone", MARKED)
def test_every_half_hour_of_days_on_which_clocks_change(zone: str) -> None:
    for year in (2011, 2018, 2025, 2026):
        for day in _turns(zone, year):
            for half in range(48):
                clock = f"{half // 2:02}:{30 * (half % 2):02}"
                found = moment_of(day.isoformat(), zone, default=clock)
                assert day_of(found, zone) == day.isoformat() or _lacks(day, zone), (zone, day, clock)


@pytest.mark.parametrize(("day", "zone", "clock", "stamp"), [
    ("2026-03-08", "America/Los_Angeles", "09:00", "2026-03-08T16:00:00.000Z"),   # the day clocks go forward
    ("2026-03-08", "America/Los_Angeles", "02:30", "2026-03-08T10:30:00.000Z"),   # a time that day lacks: 03:30
    ("2026-03-07", "America/Los_Angeles", "09:00", "2026-03-07T17:00:00.000Z"),
    ("2026-11-01", "America/Los_Angeles", "01:30", "2026-11-01T08:30:00.000Z"),   # a time that day has twice: the first
    ("2026-11-01", "America/Los_Angeles", "09:00", "2026-11-01T17:00:00.000Z"),
    ("2026-03-08", "Etc/GMT+8", "23:59", "2026-03-09T07:59:00.000Z"),             # UTC-8
    ("2026-03-08", "Etc/GMT-13", "00:00", "2026-03-07T11:00:00.000Z"),            # UTC+13
    ("2026-03-08", "Pacific/Kiritimati", "09:00", "2026-03-07T19:00:00.000Z"),    # UTC+14
    ("2026-03-28", "America/Scoresbysund", "23:30", "2026-03-29T00:59:00.000Z"),  # skipped up to midnight: 22:59, the day stays
    ("2018-11-04", "America/Sao_Paulo", "00:00", "2018-11-04T03:00:00.000Z"),     # a midnight that is skipped: 01:00
    ("2026-03-08", "Mars/Base", "09:00", "2026-03-08T09:00:00.000Z"),
    ("2026-03-08", "", "9:05", "2026-03-08T09:05:00.000Z"),
    ("9999-12-31", "America/Los_Angeles", "23:00", "9999-12-31T23:00:00.000Z"),
])  # fmt: skip
def test_days_that_are_easily_lost(day: str, zone: str, clock: str, stamp: str) -> None:
    assert moment_of(day, zone, default=clock) == stamp


@pytest.mark.parametrize(("value", "zone", "day"), [
    ("2026-03-08T07:59:59.999Z", "America/Los_Angeles", "2026-03-07"),
    ("2026-03-08T08:00:00.000Z", "America/Los_Angeles", "2026-03-08"),
    ("2026-03-08T10:00:00.000Z", "Pacific/Kiritimati", "2026-03-09"),
    ("2026-03-08T09:59:59Z", "Pacific/Kiritimati", "2026-03-08"),
    ("2026-03-08T23:30:00.000Z", "No/Where", "2026-03-08"),
    ("2026-03-08", "Pacific/Kiritimati", "2026-03-08"),
    ("0001-01-01T00:00:00.000Z", "America/Los_Angeles", "0001-01-01"),
    ("soon", "UTC", "soon"), ("whenever it is", "UTC", "whenever it is"), ("", "UTC", ""),
])  # fmt: skip
def test_the_day_that_a_stamp_has_in_a_zone(value: str, zone: str, day: str) -> None:
    assert day_of(value, zone) == day


def test_what_is_no_day_stays_what_it_is() -> None:
    assert moment_of("soon", "UTC") == "soon"
    assert moment_of("2026-02-30", "UTC") == "2026-02-30"


def test_a_date_gives_no_time_of_day() -> None:
    assert moment_of("2026-05-02", "UTC", like="2026-05-01", default="07:15") == "2026-05-02T07:15:00.000Z"
