"""The part of the connector contract about teams and absences of users. Skipped where a rig cannot do "teams"."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol, cast

from crmsync.model.absence import Away
from crmsync.model.record import User
from crmsync.testing.rig import Rig, needs

__all__ = ["TeamRig", "TeamsContract"]


class TeamRig(Rig, Protocol):
    """A rig whose connector tells of teams. away: what `Connector.users` is to be asked for absences. nests: whether a team can be in another."""

    away: dict[str, str]
    nests: bool

    def join_team(self, team: str, user_id: str) -> str:
        """Puts a user into the group, queue or team of that name, which is made when there is none; its id."""
        ...

    def nest_team(self, team: str, inner: str) -> None:
        """Puts the team `inner` into `team`."""
        ...

    def go_away(self, user_id: str, start: str, until: str, cover: str) -> None:
        """A user enters an absence in the fields of `away`. start, until: as the CRM shows a date-time ("2030-01-07T09:00:00+00:00"); cover: an
        e-mail address."""
        ...


def someone(rig: Rig) -> User:
    """A person who can own records there."""
    return next(user for user in rig.connector.users() if user.active and user.kind == "person" and user.email)


def of(users: list[User], id: str) -> User:
    """The user of that id."""
    return next(user for user in users if user.id == id)


class TeamsContract:
    """Tests about teams and absences; part of ConnectorContract."""

    def test_teams_are_told_in_the_words_that_were_asked(self, rig: Rig) -> None:
        needs(rig, "teams")
        teams, user = cast(TeamRig, rig), someone(rig)
        id = teams.join_team("Emea Reps", user.id)
        teams.join_team("Others", user.id)
        connector = rig.connector
        assert of(connector.users(), user.id).teams == (), "nothing was asked"
        asked = ["emea reps", id, "Nobody's team"]
        assert set(of(connector.users(teams=asked), user.id).teams) == {"emea reps", id}, "by name and id, in any case, and no other team"
        assert {one.id for one in connector.users(teams=asked)} == {one.id for one in connector.users()}, "asking leaves nobody out"

    def test_who_is_in_a_team_within_a_team_is_in_both(self, rig: Rig) -> None:
        needs(rig, "teams")
        teams, user = cast(TeamRig, rig), someone(rig)
        if not teams.nests:
            return
        teams.join_team("Inner", user.id)
        teams.join_team("Middle", user.id)
        teams.nest_team("Outer", "Middle")
        teams.nest_team("Middle", "Inner")
        teams.nest_team("Inner", "Outer")
        assert of(rig.connector.users(teams=["Outer"]), user.id).teams == ("Outer",), "and a circle of teams ends"

    def test_absences_are_read_from_the_fields_that_were_named(self, rig: Rig) -> None:
        needs(rig, "teams")
        teams, user = cast(TeamRig, rig), someone(rig)
        assert user.email
        teams.go_away(user.id, "2030-01-07T09:00:00+00:00", "2030-01-09T17:00:00+00:00", user.email)
        (away,) = of(rig.connector.users(away=teams.away), user.id).away
        spans = datetime(2030, 1, 7, 9, tzinfo=UTC), datetime(2030, 1, 9, 17, tzinfo=UTC)
        assert away == Away(start=spans[0], end=spans[1], cover=user.email.lower(), source=rig.connector.name)
        teams.go_away(user.id, "2030-01-09T17:00:00+00:00", "2030-01-07T09:00:00+00:00", user.email)
        assert of(rig.connector.users(away=teams.away), user.id).away == (), "an end before the beginning tells nothing"
        assert of(rig.connector.users(away={"until": "no_such_field"}), user.id).away == (), "as little as a field that is not there"
