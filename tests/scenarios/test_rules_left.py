"""A hand that leaves nobody, end to end through both simulated CRMs (process.md R6; F48, F55): a worked person whose owner is emptied in HubSpot, or who is put
into a queue of Salesforce, is not given back to the rep from whom they were taken, and finds an owner again by a hand or by a stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scenarios.floor import HOT, address, ask, owner, owners, person, reason, rep, reps, routing, stage
from scenarios.touched import KINDS
from scenarios.world import SIDES, Both

DAY = 86_400.0
ALERTS = {"# to:": "to: {no_owner: [sales]}\n# to:"}
QUEUED = "  rules:\n    - {name: lou, when: {field: city, is: Lou}, owner: lou@corp.example}\n"


@pytest.fixture(scope="module")
def floor() -> Iterator[Both]:
    edits = routing(QUEUED, members="[amy@corp.example, ben@corp.example]", alerts=ALERTS)
    with Both(edits=edits, kinds=KINDS, users=reps("amy", "ben", "lou")) as both:
        both.sf.add_queue("Inbound", "Lead")
        both.settle()
        yield both


def handed(both: Both, name: str, **fields: Any) -> str:
    ask(both, name, form=HOT, **fields)
    both.settle()
    both.settle()
    return owner(both, name)


def queue(both: Both) -> str:
    return next(user.id for user in both.store.users() if user.kind == "queue" and user.name == "Inbound")


def take_away(both: Both, side: str, name: str) -> tuple[str, str]:
    """By a hand in that CRM; what both show afterwards."""
    if side == "hubspot":
        both.hs.edit("contacts", both.contact(address(name))["id"], {"hubspot_owner_id": ""})
    else:
        both.sf.edit("Lead", both.lead(address(name))["Id"], {"OwnerId": queue(both)})
    shown = owners(both, name)
    both.settle()
    return shown


def state(both: Both, name: str) -> Any:
    return both.store.persons([person(both, name)])[person(both, name)]


def causes(both: Both, name: str) -> set[str]:
    return {problem.cause for problem in both.problems() if problem.person_id == person(both, name)}


def told(both: Both, name: str) -> list[str]:
    return [row.kind for row in both.store.alerts.of([person(both, name)]).get(person(both, name), [])]


@pytest.mark.parametrize("side", SIDES)
def test_r6_f55_nobody_by_hand_stands_for_a_month_and_is_told_once(floor: Both, side: str) -> None:
    name = f"left{side}"
    mine = handed(floor, name)
    floor.mark()
    shown = take_away(floor, side, name)
    assert mine in shown
    assert mine not in {shown[SIDES.index(side)]}
    # nothing is written to the owner's field of either CRM, at once or later, and nobody takes a turn for it
    for days in (0.0, 3.0, 14.0, 14.0):
        floor.settle(after=days * DAY)
        assert owners(floor, name) == shown
    sent = [
        w for s, object in (("hubspot", "contacts"), ("salesforce", "Lead")) for w in floor.written(s, object) if w.id in ids(floor, name)
    ]
    assert [w for w in sent if {"hubspot_owner_id", "OwnerId"} & set(w.changes)] == []
    kept = state(floor, name)
    assert (kept.owner, kept.owner_by, stage(floor, name)) == (None, "hand", "sal")
    assert f"taken from {mine} and given to {'nobody' if side == 'hubspot' else 'queue Inbound'} by hand" in reason(floor, name)
    assert "left_without_owner" in causes(floor, name)
    assert told(floor, name).count("no_owner") == 1
    assert "reassigned" not in told(floor, name)


def ids(both: Both, name: str) -> set[str]:
    return {str(both.contact(address(name))["id"]), str(both.lead(address(name))["Id"])}


@pytest.mark.parametrize("side", SIDES)
def test_r6_whoever_takes_them_has_them(floor: Both, side: str) -> None:
    name = f"taken{side}"
    mine = handed(floor, name)
    take_away(floor, side, name)
    other = next(rep(one) for one in ("amy", "ben") if rep(one) != mine)
    if side == "hubspot":
        floor.hs.edit("contacts", floor.contact(address(name))["id"], {"hubspot_owner_id": floor.owner("hubspot", other)})
    else:
        floor.sf.edit("Lead", floor.lead(address(name))["Id"], {"OwnerId": floor.owner("salesforce", other)})
    floor.settle()
    floor.settle()
    assert (owner(floor, name), state(floor, name).owner_by) == (other, "hand")
    assert causes(floor, name) == set()
    assert [a.cause for a in floor.store.assignments.of([person(floor, name)])[person(floor, name)]] == ["handoff", "hand"]


@pytest.mark.parametrize("side", SIDES)
def test_r6_l2_a_stage_of_mql_has_them_routed_again(floor: Both, side: str) -> None:
    name = f"again{side}"
    handed(floor, name)
    take_away(floor, side, name)
    floor.time.advance(60)
    if side == "hubspot":
        floor.hs.edit("contacts", floor.contact(address(name))["id"], {"crmsync_stage": "mql"})
    else:
        floor.sf.edit("Lead", floor.lead(address(name))["Id"], {"crmsync_stage__c": "mql"})
    floor.settle()
    floor.settle()
    assert owner(floor, name) in (rep("amy"), rep("ben"))
    assert (stage(floor, name), state(floor, name).owner_by) == ("sal", "router")
    assert causes(floor, name) == set()
    # the command was carried out once: what else changes on them hands nobody over again
    floor.hs.edit("contacts", floor.contact(address(name))["id"], {"phone": "+14085550177"})
    floor.settle(after=600)
    floor.settle(after=600)
    assert [entry.stage for entry in state(floor, name).stages][-3:] == ["sal", "mql", "sal"]
    assert len(floor.store.assignments.of([person(floor, name)])[person(floor, name)]) == 2


def test_l2_a_stage_set_by_hand_is_carried_out_once_while_its_crm_takes_no_writes(floor: Both) -> None:
    handed(floor, "locked")
    before = len(told(floor, "locked"))
    floor.hs.edit("contacts", floor.contact(address("locked"))["id"], {"crmsync_stage": "mql"})
    floor.hs.faults.add({"do": "status", "status": 503, "path": "contacts/batch/update"})
    for _ in range(3):
        floor.cycle(after=600)
        floor.store.mark_dirty_persons([person(floor, "locked")])
    assert [entry.stage for entry in state(floor, "locked").stages][-3:] == ["sal", "mql", "sal"]
    assert len(floor.store.assignments.of([person(floor, "locked")])[person(floor, "locked")]) == 2
    assert len(told(floor, "locked")) <= before + 1
    floor.hs.faults.clear()
    for _ in range(2):
        floor.settle(after=3600)
    assert stage(floor, "locked") == "sal"
    assert len(floor.store.assignments.of([person(floor, "locked")])[person(floor, "locked")]) == 2


def test_r6_f49_a_queue_before_the_handoff_is_no_choice(floor: Both) -> None:
    # given somebody whom the org's own rule put into a queue when they were new
    floor.sf.lead_assignment(queue(floor))
    floor.sf.create("Lead", {"Email": address("fresh"), "LastName": "Fresh", "Company": "Fresh", "Phone": "+14085550100"})
    floor.sf.edit("Lead", floor.lead(address("fresh"))["Id"], {"OwnerId": queue(floor)})
    floor.settle()
    assert floor.hs.happen({"email": address("fresh"), "type": "form_submitted", "name": HOT, "at": floor.time()})
    floor.settle()
    floor.settle()
    assert owner(floor, "fresh") in (rep("amy"), rep("ben"))


def test_r7_a_rep_who_left_was_not_robbed(floor: Both) -> None:
    """When somebody leaves, their leads are emptied or put into a queue by whoever cleans up: that is no choice about a person, the next rep gets them."""
    mine = handed(floor, "orphan", city="Lou")
    assert mine == rep("lou")
    floor.hs.add_user({**reps("lou")[0], "active": False})
    floor.sf.edit("User", floor.owner("salesforce", mine), {"IsActive": False})
    floor.hs.edit("contacts", floor.contact(address("orphan"))["id"], {"hubspot_owner_id": ""})
    floor.sf.edit("Lead", floor.lead(address("orphan"))["Id"], {"OwnerId": queue(floor)})
    floor.settle(after=900)
    floor.settle()
    assert owner(floor, "orphan") in (rep("amy"), rep("ben"))
    assert state(floor, "orphan").owner_by == "router"
