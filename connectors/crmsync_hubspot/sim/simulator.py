"""The simulated HubSpot portal as other programs use it: start, stop, and what people do in its screens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from . import actions, control, happenings, loading, seeding, users
from .api import Api
from .auth import Tokens
from .calls import CallEntry
from .clock import SimClock
from .desk import Desk
from .errors import ApiError
from .faults import Faults
from .options import Options
from .owners import Owner
from .page import Pages
from .portal import Portal, Write
from .server import Handled, Server
from .webhooks import Webhooks

_CALLS_KEPT = 500_000


class Simulator:
    """One HubSpot portal behind real HTTP on a loopback address. Every method is safe from any thread."""

    name = "hubspot"

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, clock: Callable[[], datetime] | None = None, **options: Any) -> None:
        """`clock` gives aware UTC times; `options` are those of `Options`; TypeError on an unknown one."""
        self._host, self._port = host, port
        self.clock = SimClock(clock)
        self.options = Options(**options)
        self.portal = Portal(self.clock, self.options)
        self.desk = Desk(self.portal)
        self.tokens = Tokens(self.options)
        self.api = Api(self.portal, self.tokens)
        self.faults = Faults()
        self.calls: list[CallEntry] = []
        self.webhooks = Webhooks(self.options)
        if self.webhooks.subscriptions:
            self.portal.on_event = self.webhooks.hear
        self._pages = Pages(self.portal)
        self._billed = 0
        self._server: Server | None = None

    # -- running --------------------------------------------------------------------------------------------------
    def start(self) -> Simulator:
        """Returns when connections are accepted; OSError when the port is taken."""
        if self._server is None:
            server = Server(
                host=self._host,
                port=self._port,
                respond=self._respond,
                is_api=_is_api,
                faults=self.faults,
                latency=lambda: self.options.latency,
                dropped=lambda method, path, status: self._note(method, path, status, False),
                now=self.clock.now,
            )
            server.start()
            self._server = server
            self.webhooks.start()
        return self

    def stop(self) -> None:
        """Stops serving; the state stays until the object goes."""
        if self._server is not None:
            self.webhooks.stop()
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT` while it runs; RuntimeError otherwise."""
        if self._server is None:
            raise RuntimeError("the simulator is not running")
        return f"http://{self._host}:{self._server.port}"

    def environment(self) -> dict[str, str]:
        """The settings with which a client connects, by the option `auth`: private-app token or OAuth."""
        base = {"CRMSYNC_HUBSPOT__BASE_URL": self.url, "CRMSYNC_HUBSPOT__CLIENT_SECRET": self.options.client_secret}
        if self.options.auth == "oauth":
            return base | {
                "CRMSYNC_HUBSPOT__CLIENT_ID": self.options.client_id,
                "CRMSYNC_HUBSPOT__REFRESH_TOKEN": self.options.refresh_token,
            }
        return base | {"CRMSYNC_HUBSPOT__ACCESS_TOKEN": self.options.access_token}

    # -- what people do -------------------------------------------------------------------------------------------
    def create(self, object: str, fields: Mapping[str, Any], *, user: str | None = None) -> str:
        """Creates a record (`associations={"contacts": [id]}` besides properties), returns its id; ValueError when refused."""
        with self.portal.lock:
            return actions.create(self.portal, object, fields, user)

    def create_many(self, object: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Creates many records at once; ValueError on the first refused row, nothing is created then."""
        with self.portal.lock:
            return actions.create_many(self.portal, object, rows)

    def edit(self, object: str, id: str, fields: Mapping[str, Any], *, user: str | None = None) -> None:
        """Changes a record; None or "" clears; user "system" may write read-only properties. ValueError when refused."""
        with self.portal.lock:
            actions.edit(self.portal, object, id, fields, user)

    def delete(self, object: str, id: str, *, user: str | None = None) -> None:
        """Archives a record; ValueError when there is none."""
        with self.portal.lock:
            actions.delete(self.portal, object, id, user)

    def undelete(self, object: str, id: str, *, user: str | None = None) -> None:
        """Restores an archived record; ValueError when there is none or its e-mail is taken."""
        with self.portal.lock:
            actions.undelete(self.portal, object, id, user)

    def merge(self, object: str, winner_id: str, loser_ids: Iterable[str], *, user: str | None = None) -> str:
        """Merges the losers into the winner; returns the surviving id, by option a new one."""
        with self.portal.lock:
            return actions.merge(self.portal, object, winner_id, loser_ids, user)

    def associate(self, object: str, id: str, other: str, other_id: str) -> bool:
        """Associates two records as a person would; False when they already were."""
        with self.portal.lock:
            return actions.associate(self.portal, (object, id, other, other_id), None)

    def dissociate(self, object: str, id: str, other: str, other_id: str) -> bool:
        """Removes the association of two records; False when there was none."""
        with self.portal.lock:
            return actions.associate(self.portal, (object, id, other, other_id), None, remove=True)

    def associated(self, object: str, id: str, other: str) -> list[str]:
        """Ids of the live `other` records associated with a record."""
        with self.portal.lock:
            self.portal.settle()
            own, table = actions.table_of(self.portal, object), actions.table_of(self.portal, other)
            linked = self.portal.associations.of(own.kind.plural, own.survivor(int(id)), table.kind.plural)
            return [str(i) for i in linked if table.live(i) is not None]

    # -- looking --------------------------------------------------------------------------------------------------
    def get(self, object: str, id: str) -> dict[str, Any]:
        """A record's properties with `id`, `archived` and, when merged away, `merged_into`; KeyError when it never was."""
        with self.portal.lock:
            self.portal.settle()
            table = actions.table_of(self.portal, object)
            return actions.shown(self.portal, table.kind, table.records[int(id)])

    def all(self, object: str) -> list[dict[str, Any]]:
        """Every live record, in id order, as `get` shows it."""
        with self.portal.lock:
            self.portal.settle()
            table = actions.table_of(self.portal, object)
            return [actions.shown(self.portal, table.kind, record) for record in table.all_live()]

    @property
    def writes(self) -> deque[Write]:
        """The newest writes first (bounded)."""
        return self.portal.writes

    # -- setting up -----------------------------------------------------------------------------------------------
    def seed(
        self,
        *,
        users: Iterable[Mapping[str, Any]] = (),
        people: Iterable[Mapping[str, Any]] = (),
        activities: Iterable[Mapping[str, Any]] = (),
        companies: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Adds users (as owners), companies, people (as contacts of them) and their activities from neutral rows; search sees them at once."""
        with self.portal.lock:
            seeding.seed(self.portal, users, people, activities, companies)

    def happen(self, event: Mapping[str, Any]) -> bool:
        """Lets a neutral event happen; False when HubSpot would never see it."""
        with self.portal.lock:
            return happenings.happen(self.portal, event)

    def load(self, path: Path) -> dict[str, int]:
        """Loads a contact export; counts as in `loading.load`; ValueError with file and row for what cannot be read."""
        with self.portal.lock:
            return loading.load(self.portal, Path(path))

    def load_properties(self, path: Path, object: str = "contacts") -> int:
        """Takes the definitions of a recorded properties answer as the portal's schema; returns how many."""
        with self.portal.lock:
            table = actions.table_of(self.portal, object)
            count = self.portal.schema.load(table.kind.plural, Path(path))
            for prop in self.portal.schema.of(table.kind.plural).values():
                if prop.unique:
                    table.watch_unique(prop.name)
            return count

    def set_options(self, object: str, name: str, options: Iterable[tuple[str, str]] | Mapping[str, str]) -> None:
        """Replaces an enumeration's options (value, label), as an admin would; numeric lifecycle stages included."""
        with self.portal.lock:
            self.portal.set_options(actions.table_of(self.portal, object).kind.plural, name, options)

    def add_user(self, user: Mapping[str, Any]) -> str:
        """Adds or updates an owner from a neutral row (`active` false archives it; `working_hours` as hs_working_hours holds them, whatever they
        are); returns the owner id."""
        with self.portal.lock:
            owner = self.portal.owners.add(
                email=str(user["email"]),
                first_name=str(user.get("first_name", "")),
                last_name=str(user.get("last_name", "")),
                time_zone=user.get("time_zone"),
                working_hours=user.get("working_hours"),
                active=bool(user.get("active", True)),
                at=self.portal.settle(),
            )
            return str(owner.id)

    def deactivate_user(self, email: str) -> None:
        """Deactivates a user: the owner is archived, what it owns stays its own; ValueError when there is none."""
        with self.portal.lock:
            owner = self._user(email)
            owner.archived, owner.updated = True, self.portal.settle()

    def rename_user(self, email: str, to: str) -> None:
        """Gives a user another e-mail address; ids and what it owns stay. ValueError when there is none."""
        with self.portal.lock:
            owner = self._user(email)
            owner.email, owner.updated = to.lower(), self.portal.settle()

    def join_team(self, email: str, team: str) -> str:
        """Puts a user into a team, which is made when there is none; returns its id. ValueError when there is no such user."""
        with self.portal.lock:
            return self.portal.owners.join(self._user(email), team)

    def leave_teams(self, email: str) -> None:
        """Takes a user out of all teams. ValueError when there is no such user."""
        with self.portal.lock:
            self._user(email).teams.clear()

    def add_user_property(self, name: str) -> None:
        """Adds a text property to users."""
        with self.portal.lock:
            self.portal.owners.properties.add(name)

    def set_user(self, email: str, properties: Mapping[str, str | None]) -> None:
        """Changes a user's profile as they would in their own settings. ValueError for what HubSpot would not take."""
        with self.portal.lock:
            try:
                users.change(self.portal, self._user(email), properties, self.portal.settle())
            except ApiError as error:
                raise ValueError(error.body["message"]) from error

    def _user(self, email: str) -> Owner:
        found = self.portal.owners.find(email)
        if found is None:
            raise ValueError(f"no such user: {email}")
        return found

    def forget(self, object: str, id: str, *, user: str | None = None) -> None:
        """Deletes a contact for privacy as a person would: gone from live and archived records; ValueError when there is none."""
        with self.portal.lock:
            actions.forget(self.portal, object, id, user)

    def add_list(self, name: str, *, processing: str = "MANUAL", object_type: str = "0-1") -> str:
        """Makes a list of no members; its id. processing: MANUAL, SNAPSHOT or DYNAMIC (whose members a filter decides)."""
        with self.portal.lock:
            return str(self.portal.lists.add(name, processing, object_type, self.portal.settle()).id)

    def delete_list(self, list_id: str) -> None:
        """Deletes a list; KeyError when there is none."""
        with self.portal.lock:
            del self.portal.lists.by_id[int(list_id)]

    def set_member(self, list_id: str, id: str, *, on: bool = True) -> bool:
        """A person puts a contact on a list (or takes it off); whether that changed anything. KeyError without such a list."""
        with self.portal.lock:
            members, now = self.portal.lists.by_id[int(list_id)], self.portal.settle()
            return members.join(int(id), now) if on else members.members.pop(int(id), None) is not None

    def members(self, list_id: str) -> list[str]:
        """Ids of who is on a list; KeyError without such a list."""
        with self.portal.lock:
            return [str(id) for id in sorted(self.portal.lists.by_id[int(list_id)].members)]

    # -- tokens, calls ----------------------------------------------------------------------------------------------
    def revoke_tokens(self, *, refresh: bool = False) -> None:
        """Revokes every access token, the private app's too; with `refresh` the refresh token as well."""
        with self.portal.lock:
            self.tokens.revoke(refresh=refresh)

    def restore_tokens(self) -> None:
        """Makes the configured tokens valid again."""
        with self.portal.lock:
            self.tokens.restore()

    def expire_tokens(self) -> None:
        """Lets every OAuth access token expire now."""
        with self.portal.lock:
            self.tokens.expire(self.clock.ms())

    def api_calls(self) -> int:
        """Calls that count against the daily limit since the last reset."""
        return self._billed

    def reset_calls(self) -> None:
        """Forgets the calls so far (the daily limit's own count stays)."""
        with self.portal.lock:
            self.calls.clear()
            self._billed = 0

    # -- answering ------------------------------------------------------------------------------------------------
    def _respond(self, method: str, path: str, query: str, body: bytes, headers: dict[str, str]) -> Handled:
        if path.startswith("/_sim/"):
            status, shown = control.handle(self, method, path, body)
            return status, orjson.dumps(shown, default=str), {}
        if not _is_api(path):
            with self.portal.lock:
                self.portal.settle()
                return self._pages.answer(method, path, query, body, headers)
        answer = self.api.handle(method, path, query, body, headers, self.url)
        self._note(method, path, answer.status, answer.billed)
        payload = b"" if answer.body is None else orjson.dumps(answer.body)
        return answer.status, payload, answer.headers

    def _note(self, method: str, path: str, status: int, billed: bool) -> None:
        with self.portal.lock:
            self.calls.append(CallEntry(method, path, status, self.clock.now(), billed))
            self._billed += billed
            if len(self.calls) > _CALLS_KEPT:
                del self.calls[: _CALLS_KEPT // 2]


def _is_api(path: str) -> bool:
    return path != "/" and not path.startswith(("/_sim/", "/records/", "/act/", "/favicon"))
