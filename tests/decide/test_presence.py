"""R3: who is there. Hours, holidays and absences together, overlapping ones, nobody for two weeks; who stands in (A7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decide.owners import owners_of
from crmsync.decide.presence import cover_of, presence_of
from crmsync.decide.shift import CALENDARS, absences_from
from crmsync.model.absence import Away
from crmsync.model.record import User
from crmsync.model.routing import ASSIGN, QUEUE
from crmsync.model.rules import Shift, WorkingHours
from crmsync.model.week import Week

DAY = timedelta(days=1)
HOURS = WorkingHours(time_zone="Europe/Berlin")
OFFICE = Week(spans=tuple((day, 540, 1020) for day in range(5)))
MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)  # 10:00 in Berlin


def rep(name: str = "rita", *, hours: Week | None = None, away: tuple[Away, ...] = (), country: str | None = None, **more: bool) -> User:
    return User(side="a", id=name, email=f"{name}@x.example", name=name, hours=hours, away=away, country=country, **more)


def gone(begin: float, end: float, cover: str = "", source: str = "playbook") -> Away:
    """Away from so many to so many days after MONDAY."""
    return Away(start=MONDAY + begin * DAY, end=MONDAY + end * DAY, cover=cover, source=source)


def test_r3_hours_count_that_are_told_of_a_rep_and_nobody_else_has_any() -> None:
    told, untold = presence_of(rep(hours=OFFICE), HOURS, QUEUE), presence_of(rep(), HOURS, QUEUE)
    night, saturday = MONDAY + timedelta(hours=13), MONDAY + 5 * DAY
    assert told.here(MONDAY)
    assert not told.here(night)
    assert told.back(night) == MONDAY + DAY - timedelta(hours=1), "at nine"
    assert told.back(saturday) == MONDAY + 7 * DAY - timedelta(hours=1)
    assert untold.here(night)
    assert untold.here(saturday)
    assert untold.back(night) == night
    assert presence_of(None, HOURS, QUEUE).here(saturday)


def test_r3_holidays_count_for_everybody_by_their_own_country() -> None:
    hours = WorkingHours(time_zone="Europe/Berlin", country="DE", holidays=("2026-06-02",))
    unity = datetime(2026, 10, 3, 10, tzinfo=UTC)
    assert not presence_of(rep(), hours, QUEUE).here(unity)
    assert presence_of(rep(country="FR"), hours, QUEUE).here(unity)
    assert presence_of(rep(), hours, QUEUE).back(unity) == datetime(2026, 10, 3, 22, tzinfo=UTC), "midnight in Berlin"
    assert not presence_of(rep(country="FR"), hours, QUEUE).here(MONDAY + DAY), "the playbook's holidays are everybody's"


def test_r3_outside_of_hours_counts_nothing_where_the_playbook_assigns_then() -> None:
    hours = WorkingHours(country="DE")
    assert presence_of(rep(hours=OFFICE), hours, ASSIGN).here(datetime(2026, 12, 25, 3, tzinfo=UTC))
    assert not presence_of(rep(hours=OFFICE, away=(gone(0, 1),)), hours, ASSIGN).here(MONDAY), "absences always do"


def test_r3_overlapping_absences_are_one_and_each_has_its_cover() -> None:
    told = (gone(4, 6, "bob@x.example"), gone(0, 3), gone(2, 5, "ann@x.example", "a"), gone(6, 7), gone(9, 9), gone(12, 10))
    found = presence_of(rep(away=told), HOURS, QUEUE)
    assert found.spells == ((MONDAY, MONDAY + 7 * DAY),)
    assert found.back(MONDAY) == MONDAY + 7 * DAY
    assert found.here(MONDAY + 9 * DAY)
    first, second, both, last = (found.away(MONDAY + n * DAY) for n in (1, 3, 4.5, 6.5))
    assert first is not None
    assert (first.start, first.end, first.cover) == (MONDAY, MONDAY + 7 * DAY, "")
    assert second is not None
    assert (second.cover, second.source) == ("ann@x.example", "a")
    assert both is not None
    assert both.cover == "ann@x.example", "who was named first"
    assert found.covers(MONDAY + 4.5 * DAY) == ("ann@x.example", "bob@x.example")
    assert last is not None
    assert last.cover == ""
    assert found.away(MONDAY - DAY) is None
    assert found.away(MONDAY + 7 * DAY) is None, "the end is not included"


def test_r3_nobody_for_two_weeks_and_when_they_are_back() -> None:
    """Friday 17:00 to the Monday two weeks on, whose morning is a holiday: back on Tuesday at nine."""
    friday = datetime(2026, 6, 5, 15, tzinfo=UTC)
    away = Away(start=friday, end=friday + 15 * DAY, cover="", source="playbook")  # Saturday, 20 June
    hours = WorkingHours(time_zone="Europe/Berlin", holidays=("2026-06-22",))
    people = [presence_of(rep(name, hours=OFFICE, away=(away,)), hours, QUEUE) for name in ("rita", "ann", "bob")]
    at = friday + DAY
    assert not any(person.here(at + n * DAY) for person in people for n in range(14))
    assert {person.back(at) for person in people} == {datetime(2026, 6, 23, 7, tzinfo=UTC)}


def test_r3_who_is_away_for_ever_comes_back_never_or_late() -> None:
    never = Away(start=MONDAY, end=MONDAY + 12 * 366 * DAY)
    assert presence_of(rep(away=(never,)), HOURS, QUEUE).back(MONDAY) == never.end
    holidays = tuple((MONDAY + n * DAY).date().isoformat() for n in range(12 * 366))
    assert presence_of(rep(), WorkingHours(holidays=holidays), QUEUE).back(MONDAY) is None


@settings(max_examples=100, deadline=None)
@given(
    told=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60)), max_size=12),
    at=st.integers(0, 260),
    office=st.booleans(),
)
def test_r3_back_is_the_first_hour_at_which_somebody_is_here(told: list[tuple[int, int]], at: int, office: bool) -> None:
    hour = timedelta(hours=1)
    away = tuple(Away(start=MONDAY + begin * hour, end=MONDAY + (begin + length) * hour) for begin, length in told)
    found = presence_of(rep(hours=OFFICE if office else None, away=away), HOURS, QUEUE)
    asked = MONDAY + at * hour
    slow = next(
        n for n in range(400) if not any(a.start <= asked + n * hour < a.end for a in away) and found.calendar.open(asked + n * hour)
    )
    assert found.back(asked) == asked + slow * hour
    assert found.here(asked) == (slow == 0)


def test_a7_a_cover_stands_in_unless_away_or_gone_themselves() -> None:
    away = (gone(0, 5, "ann@x.example"), gone(1, 5, "bob@x.example"), gone(0, 5, "rita@x.example"))
    rita, ann, bob = rep(away=away), rep("ann", away=(gone(2, 3),)), rep("bob")
    users = {user.email or "": user for user in (rita, ann, bob)}
    assert cover_of("rita@x.example", users, MONDAY) == "ann@x.example"
    assert cover_of("rita@x.example", users, MONDAY + 2.5 * DAY) == "bob@x.example", "ann is away, too"
    assert cover_of("rita@x.example", users, MONDAY + 6 * DAY) is None, "rita is back"
    assert cover_of("rita@x.example", {**users, "ann@x.example": rep("ann", active=False)}, MONDAY) is None
    assert cover_of("rita@x.example", {"rita@x.example": rita}, MONDAY) is None
    assert cover_of("nobody@x.example", users, MONDAY) is None


def test_r3_absences_and_teams_of_all_sources_add_up() -> None:
    a = User(
        side="a", id="1", email="rita@x.example", name="R", away=(gone(0, 1, source="a"),), teams=("closers", "west"), country="Atlantis"
    )
    b = User(
        side="b", id="2", email="Rita@x.example", name="R", away=(gone(5, 6, source="b"),), teams=("west", "q1"), country="FR", region="57"
    )
    said = WorkingHours(people={"rita@x.example": Shift(away=(gone(9, 10, "ann@x.example"),), calendar="RITA")})
    told = {CALENDARS: {"rita@x.example": [{"start": "2026-06-15T08:00:00.000Z", "end": "2026-06-16T08:00:00.000Z"}]}}
    found = owners_of([a, b], {}, said, "a", absences_from(told[CALENDARS], said)).users["rita@x.example"]
    assert [away.source for away in found.away] == ["a", "b", "playbook", "calendar"]
    assert found.teams == ("closers", "west", "q1")
    assert (found.country, found.region) == ("FR", "57"), "nobody knows the holidays of Atlantis"
    without = owners_of([a, b], {}, said, "a").users["rita@x.example"]
    assert len(without.away) == 3
    theirs = WorkingHours(people={"rita@x.example": Shift(country="DE")})
    assert (owners_of([a, b], {}, theirs, "a").users["rita@x.example"].country) == "DE"
    assert owners_of([a, b], {}, theirs, "a").users["rita@x.example"].region is None, "Metz is not in Germany"


@pytest.mark.parametrize(
    "told",
    [None, [], "x", {"rita": None}, {"rita": [None, 1, {}, {"start": "x", "end": "y"}, {"start": 1}]},
     {"rita": [{"start": "2026-06-02T00:00:00Z", "end": "2026-06-01T00:00:00Z"}]}],
)  # fmt: skip
def test_what_is_stored_oddly_is_no_absence(told: object) -> None:
    assert not any(absences_from(told, WorkingHours(people={"rita": Shift(calendar="RITA")})).values())


def test_who_has_no_calendar_any_more_has_no_absences_from_it() -> None:
    told = {"rita": [{"start": "2026-06-15T08:00:00.000Z", "end": "2026-06-16T08:00:00.000Z"}]}
    assert len(absences_from(told, WorkingHours(people={"rita": Shift(calendar="RITA")}))["rita"]) == 1
    assert absences_from(told, WorkingHours(people={"rita": Shift()})) == {}
