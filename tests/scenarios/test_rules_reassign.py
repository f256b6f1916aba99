"""Owners after the first, end to end through both simulated CRMs over more than 30 days (process.md R5, R6, R7; F55, F57, F58, F78): hands that beat the router,
unworked leads, refused and late writes, reps who leave or are away, pools in which nobody is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from crmsync.decide.canonical import moment
from crmsync.model.work import QUEUE, RESPONSE
from crmsync.service.problems import Choice, retry
from scenarios.floor import HOT, address, ask, owner, owners, person, reason, rep, reps, routing, stage
from scenarios.world import START, Both

TRIO = ("tia", "tom", "tim")
POOLS = """  rules:
    - {name: trio, when: {field: city, is: Trio}, pool: trio}
    - {name: duo, when: {field: city, is: Duo}, pool: duo}
    - {name: cover, when: {field: city, is: Cover}, pool: cover}
    - {name: alone, when: {field: city, is: Alone}, pool: alone}
    - {name: leaver, when: {field: city, is: Leaver}, pool: leaver}
    - {name: ghosts, when: {field: city, is: Ghosts}, pool: ghosts}
    - {name: gone, when: {field: city, is: Gone}, pool: gone}
  pools:
    trio: {members: [tia@corp.example, tom@corp.example, tim@corp.example]}
    duo: {members: [dan@corp.example, deb@corp.example]}
    cover: {members: [carl@corp.example]}
    alone: {members: [sol@corp.example]}
    leaver: {members: [lou@corp.example, liz@corp.example]}
    ghosts: {members: [nobody@corp.example]}
    gone: {members: [gus@corp.example]}
"""
PEOPLE = "{gus@corp.example: {away: [{from: 2026-03-01, to: 2026-12-31}]}}"
ALERTS = "to: {no_owner: [sales], queue_late: [sales], reassigned: [sales], pool_used_up: [sales]}\n# to:"
AWAY = "  away_fields: {hubspot: {until: away_until, cover: deputy}}\n"
STAFF = ("amy", "ben", *TRIO, "dan", "deb", "carl", "cora", "sol", "lou", "liz", "gus", "fred")
LONG = 120 * 3600.0
"""From any weekday to past the 48 hours and the weekend between."""


@pytest.fixture(scope="module")
def floor() -> Iterator[Both]:
    edits = routing(
        POOLS,
        members="[amy@corp.example, ben@corp.example]",
        fallback="fred@corp.example",
        hours=AWAY,
        people=PEOPLE,
        alerts={"# to:": ALERTS},
    )
    with Both(edits=edits, kinds=("task", "call", "email"), users=reps(*STAFF)) as both:
        for name in ("away_until", "deputy"):
            both.hs.add_user_property(name)
        both.settle()
        yield both


def given(both: Both, name: str, city: str, **more: Any) -> str:
    """Somebody asks and is routed; who got them."""
    ask(both, name, city=city, **more)
    both.settle()
    both.settle()
    assert stage(both, name) == "sal"
    return owner(both, name)


def tasks(both: Both, name: str) -> dict[str, tuple[str, str, bool]]:
    """Our own tasks about somebody: subject -> (owner in Salesforce, owner in HubSpot, done in both). Fails where the CRMs hold different ones."""
    mark = f"{person(both, name)}-"
    known = {(user.side, user.id): user.email or user.id for user in both.store.users()}
    theirs = {str(row["crmsync_key__c"]): row for row in both.sf.all("Task") if str(row.get("crmsync_key__c") or "").startswith(mark)}
    ours = {str(row["crmsync_key"]): row for row in both.hs.all("tasks") if str(row.get("crmsync_key") or "").startswith(mark)}
    assert theirs.keys() == ours.keys()
    found: dict[str, tuple[str, str, bool]] = {}
    for key, row in theirs.items():
        done = (row["Status"] == "Completed", ours[key].get("hs_task_status") == "COMPLETED")
        assert len(set(done)) == 1, (row, ours[key])
        found[str(row["Subject"])] = (
            known[("salesforce", str(row["OwnerId"]))],
            known[("hubspot", str(ours[key]["hubspot_owner_id"]))],
            done[0],
        )
    return found


def response(both: Both, name: str) -> Any:
    """The response clock as it stands."""
    return next(clock for clock in state(both, name).clocks if clock.kind == RESPONSE)


def state(both: Both, name: str) -> Any:
    return both.store.persons([person(both, name)])[person(both, name)]


def told(both: Both, name: str) -> list[str]:
    """Kinds of the alerts about somebody."""
    return [row.kind for row in both.store.alerts.of([person(both, name)]).get(person(both, name), [])]


def due(both: Both, name: str) -> Any:
    """When sales has to answer, as both CRMs show it."""
    ours, theirs = both.contact(address(name)).get("crmsync_sla_due"), both.lead(address(name)).get("crmsync_sla_due__c")
    assert (ours is None) == (theirs is None)
    assert ours is None or moment(ours) == moment(theirs)
    return None if ours is None else moment(ours)


def test_r7_f57_unworked_goes_to_the_next_rep_with_open_tasks_and_clocks_in_both_crms(floor: Both) -> None:
    first = given(floor, "una", "Trio")
    before = response(floor, "una")
    (subject,) = tasks(floor, "una")
    # a day later nothing has moved, though other things happen to the person
    floor.settle(after=24 * 3600)
    floor.hs.edit("contacts", floor.contact(address("una"))["id"], {"jobtitle": "Baker"})
    floor.settle()
    assert owner(floor, "una") == first
    # unworked for two days: the next one, with the task, a clock of their own, and the reason
    chain = [first]
    for turn in range(1, 5):
        floor.settle(after=LONG)
        floor.settle()
        chain.append(owner(floor, "una"))
        assert reason(floor, "una").startswith("no touch within 48 h of the assignment: rule trio, pool trio of 3, counter ")
        assert tasks(floor, "una")[subject] == (chain[-1], chain[-1], False)
        after = response(floor, "una")
        assert (after.owner, after.started_at > before.started_at) == (chain[-1], True)
        assert ("begun anew" in reason(floor, "una")) is (turn == 3)
        before = after
    # nobody twice before all had them, and then not the one who has them now
    assert set(chain[:3]) == {rep(name) for name in TRIO}
    assert chain[3] != chain[2]
    assert chain[4] not in chain[3:4]
    assert told(floor, "una").count("reassigned") == 4
    assert told(floor, "una").count("pool_used_up") == 1
    assert [row.owner for row in floor.store.assignments.of([person(floor, "una")])[person(floor, "una")]] == chain


def test_r7_a_touch_in_either_crm_keeps_the_person(floor: Both) -> None:
    for name, side in (("touched", "salesforce"), ("called", "hubspot")):
        mine = given(floor, name, "Trio")
        floor.time.advance(3600)
        (row,) = [r for r in floor.sf.all("Task") if str(r.get("crmsync_key__c") or "").startswith(person(floor, name))]
        if side == "salesforce":
            floor.sf.edit("Task", row["Id"], {"Status": "Completed"})
        else:
            floor.hs.edit("tasks", floor.twin_id("task", "salesforce", row["Id"]), {"hs_task_status": "COMPLETED"})
        floor.settle()
        floor.settle(after=LONG)
        floor.settle()
        assert owner(floor, name) == mine
        done = [row for row in tasks(floor, name).values() if row[2]]
        assert done == [(mine, mine, True)]


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_r6_f55_f57_a_hand_beats_the_router_for_a_month_and_open_tasks_move(floor: Both, side: str) -> None:
    name = f"hand{side}"
    mine = given(floor, name, "Trio")
    other = next(rep(one) for one in TRIO if rep(one) != mine)
    floor.time.advance(600)
    if side == "hubspot":
        floor.hs.edit("contacts", floor.contact(address(name))["id"], {"hubspot_owner_id": floor.owner("hubspot", other)})
    else:
        floor.sf.edit("Lead", floor.lead(address(name))["Id"], {"OwnerId": floor.owner("salesforce", other)})
    floor.settle()
    floor.settle()
    assert owner(floor, name) == other
    assert {row[:2] for row in tasks(floor, name).values()} == {(other, other)}
    # a touch that is done stays with who made it when the next hand comes
    (row,) = [r for r in floor.sf.all("Task") if str(r.get("crmsync_key__c") or "").startswith(person(floor, name))]
    floor.time.advance(60)
    for days in (3, 14, 14):
        floor.settle(after=days * 86400)
        assert owner(floor, name) == other
    assert state(floor, name).owner_by == "hand"
    assert "reassigned" not in told(floor, name)
    floor.sf.edit("Task", row["Id"], {"Status": "Completed"})
    floor.settle()
    floor.settle(after=24 * 3600)
    floor.sf.edit("Lead", floor.lead(address(name))["Id"], {"OwnerId": floor.owner("salesforce", mine)})
    floor.settle()
    floor.settle()
    assert owner(floor, name) == mine
    for subject, (theirs, ours, done) in tasks(floor, name).items():
        assert (theirs, ours) == ((other, other) if done else (mine, mine)), subject


def test_r7_no_ping_pong_when_a_crm_refuses_the_new_owner(floor: Both) -> None:
    mine = given(floor, "refused", "Duo")
    other = next(rep(one) for one in ("dan", "deb") if rep(one) != mine)
    lead, locked = floor.lead(address("refused"))["Id"], floor.owner("salesforce", other)
    rules = list(floor.sf.org.validation_rules)
    floor.sf.validation_rule("Lead", lambda row: row.get("Id") == lead and row.get("OwnerId") == locked, "Talk to your manager first")
    floor.settle(after=LONG)
    for _ in range(6):
        floor.settle(after=3600)
    # HubSpot shows the new one, Salesforce could not: said once, tried no more, and neither CRM takes the other's for a hand
    assert owners(floor, "refused") == (other, mine)
    assert state(floor, "refused").owner == other
    assert [a.owner for a in floor.store.assignments.of([person(floor, "refused")])[person(floor, "refused")]] == [mine, other]
    assert [p.record_id for p in floor.problems() if p.person_id == person(floor, "refused")] == [lead]
    floor.mark()
    floor.settle(after=3600)
    assert [w for w in floor.written("salesforce", "Lead") if w.id == lead] == []
    # the rule is gone: `problems retry` brings both into step
    floor.sf.org.validation_rules[:] = rules
    parked = floor.store.problems.rows(person_ids=[person(floor, "refused")], limit=10)
    assert retry(floor.store, Choice(ids=tuple(row.problem_id for row in parked))) == 1
    floor.settle()
    floor.settle()
    assert owner(floor, "refused") == other
    assert [a.owner for a in floor.store.assignments.of([person(floor, "refused")])[person(floor, "refused")]] == [mine, other]


def test_r7_r6_two_reassignments_that_a_crm_missed_are_nobodys_choice(floor: Both) -> None:
    had = [given(floor, "missed", "Trio")]
    floor.hs.faults.add({"do": "status", "status": 503, "path": "contacts/batch/update"})
    for _ in range(2):
        floor.time.advance(LONG)
        for _ in range(3):
            floor.cycle(after=60)
        had.append(state(floor, "missed").owner)
    assert (len(set(had)), owners(floor, "missed")) == (3, (had[0], had[2]))
    floor.hs.faults.clear()
    for _ in range(3):
        floor.settle(after=1800)
    assert (owner(floor, "missed"), state(floor, "missed").owner_by) == (had[2], "router")


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_r7_f57_a_task_that_one_crm_does_not_take_is_moved_once_in_the_other(floor: Both, side: str) -> None:
    name = f"day{side}"
    given(floor, name, "Duo")
    floor.settle()
    crm, fault = (
        (floor.hs, {"do": "status", "status": 503, "path": "tasks/batch/update"})
        if side == "hubspot"
        else (floor.sf, {"do": "status", "status": 503, "method": "PATCH", "path": "composite"})
    )
    crm.faults.add(fault)
    floor.time.advance(LONG)
    floor.mark()
    for _ in range(5):
        floor.cycle(after=60)
    other, object, day = ("salesforce", "Task", "ActivityDate") if side == "hubspot" else ("hubspot", "tasks", "hs_timestamp")
    mine = {str(t["Id"]) for t in floor.sf.all("Task") if str(t.get("crmsync_key__c") or "").startswith(person(floor, name))}
    ours = mine if side == "hubspot" else {floor.twin_id("task", "salesforce", id) for id in mine}
    moved = [w for w in floor.written(other, object) if w.id in ours and day in w.changes]
    crm.faults.clear()
    assert len(moved) == 1, [w.changes for w in moved]
    floor.settle(after=1800)
    floor.settle()
    assert {row[:2] for row in tasks(floor, name).values()} == {(owner(floor, name), owner(floor, name))}


def test_r7_no_ping_pong_when_the_new_owner_is_written_late(floor: Both) -> None:
    mine = given(floor, "late", "Duo")
    other = next(rep(one) for one in ("dan", "deb") if rep(one) != mine)
    # Salesforce takes no writes while the person is passed on
    floor.sf.faults.add({"do": "status", "status": 503, "method": "PATCH", "path": "composite"})
    floor.time.advance(LONG)
    for _ in range(3):
        floor.cycle(after=60)
    assert owners(floor, "late") == (other, mine)
    floor.sf.faults.clear()
    for _ in range(4):
        floor.settle(after=1800)
    assert owner(floor, "late") == other
    assert [a.owner for a in floor.store.assignments.of([person(floor, "late")])[person(floor, "late")]] == [mine, other]
    assert {row[:2] for row in tasks(floor, "late").values() if not row[2]} == {(other, other)}


def test_f58_a_copy_with_an_old_assigned_date_is_routable(floor: Both) -> None:
    old = {"crmsync_assigned_at": "2025-05-01T10:00:00Z", "crmsync_routing_reason": "rule x, pool y of 2, counter 7"}
    assert given(floor, "copied", "Trio", **old) in {rep(name) for name in TRIO}
    assert reason(floor, "copied").startswith("rule trio, pool trio of 3, counter ")
    assert moment(floor.contact(address("copied"))["crmsync_assigned_at"]) == state(floor, "copied").assigned_at.replace(microsecond=0)
    # a clone of a lead as Salesforce makes it, with all of our fields but the key, in a queue
    queue = floor.sf.add_queue("Clones", "Lead")
    floor.settle(after=400)
    row = floor.lead(address("copied"))
    clone = {k: v for k, v in row.items() if k in ("crmsync_assigned_at__c", "crmsync_routing_reason__c", "Company", "Phone", "City")}
    floor.sf.create("Lead", {**clone, "Email": address("clone"), "LastName": "Clone", "OwnerId": queue})
    floor.settle()
    floor.time.advance(60)
    assert floor.hs.happen({"email": address("clone"), "type": "form_submitted", "name": "Talk to Sales", "at": floor.time()})
    floor.settle()
    assert owner(floor, "clone") in {rep(name) for name in TRIO}
    assert state(floor, "clone").owner_by == "router"


def test_r5_a_pool_of_unknown_users_and_one_of_somebody_away_fall_back(floor: Both) -> None:
    ask(floor, "ghost", city="Ghosts")
    ask(floor, "waiter", city="Gone")
    floor.settle()
    # nobody ever can: whom the rule sends to an empty pool goes on to the default pool, and the reason says why
    assert owner(floor, "ghost") in (rep("amy"), rep("ben"))
    assert reason(floor, "ghost").endswith("; passed over: pool ghosts is empty")
    # somebody will be back some day: the queue, and after its four working hours the fallback owner, with an alert and a problem
    assert stage(floor, "waiter") == "mql"
    assert state(floor, "waiter").queued_at == floor.time()
    floor.settle(after=72 * 3600)
    assert owner(floor, "waiter") == rep("fred")
    assert stage(floor, "waiter") == "sal"
    assert reason(floor, "waiter").startswith("rule fallback owner: pool gone (nobody available: 1 away)")
    assert sorted(told(floor, "waiter")) == ["no_owner", "queue_late"]
    late = next(clock for clock in state(floor, "waiter").clocks if clock.kind == QUEUE)
    assert (late.minutes, late.breached_at is not None, late.open) == (240, True, False)
    assert [p.cause for p in floor.problems() if p.person_id == person(floor, "waiter")] == ["fallback_owner"]


def test_f57_a_rep_who_leaves_is_relieved_at_once_with_their_tasks(floor: Both) -> None:
    mine = given(floor, "orphan", "Leaver")
    other = next(rep(one) for one in ("lou", "liz") if rep(one) != mine)
    floor.hs.deactivate_user(mine)
    (user,) = (row["Id"] for row in floor.sf.all("User") if row["Email"] == mine)
    floor.sf.edit("User", user, {"IsActive": False})
    floor.settle(after=400)
    floor.settle()
    assert owner(floor, "orphan") == other
    assert reason(floor, "orphan").startswith(f"{mine} can own nothing any more: rule leaver, pool leaver of 1, counter ")
    assert {row[:2] for row in tasks(floor, "orphan").values()} == {(other, other)}
    # with the next rep gone, too, and nobody left in the pool: the default pool, never nobody
    floor.hs.deactivate_user(other)
    (user,) = (row["Id"] for row in floor.sf.all("User") if row["Email"] == other)
    floor.sf.edit("User", user, {"IsActive": False})
    floor.settle(after=400)
    floor.settle()
    assert owner(floor, "orphan") in (rep("amy"), rep("ben"))
    assert "passed over: pool leaver is empty" in reason(floor, "orphan")


def test_f78_three_days_off_hand_the_work_over_without_manual_tagging(floor: Both) -> None:
    assert given(floor, "planned", "Cover", form=HOT) == rep("carl")
    floor.hs.set_user(rep("carl"), {"away_until": (floor.time() + timedelta(days=3)).date().isoformat(), "deputy": rep("cora")})
    floor.settle(after=400)
    floor.settle()
    # the lead stays Carl's, the work goes to who stands in
    assert owner(floor, "planned") == rep("carl")
    assert {row[:2] for row in tasks(floor, "planned").values() if not row[2]} == {(rep("cora"), rep("cora"))}
    # nobody new comes to him meanwhile
    ask(floor, "meanwhile", city="Cover")
    floor.settle()
    assert stage(floor, "meanwhile") == "mql"
    # back: his again, and whoever waited is given out
    floor.hs.set_user(rep("carl"), {"away_until": None, "deputy": None})
    floor.settle(after=400)
    floor.settle()
    assert owner(floor, "meanwhile") == rep("carl")
    assert {row[:2] for row in tasks(floor, "planned").values() if not row[2]} == {(rep("carl"), rep("carl"))}


def test_f78_three_days_off_without_a_cover_move_the_touch(floor: Both) -> None:
    assert given(floor, "alone", "Alone") == rep("sol")
    until = floor.time() + timedelta(days=3)
    floor.hs.set_user(rep("sol"), {"away_until": until.date().isoformat()})
    floor.settle(after=400)
    floor.settle(after=120)
    assert owner(floor, "alone") == rep("sol")
    assert {row[:2] for row in tasks(floor, "alone").values()} == {(rep("sol"), rep("sol"))}
    (row,) = [r for r in floor.sf.all("Task") if str(r.get("crmsync_key__c") or "").startswith(person(floor, "alone"))]
    assert row["ActivityDate"] >= until.date().isoformat()
    twin = floor.hs.get("tasks", floor.twin_id("task", "salesforce", row["Id"]))
    assert str(twin["hs_timestamp"])[:10] == row["ActivityDate"]
    floor.hs.set_user(rep("sol"), {"away_until": None})
    floor.settle(after=400)


def test_r7_assigned_and_closed_within_a_second(floor: Both) -> None:
    given(floor, "brief", "Trio")
    at = floor.time()
    floor.sf.edit("Lead", floor.lead(address("brief"))["Id"], {"crmsync_disposition__c": "rejected", "crmsync_reason_code__c": "wrong_icp"})
    floor.settle(after=1)
    floor.settle(after=0)
    assert floor.time() - at < timedelta(seconds=10)
    assert stage(floor, "brief") == "disqualified"
    mine = owner(floor, "brief")
    floor.settle(after=LONG)
    floor.settle()
    assert (owner(floor, "brief"), stage(floor, "brief")) == (mine, "disqualified")
    assert [t for t in told(floor, "brief") if t == "reassigned"] == []
    assert state(floor, "brief").queued_at is None


def test_r7_more_than_a_month_went_by_and_all_settles(floor: Both) -> None:
    floor.settle(after=max(0.0, (START + timedelta(days=31) - floor.time()).total_seconds()))
    floor.settle()
    floor.assert_settled()
    assert floor.time() - START > timedelta(days=30)
