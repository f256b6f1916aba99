"""When a person works: the first source that tells their time zone, and the first that tells their hours (F46, process.md A6).

Of the zone: what the admin says of that person, the CRM that is asked about, any other CRM; else `working_hours` of the playbook. Of the hours:
what the admin says, the person's own hours in that CRM, in any other, the organisation's; else `working_hours`. A zone that no clock knows was
not told. Hours around the clock that count for a whole organisation are what a CRM shows before anybody set any: they were not told either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from crmsync.decide.worktime import known_zone
from crmsync.model.record import User
from crmsync.model.rules import Shift, WorkingHours
from crmsync.model.week import Week

UNSAID = Shift()


def same_person(users: Sequence[User], house: str, hours: WorkingHours, first: str | None) -> User:
    """One of the users that are one person, with zone and hours as they count. first: the CRM that is asked about; its user stands for the person
    when there is one, an active one before others."""
    ordered = in_turn(users, first)
    said = hours.people.get(house, UNSAID)
    weeks = [user.hours for user in ordered if user.hours is not None] if hours.from_crm else []
    return replace(ordered[0], time_zone=zone_among(ordered, said), hours=said.week or _told(weeks))


def zone_among(users: Sequence[User], said: Shift = UNSAID) -> str | None:
    """The first zone that a clock knows; None when nobody tells one."""
    return next((zone for zone in (said.time_zone, *(user.time_zone for user in users)) if known_zone(zone)), None)


def in_turn(users: Sequence[User], first: str | None) -> list[User]:
    """The users of one person in the order in which they are asked."""
    return sorted(users, key=lambda u: (u.side != first, not u.active, u.side, u.id))


def _told(weeks: Sequence[Week]) -> Week | None:
    own = next((week for week in weeks if not week.shared), None)
    return own or next((week for week in weeks if not week.always), None)
