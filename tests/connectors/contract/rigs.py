"""Rigs for the connector contract: the memory CRM, its hostile form, and both real connectors on their simulators."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, cast

from crmsync.connect.protocol import Connector
from crmsync.errors import QuotaError, UnreachableError
from crmsync.model.fields import OWN_FIELDS
from crmsync.model.record import Ref, User, Value
from crmsync.testing.hostile import hostile
from crmsync.testing.memory_lists import ListingCrm
from crmsync_hubspot import connect as connect_hubspot
from crmsync_hubspot.sim import Simulator as HubSpot
from crmsync_salesforce import connect as connect_salesforce
from crmsync_salesforce.sim import Simulator as Salesforce
from crmsync_salesforce.sim.ids import make_id

Fields = Mapping[str, Value]
START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
OWN = tuple(f.name for f in OWN_FIELDS if "person" in f.on)
FOREVER = 1_000_000


class Time:
    """One clock for the CRM and its connector; sleeping moves it."""

    def __init__(self) -> None:
        self._now = START
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += timedelta(seconds=seconds)


class MemoryRig:
    """The memory CRM, plain or hostile. Pages of two, so that a handful of records makes several."""

    object, email, text = "person", "email", "text"
    needs: ClassVar[Fields] = {}
    bad: ClassVar[Fields] = {"text": "refuse me"}
    can: frozenset[str] = frozenset({"merge", "unique_email", "tasks", "refuse", "break", "teams"})
    away: ClassVar[dict[str, str]] = {"from": "out_from", "until": "out_until", "cover": "out_cover"}
    nests = True
    idle_calls, seen_after, gone_after, unknown_id, unknown_list = 1, 0.0, 0.0, "m9999", "no such list"

    def __init__(self, *, rude: bool = False) -> None:
        users = [User(side="m", id="u1", email="rep@corp.example", name="Rep")]
        make = hostile if rude else partial(ListingCrm, clock=self.now)
        self.can = self.can if rude else self.can | {"lists"}
        self._seconds = 0.0
        self.crm = make(
            name="m", names=("email", "text", *OWN), users_list=users, unique_email="email", reads_back=True, page=2, refuses=refuses
        )
        self.connector = cast(Connector, self.crm)

    def now(self) -> datetime:
        return START + timedelta(seconds=self._seconds)

    def wait(self, seconds: float) -> None:
        self._seconds += seconds

    def add(self, fields: Fields) -> str:
        return self.crm.add(**fields)

    def edit(self, id: str, fields: Fields) -> None:
        self.crm.edit(id, **fields)

    def delete(self, id: str) -> None:
        self.crm.delete(id)

    def merge(self, winner: str, loser: str) -> str:
        self.crm.merge(winner, loser)
        return winner

    def convert(self, id: str) -> Ref:
        raise NotImplementedError(id)

    def shown(self, id: str) -> Fields:
        return self.crm.rows[id].fields

    def tasks(self) -> int:
        return len(self.crm.tasks)

    @property
    def _listing(self) -> ListingCrm:
        return cast(ListingCrm, self.crm)

    def new_list(self) -> str:
        self._listing.lists[made := f"list {len(self._listing.lists)}"] = {}
        return made

    def closed_list(self) -> str:
        self._listing.closed.add(made := self.new_list())
        return made

    def enlist(self, list_id: str, id: str) -> None:
        self._listing.set_member(list_id, id)

    def listed(self, list_id: str) -> set[str]:
        return set(self._listing.lists[list_id])

    def join_team(self, team: str, user_id: str) -> str:
        self.crm.teams.setdefault(team, set()).add(user_id)
        return team

    def nest_team(self, team: str, inner: str) -> None:
        self.crm.teams.setdefault(team, set()).add(inner)

    def go_away(self, user_id: str, start: str, until: str, cover: str) -> None:
        self.crm.user_fields[user_id] = {"out_from": start, "out_until": until, "out_cover": cover}

    def calls(self) -> int | None:
        return None

    def bare(self) -> Connector:
        raise NotImplementedError

    def trouble(self, what: str) -> None:
        def strike(call: str, phase: str) -> None:
            if (what, call, phase) in (("lost", "write", "after"), ("lost members", "members", "after")):
                raise ConnectionError
            if phase == "before" and what == "down":
                raise UnreachableError("m did not answer", side="m")
            if phase == "before" and what == "quota":
                raise QuotaError("m has no calls left", side="m")

        self.crm.fault = strike

    def close(self) -> None:
        return None


def refuses(fields: Fields) -> str | None:
    """The field that this CRM's validation complains of."""
    return "text" if fields.get("text") == "refuse me" else None


class SalesforceRig:
    email = "Email"
    can = frozenset({"merge", "tasks", "refuse", "break", "bare", "activities", "lists", "teams"})
    away: ClassVar[dict[str, str]] = {"from": "Out_From__c", "until": "Out_Until__c", "cover": "Out_Cover__c"}
    nests = True
    unknown_list = make_id("701", 999_999)
    activity, activity_text = "Task", "Subject"
    activity_needs: ClassVar[Fields] = {}
    idle_calls, seen_after, gone_after = 1, 1.0, 1.0

    def __init__(self, object: str) -> None:
        self.object = object
        self.text = "Title"
        self.needs: Fields = {"LastName": "Known"} if object == "Contact" else {"LastName": "Known", "Company": "Acme"}
        self.bad: Fields = {"LastName": None}
        self.unknown_id = {"Contact": "003ak00000000zzAAA", "Lead": "00Qak00000000zzAAA"}[object]
        if object == "Lead":
            self.can = self.can | {"convert"}
        self.time = Time()
        self.sim = Salesforce(clock=self.time).start()
        self.connector = self._connect()
        self._made = [self.connector]

    def _connect(self) -> Connector:
        prefix = "CRMSYNC_SALESFORCE__"
        options = {name.removeprefix(prefix).lower(): value for name, value in self.sim.environment().items()}
        return connect_salesforce(options, sleep=self.time.sleep, clock=self.time)

    def provisioned(self) -> SalesforceRig:
        self.connector.provision([f for f in OWN_FIELDS if f.name == "crmsync_key"], dry_run=False)
        self.sim.reset_calls()
        return self

    def now(self) -> datetime:
        return self.time()

    def wait(self, seconds: float) -> None:
        self.time.sleep(seconds)

    def add(self, fields: Fields) -> str:
        return self.sim.create(self.object, fields)

    def edit(self, id: str, fields: Fields) -> None:
        self.sim.edit(self.object, id, fields)

    def delete(self, id: str) -> None:
        self.sim.delete(self.object, id)

    def merge(self, winner: str, loser: str) -> str:
        return self.sim.merge(self.object, winner, [loser])

    def convert(self, id: str) -> Ref:
        return Ref(side="salesforce", object="Contact", id=self.sim.convert(id))

    def shown(self, id: str) -> Fields:
        return self.sim.get(self.object, id)

    def tasks(self) -> int:
        return len(self.sim.all("Task"))

    def calls(self) -> int | None:
        return self.sim.api_calls()

    def bare(self) -> Connector:
        return self.connector

    def trouble(self, what: str) -> None:
        self.sim.faults.clear()
        quota = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
        if what == "down":
            self.sim.faults.add({"do": "status", "status": 503, "body": "Service Unavailable", "times": FOREVER})
        elif what == "quota":
            self.sim.faults.add({"do": "status", "status": 403, "body": quota, "times": FOREVER})
        elif what == "lost":
            self.sim.faults.add({"do": "drop_after", "times": 1, "method": "PATCH"})
        elif what == "lost members":
            self.sim.faults.add({"do": "drop_after", "times": 1, "method": "POST", "path": "composite/sobjects"})

    def new_list(self) -> str:
        return self.sim.create("Campaign", {"Name": "Nurture"})

    def closed_list(self) -> str:
        return ""

    def enlist(self, list_id: str, id: str) -> None:
        self.sim.create("CampaignMember", {"CampaignId": list_id, f"{self.object}Id": id})

    def listed(self, list_id: str) -> set[str]:
        return {row[f"{self.object}Id"] for row in self.sim.all("CampaignMember") if row["CampaignId"] == list_id}

    def _team(self, name: str) -> str:
        found = [row["Id"] for row in self.sim.all("Group") if row["Name"] == name]
        return found[0] if found else self.sim.add_group(name)

    def join_team(self, team: str, user_id: str) -> str:
        self.sim.join_group(made := self._team(team), user_id)
        return made

    def nest_team(self, team: str, inner: str) -> None:
        self.sim.join_group(self._team(team), self._team(inner))

    def go_away(self, user_id: str, start: str, until: str, cover: str) -> None:
        if not self.sim.org.kind("User").has("Out_From__c"):
            for name, kind in zip(self.away.values(), ("DateTime", "DateTime", "Email"), strict=True):
                self.sim.add_field("User", name, type=kind)
        self.sim.edit("User", user_id, dict(zip(self.away.values(), (start, until, cover), strict=True)))

    def close(self) -> None:
        self.connector.close()
        self.sim.stop()


class HubSpotRig:
    object, email, text = "contacts", "email", "jobtitle"
    needs: ClassVar[Fields] = {}
    bad: ClassVar[Fields] = {"email": "not an address"}
    can = frozenset({"merge", "unique_email", "tasks", "refuse", "break", "bare", "activities", "lists", "teams"})
    away: ClassVar[dict[str, str]] = {"from": "out_from", "until": "out_until", "cover": "out_cover"}
    nests = False
    unknown_list = "777"
    activity, activity_text = "tasks", "hs_task_subject"
    activity_needs: ClassVar[Fields] = {"hs_timestamp": "2030-01-07T10:00:00.000Z"}
    idle_calls, seen_after, gone_after, unknown_id = 1, 10.0, 1000.0, "99999999999"

    def __init__(self) -> None:
        self.time = Time()
        self.sim = HubSpot(clock=self.time).start()
        self.sim.add_user({"email": "rep@corp.example", "first_name": "Rita", "last_name": "Rep"})
        prefix = "CRMSYNC_HUBSPOT__"
        options = {name.removeprefix(prefix).lower(): value for name, value in self.sim.environment().items()}
        self.connector: Connector = connect_hubspot({**options, "search_per_second": "0"}, sleep=self.time.sleep, clock=self.time)

    def provisioned(self) -> HubSpotRig:
        self.connector.provision([f for f in OWN_FIELDS if f.name == "crmsync_key"], dry_run=False)
        self.sim.reset_calls()
        return self

    def now(self) -> datetime:
        return self.time()

    def wait(self, seconds: float) -> None:
        self.time.sleep(seconds)

    def add(self, fields: Fields) -> str:
        return self.sim.create("contacts", fields)

    def edit(self, id: str, fields: Fields) -> None:
        self.sim.edit("contacts", id, fields)

    def delete(self, id: str) -> None:
        self.sim.delete("contacts", id)

    def merge(self, winner: str, loser: str) -> str:
        return self.sim.merge("contacts", winner, [loser])

    def convert(self, id: str) -> Ref:
        raise NotImplementedError(id)

    def shown(self, id: str) -> Fields:
        row: dict[str, Any] = self.sim.get("contacts", id)
        return {**dict.fromkeys((self.email, self.text)), **row}

    def tasks(self) -> int:
        return len(self.sim.all("tasks"))

    def calls(self) -> int | None:
        return self.sim.api_calls()

    def bare(self) -> Connector:
        return self.connector

    def trouble(self, what: str) -> None:
        self.sim.faults.clear()
        quota = {"status": "error", "message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY"}
        if what == "down":
            self.sim.faults.add({"do": "status", "status": 503, "body": "Service Unavailable", "times": FOREVER})
        elif what == "quota":
            self.sim.faults.add({"do": "status", "status": 429, "body": quota, "times": FOREVER})
        elif what == "lost":
            self.sim.faults.add({"do": "drop_after", "times": 1, "path": "batch/create"})
        elif what == "lost members":
            self.sim.faults.add({"do": "drop_after", "times": 1, "path": "/memberships/"})

    def new_list(self) -> str:
        return self.sim.add_list("Nurture")

    def closed_list(self) -> str:
        return self.sim.add_list("Everybody", processing="DYNAMIC")

    def enlist(self, list_id: str, id: str) -> None:
        self.sim.set_member(list_id, id)

    def listed(self, list_id: str) -> set[str]:
        return set(self.sim.members(list_id))

    def _mail(self, user_id: str) -> str:
        return self.sim.portal.owners.by_id[int(user_id)].email

    def join_team(self, team: str, user_id: str) -> str:
        return self.sim.join_team(self._mail(user_id), team)

    def nest_team(self, team: str, inner: str) -> None:
        raise NotImplementedError(team, inner)

    def go_away(self, user_id: str, start: str, until: str, cover: str) -> None:
        for name in self.away.values():
            self.sim.add_user_property(name)
        self.sim.set_user(self._mail(user_id), dict(zip(self.away.values(), (start, until, cover), strict=True)))

    def close(self) -> None:
        self.connector.close()
        self.sim.stop()
