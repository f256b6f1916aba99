"""When a person works: the first source that tells their time zone, and the first that tells their hours (F46, process.md A6).

Of the zone: what the admin says of that person, the CRM that is asked about, any other CRM; else `working_hours` of the playbook. Of the hours:
what the admin says, the person's own hours in that CRM, in any other, the organisation's; else `working_hours`. Of the country whose holidays are theirs
(R3): what the admin says, the CRM that is asked about, any other. A zone that no clock knows and a country whose holidays nobody knows were not told.
Hours around the clock that count for a whole organisation are what a CRM shows before anybody set any: they were not told either.

Absences and teams of all sources add up: who is away by one of them is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crmsync.decide.canonical import moment
from crmsync.decide.holiday import known_country
from crmsync.decide.worktime import known_zone
from crmsync.model.absence import Away
from crmsync.model.record import User
from crmsync.model.rules import Shift, WorkingHours
from crmsync.model.week import Week

UNSAID = Shift()
CALENDARS = "calendars"
"""Where the store keeps what calendars told of absences: house owner id -> [{"start": ..., "end": ...}]."""


def same_person(users: Sequence[User], house: str, hours: WorkingHours, first: str | None, told: Sequence[Away] = ()) -> User:
    """One of the users that are one person, with zone, hours, country, absences and teams as they count. first: the CRM that is asked about; its user
    stands for the person when there is one, an active one before others. told: absences from their calendar."""
    ordered = in_turn(users, first)
    said = hours.people.get(house, UNSAID)
    weeks = [user.hours for user in ordered if user.hours is not None] if hours.from_crm else []
    country, region = _place(ordered, said)
    return replace(
        ordered[0],
        time_zone=zone_among(ordered, said),
        hours=said.week or _told(weeks),
        country=country,
        region=region,
        away=tuple(sorted({*said.away, *told, *(away for user in ordered for away in user.away)})),
        teams=tuple(dict.fromkeys(team for user in ordered for team in user.teams)),
    )


def absences_from(told: Any, hours: WorkingHours) -> dict[str, tuple[Away, ...]]:
    """House owner id -> absences, from what the store has under CALENDARS: of those alone who still have a calendar. What is not as it should be is left out."""
    found: dict[str, tuple[Away, ...]] = {}
    for house, rows in told.items() if isinstance(told, Mapping) else ():
        if hours.people.get(house, UNSAID).calendar and isinstance(rows, list):
            ends = [(moment(row.get("start")), moment(row.get("end"))) for row in rows if isinstance(row, Mapping)]
            found[house] = tuple(Away(start=a, end=b, source="calendar") for a, b in ends if a is not None and b is not None and a < b)
    return found


def _place(ordered: Sequence[User], said: Shift) -> tuple[str | None, str | None]:
    """A region goes with the country of its own source; one that the admin says without a country is one of the country that others tell."""
    if said.country is not None:
        return said.country, said.region
    country, region = next(
        ((user.country, user.region) for user in ordered if user.country is not None and known_country(user.country)), (None, None)
    )
    return country, said.region or region


def zone_among(users: Sequence[User], said: Shift = UNSAID) -> str | None:
    """The first zone that a clock knows; None when nobody tells one."""
    return next((zone for zone in (said.time_zone, *(user.time_zone for user in users)) if known_zone(zone)), None)


def in_turn(users: Sequence[User], first: str | None) -> list[User]:
    """The users of one person in the order in which they are asked."""
    return sorted(users, key=lambda u: (u.side != first, not u.active, u.side, u.id))


def _told(weeks: Sequence[Week]) -> Week | None:
    own = next((week for week in weeks if not week.shared), None)
    return own or next((week for week in weeks if not week.always), None)
