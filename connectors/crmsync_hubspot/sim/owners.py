"""Owners (the portal's users as assignees). An owner's id is not its user id, and neither is that of the user's record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .values import iso

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Owner:
    """One owner; archived means the user was deactivated. Times in epoch ms. record_id: of the same person in the users object. working_hours:
    the text that object holds, out_of_office likewise. teams: (id, name), the main one first. more: properties that an admin added to users."""

    id: int
    user_id: int
    record_id: int
    email: str
    first_name: str
    last_name: str
    created: int
    updated: int
    time_zone: str | None = None
    working_hours: str | None = None
    archived: bool = False
    out_of_office: str | None = None
    teams: list[tuple[int, str]] = field(default_factory=list)
    more: dict[str, str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Full name, or the e-mail address without one."""
        return f"{self.first_name} {self.last_name}".strip() or self.email

    def json(self) -> Json:
        """As GET /crm/v3/owners shows it: `userId` is null once archived."""
        teams = [{"id": str(id), "name": name, "primary": place == 0} for place, (id, name) in enumerate(self.teams)]
        return {
            "id": str(self.id),
            "email": self.email,
            "type": "PERSON",
            "firstName": self.first_name,
            "lastName": self.last_name,
            "userId": None if self.archived else self.user_id,
            "userIdIncludingInactive": self.user_id,
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
            "archived": self.archived,
            **({"teams": teams} if teams else {}),
        }


class Owners:
    """Every owner by id, user id and e-mail. properties: those that an admin added to users. teams: name -> id."""

    def __init__(self) -> None:
        self.by_id: dict[int, Owner] = {}
        self.properties: set[str] = set()
        self.teams: dict[str, int] = {}
        self._next_id = 1_430_100_001
        self._next_user = 76_070_001
        self._next_record = 207_838_823_235
        self._next_team = 48_210_001

    def add(
        self,
        *,
        email: str,
        first_name: str,
        last_name: str,
        at: int,
        time_zone: str | None = None,
        working_hours: str | None = None,
        active: bool = True,
    ) -> Owner:
        """A new owner, or the existing one of that e-mail brought up to date."""
        found = self.find(email)
        if found is None:
            found = Owner(
                id=self._next_id,
                user_id=self._next_user,
                record_id=self._next_record,
                email=email.lower(),
                first_name=first_name,
                last_name=last_name,
                created=at,
                updated=at,
            )
            # steps differ so that an id can never be mistaken for a user id
            self._next_id += 7
            self._next_user += 3
            self._next_record += 11
            self.by_id[found.id] = found
        found.first_name, found.last_name, found.time_zone = first_name, last_name, time_zone
        found.working_hours = working_hours
        found.archived, found.updated = not active, at
        return found

    def find(self, email: str) -> Owner | None:
        """The owner of an e-mail address, any case."""
        wanted = email.lower()
        return next((o for o in self.by_id.values() if o.email == wanted), None)

    def join(self, owner: Owner, team: str) -> str:
        """Puts a user into the team of that name, which is made when there is none; the first one is their main team. Returns the team's id."""
        if team not in self.teams:
            self.teams[team] = self._next_team
            self._next_team += 5
        if (entry := (self.teams[team], team)) not in owner.teams:
            owner.teams.append(entry)
        return str(self.teams[team])

    def assignable(self, *, archived: bool) -> frozenset[str]:
        """Ids that records may be given to, deactivated owners' too when `archived`."""
        return frozenset(str(o.id) for o in self.by_id.values() if archived or not o.archived)

    def of_user(self, user_id: int) -> Owner | None:
        """The owner of a user id."""
        return next((o for o in self.by_id.values() if o.user_id == user_id), None)

    def listed(self, *, archived: bool, email: str | None) -> Iterable[Owner]:
        """Owners in id order, archived or not, of one e-mail when given."""
        for owner in sorted(self.by_id.values(), key=lambda o: o.id):
            if owner.archived == archived and (email is None or owner.email == email.lower()):
                yield owner
