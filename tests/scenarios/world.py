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
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from crmsync.connect.discovery import connect_all
from crmsync.connect.protocol import Connector
from crmsync.engine.cycle import Report, cycle
from crmsync.engine.world import World
from crmsync.model.attention import Problem
from crmsync.model.fields import OWN_FIELDS
from crmsync.model.link import PersonState
from crmsync.model.record import Ref
from crmsync.model.rules import Playbook
from crmsync.playbook import load, write_defaults
from crmsync.store import Store
from crmsync_hubspot.sim import Simulator as HubSpot
from crmsync_salesforce.sim import Simulator as Salesforce

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
PACING = {"CRMSYNC_HUBSPOT__SEARCH_PER_SECOND": "0"}
"""The connector's own pacing follows real time; it has its own tests. Here it would only move the clock unpredictably."""
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
CLOSERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="scenario-stop")
"""A server needs a tenth of a second to end; nobody waits for that."""

Edits = Mapping[str, Mapping[str, str]]
"""File name as in CRMSYNC_HOME -> {text in the shipped file: what stands there instead}."""


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
        return {"objects": org.objects, "tables": org.tables, "_numbers": org._numbers}


def _provision_quickly(salesforce: Salesforce) -> None:
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


class Both:
    """One scenario's world. Close it (or use it as a context manager).

    database: an address; None: a new SQLite file. edits: changes of the shipped YAML. salesforce / hubspot: options of the simulators
    (`search_lag` of HubSpot is 0 unless given). users / people: neutral rows as in `Simulator.seed`, seeded into both. persons_only: no
    activities, companies and deals.
    """

    def __init__(
        self,
        *,
        database: str | None = None,
        edits: Edits | None = None,
        users: Iterable[Mapping[str, Any]] = USERS,
        people: Iterable[Mapping[str, Any]] = (),
        salesforce: Mapping[str, Any] | None = None,
        hubspot: Mapping[str, Any] | None = None,
        persons_only: bool = False,
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
        if persons_only:
            self.playbook = replace(self.playbook, twins={})
        _provision_quickly(self.sf)
        everybody, crowd = list(users), list(people)
        self.sf.seed(users=everybody, people=crowd)
        self.hs.seed(users=everybody, people=crowd)
        self.connectors: dict[str, Connector] = {}
        self._open()
        self.connectors["hubspot"].provision(OWN_FIELDS, dry_run=False)
        self.mark()

    # --- life -----------------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self.connectors = connect_all(self.environ, sleep=self.time.sleep, clock=self.time)
        self.store = Store.open(self.database)
        self.world = World(store=self.store, connectors=self.connectors, playbook=self.playbook)

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

    def settle(self, after: float = POLL, *, everything: bool = True) -> list[Report]:
        """Cycles, the first `after` so many seconds, until nothing more is to do at this moment. Fails when that never comes. everything: all
        objects are polled, as `sync` does; else as the daemon does, the rarer ones in turn."""
        self.time.advance(after)
        reports: list[Report] = []
        while not reports or reports[-1].more:
            assert len(reports) < SETTLES, f"not settled after {SETTLES} cycles: {reports[-1]}"
            reports.append(cycle(self.world, self.time(), everything=everything))
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
        return [row.problem for row in self.store.problems(limit=10_000) if cause is None or row.problem.cause == cause]

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
        self.mark()
        self.settle(0, everything=False)
        assert self.writes() == {"hubspot": 0, "salesforce": 0}, [*self.written("hubspot"), *self.written("salesforce")]
        calls = self.calls()
        made = [*((c.method, c.path) for c in self.sf.calls), *((c.method, c.path) for c in self.hs.calls)]
        assert max(calls.values()) <= IDLE_CALLS, (calls, made)
        assert self.store.open_intents() == []
        assert self.store.dirty_count() == 0


def _only(found: list[T], what: str) -> T:
    assert len(found) == 1, f"{len(found)} x {what}: {found}"
    return found[0]
