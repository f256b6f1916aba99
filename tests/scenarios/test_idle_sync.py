"""What it costs to start `sync` again and again: nothing for what is known, one look at each object, and a changed schema is still noticed at once."""

from __future__ import annotations

import re

from crmsync.connect.discovery import credentials_of
from crmsync.engine.beliefs import BELIEVED_SECONDS, SCHEMA_SECONDS
from crmsync.engine.world import World
from crmsync.service.settings import read_settings
from crmsync.service.sync import SyncResult, sync
from crmsync.service.workspace import Workspace
from scenarios.world import IDLE_CALLS, Both

MINUTE = 60.0
PROMISED = {"hubspot": 13, "salesforce": 9}
"""Calls of a `sync` that finds nothing: four, and one for each further object (companies, deals, tasks, calls, emails, meetings, notes; Account,
Opportunity, Task, Event, CampaignMember) and each of HubSpot's two lists of events."""
LISTING = re.compile(r"GET /crm/v3/objects/\w+$")


def started(both: Both, after: float = 20 * MINUTE) -> SyncResult:
    """`crmsync sync`, as a new process, so many seconds later; its calls are those that the simulators counted."""
    both.time.advance(after)
    both.restart()
    both.world = World(
        store=both.store,
        connectors=both.connectors,
        playbook=both.playbook,
        credentials=credentials_of(both.environ, both.connectors),
    )
    workspace = Workspace(
        settings=read_settings(both.environ), playbook=both.playbook, connectors=both.connectors, store=both.store, world=both.world,
        clock=both.time, sleep=both.time.sleep,
    )  # fmt: skip
    both.mark()
    result = sync(workspace)
    assert result.api_calls == both.calls()
    return result


def quiet(both: Both, result: SyncResult) -> bool:
    """Whether it asked for nothing but changes, and no more than promised."""
    return not any(result.refresh_calls.values()) and all(calls <= PROMISED[side] for side, calls in result.api_calls.items())


def listed(both: Both) -> set[str]:
    """HubSpot objects whose archived records were listed since the last mark."""
    return {call.path.rpartition("/")[2] for call in both.hs.calls if LISTING.match(f"{call.method} {call.path}")}


def test_a_sync_that_finds_nothing_costs_its_looks() -> None:
    with Both() as both:
        both.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee", "company": "Acme"})
        both.settle()
        started(both)
        rarer: list[set[str]] = []
        for _ in range(2):
            result = started(both, 15 * MINUTE)
            assert quiet(both, result), (result.refresh_calls, result.api_calls)
            assert (result.cycles, result.written) == (1, {"hubspot": 0, "salesforce": 0})
            # deletes: of contacts and tasks each time, of the others in turn
            assert listed(both) > {"contacts", "tasks"}
            rarer.append(listed(both) - {"contacts", "tasks"})
        assert not rarer[0] & rarer[1]
        # what was believed for an hour is read again
        assert all(started(both, BELIEVED_SECONDS).refresh_calls.values())


def test_persons_alone_cost_four_calls_and_a_changed_schema_is_noticed_in_the_same_run() -> None:
    with Both(kinds=()) as both:
        contact = both.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee", "company": "Acme"})
        both.settle()
        lead = both.lead("ann@example.com")["Id"]
        started(both)
        result = started(both)
        assert max(result.api_calls.values()) <= IDLE_CALLS, result.api_calls
        assert not any(result.refresh_calls.values())
        # F45: a field that our credentials no longer show is met when the next change is read, and named by the same run
        both.sf.hide_field("Lead", "Title")
        both.sf.edit("Lead", lead, {"Phone": "+14085550100"})
        result = started(both, SCHEMA_SECONDS)
        assert named(both) == {("unknown_field", "salesforce", "Title")}
        assert result.refresh_calls["hubspot"] == 0 < result.refresh_calls["salesforce"]
        assert both.hs.get("contacts", contact)["phone"] == "+14085550100"
        # what waits for another schema waits no longer than it would for the daemon
        both.sf.show_field("Lead", "Title")
        started(both, SCHEMA_SECONDS)
        assert named(both) == set()
        # HubSpot only leaves out what it no longer shows
        schema = both.hs.portal.schema
        schema.change("contacts", "jobtitle", archived=True)
        both.hs.edit("contacts", contact, {"phone": "+14085550101"})
        result = started(both, SCHEMA_SECONDS)
        assert named(both) == {("unknown_field", "hubspot", "jobtitle")}
        assert both.sf.get("Lead", lead)["Phone"] == "+14085550101"
        schema.change("contacts", "jobtitle", archived=False)
        # F48: an owner who came after we looked is met in the same run, on both sides
        theo = {"email": "theo@corp.example", "first_name": "Theo", "last_name": "Tal", "time_zone": "America/New_York"}
        both.sf.seed(users=[theo], people=[])
        both.hs.seed(users=[theo], people=[])
        owner = next(user["Id"] for user in both.sf.all("User") if user["Email"] == "theo@corp.example")
        both.sf.edit("Lead", lead, {"OwnerId": owner})
        result = started(both, SCHEMA_SECONDS)
        assert all(result.refresh_calls.values())
        assert named(both) == set()
        assert both.hs.get("contacts", contact)["hubspot_owner_id"] == both.owner("hubspot", "theo@corp.example")


def named(both: Both) -> set[tuple[str, str, str | None]]:
    return {(p.cause, p.side, p.field) for p in both.problems()}
