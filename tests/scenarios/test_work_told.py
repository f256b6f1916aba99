"""What people see of the work on persons: `explain`, `plan` and `status`, in one world in which somebody is worked, waited for and passed on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text

from crmsync.cli.look_work import show_work, work_rows
from crmsync.cli.work import _show_plan
from crmsync.model.alert import AlertRules
from crmsync.service.explain import explain
from crmsync.service.plan import Plan, plan
from crmsync.service.status import status
from scenarios.desk import desk
from scenarios.floor import HOT, address, ask, open_tasks, owner, reps, routing, until
from scenarios.world import START, Both

ALERTS = {
    "# to:\n#   hot_lead: [owner, sales] ": "to:\n  hot_lead: [owner, sales] ",
    "#   at_risk: [owner] ": "  at_risk: [owner] ",
    "#   breach: [owner, manager] ": "  breach: [owner, manager] ",
    "#   no_owner: [sales] ": "  no_owner: [sales] ",
    "#   reassigned: [owner] ": "  reassigned: [owner] ",
    "# manager: head.of.sales@example.com ": "manager: bo@corp.example ",
}


def tables(both: Both) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with both.store._db.reading() as connection:
        names = [str(row[0]) for row in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))]
        return {name: sorted(map(tuple, connection.execute(text(f"SELECT * FROM {name}"))), key=repr) for name in names}


@dataclass
class Told:
    """What was said on the way, by moment. differs: tables that a plan changed beside what looking leaves behind."""

    both: Both
    plans: dict[str, Plan] = field(default_factory=dict)
    persons: dict[str, dict[str, Any]] = field(default_factory=dict)
    differs: dict[str, list[str]] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)

    def look(self, moment: str, *names: str) -> None:
        for name in names:
            self.persons[f"{name} {moment}"] = explain(desk(self.both), address(name))
        self.states[moment] = status(self.both.store, now=self.both.time(), real_now=self.both.time())

    def look_ahead(self, moment: str, name: str, at: datetime) -> None:
        """As of a moment at which no cycle has run."""
        self.persons[f"{name} {moment}"] = explain(replace(desk(self.both), clock=lambda: at), address(name), chosen=True)

    def foresee(self, moment: str) -> None:
        """A plan, after which nothing is otherwise than before; the first one reads what changed."""
        plan(desk(self.both))
        before = tables(self.both)
        self.plans[moment] = plan(desk(self.both))
        after = tables(self.both)
        self.differs[moment] = sorted(name for name in before if before[name] != after.get(name))


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    away = ", ".join(f"{name}@corp.example: {{away: [{{from: 2026-03-06T16:00:00Z, to: 2026-03-08}}]}}" for name in ("amy", "ben", "bo"))
    edits = routing(alerts=ALERTS, people=f"{{{away}}}")
    with Both(edits=edits, kinds=("task", "call"), users=reps("amy", "ben", "bo")) as both:
        made = Told(both)
        ids = count(1)
        both.world.new_id = lambda: f"{next(ids):032x}"  # who comes first, is routed first
        both.settle()
        ask(both, "hot", form=HOT)
        ask(both, "warm")
        made.foresee("asked")
        both.settle()
        made.look("given", "hot", "warm")
        book = both.world.playbook
        both.world.playbook = replace(book, alerts=AlertRules())
        made.persons["warm told nobody"] = explain(desk(both), address("warm"))
        both.world.playbook = book
        until(both, hours=1)
        hot = both.lead(address("hot"))
        both.enter("call", "salesforce", str(hot["Id"]), owner=owner(both, "hot"))
        both.settle()
        made.look("called", "hot")
        made.look_ahead("half gone", "warm", START + timedelta(hours=2, minutes=30))
        made.look_ahead("not passed on", "warm", START + timedelta(days=3))
        both.time.advance((START - both.time()).total_seconds(), days=3)
        made.foresee("passed on")
        both.settle(after=0)
        made.look("passed on", "warm")
        until(both, days=3, hours=1)
        ask(both, "late")
        both.settle()
        made.look("waits", "late")
        both.sf.edit("Lead", str(hot["Id"]), {"crmsync_stage__c": "nurture"})
        made.foresee("left")
        both.settle()
        yield made


def by(rows: list[dict[str, Any]], **given: object) -> list[dict[str, Any]]:
    """Those rows that say this."""
    return [row for row in rows if all(row[name] == value for name, value in given.items())]


# --- explain ------------------------------------------------------------------------------------------------------------------


def test_a2_explain_tells_how_a_clock_stands(told: Told) -> None:
    clocks = told.persons["warm given"]["clocks"]
    (handoff,) = by(clocks, kind="handoff")
    assert (handoff["status"], handoff["working"], handoff["minutes"], handoff["ended"]) == ("met", False, 1440, "met")
    (response,) = by(clocks, kind="response")
    assert (response["status"], response["minutes"], response["used_minutes"], response["owner"]) == (
        "on_track",
        240,
        0,
        "ben@corp.example",
    )
    assert response["due_at"] == "2026-03-03T19:00:30+00:00"
    (met,) = by(told.persons["hot called"]["clocks"], kind="response")
    assert (met["status"], met["met_at"], met["used_minutes"]) == ("met", "2026-03-03T16:00:15+00:00", 59.8)


def test_r7_explain_keeps_the_clock_of_the_owner_before(told: Told) -> None:
    before, now = by(told.persons["warm passed on"]["clocks"], kind="response")
    assert (before["status"], before["ended"], before["owner"]) == ("breached", "reassigned", "ben@corp.example")
    assert (before["breached_at"], before["late"]) == ("2026-03-03T19:00:30+00:00", True)
    assert (now["status"], now["owner"]) == ("on_track", "bo@corp.example")
    assert before.keys() == now.keys()


def test_r8_explain_tells_who_had_them_and_why(told: Told) -> None:
    given, passed = told.persons["warm given"]["owner"], told.persons["warm passed on"]["owner"]
    assert given["passes_on_at"] == "2026-03-05T15:00:30+00:00", "48 hours after the assignment"
    assert (given["rule"], given["pool"], given["tried"]) == ("default pool", "default", ["ben@corp.example"])
    assert [(row["owner"], row["previous"], row["cause"]) for row in passed["history"]] == [
        ("ben@corp.example", None, "handoff"),
        ("bo@corp.example", "ben@corp.example", "reassigned"),
    ]
    assert passed["tried"] == ["ben@corp.example", "bo@corp.example"]
    assert passed["history"][1]["reason"].startswith("no touch within 48 h of the assignment: rule default pool")
    assert told.persons["hot called"]["owner"]["passes_on_at"] is None, "somebody works them"


def test_r5_explain_tells_since_when_and_until_when_somebody_waits(told: Told) -> None:
    queued = told.persons["late waits"]
    assert queued["owner"]["owner"] is None
    assert (queued["owner"]["queued_since"], queued["owner"]["queued_until"]) == ("2026-03-06T16:00:15+00:00", "2026-03-09T12:00:15+00:00")
    assert by(queued["clocks"], kind="queue")[0]["status"] == "on_track"
    told_of = {alert["kind"] for alert in queued["alerts"]}
    assert told_of <= {"no_owner"}
    assert queued["next"] is not None


def test_c7_explain_tells_touches_and_tasks(told: Told) -> None:
    touches = told.persons["hot called"]["touches"]
    (logged,) = by(touches, kind="logged")
    assert (logged["channel"], logged["by"], logged["at"]) == ("call", "amy@corp.example", "2026-03-03T16:00:15+00:00")
    assert by(touches, kind="first_touch")[0]["state"] == "deleted", "its touch was logged otherwise"
    (second,) = by(touches, kind="touch")
    assert (second["state"], second["channel"], second["at"]) == ("open", "email", None)
    assert {frozenset(row) for row in touches} == {frozenset(logged)}, "all rows have the same keys"


def test_c3_explain_tells_what_the_cadence_does_next(told: Told) -> None:
    first, second = told.persons["warm given"]["cadence"], told.persons["hot called"]["cadence"]
    assert (first["name"], first["step"], first["of"], first["next"]["channel"]) == ("standard", 1, 12, "call")
    assert (second["step"], second["next"]["channel"], second["next"]["template"]) == (2, "email", "demo_request")
    assert second["next"]["task"] == by(told.persons["hot called"]["touches"], kind="touch")[0]["key"]
    assert (second["last_channel"], second["paused"], second["ended"]) == ("call", None, None)


def test_h2_explain_tells_who_hears_of_what(told: Told) -> None:
    hot = told.persons["hot given"]["alerts"]
    assert [(row["kind"], row["to"], row["state"]) for row in hot] == [
        ("hot_lead", "owner:amy@corp.example", "waiting"),
        ("hot_lead", "channel:sales", "waiting"),
    ]
    breached = by(told.persons["warm passed on"]["alerts"], kind="breach")
    assert {row["to"] for row in breached} == {"owner:ben@corp.example", "manager:bo@corp.example"}
    assert all(row["late"] for row in breached)


def test_explain_tells_what_time_alone_changes_in_the_work(told: Told) -> None:
    coming = told.persons["warm given"]["next"]
    assert coming["at"] == "2026-03-03T17:00:30+00:00", "half of the window"
    assert ("response clock", "on_track", "at_risk") in {(row["what"], row["from"], row["to"]) for row in coming["changes"]}
    assert "at_risk" in {row["why"] for row in coming["changes"] if row["what"] == "alert"}
    silent = told.persons["warm told nobody"]["next"]
    assert silent["at"] == coming["at"]
    assert "alert" not in {row["what"] for row in silent["changes"]}, "nobody is named who would hear of it"


def test_a4_explain_says_at_risk_as_soon_as_the_field_would(told: Told) -> None:
    late = told.persons["warm half gone"]
    (response,) = by(late["clocks"], kind="response")
    assert (response["status"], response["told"]) == ("at_risk", []), "149.5 of 240 minutes are used, and nobody heard of it yet"
    assert late["overdue"]["since"] == "2026-03-03T17:00:30+00:00"
    assert ("response clock", "on_track", "at_risk") in {(row["what"], row["from"], row["to"]) for row in late["overdue"]["changes"]}
    assert told.persons["warm given"]["overdue"] is None


def test_r7_explain_tells_of_a_reassignment_that_is_overdue(told: Told) -> None:
    late = told.persons["warm not passed on"]
    changes = {row["what"]: (row["from"], row["to"]) for row in late["overdue"]["changes"]}
    assert changes["owner"] == ("ben@corp.example", "bo@corp.example")
    task = by(late["touches"], kind="first_touch")[0]["key"]
    assert changes["task"] == (task, "bo@corp.example")
    assert late["owner"]["passes_on_at"] < late["at"] < late["next"]["at"]


def test_explain_reads_as_lines(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    for moment in ("warm passed on", "hot called", "late waits", "warm not passed on"):
        show_work(told.persons[moment])
    out = capsys.readouterr().out
    assert "goes to the next rep at 2026-03-09 13:00 UTC unless somebody works them" in out
    assert "was to go to the next rep at 2026-03-05 15:00 UTC unless somebody worked them" in out
    assert "bo@corp.example (reassigned, before ben@corp.example): no touch within 48 h" in out
    assert "response clock breached  1439.5 of 240 working min  since 2026-03-03 15:00 UTC" in out
    assert "Cadence standard: touch 2 of 12, email: E-mail, due 2026-03-03 16:00 UTC" in out
    assert "2026-03-03 16:00 UTC  call by amy@corp.example" in out
    assert "waits for somebody since 2026-03-06 16:00 UTC, at the latest until 2026-03-09 12:00 UTC" in out


# --- plan -----------------------------------------------------------------------------------------------------------------------


def test_a_plan_leaves_everything_as_it_was(told: Told) -> None:
    # Looking itself moves the place up to which changes were read.
    changed = {moment: [name for name in names if name != "cursors"] for moment, names in told.differs.items()}
    assert changed == {"asked": [], "passed on": [], "left": []}


def test_a_plan_tells_who_would_get_whom(told: Told) -> None:
    work = told.plans["asked"].work
    assert sorted(row.owner for row in work.assignments) == ["amy@corp.example", "ben@corp.example"]
    assert all(row.reason.startswith("rule default pool, pool default of 3") for row in work.assignments)
    assert work.assigned == {("amy@corp.example", "handoff"): 1, ("ben@corp.example", "handoff"): 1}
    (alert,) = work.alerts
    assert (alert.kind, alert.to[1], alert.late) == ("hot_lead", "channel:sales", False)
    assert told.plans["asked"].counts["salesforce", "Task", "create"] == 2


def test_f57_a_plan_tells_whose_tasks_would_go_to_whom(told: Told) -> None:
    planned = told.plans["passed on"]
    (row,) = planned.json()["assignments"]
    assert (row["owner"], row["previous"], row["cause"]) == ("bo@corp.example", "ben@corp.example", "reassigned")
    (moved,) = planned.json()["handed_on"]
    assert (moved["from"], moved["to"], moved["due_at"]) == ("ben@corp.example", "bo@corp.example", "2026-03-06T15:10:00+00:00")
    assert planned.counts["salesforce", "Task", "update"] == planned.counts["hubspot", "tasks", "update"] == 1, "it is a write, too"
    assert {(row["kind"], row["to"]): row["alerts"] for row in planned.json()["alerts_to"]} == {
        ("at_risk", "owner:ben@corp.example"): 2,
        ("breach", "owner:ben@corp.example"): 1,
        ("breach", "manager:bo@corp.example"): 1,
        ("reassigned", "owner:bo@corp.example"): 1,
    }


def test_what_was_planned_is_what_happened(told: Told) -> None:
    planned, after = told.plans["passed on"].work, told.persons["warm passed on"]
    assert {(row.person_id, row.owner) for row in planned.assignments} == {(after["person"]["person_id"], after["owner"]["owner"])}
    asked = {(alert.kind, to) for alert in planned.alerts for to in alert.to}
    assert asked == {(row["kind"], row["to"]) for row in after["alerts"]}
    assert [row["owner"] for row in after["touches"] if row["kind"] == "first_touch"] == ["bo@corp.example"]


def test_c5_a_plan_tells_what_would_be_taken_back(told: Told) -> None:
    planned = told.plans["left"]
    (row,) = planned.json()["withdrawals"]
    assert (row["crm"], row["subject"]) == ("salesforce", "E-mail: Pat Hot")
    assert planned.counts["salesforce", "Task", "delete"] == 1
    assert open_tasks(told.both, "hot") == []


def test_a_plan_reads_as_lines(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    _show_plan(told.plans["passed on"])
    _show_plan(told.plans["left"])
    out = capsys.readouterr().out
    assert "of ben@corp.example would go to bo@corp.example, due 2026-03-06 15:10 UTC: Call now: Pat Warm" in out
    assert "of amy@corp.example would be taken back: E-mail: Pat Hot" in out
    assert "Alerts that would be sent" in out


# --- status ---------------------------------------------------------------------------------------------------------------------


def test_status_counts_open_clocks_who_waits_and_alerts(told: Told) -> None:
    given, called, waits = (told.states[moment].json() for moment in ("given", "called", "waits"))
    assert {kind: (c["running"], c["at_risk"], c["paused"], c["breached"]) for kind, c in given["clocks"].items()} == {
        "response": (2, 0, 0, 0)
    }
    assert {kind: c["running"] for kind, c in called["clocks"].items()} == {"response": 1}, "one was met"
    assert given["alerts"]["waiting"] == 2
    assert given["calendars_not_read"] == {}
    assert waits["clocks"]["queue"]["running"] == 1
    assert waits["clocks"]["queue"]["oldest"] == "2026-03-06T16:00:15+00:00"
    assert waits["alerts"]["waiting"] > given["alerts"]["waiting"]
    rows = dict(work_rows(told.states["waits"]))
    assert rows["waiting for an owner"] == "1 person, the first since 2026-03-06 16:00 UTC, 0 for too long"
    assert (
        rows["alerts"] == f"{waits['alerts']['waiting']} waiting, the first since 2026-03-03 15:00 UTC, 0 of them tried in vain, 0 given up"
    )
    assert "calendar" not in rows
