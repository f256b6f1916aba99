"""Fault sweep over both simulators and real HTTP: every API call of the cycles that carry a day's worth of events fails in every way, or the process
dies there; then clean cycles must heal.

One pair of CRMs serves a whole part of the sweep (the reads or the writes of one side): every fault meets a group of persons of its own, so that what
an earlier one left behind would be seen as well. The oracle is the group that met no fault: both CRMs must look the same for every other group.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError

from crmsync.errors import CrmsyncError
from crmsync.testing.memory import Died
from crmsync_hubspot.sim.actions import table_of
from scenarios.world import Both

LONG = 1000.0
"""Seconds between two groups: longer than every overlap that is read twice, and long enough that the listing of archived records falls due, which
shows a deleted contact."""
CLOCKS = {"mappings/playbook.yaml": {"breach_within: 4 working hours": "breach_within: 400 working hours"}}
"""No response clock gets anywhere while the sweep lasts (a day of simulated time): those of groups that are done would be breached, and written, in the
midst of others, whose writes and calls are counted. Nothing is lost: each group's clock starts here, a breach is an update of the same fields by the
same calls, and a breach that falls into an outage and a restart is held by test_rules_sla (F75)."""
QUOTA: dict[str, dict[str, Any]] = {
    "salesforce": {"status": 403, "body": [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]},
    "hubspot": {
        "status": 429,
        "body": {"status": "error", "message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY"},
    },
}
LOOK_WAYS = ("outage",)
READ_WAYS = ("truncate", "503", "quota", "died_before")
WRITE_WAYS = ("drop_before", "drop_after", "truncate", "503", "503_after", "quota", "late", "outage", "died_before", "died_after")
"""A read changes nothing, so before and after are one; and what is read of schemas and users is not read again in the cycle that failed.
late: the client's patience ends, and the CRM carries the request out only after the client tried again."""
NEVER = 10_000
PARTS = {
    ("hubspot", "reads"): (12, 38),
    ("hubspot", "writes"): (2, 24),
    ("salesforce", "reads"): (11, 33),
    ("salesforce", "writes"): (4, 44),
}
"""Side and kind of call -> the fewest such calls that the day's events need (with fewer the sweep would miss something without saying so), and how many
groups of persons are there: one for each way of each call, and the one that meets no fault."""


def mail(name: str, n: int) -> str:
    """Each group works for a company of its own: colleagues are decided again when one of them changes, and a group must not move the others."""
    return f"{name}-{n}@x{n}.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The nth call of its kind on one side since the cycles began. path: numbers of records left out."""

    side: str
    method: str
    path: str
    nth: int

    def __str__(self) -> str:
        return f"{self.side} {self.method} {self.path} ({self.nth})"

    @property
    def writes(self) -> bool:
        """Whether the call may change something in the CRM."""
        return self.method != "GET" and not re.search(r"/search$|/batch/read$|/oauth2/token$", self.path)

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways in which this call can go wrong with different effects."""
        looks = re.search(r"/account-info/|/owners$|/properties/|/query/$|/describe$", self.path)
        return WRITE_WAYS if self.writes else LOOK_WAYS if looks else READ_WAYS


class Wire:
    """Between the clients and the network: names each call, kills the process at one of them, holds one back, or has the simulator spoil its answer."""

    def __init__(self, simulators: dict[int, Any], urlopen: Callable[..., Any]) -> None:
        self._simulators, self._urlopen = simulators, urlopen
        self._lock = threading.Lock()
        self._held: list[Callable[[], Any]] = []
        self.calls: list[Call] = []
        self.point: tuple[Call, str] | None = None
        self.struck = False

    def start(self, point: tuple[Call, str] | None) -> None:
        self.calls, self.point, self.struck = [], point, False

    def open(self, pool: HTTPConnectionPool, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        simulator = self._simulators[int(pool.port or 0)]
        call, way = self._next(simulator.name, method, url)
        if way == "died_before":
            raise Died
        if way == "late":
            self._held.append(lambda: self._urlopen(pool, method, url, *args, **{**kwargs, "preload_content": True}))
            raise ReadTimeoutError(pool, url, "the sweep held it back")
        if way is not None and way != "died_after":
            lasting = way in ("quota", "outage")
            simulator.faults.add(
                {"times": NEVER if lasting else 1, **({} if lasting else {"path": re.escape(url)}), **fault(way, call.side)}
            )
        answer = self._urlopen(pool, method, url, *args, **kwargs)
        if way == "died_after":
            answer.close()  # the sockets of a dead process are closed by the machine under it
            raise Died
        return answer

    def _next(self, side: str, method: str, url: str) -> tuple[Call, str | None]:
        path = re.sub(r"/\d{6,}", "/{id}", urlsplit(url).path)
        with self._lock:
            nth = 1 + sum((c.side, c.method, c.path) == (side, method, path) for c in self.calls)
            call = Call(side=side, method=method, path=path, nth=nth)
            self.calls.append(call)
            if self.point is None or self.struck or self.point[0] != call:
                return call, None
            self.struck = True
            return call, self.point[1]

    def release(self) -> bool:
        """What was held back arrives now. False: nothing was."""
        held, self._held = self._held, []
        for send in held:
            send()
        return bool(held)


def fault(way: str, side: str) -> dict[str, Any]:
    """The simulator's rule for one way of failing."""
    if way in ("503", "503_after"):
        return {"do": "status" if way == "503" else "status_after", "status": 503, "body": "Service Unavailable"}
    if way == "quota":
        return {"do": "status", **QUOTA[side]}
    return {"do": "drop_before" if way == "outage" else way}


class Sweep:
    """The two CRMs and the groups of persons in them."""

    def __init__(self, both: Both, wire: Wire) -> None:
        self.both, self.wire = both, wire
        self.ids: dict[tuple[str, str], str] = {("Lead", row["Email"]): row["Id"] for row in both.sf.all("Lead")}
        self.ids |= {("contacts", row["email"]): row["id"] for row in both.hs.all("contacts")}

    # --- what people do ---------------------------------------------------------------------------------------------------

    def events(self, n: int) -> None:
        """Everything that can happen to persons, at one moment."""
        both, sf, hs = self.both, self.both.sf, self.both.hs

        def lead(name: str) -> str:
            return self.ids["Lead", mail(name, n)]

        def contact(name: str) -> str:
            return self.ids["contacts", mail(name, n)]

        sf.create("Lead", {"LastName": "Left", "Company": "Acme", "Email": mail("left", n), "Title": "Engineer"})
        hs.create("contacts", {"lastname": "Right", "company": "Acme", "email": mail("right", n), "city": "Rome"})
        hs.create("contacts", {"lastname": "Hot", "company": "Acme", "email": mail("hot", n)})
        hs.happen({"email": mail("hot", n), "type": "form_submitted", "name": "Demo request"})
        sf.edit("Lead", lead("ann"), {"Title": "Boss", "City": None})
        hs.edit("contacts", contact("ann"), {"phone": "+14085550199"})
        sf.edit("Lead", lead("bob"), {"City": "Paris"})
        both.time.advance(2)
        hs.edit("contacts", contact("bob"), {"city": "Oslo"})
        hs.delete("contacts", contact("cat"))
        sf.delete("Lead", lead("dan"))
        hs.merge("contacts", contact("eve"), [contact("fay")])
        sf.convert(lead("gus"))
        hs.edit("contacts", contact("gus"), {"jobtitle": "Chief"})

    # --- what we do -------------------------------------------------------------------------------------------------------

    def run(self, n: int, point: tuple[Call, str] | None) -> list[Call]:
        """The group's events under a fault, then the healing. Returns the calls of the cycles that were troubled."""
        both = self.both
        self.events(n)
        # Users and schemas are read again only where their reading is what fails.
        both.time.advance(20 if point is not None and point[0].writes else LONG)
        self.wire.start(point)
        self._troubled()
        calls = list(self.wire.calls)
        assert point is None or self.wire.struck, "the fault never struck"
        # The first clean cycle runs while a request that was held back is still on its way.
        both.settle(20)
        if self.wire.release():
            both.settle(20)
        both.mark()
        both.settle(LONG)
        assert both.writes() == {"hubspot": 0, "salesforce": 0}, "a settled world writes nothing, when all overlaps are read again"
        assert both.store.journal.open_intents() == []
        assert both.store.dirty_count() == 0
        assert both.store.tasks.pending(100) == []
        return calls

    def _troubled(self) -> None:
        """Cycles as the daemon runs them; when the process dies a new one takes over. An outage lasts to the end of its cycle."""
        for number in range(6):
            try:
                if not self.both.cycle(15 * (number > 0)).more:
                    return
            except CrmsyncError:
                continue
            except Died:
                self.both.restart()
            finally:
                self.both.sf.faults.clear()
                self.both.hs.faults.clear()

    # --- what both CRMs look like -------------------------------------------------------------------------------------------

    def picture(self, n: int) -> dict[str, Any]:
        """What people see of the group: every live record, whose twin it is, and the tasks. The group's number left out."""
        both, shown = self.both, dict[str, Any]()
        mails = {user.id: user.email for user in both.store.users()}
        whose: dict[str, str] = {}
        for object in ("contacts", "Lead", "Contact"):
            for row in self._rows(object, n):
                who = str(row.get("email") or row.get("Email")).split("-")[0]
                side = "hubspot" if object == "contacts" else "salesforce"
                person = both.person_of(side, object, str(row.get("id") or row.get("Id")))
                whose[str(row.get("Id") or "")] = who
                names = HUBSPOT if object == "contacts" else SALESFORCE
                seen = {house: row.get(native) for house, native in names.items()}
                owner = mails.get(str(row.get("hubspot_owner_id" if object == "contacts" else "OwnerId")))
                key = row.get("crmsync_key" if object == "contacts" else "crmsync_key__c")
                shown.setdefault(who, []).append(
                    {"object": object, **seen, "converted": row.get("IsConverted"), "has owner": owner is not None, "key": key == person}
                )
                shown.setdefault("owners", {}).setdefault(who, set()).add(owner)
                shown.setdefault("persons", {}).setdefault(who, set()).add(person)
        shown["owners"] = {who: len(found) for who, found in shown["owners"].items()}
        shown["persons"] = {who: len(found) for who, found in shown["persons"].items()}
        shown["tasks"] = sorted(
            (whose[task["WhoId"]], task["Subject"], task["OwnerId"] == both.sf.get("Lead", task["WhoId"])["OwnerId"])
            for task in both.sf.all("Task")
            if task["WhoId"] in whose
        )
        return {name: sorted(v, key=lambda r: str(r)) if isinstance(v, list) else v for name, v in shown.items()}

    def _rows(self, object: str, n: int) -> list[dict[str, Any]]:
        """The group's live records. Found in the simulators' own tables: showing every record of every group would cost more than the cycles."""
        end = mail("", n)
        if object == "contacts":
            live = table_of(self.both.hs.portal, object).all_live()
            return [self.both.hs.get(object, str(r.doc.id)) for r in live if str(r.doc.props.get("email")).endswith(end)]
        rows = self.both.sf.org.table(object).live()
        return [self.both.sf.get(object, row["Id"]) for row in rows if str(row.get("Email")).endswith(end)]


HUBSPOT = {
    "last_name": "lastname", "title": "jobtitle", "phone": "phone", "city": "city", "stage": "crmsync_stage", "status": "lifecyclestage",
}  # fmt: skip
SALESFORCE = {
    "last_name": "LastName", "title": "Title", "phone": "Phone", "city": "City", "stage": "crmsync_stage__c", "status": "Status",
}  # fmt: skip
GROUP = ("ann", "bob", "cat", "dan", "eve", "fay", "gus")


def group(n: int) -> list[dict[str, Any]]:
    return [
        {
            "email": mail(name, n),
            "first_name": name.title(),
            "last_name": "Known",
            "company": "Acme",
            "title": "Engineer",
            "city": "Rome",
            "phone": "+14085550100",
            "owner_email": "rita@corp.example",
            "kind": "lead",
        }
        for name in GROUP
    ]


@pytest.fixture
def sweep(side: str, kind: str) -> Iterator[Sweep]:
    people = [row for n in range(PARTS[side, kind][1]) for row in group(n)]
    with pytest.MonkeyPatch.context() as patch, Both(people=people, kinds=(), edits=CLOCKS) as both:
        both.settle()
        both.settle(LONG)
        wire = Wire({urlsplit(simulator.url).port or 0: simulator for simulator in (both.sf, both.hs)}, HTTPConnectionPool.urlopen)
        patch.setattr(HTTPConnectionPool, "urlopen", lambda pool, method, url, *a, **k: wire.open(pool, method, url, *a, **k))
        yield Sweep(both, wire)


@pytest.mark.parametrize(("side", "kind"), PARTS)
def test_every_call_may_fail_in_every_way(side: str, kind: str, sweep: Sweep) -> None:
    calls = [call for call in sweep.run(0, None) if call.side == side and call.writes == (kind == "writes")]
    clean = sweep.picture(0)
    check_clean(clean)
    points = [(call, way) for call in calls for way in call.ways]
    fewest, groups = PARTS[side, kind]
    assert len(calls) >= fewest
    assert len(points) < groups
    wrong: list[str] = []
    for n, (call, way) in enumerate(points, 1):
        trouble = heals(sweep, n, (call, way), clean)
        if trouble is not None:
            wrong.append(f"{way} at {call}: {trouble}")
    assert wrong == [], f"{len(wrong)} of {len(points)} points:\n" + "\n".join(wrong[:12])


def heals(sweep: Sweep, n: int, point: tuple[Call, str], clean: dict[str, Any]) -> str | None:
    try:
        sweep.run(n, point)
    except AssertionError as error:
        return str(error).splitlines()[0]
    shown = sweep.picture(n)
    wrong = {name: (clean.get(name), shown.get(name)) for name in {*clean, *shown} if clean.get(name) != shown.get(name)}
    return str(wrong) if wrong else None


def check_clean(clean: dict[str, Any]) -> None:
    """Without a fault everything arrives: what the sweep compares with is what must be."""

    def of(who: str, object: str) -> dict[str, Any]:
        (row,) = [row for row in clean[who] if row["object"] == object]
        return dict(row)

    assert of("left", "contacts")["title"] == "Engineer"
    assert of("right", "Lead")["city"] == "Rome"
    assert of("hot", "Lead")["stage"] == of("hot", "contacts")["stage"] == "sal"
    assert of("ann", "contacts")["title"] == "Boss"
    assert of("ann", "contacts")["city"] is None
    assert of("ann", "Lead")["phone"] == "+14085550199"
    assert of("bob", "Lead")["city"] == of("bob", "contacts")["city"] == "Oslo"
    assert [row["object"] for row in clean["cat"]] == ["Lead"]
    assert [row["object"] for row in clean["dan"]] == ["contacts"]
    assert of("gus", "Contact")["title"] == "Chief"
    assert [(who, of_owner) for who, _, of_owner in clean["tasks"]] == [("hot", True)]
    assert all(row["key"] for who in ("left", "right", "hot", "ann", "bob") for row in clean[who])
