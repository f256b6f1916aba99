"""Who we are, and who may own records."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from threading import Lock
from typing import Any

import structlog

from crmsync.connect.away import AwayFields, named_covers
from crmsync.connect.protocol import NOT_TOLD, Identity
from crmsync.errors import CredentialsError
from crmsync.model.record import User
from crmsync_salesforce import soql, wire
from crmsync_salesforce.auth import SIDE
from crmsync_salesforce.client import READ, Client, LostError, RefusedError
from crmsync_salesforce.hours import business_hours
from crmsync_salesforce.teams import memberships

log = structlog.get_logger("crmsync.salesforce")

_USER_FIELDS = ("Id", "Name", "Email", "IsActive", "TimeZoneSidKey")


class People:
    """Users of one org. The identity is asked for once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = Lock()
        self._identity: Identity | None = None

    def identity(self) -> Identity:
        """The org and the integration user. Uses userinfo, which costs no API call; where the app's scopes forbid it, the login's own
        identity address and a query."""
        with self._lock:
            if self._identity is None:
                self._identity = self._userinfo() or self._from_login()
            return self._identity

    def me(self) -> str:
        """The integration user's id. Raises: CredentialsError when Salesforce does not tell it."""
        found = self.identity().user_id
        if found is None:
            raise CredentialsError("Salesforce does not tell whose login this is; grant the connected app the scope openid", side=SIDE)
        return found

    def _userinfo(self) -> Identity | None:
        try:
            native = self._client.parsed(lambda: self._client.request("GET", "/services/oauth2/userinfo", safety=READ))
        except (RefusedError, LostError, CredentialsError):
            return None
        if not isinstance(native, Mapping) or not native.get("user_id"):
            return None
        # some answers lack the organisation; the login's address has it
        account = native.get("organization_id") or self._client.token().org_id or self._organization().get("Id") or ""
        label = native.get("name") or native.get("preferred_username") or ""
        return Identity(account=account, user_id=native["user_id"], time_zone=native.get("zoneinfo") or "UTC", label=label)

    def _from_login(self) -> Identity:
        token = self._client.token()
        account = token.org_id or self._organization().get("Id") or ""
        if token.user_id is None:
            return Identity(account=account)
        where = f"Id = {soql.literal(token.user_id)}"
        rows = self._client.rows(soql.path(soql.select(_USER_FIELDS, "User", where=where)))
        user = rows[0] if rows else {}
        return Identity(
            account=account,
            user_id=user.get("Id") or token.user_id,
            time_zone=user.get("TimeZoneSidKey") or "UTC",
            label=user.get("Name") or "",
        )

    def _organization(self) -> Mapping[str, Any]:
        rows = self._client.rows(soql.path(soql.select(("Id",), "Organization", limit=1)))
        return rows[0] if rows else {}

    def users(self, teams: Collection[str] = (), away: Mapping[str, str] = NOT_TOLD) -> list[User]:
        """Standard users, active and inactive, and queues; the integration user whatever its type. All share the organisation's business hours.
        teams, away: see Connector.users; teams cost a call or more, absences none."""
        me, hours = self.identity().user_id, business_hours(self._client)
        absences = AwayFields(native=away, moment=wire.moment, side=SIDE)
        rows = self._rows(me, tuple(name for name in away.values() if soql.is_field_name(name)))
        people = [
            User(
                side=SIDE,
                id=row["Id"],
                email=(row.get("Email") or "").strip().lower() or None,
                name=row.get("Name") or "",
                active=bool(row.get("IsActive")),
                kind="integration" if me and row["Id"][:15] == me[:15] else "person",
                time_zone=row.get("TimeZoneSidKey"),
                hours=hours,
                away=absences.of(row, row.get("TimeZoneSidKey")),
            )
            for row in rows
        ]
        people = named_covers(people, {id.lower(): user.email for user in people if user.email for id in (user.id, user.id[:15])})
        if teams:
            found = memberships(self._client, teams)
            people = [replace(user, teams=tuple(sorted(found.get(user.id[:15], ())))) for user in people]
        return people + self._queues()

    def _rows(self, me: str | None, more: tuple[str, ...]) -> list[dict[str, Any]]:
        """Rows of users; without the further fields, with a warning, where Salesforce does not know or show one of them: people stay routable."""
        where = "UserType = 'Standard'" + (f" OR Id = {soql.literal(me)}" if me else "")
        try:
            return self._client.rows(soql.path(soql.select((*_USER_FIELDS, *more), "User", where=where, order="Id")))
        except (RefusedError, CredentialsError) as error:
            if not more:
                raise
            log.warning("salesforce.away_fields", problem=str(error))
            return self._rows(me, ())

    def _queues(self) -> list[User]:
        """Queues; none, with a warning, where Salesforce does not let us list them: people stay routable."""
        try:
            queues = self._client.rows(soql.path(soql.select(("Id", "Name"), "Group", where="Type = 'Queue'", order="Id")))
        except (RefusedError, CredentialsError) as error:
            log.warning("salesforce.queues", problem=str(error))
            return []
        return [User(side=SIDE, id=row["Id"], email=None, name=row.get("Name") or "", kind="queue") for row in queues]
