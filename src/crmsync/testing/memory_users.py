"""What a CRM in memory tells of its users: teams within teams, and absences in fields of theirs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from crmsync.connect.away import AwayFields, named_covers
from crmsync.model.record import User


def told(
    users: Iterable[User],
    asked: Collection[str],
    away: Mapping[str, str],
    teams: Mapping[str, Collection[str]],
    fields: Mapping[str, Mapping[str, str]],
) -> list[User]:
    """The users as `Connector.users` tells them. teams: name -> ids of users and names of teams in it. fields: id -> native field -> value."""
    known = list(users)
    absences = AwayFields(
        native=away, moment=lambda text: datetime.fromisoformat(text).astimezone(UTC), side=known[0].side if known else ""
    )
    found = []
    for user in known:
        words = {word for word in asked for name in teams if name.casefold() == word.casefold() and user.id in _everybody(name, teams)}
        out = {*user.away, *absences.of(fields.get(user.id, {}), user.time_zone)}
        found.append(replace(user, teams=tuple(sorted({*user.teams, *words})), away=tuple(sorted(out))))
    return named_covers(found, {user.id.lower(): user.email for user in known if user.email})


def _everybody(team: str, teams: Mapping[str, Collection[str]]) -> set[str]:
    """Ids of who is in a team or in one within it."""
    found: set[str] = set()
    ahead, seen = [team], {team}
    while ahead:
        for member in teams.get(ahead.pop(), ()):
            found.add(member)
            if member in teams and member not in seen:
                seen.add(member)
                ahead.append(member)
    return found
