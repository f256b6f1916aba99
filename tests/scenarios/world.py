"""Both simulated CRMs, the real connectors, the real engine and one clock that stands still unless it is moved: what every scenario needs.

```python
def test_f00_something(both: Both) -> None:
    ann = both.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee"})
    both.settle()
    lead = both.lead("ann@example.com")
    both.mark()                                     # forget the writes and calls so far
    both.sf.edit("Lead", lead["Id"], {"Phone": "+14085550100"})
    both.settle()
    assert both.hs.get("contacts", ann)["phone"] == "+14085550100"
    assert len(both.written("hubspot")) == 1
    both.assert_settled()                           # a further settle writes nothing and costs only the polls
```
"""

from __future__ import annotations

import copy
import re
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

from crmsync.connect.discovery import connect_all
from crmsync.connect.protocol import Connector
from crmsync.engine.cycle import Report, cycle
from crmsync.engine.world import World
from crmsync.model.attention import Problem
from crmsync.model.fields import OWN_FIELDS
from crmsync.model.link import PersonState
from crmsync.model.process import ProfileRules
from crmsync.model.record import Ref
from crmsync.model.rules import Playbook
from crmsync.playbook import load, write_defaults
from crmsync.store import Store
from crmsync_hubspot.sim import Simulator as HubSpot
from crmsync_salesforce.sim import Simulator as Salesforce
from scenarios import recalled

START = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
"""A Tuesday, inside the working hours that ship."""
POLL = 15.0
"""Seconds between two polls, as shipped."""
USERS: tuple[Mapping[str, Any], ...] = (
    {"email": "rita@corp.example", "first_name": "Rita", "last_name": "Rep", "time_zone": "America/New_York"},
    {"email": "sam@corp.example", "first_name": "Sam", "last_name": "Seller", "time_zone": "America/New_York"},
)
"""In both CRMs unless told otherwise."""
T = TypeVar("T")
SIDES = ("hubspot", "salesforce")
IDLE_CALLS = 4
"""The most API calls per CRM that looking for changes may cost when nothing happened."""
SETTLES = 12
DUE = "2026-03-10T13:00:00Z"
"""When the activities of `Both.enter` took place or are due: 09:00 in New York, a week after START."""
KINDS: Mapping[str, Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "task": {
        "hubspot": ("tasks", {"hs_task_subject": "Send the plan", "hs_timestamp": DUE}),
        "salesforce": ("Task", {"Subject": "Send the plan", "ActivityDate": "2026-03-10", "Status": "Not Started", "Priority": "Normal"}),
    },
    "call": {
        "hubspot": ("calls", {"hs_call_title": "First call", "hs_call_status": "COMPLETED", "hs_timestamp": DUE}),
        "salesforce": ("Task", {"Subject": "First call", "TaskSubtype": "Call", "Status": "Completed", "ActivityDate": "2026-03-10"}),
    },
    "email": {
        "hubspot": ("emails", {"hs_email_subject": "Our offer", "hs_email_direction": "EMAIL", "hs_timestamp": DUE}),
        "salesforce": ("Task", {"Subject": "Our offer", "TaskSubtype": "Email", "Status": "Completed", "ActivityDate": "2026-03-10"}),
    },
    "meeting": {
        "hubspot": (
            "meetings",
            {
                "hs_meeting_title": "Kick-off",
                "hs_timestamp": DUE,
                "hs_meeting_start_time": DUE,
                "hs_meeting_end_time": "2026-03-10T14:00:00Z",
            },
        ),
        "salesforce": ("Event", {"Subject": "Kick-off", "StartDateTime": DUE, "EndDateTime": "2026-03-10T14:00:00Z"}),
    },
    "note": {"hubspot": ("notes", {"hs_note_body": "<p>Knows us from the fair</p>", "hs_timestamp": DUE})},
}
"""Kind of activity -> side -> its native object and the least that a person enters there. A note is only entered in HubSpot."""
_POLLS = re.compile(
    r"^(POST /crm/v3/objects/\w+/search|GET /(email/public/v1/events|marketing/v3/forms)|GET /services/data/v[\d.]+/queryAll/)$"
)
_SWEEPS = re.compile(r"^GET (/crm/v3/objects/\w+|/services/data/v[\d.]+/sobjects/\w+/deleted/)$")
PACING = {"CRMSYNC_HUBSPOT__SEARCH_PER_SECOND": "0"}
"""The connector's own pacing follows real time; it has its own tests. Here it would only move the clock unpredictably."""
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
CLOSERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="scenario-stop")
"""A server needs a tenth of a second to end; nobody waits for that."""

Edits = Mapping[str, Mapping[str, str]]
"""File name as in CRMSYNC_HOME -> {text in the shipped file: what stands there instead}."""


ACTIVITIES = ("task", "call", "email", "meeting", "note")
KIND_OBJECTS: Mapping[str, Mapping[str, str]] = {
    **{kind: {side: object for side, (object, _) in sides.items()} for kind, sides in KINDS.items()},
    "note": {"hubspot": "notes", "salesforce": "Task"},
}
"""Kind of activity -> side -> native object."""
OWN_KEY = {"hubspot": "crmsync_key", "salesforce": "crmsync_key__c"}


def only(*kinds: str) -> pytest.MarkDecorator:
    """The test's `both` has these kinds on and no others."""
    return pytest.mark.parametrize("both", [kinds], indirect=True, ids=["+".join(kinds)])


def other_side(side: str) -> str:
    return "salesforce" if side == "hubspot" else "hubspot"


class Time:
    """The clock of everybody: the simulators, the connectors and the cycle. Aware UTC; sleeping moves it."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        with self._lock:
            return self._now

    def advance(self, seconds: float = 0.0, **more: float) -> datetime:
        """Moves on by seconds and by what timedelta takes (minutes=, hours=, days=); returns the new now."""
        with self._lock:
            self._now += timedelta(seconds=seconds, **more)
            return self._now

    def sleep(self, seconds: float) -> None:
        """What the connectors sleep with: no real time passes."""
        self.advance(seconds)


@cache
def shipped_playbook(edits: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()) -> Playbook:
    """The shipped playbook read by the real loader, with texts in its files replaced. Fails when a text is not in the file."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        home = Path(folder)
        write_defaults(home)
        for name, replacements in edits:
            text = (home / name).read_text("utf-8")
            for old, new in replacements:
                assert old in text, f"{name} no longer says {old!r}"
                text = text.replace(old, new, 1)
            (home / name).write_text(text, "utf-8")
        return load(home)


@cache
def _empty_database() -> bytes:
    """A migrated SQLite file: migrating is most of the time of opening a new one."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "state.db"
        Store.open(f"sqlite:///{path}").close()
        return path.read_bytes()


MADE = ("CustomField", "FieldPermissions", "PermissionSet", "PermissionSetAssignment")
"""Tables of an org in which `provision` makes rows."""


@cache
def _provisioned() -> dict[str, Any]:
    """The parts of a simulated org that `provision` changes, after the real connector provisioned one through its API."""
    time = Time()
    with Salesforce(clock=time) as salesforce:
        (connector,) = connect_all(salesforce.environment(), sleep=time.sleep, clock=time).values()
        findings = connector.provision(OWN_FIELDS, dry_run=False)
        connector.close()
        assert {finding.level for finding in findings} <= {"done", "info"}, findings
        org = salesforce.org
        return {
            "objects": org.objects,
            "tables": {name: org.tables[name] for name in MADE},
            "_numbers": {name: number for name, number in org._numbers.items() if name in MADE},
        }


def provision_quickly(salesforce: Salesforce) -> None:
    """Gives a new simulated org the fields that another one got from `provision`: fifty calls, made once per test process."""
    kept = _provisioned()
    org = salesforce.org
    with org.lock:
        for name, kind in kept["objects"].items():
            mine = copy.copy(kind)
            mine.fields, mine.parents = dict(kind.fields), dict(kind.parents)
            org.objects[name] = mine
        org.tables.update(copy.deepcopy(kept["tables"]))
        org._numbers.update(kept["_numbers"])
        org.touch_access()


@cache
def _provisioned_portal() -> dict[str, tuple[dict[str, Any], dict[str, str]]]:
    """Object -> (its custom properties, its groups of properties), after the real connector provisioned a portal through its API."""
    time = Time()
    with HubSpot(clock=time) as hubspot:
        (connector,) = connect_all(hubspot.environment(), sleep=time.sleep, clock=time).values()
        findings = connector.provision(OWN_FIELDS, dry_run=False)
        connector.close()
        assert {finding.level for finding in findings} <= {"done", "info"}, findings
        schema = hubspot.portal.schema
        own = {object: {n: p for n, p in found.items() if not p.hubspot_defined} for object, found in schema.properties.items()}
        assert "crmsync_key" in own["contacts"]
        return {object: (found, schema.groups[object]) for object, found in own.items()}


def provision_portal_quickly(hubspot: HubSpot) -> None:
    """Gives a new simulated portal the properties that another one got from `provision`."""
    with hubspot.portal.lock:
        for object, (properties, groups) in _provisioned_portal().items():
            hubspot.portal.schema.properties[object].update(properties)
            for name in (name for name, found in properties.items() if found.unique):
                hubspot.portal.tables[object].watch_unique(name)
            hubspot.portal.schema.groups[object].update(groups)


class Both:
    """One scenario's world. Close it (or use it as a context manager).

    database: an address; None: a new SQLite file. edits: changes of the shipped YAML. salesforce / hubspot: options of the simulators
    (`search_lag` of HubSpot is 0 unless given). users / people: neutral rows as in `Simulator.seed`, seeded into both. kinds: which of
    activities, companies, deals and campaign members are on beside persons (each object that is looked at is a call per cycle); None: all. With none
    of them HubSpot's lists of events are left alone, too. questions: whether the shipped next questions are asked (P1); each answer changes them.
    """

    recalls = False
    """Whether a world may take what the first look of an equal one told (recalled.py)."""
    believes = False
    """Whether it may take for fresh what its own last look told, while nothing of that was changed."""

    def __init__(
        self,
        *,
        database: str | None = None,
        edits: Edits | None = None,
        users: Iterable[Mapping[str, Any]] = USERS,
        people: Iterable[Mapping[str, Any]] = (),
        salesforce: Mapping[str, Any] | None = None,
        hubspot: Mapping[str, Any] | None = None,
        kinds: Collection[str] | None = None,
        questions: bool = False,
    ) -> None:
        self.time = Time()
        self.sf = Salesforce(clock=self.time, **(salesforce or {})).start()
        self.hs = HubSpot(clock=self.time, **{"search_lag": 0.0, **(hubspot or {})}).start()
        self._folder: Path | None = None
        if database is None:
            self._folder = Path(tempfile.mkdtemp(dir=MEMORY))
            (self._folder / "state.db").write_bytes(_empty_database())
            database = f"sqlite:///{self._folder / 'state.db'}"
        self.database = database
        self.environ = {**self.sf.environment(), **self.hs.environment(), **PACING}
        self.playbook = shipped_playbook(tuple((name, tuple(texts.items())) for name, texts in (edits or {}).items()))
        if not questions:
            self.playbook = replace(self.playbook, profile=ProfileRules())
        if kinds is not None:
            self.playbook = replace(self.playbook, twins={kind: map for kind, map in self.playbook.twins.items() if kind in kinds})
        if kinds is not None and not kinds:
            self.playbook = replace(self.playbook, signals=tuple(replace(m, events="") for m in self.playbook.signals))
        provision_quickly(self.sf)
        provision_portal_quickly(self.hs)
        everybody, crowd = list(users), list(people)
        self.sf.seed(users=everybody, people=crowd)
        self.hs.seed(users=everybody, people=crowd)
        self.connectors: dict[str, Connector] = {}
        self._open()
        if self.recalls:
            made = recalled.made_of(self, sorted((edits or {}).items()), everybody, None if kinds is None else sorted(kinds), questions)
            recalled.recall_first(self, made)
        self.mark()

    # --- life -----------------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self.connectors = connect_all(self.environ, sleep=self.time.sleep, clock=self.time)
        self.store = Store.open(self.database)
        self.world = World(store=self.store, connectors=self.connectors, playbook=self.playbook)
        if self.believes:
            recalled.believe_later(self)

    def _shut(self) -> None:
        self.store.close()
        for connector in self.connectors.values():
            connector.close()

    def restart(self, *, playbook: Callable[[Playbook], Playbook] | None = None) -> None:
        """A new process over the same database and CRMs; `playbook` changes the rules on the way."""
        self._shut()
        if playbook is not None:
            self.playbook = playbook(self.playbook)
        self._open()

    def close(self) -> None:
        """Ends everything; the simulators' state stays readable."""
        self._shut()
        CLOSERS.submit(self.sf.stop)
        CLOSERS.submit(self.hs.stop)
        if self._folder is not None:
            shutil.rmtree(self._folder)

    def __enter__(self) -> Both:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what we do -----------------------------------------------------------------------------------------------------------

    def cycle(self, after: float = 0.0) -> Report:
        """One cycle, `after` so many seconds."""
        self.time.advance(after)
        return cycle(self.world, self.time())

    def enter(self, kind: str, side: str, person: str, owner: str = "rita@corp.example", **fields: Any) -> str:
        """An activity of one kind as a rep enters it on one side for a contact or lead there; `fields` are native ones. Returns its id."""
        object, least = KINDS[kind][side]
        if side == "hubspot":
            given = {**least, "hubspot_owner_id": self.owner(side, owner), **fields}
            return str(self.hs.create(object, {**given, "associations": {"contacts": [person]}}))
        return str(self.sf.create(object, {**least, "OwnerId": self.owner(side, owner), "WhoId": person, **fields}))

    def edit(self, kind: str, side: str, id: str, **fields: Any) -> None:
        """Changes an activity as a person would; `fields` are native ones."""
        crm: Any = self.hs if side == "hubspot" else self.sf
        crm.edit(KIND_OBJECTS[kind][side], id, fields)

    def remove(self, kind: str, side: str, id: str) -> None:
        """Deletes an activity as a person would."""
        crm: Any = self.hs if side == "hubspot" else self.sf
        crm.delete(KIND_OBJECTS[kind][side], id)

    def settle(self, after: float = POLL, *, everything: bool = True) -> list[Report]:
        """Cycles, the first `after` so many seconds, until nothing more is to do at this moment. Fails when that never comes. everything: all
        objects are polled, as `sync` does; else as the daemon does, the rarer ones in turn."""
        self.time.advance(after)
        reports: list[Report] = []
        while not reports or reports[-1].more:
            assert len(reports) < SETTLES, f"not settled after {SETTLES} cycles: {reports[-1]}"
            only = reports[-1].touched if reports else None
            reports.append(cycle(self.world, self.time(), everything=everything, only=only))
        return reports

    # --- what is looked at ----------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """Forgets all writes and API calls so far."""
        self.sf.writes.clear()
        self.hs.writes.clear()
        self.sf.reset_calls()
        self.hs.reset_calls()

    def calls(self) -> dict[str, int]:
        """Billed API calls per side since the last mark."""
        return {"hubspot": self.hs.api_calls(), "salesforce": self.sf.api_calls()}

    def written(self, side: str, object: str | None = None) -> list[Any]:
        """What the integration wrote on one side since the last mark, oldest first: one entry (object, id, action, changes, …) per record and request."""
        made: Any = self.hs.writes if side == "hubspot" else self.sf.writes
        us = self.hs.portal.integration.name if side == "hubspot" else self.sf.integration_user
        found = [write for write in made if write.user == us]
        return [w for w in reversed(found) if object is None or w.object == object]

    def writes(self) -> dict[str, int]:
        """How many record writes the integration made per side since the last mark."""
        return {side: len(self.written(side)) for side in SIDES}

    def shown(self, kind: str, side: str, id: str) -> dict[str, Any]:
        """An activity's native fields, also when it was deleted."""
        crm: Any = self.hs if side == "hubspot" else self.sf
        return dict(crm.get(KIND_OBJECTS[kind][side], id))

    def live(self, kind: str, side: str) -> list[dict[str, Any]]:
        """Every live record of the object in which a kind of activity lives."""
        crm: Any = self.hs if side == "hubspot" else self.sf
        return list(crm.all(KIND_OBJECTS[kind][side]))

    def twin(self, kind: str, side: str, id: str) -> dict[str, Any]:
        """The one live record on the other side that has the same crmsync_key."""
        key = self.shown(kind, side, id).get(OWN_KEY[side])
        assert key, f"{side} {kind} {id} has no crmsync_key"
        other = other_side(side)
        return _only([row for row in self.live(kind, other) if row.get(OWN_KEY[other]) == key], f"{other} {kind} with the key {key}")

    def twin_id(self, kind: str, side: str, id: str) -> str:
        """Its id."""
        row = self.twin(kind, side, id)
        return str(row["id"] if side == "salesforce" else row["Id"])

    def extra_calls(self, reports: Sequence[Report]) -> list[str]:
        """API calls since the last mark beside the polls (one per object or list of events and cycle), the listings of deleted records, and the reading of users
        and schemas in these cycles: "METHOD path" each. Fails when users or schemas were read, for it cannot tell those calls apart."""
        assert all(sum(report.refresh_calls.values()) == 0 for report in reports), "refresh the world before what is counted"
        made = Counter(f"{c.method} {c.path}" for c in self.hs.calls if c.billed) + Counter(
            f"{c.method} {c.path}" for c in self.sf.calls if c.billed
        )
        objects = len(self.world.objects("salesforce")) + len(self.world.twin_objects("salesforce"))
        extra: list[str] = []
        for call, times in sorted(made.items()):
            allowed = len(reports) * (objects if call.startswith("GET /services") else 1) if _POLLS.match(call) else 0
            extra += [] if _SWEEPS.match(call) else [call] * max(0, times - allowed)
        return extra

    def contact(self, email: str) -> dict[str, Any]:
        """The one live HubSpot contact with that e-mail."""
        return _only(self.contacts(email), f"HubSpot contact {email}")

    def contacts(self, email: str) -> list[dict[str, Any]]:
        return [row for row in self.hs.all("contacts") if str(row.get("email") or "").lower() == email.lower()]

    def lead(self, email: str) -> dict[str, Any]:
        """The one live, unconverted Salesforce lead with that e-mail."""
        return _only(self.people_of("Lead", email), f"lead {email}")

    def sf_contact(self, email: str) -> dict[str, Any]:
        """The one live Salesforce contact with that e-mail."""
        return _only(self.people_of("Contact", email), f"Salesforce contact {email}")

    def people_of(self, object: str, email: str) -> list[dict[str, Any]]:
        """Live rows of Lead (converted ones left out) or Contact with that e-mail."""
        rows = [row for row in self.sf.all(object) if str(row.get("Email") or "").lower() == email.lower()]
        return [row for row in rows if not row.get("IsConverted")]

    def counts(self) -> dict[str, int]:
        """Live persons per object."""
        leads = sum(1 for row in self.sf.all("Lead") if not row.get("IsConverted"))
        return {"contacts": len(self.hs.all("contacts")), "Lead": leads, "Contact": len(self.sf.all("Contact"))}

    def owner(self, side: str, email: str) -> str:
        """The id of the user (Salesforce) or owner (HubSpot) with that e-mail."""
        return _only([u.id for u in self.store.users() if u.side == side and u.email == email], f"{side} user {email}")

    def problems(self, cause: str | None = None) -> list[Problem]:
        """What waits for a person, of one cause or of all."""
        return [row.problem for row in self.store.problems.rows(limit=10_000) if cause is None or row.problem.cause == cause]

    def person_of(self, side: str, object: str, id: str) -> str | None:
        """The person a record is linked to; None when unknown."""
        ref = Ref(side=side, object=object, id=id)
        found = self.store.snapshots([ref])
        return found[ref].person_id if ref in found else None

    def state_of(self, side: str, object: str, id: str) -> PersonState:
        """What is known of the person a record is linked to."""
        person = self.person_of(side, object, id)
        assert person is not None, f"{side} {object} {id} is linked to nobody"
        return self.store.persons([person])[person]

    # --- what must hold -------------------------------------------------------------------------------------------------------

    def assert_settled(self, after: float = POLL) -> None:
        """A further settle writes nothing, leaves nothing open, and costs no more than looking does (users and schemas, read every five minutes,
        left aside)."""
        self.world.refresh(self.time.advance(after))
        self.mark()
        self.settle(0)
        assert self.writes() == {"hubspot": 0, "salesforce": 0}, [*self.written("hubspot"), *self.written("salesforce")]
        self.world.refresh(self.time())
        self.mark()
        self.settle(0, everything=False)
        assert self.writes() == {"hubspot": 0, "salesforce": 0}, [*self.written("hubspot"), *self.written("salesforce")]
        calls = self.calls()
        made = [*((c.method, c.path) for c in self.sf.calls), *((c.method, c.path) for c in self.hs.calls)]
        assert max(calls.values()) <= IDLE_CALLS, (calls, made)
        assert self.store.journal.open_intents() == []
        assert self.store.dirty_count() == 0


def _only(found: list[T], what: str) -> T:
    assert len(found) == 1, f"{len(found)} x {what}: {found}"
    return found[0]
