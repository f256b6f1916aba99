"""A6, F46, F74: known moments of a person's calendar, and what it answers when there is nothing to answer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decide import worktime
from crmsync.decide.worktime import Calendar, around_the_clock, calendar, calendar_of
from crmsync.model.record import User
from crmsync.model.rules import WorkingHours
from crmsync.model.week import DAY_MINUTES, Week

WEEKDAYS = WorkingHours(time_zone="Europe/Berlin")
NIGHTS = tuple((day, 0, 240) for day in range(7))


def rep(zone: str | None = None, hours: Week | None = None, country: str | None = None, region: str | None = None) -> User:
    return User(
        side="a", id="1", email="rita@x.example", name="Rita", time_zone=zone, hours=hours, country=country, region=region
    )  # fmt: skip


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


def test_f74_both_days_of_the_clock_change_have_their_minutes() -> None:
    nights = calendar(WEEKDAYS, zone=None, spans=NIGHTS)
    day = timedelta(days=1)
    assert nights.worked(utc(2026, 3, 28, 22), utc(2026, 3, 28, 22) + day) == 180, "02:00 to 03:00 was skipped"
    assert nights.worked(utc(2026, 10, 24, 21), utc(2026, 10, 24, 21) + day) == 300, "02:00 to 03:00 came twice"
    office = calendar_of(None, WEEKDAYS)
    assert office.worked(utc(2026, 3, 23), utc(2026, 4, 6)) == office.worked(utc(2026, 10, 19), utc(2026, 11, 2)) == 2 * 5 * 480


def test_f74_a_working_day_from_friday_afternoon_over_the_change_of_the_owners_zone() -> None:
    owner = calendar_of(rep("America/New_York"), WEEKDAYS)  # EST ends on Sunday 2026-03-08
    assert owner.due(utc(2026, 3, 6, 20), 480) == utc(2026, 3, 9, 19), "15:00 EST on Friday, 15:00 EDT on Monday"
    assert owner.worked(utc(2026, 3, 6, 20), utc(2026, 3, 9, 19)) == 480


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("America/Los_Angeles", utc(2026, 3, 8, 7, 59), date(2026, 3, 7)),
        ("America/Los_Angeles", utc(2026, 3, 8, 8), date(2026, 3, 8)),
        ("Pacific/Auckland", utc(2026, 3, 7, 10, 59), date(2026, 3, 7)),
        ("Pacific/Auckland", utc(2026, 3, 7, 11), date(2026, 3, 8)),
    ],
)
def test_f46_a_day_is_the_day_on_the_owners_wall(zone: str, moment: datetime, day: date) -> None:
    assert calendar_of(rep(zone), WEEKDAYS).day(moment) == day


def test_a6_public_holidays_are_those_of_the_persons_country_and_region() -> None:
    """2026-06-04 is Corpus Christi: free in Bavaria, not in Berlin nor in France; 2026-07-14 is free in France alone."""
    playbook = WorkingHours(time_zone="UTC", country="DE", region="BY")
    thursday, july = utc(2026, 6, 4, 10), utc(2026, 7, 14, 10)
    assert not calendar_of(None, playbook).open(thursday)
    assert not calendar_of(rep(), playbook).open(thursday)
    assert calendar_of(rep(region="BE"), playbook).open(thursday), "another region of the playbook's country"
    french = calendar_of(rep(country="FR"), playbook)
    assert french.open(thursday)
    assert not calendar_of(rep(country="Germany"), playbook).open(thursday), (
        "who is in the playbook's country is in its region, unless told"
    )
    catalan = calendar_of(rep(country="ES"), WorkingHours(time_zone="UTC", country="FR", region="CT"))
    assert catalan.open(utc(2026, 9, 11, 10)), "CT is a region of Spain, but nobody said that they are there"
    assert not french.open(july)
    assert calendar_of(rep(), playbook).open(july)
    assert french.holiday(date(2026, 7, 14))
    assert not french.holiday(date(2026, 7, 15))


def test_a6_new_year_is_free_by_the_clock_there_and_stretches_go_over_it() -> None:
    always = tuple((day, 0, DAY_MINUTES) for day in range(7))
    auckland = calendar(WorkingHours(country="NZ"), zone="Pacific/Auckland", spans=always, place=("NZ", None))
    assert auckland.open(utc(2026, 12, 31, 10, 59))
    assert not auckland.open(utc(2026, 12, 31, 11)), "1 January has begun there"
    nights = calendar(WorkingHours(), zone="UTC", spans=always)
    assert nights.worked(utc(2025, 12, 31, 23), utc(2027, 1, 1, 1)) == 367 * 1440 - 46 * 60
    assert nights.due(utc(2025, 12, 31, 23), 120) == utc(2026, 1, 1, 1)
    assert around_the_clock().due(utc(2024, 12, 31), 3 * 366 * 1440) == utc(2024, 12, 31) + timedelta(days=3 * 366)


def test_a_calendar_without_working_time_runs_in_plain_time_and_never_opens() -> None:
    start = utc(2026, 6, 6, 8)
    for hours in (WorkingHours(days=()), WorkingHours(start=600, end=600), WorkingHours(days=(9,))):
        never = calendar_of(None, hours)
        assert never.due(start, 90) == start + timedelta(minutes=90)
        assert never.worked(start, never.due(start, 90)) == 90
        assert not never.open(start)
        assert never.opens(start) is None


def test_years_of_holidays_end_the_search_and_not_the_program() -> None:
    days = tuple((date(2026, 1, 1) + timedelta(days=n)).isoformat() for n in range(12 * 366))
    free = calendar_of(None, WorkingHours(holidays=(*days, "not a date")))
    start = utc(2026, 6, 1, 8)
    assert free.opens(start) is None
    assert free.due(start, 60) == start + timedelta(hours=1)
    assert free.worked(start, start + timedelta(days=700)) == 0


def test_the_ends_of_time_are_answered() -> None:
    office = calendar_of(rep("Pacific/Auckland"), WEEKDAYS)
    late, early = utc(9999, 12, 30, 12), utc(1, 1, 2, 12)
    assert office.worked(early, early + timedelta(days=7)) == 5 * 480
    assert office.worked(late, late - timedelta(days=1)) == 0
    opens = office.opens(late)
    assert opens is None or opens >= late


@settings(max_examples=150, deadline=None)
@given(
    at=st.datetimes(datetime(2024, 12, 1), datetime(2028, 2, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants it so
    minutes=st.floats(0.001, 20_000),
    zone=st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_a6_what_is_due_is_worked_to_the_microsecond(at: datetime, minutes: float, zone: str) -> None:
    office = calendar_of(rep(zone, country="DE"), WEEKDAYS)
    due = office.due(at, minutes)
    left = timedelta(minutes=minutes) / timedelta(minutes=1)
    assert office.worked(at, due) == pytest.approx(left, abs=1e-9)
    assert office.worked(at, due - timedelta(microseconds=1)) < office.worked(at, due)
    opens = office.opens(at)
    assert opens is not None
    assert office.open(opens)
    assert office.worked(at, opens) == 0
    middle = at + (due - at) / 2
    assert office.worked(at, middle) + office.worked(middle, due) == pytest.approx(left, abs=1e-9)


def test_equal_calendars_are_one_and_what_is_kept_is_bounded() -> None:
    assert calendar_of(rep("Asia/Tokyo"), WEEKDAYS) is calendar_of(rep("Asia/Tokyo"), WEEKDAYS)
    one = Calendar(zone="UTC", spans=((0, 540, 1020),))
    assert {one: 1}[Calendar(zone="UTC", spans=((0, 540, 1020),))] == 1
    assert one != Calendar(zone="UTC", spans=((0, 540, 1021),))
    for cached in (worktime._year, worktime._calendar, worktime._stretches, worktime._zone):
        assert cached.cache_info().maxsize is not None
