"""Faults at every write of an activity: lost answers, outages and deaths, before and after; clean cycles then heal, without doubles.

The oracle is a world that met no fault: what both CRMs show of the activities must be the same.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError

from crmsync.errors import CrmsyncError
from crmsync.testing.memory import Died
from scenarios.persons import crowd
from scenarios.world import DUE, OWN_KEY, Both

LONG = 1000.0
WAYS = ("503", "drop_after", "late", "died_before", "died_after")
"""late: the client's patience ends, and the CRM carries the request out only after the client tried again."""
FEWEST = {"hubspot": 5, "salesforce": 4}
"""Writes on each side that the events need: with fewer the sweep would miss something without saying so."""
MOST = 12
"""With more the sweep would take too long."""


class Wire:
    """Between the clients and the network: counts the writes of one side and spoils one of them."""

    def __init__(self, both: Both, urlopen: Callable[..., Any]) -> None:
        self._ports = {urlsplit(crm.url).port: crm for crm in (both.hs, both.sf)}
        self._urlopen, self._lock = urlopen, threading.Lock()
        self._held: list[Callable[[], Any]] = []
        self.made: list[str] = []
        self.point: tuple[str, int, str] | None = None
        self.struck = ""

    def open(self, pool: HTTPConnectionPool, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        crm: Any = self._ports[int(pool.port or 0)]
        path = urlsplit(url).path
        way = ""
        if method != "GET" and not re.search(r"/search$|/batch/read$|/oauth2/token$", path):
            with self._lock:
                self.made.append(f"{crm.name} {method} {path}")
                nth = sum(name.startswith(crm.name) for name in self.made)
                if self.point is not None and not self.struck and self.point[:2] == (crm.name, nth):
                    self.struck, way = self.made[-1], self.point[2]
        if way == "died_before":
            raise Died
        if way == "late":
            self._held.append(lambda: self._urlopen(pool, method, url, *args, **{**kwargs, "preload_content": True}))
            raise ReadTimeoutError(pool, url, "the sweep held it back")
        if way and way != "died_after":
            told = {"do": "status" if way == "503" else "status_after", "status": 503, "body": "Service Unavailable"}
            crm.faults.add({"times": 1, "path": re.escape(url), **(told if "503" in way else {"do": way})})
        answer = self._urlopen(pool, method, url, *args, **kwargs)
        if way == "died_after":
            answer.close()
            raise Died
        return answer

    def release(self) -> bool:
        """What was held back arrives now. False: nothing was."""
        held, self._held = self._held, []
        for send in held:
            send()
        return bool(held)


class Sweep:
    """One world; every fault meets activities of its own."""

    def __init__(self, both: Both, wire: Wire) -> None:
        self.both, self.wire = both, wire
        self.ids: dict[str, dict[str, str]] = {}
        self.people = [{"hubspot": c, "salesforce": lead} for c, lead in crowd(both, 2)]

    def prepare(self, names: Sequence[str]) -> None:
        """The activities that these groups have before anything goes wrong, in step."""
        self.ids |= {name: self.before(name) for name in names}
        self.both.settle()
        self.both.settle(20)

    def run(self, name: str, point: tuple[str, int, str] | None) -> list[str]:
        """A prepared group's activities under a fault, then the healing. Returns the writes of the cycles that were troubled."""
        both = self.both
        self.events(name, self.ids[name])
        both.time.advance(LONG)
        self.wire.made, self.wire.point, self.wire.struck = [], point, ""
        for number in range(6):
            try:
                if not both.cycle(15 * (number > 0)).more:
                    break
            except CrmsyncError:
                continue
            except Died:
                both.restart()
            finally:
                both.sf.faults.clear()
                both.hs.faults.clear()
        made, self.wire.point = list(self.wire.made), None
        both.settle(20)
        if self.wire.release():
            both.settle(20)
        both.mark()
        both.settle(20)
        assert both.writes() == {"hubspot": 0, "salesforce": 0}, "a settled world writes nothing"
        assert both.store.journal.open_intents() == []
        assert both.store.dirty_count() == 0
        return made

    def before(self, name: str) -> dict[str, str]:
        """Activities that are there before anything goes wrong: what becomes of it -> id."""
        both, (ann, _) = self.both, self.people
        return {
            "changed": both.enter("task", "hubspot", ann["hubspot"], hs_task_subject=f"{name} changed"),
            "moved": both.enter("task", "hubspot", ann["hubspot"], hs_task_subject=f"{name} moved"),
            "gone": both.enter("task", "hubspot", ann["hubspot"], hs_task_subject=f"{name} gone"),
            "logged": both.enter("call", "salesforce", ann["salesforce"], Subject=f"{name} logged"),
            "given": both.enter("task", "salesforce", ann["salesforce"], Subject=f"{name} given"),
            "over": both.enter("task", "salesforce", ann["salesforce"], Subject=f"{name} over"),
        }

    def events(self, name: str, ids: dict[str, str]) -> None:
        """A create, an update, a change of association and a delete, each way."""
        both, (ann, bob) = self.both, self.people
        both.enter("task", "hubspot", ann["hubspot"], hs_task_subject=f"{name} new left")
        both.enter("meeting", "salesforce", ann["salesforce"], Subject=f"{name} new right")
        both.edit("task", "hubspot", ids["changed"], hs_task_status="COMPLETED", hs_task_body="<p>done</p>")
        both.edit("call", "salesforce", ids["logged"], CallDisposition="Connected", CallDurationInSeconds=61)
        both.hs.associate("tasks", ids["moved"], "contacts", bob["hubspot"])
        both.hs.dissociate("tasks", ids["moved"], "contacts", ann["hubspot"])
        both.edit("task", "salesforce", ids["given"], WhoId=bob["salesforce"])
        both.remove("task", "hubspot", ids["gone"])
        both.remove("task", "salesforce", ids["over"])

    def picture(self, name: str) -> list[Any]:
        """What both CRMs show of a group: subject, values, person, and whether both records have one key."""
        both, (ann, bob) = self.both, self.people
        who = {ann["hubspot"]: "ann", bob["hubspot"]: "bob", ann["salesforce"]: "ann", bob["salesforce"]: "bob"}
        shown: list[Any] = []
        keys: dict[str, set[str]] = {}
        for object, subject, more in (
            ("tasks", "hs_task_subject", ("hs_task_status", "hs_task_body", "hs_timestamp", "hubspot_owner_id")),
            ("calls", "hs_call_title", ("hs_call_disposition", "hs_call_duration", "hs_timestamp", "hubspot_owner_id")),
            ("meetings", "hs_meeting_title", ("hs_meeting_start_time", "hs_meeting_end_time", "hs_timestamp", "hubspot_owner_id")),
        ):
            for row in both.hs.all(object):
                if str(row[subject]).startswith(f"{name} "):
                    persons = sorted(who[i] for i in both.hs.associated(object, str(row["id"]), "contacts"))
                    shown.append(("hubspot", str(row[subject]).partition(" ")[2], [row.get(n) for n in more], persons))
                    keys.setdefault(str(row[subject]), set()).add(str(row.get(OWN_KEY["hubspot"])))
        for object in ("Task", "Event"):
            for row in both.sf.all(object):
                if str(row["Subject"]).startswith(f"{name} "):
                    names = ("Status", "Description", "ActivityDate", "CallDisposition", "CallDurationInSeconds", "EndDateTime", "OwnerId")
                    shown.append(("salesforce", str(row["Subject"]).partition(" ")[2], [row.get(n) for n in names], who.get(row["WhoId"])))
                    keys.setdefault(str(row["Subject"]), set()).add(str(row.get(OWN_KEY["salesforce"])))
        shown += [("keys", subject.partition(" ")[2], len(found), "None" in found) for subject, found in keys.items()]
        return sorted(shown, key=str)


@pytest.fixture(scope="module")
def sweep() -> Iterator[Sweep]:
    with pytest.MonkeyPatch.context() as patch, Both(kinds=("task", "call", "meeting")) as both:
        wire = Wire(both, HTTPConnectionPool.urlopen)
        patch.setattr(HTTPConnectionPool, "urlopen", lambda pool, method, url, *a, **k: wire.open(pool, method, url, *a, **k))
        yield Sweep(both, wire)


def check_clean(clean: list[Any]) -> None:
    """Without a fault everything arrives: what the sweep compares with is what must be."""
    subjects = [(side, subject) for side, subject, *_ in clean if side != "keys"]
    there = {"changed", "given", "logged", "moved", "new left", "new right"}
    assert sorted(subjects) == sorted((side, subject) for side in ("hubspot", "salesforce") for subject in there)
    rows = {(row[0], row[1]): row for row in clean}
    assert rows["salesforce", "changed"][2][:2] == ["Completed", "done"]
    assert rows["hubspot", "logged"][2][1] == "61000"
    assert rows["salesforce", "moved"][3] == "bob"
    assert rows["hubspot", "given"][3] == ["bob"]
    assert all(row[2:] == (1, False) for row in clean if row[0] == "keys")
    # HubSpot's moment of the due day stays what it was entered as: rewriting it would be an edit of ours
    assert rows["hubspot", "changed"][2][2] == rows["hubspot", "new left"][2][2] == DUE
    assert rows["salesforce", "changed"][2][2] == rows["salesforce", "new left"][2][2] == DUE[:10]


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_every_write_may_fail_in_every_way(side: str, sweep: Sweep) -> None:
    sweep.prepare([f"{side}-clean"])
    made = [name for name in sweep.run(f"{side}-clean", None) if name.startswith(side)]
    clean = sweep.picture(f"{side}-clean")
    check_clean(clean)
    assert FEWEST[side] <= len(made) <= MOST, made
    points = {f"{side}-{nth}-{way}": (nth, call, way) for nth, call in enumerate(made, 1) for way in WAYS}
    sweep.prepare(list(points))
    wrong: list[str] = []
    for name, (nth, call, way) in points.items():
        try:
            sweep.run(name, (side, nth, way))
            assert sweep.wire.struck, "the fault never struck"
        except AssertionError as error:
            wrong.append(f"{way} at {call}: {str(error).splitlines()[0]}")
            continue
        shown = sweep.picture(name)
        if shown != clean:
            wrong.append(f"{way} at {call}: {[row for row in shown if row not in clean]} for {[row for row in clean if row not in shown]}")
    assert wrong == [], f"{len(wrong)} of {len(made) * len(WAYS)}:\n" + "\n".join(wrong[:10])
