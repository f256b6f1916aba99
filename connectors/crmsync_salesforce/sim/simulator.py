"""The simulator's Python face: start it, seed it, act in it like a person, and look at what clients did."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from crmsync_salesforce.sim import conversion, removal, saving
from crmsync_salesforce.sim.api import Api, CallEntry
from crmsync_salesforce.sim.auth import Auth, Credentials
from crmsync_salesforce.sim.beginning import begin
from crmsync_salesforce.sim.clock import Clock, stamp
from crmsync_salesforce.sim.control import Control
from crmsync_salesforce.sim.desk import Desk
from crmsync_salesforce.sim.errors import not_found
from crmsync_salesforce.sim.faults import Faults
from crmsync_salesforce.sim.fields import Formula
from crmsync_salesforce.sim.guards import Assignment, Automation, DuplicateRule, Predicate, ValidationRule
from crmsync_salesforce.sim.http import Call, Reply
from crmsync_salesforce.sim.ids import normalise_id
from crmsync_salesforce.sim.load import Loader
from crmsync_salesforce.sim.options import Options
from crmsync_salesforce.sim.org import Org, Saver, Write
from crmsync_salesforce.sim.page import Page
from crmsync_salesforce.sim.people import People
from crmsync_salesforce.sim.schema import ObjectType, parse_table
from crmsync_salesforce.sim.server import Server
from crmsync_salesforce.sim.store import Row
from crmsync_salesforce.sim.tables_admin import AUDIT
from crmsync_salesforce.sim.tooling import Tooling

CUSTOM_TABLE = """
Id id di Record ID
Name string(80) ncu Name ; NAME
OwnerId reference cud Owner ID ; >User:Owner
IsDeleted boolean d Deleted
"""


class Simulator:
    """A simulated Salesforce org behind a real HTTP server on the loopback.

    `options` are switches of options.Options and members of auth.Credentials by name. Times are aware UTC.
    """

    name = "salesforce"

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, clock: Callable[[], datetime] | None = None, **options: Any) -> None:
        credential_names = {entry.name for entry in fields_of(Credentials)}
        self.credentials = Credentials(**{key: value for key, value in options.items() if key in credential_names})
        self.options = Options()
        for key, value in options.items():
            if key not in credential_names:
                self.options.change(key, value)
        self.clock = Clock(clock)
        self.org = Org(self.clock, self.options)
        residents = begin(self.org, integration_username=self.credentials.username)
        self.integration_user, self.admin_user = residents.integration_user, residents.admin_user
        self.auth = Auth(self.org, self.credentials, residents.integration_user, residents.organization)
        self._tooling = Tooling(self.org, residents.admin_user)
        self._people = People(self.org, admin=residents.admin_user, profile=residents.standard_profile)
        self.desk = Desk(self.org, self._people, admin=residents.admin_user)
        self._api = Api(self.org, self.auth, self._tooling)
        self.faults = Faults()
        self._control = Control(self)
        self._page = Page(self.org, integration_user=residents.integration_user, admin_user=residents.admin_user)
        self._host, self._port = host, port
        self.url = ""
        self._server = Server(
            api=self._api.answer,
            aside=self._aside,
            faults=self.faults,
            log=self._api.log,
            latency=lambda: self.options.latency,
            now=self.clock.now,
        )

    # ---- life -------------------------------------------------------------------------------------------------
    def start(self) -> Simulator:
        """Serve; returns when connections are accepted. Raises OSError when the port is taken."""
        port = self._server.start(self._host, self._port)
        self.url = f"http://{self._host}:{port}"
        return self

    def stop(self) -> None:
        """End the server; the state stays readable."""
        self._server.stop()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def environment(self) -> dict[str, str]:
        """The settings with which a client connects (client-credentials flow)."""
        return {
            "CRMSYNC_SALESFORCE__LOGIN_URL": self.url,
            "CRMSYNC_SALESFORCE__CLIENT_ID": self.credentials.client_id,
            "CRMSYNC_SALESFORCE__CLIENT_SECRET": self.credentials.client_secret,
            "CRMSYNC_SALESFORCE__API_VERSION": "62.0",
        }

    def _aside(self, call: Call) -> Reply:
        return self._control.answer(call) if call.path.startswith("/_sim") else self._page.answer(call)

    # ---- what a person does -----------------------------------------------------------------------------------
    def _saver(self, user: str | None) -> Saver:
        """A person's save; `user` is an id or an e-mail address, default the administrator."""
        if user is None:
            return Saver(user=self.admin_user, channel="ui")
        full = normalise_id(user) if "@" not in user else next(iter(self.org.tables["User"].find("Email", user)), None)
        if full is None or self.org.row("User", full) is None:
            raise ValueError(f"no such user: {user}")
        return Saver(user=full, channel="ui")

    def create(self, object: str, fields: Mapping[str, Any], *, user: str | None = None) -> str:
        """Create a record as a person would and return its id; the org's rules hold. Raises SalesforceError."""
        with self.org.lock:
            self.org.settle()
            return saving.create(self.org, object, fields, self._saver(user))

    def create_many(self, object: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Create many records fast, without rules and write log; returns their ids."""
        with self.org.lock:
            return self._people.create_many(object, rows)

    def edit(self, object: str, id: str, fields: Mapping[str, Any], *, user: str | None = None) -> None:
        """Change a record as a person would. Raises SalesforceError."""
        with self.org.lock:
            self.org.settle()
            saving.update(self.org, object, id, fields, self._saver(user))

    def delete(self, object: str, id: str, *, user: str | None = None) -> None:
        """Move a record to the recycle bin."""
        with self.org.lock:
            removal.delete(self.org, object, id, self._saver(user))

    def undelete(self, object: str, id: str) -> None:
        """Bring a record back from the recycle bin."""
        with self.org.lock:
            removal.undelete(self.org, object, id, self._saver(None))

    def purge(self, object: str, id: str) -> None:
        """Empty the recycle bin of a deleted record."""
        with self.org.lock:
            removal.purge(self.org, object, id)

    def merge(self, object: str, winner_id: str, loser_ids: Sequence[str]) -> str:
        """Merge records; returns the surviving id."""
        with self.org.lock:
            return removal.merge(self.org, object, winner_id, loser_ids, self._saver(None))

    def convert(
        self,
        lead_id: str,
        account_id: str | None = None,
        *,
        contact_id: str | None = None,
        opportunity: bool = False,
        user: str | None = None,
    ) -> str:
        """Convert a lead; returns the contact's id."""
        with self.org.lock:
            saver = self._saver(user)
            return conversion.convert(self.org, lead_id, saver, account_id=account_id, contact_id=contact_id, opportunity=opportunity)

    def get(self, object: str, id: str) -> dict[str, Any]:
        """All fields of a record, a deleted one too. Raises SalesforceError NOT_FOUND."""
        with self.org.lock:
            kind = self.org.kind(object)
            row = self.org.row(kind.name, normalise_id(id))
            if row is None:
                raise not_found()
            return self.org.whole(kind, row)

    def all(self, object: str) -> list[dict[str, Any]]:
        """All fields of all live records."""
        with self.org.lock:
            self.org.settle()
            kind = self.org.kind(object)
            return [self.org.whole(kind, row) for row in self.org.tables[kind.name].live()]

    def seed(
        self,
        *,
        users: Iterable[Mapping[str, Any]] = (),
        people: Iterable[Mapping[str, Any]] = (),
        activities: Iterable[Mapping[str, Any]] = (),
        companies: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Seed users, companies, persons of them and their activities in neutral keys. Raises ValueError for unknown keys."""
        with self.org.lock:
            self._people.seed_users(users)
            self._people.seed_companies(companies)
            self._people.seed_people(people)
            self._people.seed_activities(activities)

    def happen(self, event: Mapping[str, Any]) -> bool:
        """A neutral live event; False when this CRM never sees such a thing."""
        with self.org.lock:
            return self._people.happen(event)

    def load(self, path: Path) -> dict[str, int]:
        """Load an export directory; counts per object, plus `skipped`. Raises ValueError naming file and row."""
        with self.org.lock:
            return Loader(self.org, self._people, self._tooling).load(path)

    # ---- what an admin does -----------------------------------------------------------------------------------
    def add_field(self, object: str, name: str, *, granted: bool = True, formula: Formula | None = None, **metadata: Any) -> str:
        """Add a custom field, visible to the API when `granted`; metadata as the Tooling API takes it. Returns its id."""
        with self.org.lock:
            field_id = self._tooling.make(f"{object}.{name}", {"type": "Text", "length": 255, "label": name, **metadata})
            if formula is not None:
                for target in ("Task", "Event") if object == "Activity" else (object,):
                    self._set_formula(target, name, formula)
            if granted:
                self.grant_field(object, name)
            return field_id

    def _set_formula(self, object: str, name: str, formula: Formula) -> None:
        old = self.org.kind(object).fields[name.lower()]
        self.org.kind(object).add(replace(old, formula=formula, createable=False, updateable=False))
        self.org.touch_access()

    def grant_field(self, object: str, name: str, *, edit: bool = True) -> None:
        """Give the integration user's profile access to a custom field."""
        with self.org.lock:
            profile = self.org.tables["User"].rows[self.integration_user]["ProfileId"]
            owned = next(row for row in self.org.tables["PermissionSet"].live() if row.get("ProfileId") == profile)
            for target in ("Task", "Event") if object == "Activity" else (object,):
                kind = self.org.kind(target)
                editable = edit and kind.fields[name.lower()].formula is None
                fields = {
                    "ParentId": owned["Id"],
                    "SobjectType": kind.name,
                    "Field": f"{kind.name}.{name}",
                    "PermissionsRead": True,
                    "PermissionsEdit": editable,
                }
                saving.create(self.org, "FieldPermissions", fields, self._saver(None))

    def remove_field(self, object: str, name: str) -> None:
        """Delete a field of an object (or of Activity) with its values."""
        with self.org.lock:
            self._tooling.drop(object, name)

    def hide_field(self, object: str, field: str) -> None:
        """Take the API's access to a field away, standard ones too."""
        with self.org.lock:
            kind = self.org.kind(object)
            self.org.hidden.add((kind.name, kind.fields[field.lower()].name))
            self.org.touch_access()

    def show_field(self, object: str, field: str) -> None:
        """Undo hide_field."""
        with self.org.lock:
            kind = self.org.kind(object)
            self.org.hidden.discard((kind.name, kind.fields[field.lower()].name))
            self.org.touch_access()

    def add_object(self, name: str, *, label: str | None = None) -> None:
        """Add a custom object `X__c` with Name and OwnerId."""
        with self.org.lock:
            number = sum(kind.custom for kind in self.org.objects.values())
            made = ObjectType(name=name, label=label or name, plural=f"{label or name}s", prefix=f"a{number:02d}", custom=True)
            for definition in parse_table(CUSTOM_TABLE + AUDIT):
                made.add(definition)
            self.org.add_object(made)

    def duplicate_rule(self, object: str, action: str, *, field: str = "Email", against: Sequence[str] = ()) -> None:
        """Add a duplicate rule: `block` or `alert` on the same value of a field."""
        if action not in ("block", "alert"):
            raise ValueError("action must be block or alert")
        with self.org.lock:
            self.org.duplicate_rules.append(DuplicateRule(object=object, action=action, field=field, against=tuple(against)))

    def validation_rule(self, object: str, predicate: Predicate, message: str, *, field: str | None = None) -> None:
        """Refuse saves for which the predicate over the record is true."""
        with self.org.lock:
            self.org.validation_rules.append(ValidationRule(object=object, predicate=predicate, message=message, field=field))

    def automation(self, object: str, fn: Automation) -> None:
        """Run `fn` over every record about to be saved; what it returns is written into the record."""
        with self.org.lock:
            self.org.automations.setdefault(object, []).append(fn)

    def lead_assignment(self, rule: Assignment | str | None) -> None:
        """Set the lead assignment rule: an owner id, a function of the record, or None for no rule."""
        with self.org.lock:
            owner = rule
            self.org.assignment = (lambda _row: owner) if isinstance(owner, str) else owner

    def add_queue(self, name: str, *objects: str) -> str:
        """A queue (Group) for the objects; returns its id."""
        with self.org.lock:
            queue = saving.create(
                self.org, "Group", {"Name": name, "DeveloperName": name.replace(" ", "_"), "Type": "Queue"}, self._saver(None)
            )
            for target in objects or ("Lead", "Task"):
                saving.create(self.org, "QueueSobject", {"QueueId": queue, "SobjectType": target}, self._saver(None))
            return queue

    def add_group(self, name: str, *members: str) -> str:
        """A public group of these users (ids or e-mail addresses) and groups (ids); returns its id."""
        with self.org.lock:
            made = saving.create(
                self.org, "Group", {"Name": name, "DeveloperName": name.replace(" ", "_"), "Type": "Regular"}, self._saver(None)
            )
        for member in members:
            self.join_group(made, member)
        return made

    def join_group(self, group: str, member: str) -> str:
        """Puts a user (id or e-mail address) or a group (id) into a public group or a queue; returns the membership's id."""
        with self.org.lock:
            who = self._saver(member).user if "@" in member else member
            return saving.create(self.org, "GroupMember", {"GroupId": group, "UserOrGroupId": who}, self._saver(None))

    def backdate(
        self,
        object: str,
        id: str,
        *,
        last_modified: datetime | None = None,
        created: datetime | None = None,
        system: datetime | None = None,
    ) -> None:
        """Move stamps of a record without a save."""
        with self.org.lock:
            kind = self.org.kind(object)
            row: Row = dict(saving.find(self.org, kind, id))
            for name, moment in (("LastModifiedDate", last_modified), ("CreatedDate", created), ("SystemModstamp", system)):
                if moment is not None:
                    row[name] = stamp(moment)
            self.org.tables[kind.name].put(row)

    def archive_activities(self, before: date | str) -> int:
        """Archive old closed activities; returns how many."""
        with self.org.lock:
            return removal.archive_activities(self.org, before if isinstance(before, str) else before.isoformat())

    def purge_delete_log(self, keep_days: float) -> None:
        """Let the delete log reach back only so many days."""
        self.options.delete_log_days = keep_days

    def settle(self) -> None:
        """Make all late commits visible."""
        with self.org.lock:
            self.org.settle(everything=True)

    def revoke_tokens(self) -> None:
        """End all API sessions."""
        with self.org.lock:
            self.auth.revoke_all()

    def refresh_token(self) -> str:
        """A refresh token for the refresh flow."""
        return self.auth.new_refresh_token()

    # ---- what was done ----------------------------------------------------------------------------------------
    @property
    def writes(self) -> deque[Write]:
        """Changes of records, newest first."""
        return self.org.writes

    @property
    def calls(self) -> list[CallEntry]:
        """API calls in order of arrival."""
        return self._api.calls

    def api_calls(self) -> int:
        """Billed API calls since the last reset (a batch bills each subrequest)."""
        return self._api.billed_total

    def reset_calls(self) -> None:
        """Forget the call log and the counts."""
        with self.org.lock:
            self._api.reset()

    def now(self) -> datetime:
        """The simulated time."""
        return self.clock.now().astimezone(UTC)
