"""Who works when: weeks as CRMs tell them, the chain of sources, and deadlines counted by them on odd days and in far zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decide.shift import same_person
from crmsync.decide.worktime import due_at
from crmsync.model.record import User
from crmsync.model.rules import Shift, WorkingHours
from crmsync.model.week import Span, Week, week_of
from decide.test_worktime import MINUTE, ZONES

WEEKDAYS = WorkingHours()
MORNINGS = Week(spans=tuple((day, 480, 720) for day in range(5)))
OFFICE = Week(spans=tuple((day, 540, 1080) for day in range(5)), shared=True)
AROUND_THE_CLOCK = Week(spans=tuple((day, 0, 1440) for day in range(7)), shared=True)


@pytest.mark.parametrize(
    ("told", "spans"),
    [
        ([(0, 540, 1020)], ((0, 540, 1020),)),
        ([(1, 780, 1020), (0, 540, 720), (1, 540, 720)], ((0, 540, 720), (1, 540, 720), (1, 780, 1020))),  # a lunch break, in order
        ([(0, 540, 800), (0, 700, 1020), (0, 600, 650)], ((0, 540, 1020),)),  # overlapping
        ([(0, 0, 720), (0, 720, 1440)], ((0, 0, 1440),)),  # touching
        ([(0, 1020, 540), (0, 540, 540), (0, -5, 60), (0, 600, 1441), (7, 1, 2), (-1, 1, 2), (2, 60, 120)], ((2, 60, 120),)),
        ([(0, "540", 1020), (0, 540.0, 1020), (0, True, 1020), (None, 1, 2), (0, None, [])], None),  # nothing that is a minute
        ([], None),
    ],
)  # fmt: skip
def test_a_week_is_what_is_sound_of_what_was_told(told: list[tuple[object, object, object]], spans: tuple[Span, ...] | None) -> None:
    found = week_of(told)
    assert (found.spans if found is not None else None) == spans


def user(side: str, zone: str | None = None, hours: Week | None = None, **more: bool) -> User:
    return User(side=side, id=f"{side}1", email="rita@x.example", name="Rita", time_zone=zone, hours=hours, **more)


@pytest.mark.parametrize(
    ("users", "hours", "zone", "week"),
    [
        # the CRM that is asked about, then the other one; a zone that no clock knows was not told
        ([user("a", "Europe/Berlin"), user("b", "Asia/Tokyo")], WEEKDAYS, "Asia/Tokyo", None),
        ([user("a", "Europe/Berlin"), user("b", "Mars/Base")], WEEKDAYS, "Europe/Berlin", None),
        ([user("a", "../etc/passwd"), user("b", "")], WEEKDAYS, None, None),
        # a person's own hours in either CRM before those of the whole organisation; around the clock for all means that nobody set any
        ([user("a", hours=MORNINGS), user("b", hours=OFFICE)], WEEKDAYS, None, MORNINGS),
        ([user("a"), user("b", hours=OFFICE)], WEEKDAYS, None, OFFICE),
        ([user("a"), user("b", hours=AROUND_THE_CLOCK)], WEEKDAYS, None, None),
        ([user("b", hours=Week(spans=AROUND_THE_CLOCK.spans))], WEEKDAYS, None, Week(spans=AROUND_THE_CLOCK.spans)),
        # what the admin says of a person, in whole or in part; and not to ask the CRMs
        ([user("b", "Asia/Tokyo", OFFICE)], WorkingHours(people={"rita": Shift(week=MORNINGS)}), "Asia/Tokyo", MORNINGS),
        ([user("b", "Asia/Tokyo", OFFICE)], WorkingHours(people={"rita": Shift(time_zone="Europe/Rome")}), "Europe/Rome", OFFICE),
        ([user("b", "Asia/Tokyo", MORNINGS)], WorkingHours(from_crm=False), "Asia/Tokyo", None),
        ([user("b", None, OFFICE)], WorkingHours(from_crm=False, people={"rita": Shift(week=MORNINGS)}), None, MORNINGS),
    ],
)  # fmt: skip
def test_the_first_source_that_tells_counts(users: list[User], hours: WorkingHours, zone: str | None, week: Week | None) -> None:
    found = same_person(users, "rita", hours, "b")
    assert (found.time_zone, found.hours) == (zone, week)


def test_the_user_of_the_crm_that_is_asked_stands_for_the_person() -> None:
    assert not same_person([user("a"), user("b", active=False)], "rita", WEEKDAYS, "b").active
    assert same_person([user("a", active=False), user("b")], "rita", WEEKDAYS, "b").active
    assert same_person([user("b", active=False), user("b")], "rita", WEEKDAYS, "b").active, "the active one of two with one address"


def counted(start: datetime, minutes: int, week: Week, zone: str) -> datetime:
    """The slow way: look at the wall clock every minute."""
    local, t, left = ZoneInfo(zone), start, minutes
    while left:
        wall = t.astimezone(local)
        at = wall.hour * 60 + wall.minute
        left -= any(day == wall.weekday() and opens <= at < closes for day, opens, closes in week.spans)
        t += MINUTE
    return t


@st.composite
def weeks(draw: st.DrawFn) -> Week:
    """Every day up to three stretches, also in the small hours in which clocks change."""
    spans = [(day, draw(st.integers(0, 1380)), draw(st.integers(0, 300))) for day in range(7) for _ in range(draw(st.integers(1, 3)))]
    made = week_of((day, start, min(1440, start + 30 + length)) for day, start, length in spans)
    assert made is not None
    return made


@settings(max_examples=40, deadline=None)
@given(data=st.data(), zone=st.sampled_from(sorted(ZONES)), week=weeks())
def test_a_week_of_stretches_agrees_with_counting_minutes(data: st.DataObject, zone: str, week: Week) -> None:
    start = data.draw(st.sampled_from(ZONES[zone])) + data.draw(st.integers(-2 * 1440, 1440)) * MINUTE
    minutes = data.draw(st.integers(1, 400))
    assert due_at(start=start, minutes=minutes, hours=WEEKDAYS, zone=zone, week=week) == counted(start, minutes, week, zone)


@pytest.mark.parametrize(
    ("zone", "start", "minutes", "due"),
    [
        # Monday 2026-03-02: 08:00-12:00 in Los Angeles (UTC-8) and in Auckland (UTC+13)
        ("America/Los_Angeles", datetime(2026, 3, 2, 19, 0, tzinfo=UTC), 120, datetime(2026, 3, 3, 17, 0, tzinfo=UTC)),
        ("Pacific/Auckland", datetime(2026, 3, 1, 18, 0, tzinfo=UTC), 300, datetime(2026, 3, 2, 20, 0, tzinfo=UTC)),
        # over the weekend of the change: Friday 11:00 PST + 2 h is Monday 09:00 PDT; Friday 11:00 NZDT + 2 h is Monday 09:00 NZST
        ("America/Los_Angeles", datetime(2026, 3, 6, 19, 0, tzinfo=UTC), 120, datetime(2026, 3, 9, 16, 0, tzinfo=UTC)),
        ("Pacific/Auckland", datetime(2026, 4, 2, 22, 0, tzinfo=UTC), 120, datetime(2026, 4, 5, 21, 0, tzinfo=UTC)),
    ],
)
def test_known_deadlines_far_from_greenwich(zone: str, start: datetime, minutes: int, due: datetime) -> None:
    assert due_at(start=start, minutes=minutes, hours=WEEKDAYS, zone=zone, week=MORNINGS) == due


def test_a_night_shift_works_the_hour_that_comes_twice_and_not_the_one_that_is_skipped() -> None:
    nights = Week(spans=tuple((day, 0, 240) for day in range(7)))
    berlin = "Europe/Berlin"
    spring, autumn = datetime(2026, 3, 28, 23, 0, tzinfo=UTC), datetime(2026, 10, 24, 22, 0, tzinfo=UTC)  # local midnight
    assert due_at(start=spring, minutes=180, hours=WEEKDAYS, zone=berlin, week=nights) == spring + timedelta(hours=3)
    assert due_at(start=spring, minutes=181, hours=WEEKDAYS, zone=berlin, week=nights) == datetime(2026, 3, 29, 22, 1, tzinfo=UTC)
    assert due_at(start=autumn, minutes=300, hours=WEEKDAYS, zone=berlin, week=nights) == autumn + timedelta(hours=5)
    assert due_at(start=autumn, minutes=301, hours=WEEKDAYS, zone=berlin, week=nights) == datetime(2026, 10, 25, 23, 1, tzinfo=UTC)


def test_holidays_are_free_whatever_a_crm_says() -> None:
    always = Week(spans=AROUND_THE_CLOCK.spans)
    start = datetime(2026, 12, 24, 23, 30, tzinfo=UTC)
    hours = WorkingHours(holidays=("2026-12-25",))
    assert due_at(start=start, minutes=60, hours=hours, zone="UTC", week=always) == datetime(2026, 12, 26, 0, 30, tzinfo=UTC)
