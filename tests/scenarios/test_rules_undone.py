"""What may not be undone, end to end through both simulated CRMs (process.md L2, R4, R6, R7, C4, C5): a hand that says the same as before, a reply that was acted on
long ago, tasks that are to go while their CRM does not answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from crmsync.engine.taken_back import WAITING
from crmsync.service.problems import Choice, retry
from scenarios.floor import HOT, address, ask, owner, person, reason, rep, reps, routing, stage
from scenarios.touched import KINDS, Person, asks
from scenarios.world import SIDES, Both

CLOSERS = ("tia", "tom", "tim")
POOLS = """  pools:
    closers: {members: [tia@corp.example, tom@corp.example, tim@corp.example]}
  hot: closers
"""
LONG = 120 * 3600.0
"""From any weekday to past the 48 hours and the weekend between."""


@pytest.fixture(scope="module")
def floor() -> Iterator[Both]:
    edits = routing(POOLS, members="[amy@corp.example, ben@corp.example]")
    with Both(edits=edits, kinds=KINDS, users=reps("amy", "ben", *CLOSERS)) as both:
        both.settle()
        yield both


def handed(both: Both, name: str) -> str:
    """A hot person who was handed over; who got them."""
    ask(both, name, form=HOT)
    both.settle()
    both.settle()
    return owner(both, name)


def state(both: Both, name: str) -> Any:
    return both.store.persons([person(both, name)])[person(both, name)]


def test_r4_r7_unworked_hot_persons_stay_with_the_closers(floor: Both) -> None:
    had = [handed(floor, "hot")]
    for _ in range(2):
        floor.settle(after=LONG)
        had.append(owner(floor, "hot"))
    assert sorted(had) == sorted(map(rep, CLOSERS)), "each of them once, and nobody else"
    assert "rule hot leads, pool closers" in reason(floor, "hot")


@pytest.mark.parametrize("side", SIDES)
def test_r6_a_hand_that_gives_them_back_to_the_rep_before_stands(floor: Both, side: str) -> None:
    name = f"back{side}"
    before = handed(floor, name)
    floor.settle(after=LONG)
    assert owner(floor, name) != before
    if side == "hubspot":
        floor.hs.edit("contacts", floor.contact(address(name))["id"], {"hubspot_owner_id": floor.owner("hubspot", before)})
    else:
        floor.sf.edit("Lead", floor.lead(address(name))["Id"], {"OwnerId": floor.owner("salesforce", before)})
    floor.settle()
    floor.settle(after=LONG)
    assert (owner(floor, name), state(floor, name).owner_by) == (before, "hand")


def test_l2_c4_a_reply_leads_somewhere_once(floor: Both) -> None:
    one = asks(floor, "rue", rep("amy"))
    floor.settle()
    one.says("2")
    floor.settle()
    floor.settle()
    assert stage(floor, "rue") == "disqualified"
    floor.time.advance(7200)
    one.edits(crmsync_stage="sal")
    floor.settle()
    one.edits(phone="+14085550199")
    floor.settle(after=86_400)
    assert one.path()[-2:] == ["disqualified", "sal"], "the rep knew the answer"


def test_c5_what_is_to_go_goes_once_its_crm_answers_again(floor: Both) -> None:
    faults: dict[str, dict[str, Any]] = {"all": {}, "writes": {"method": "DELETE"}}
    people: dict[str, list[Person]] = {what: [asks(floor, f"{name}{what}", rep("amy")) for name in ("gone", "kept")] for what in faults}
    both = [one for pair in people.values() for one in pair]
    floor.settle()
    for one in both:
        one.does()
    for _ in range(6):
        floor.settle(after=20 * 3_600)
    assert [len(one.open(side)) for one in both for side in SIDES] == [1] * 8
    for what, fault in faults.items():
        gone, kept = people[what]
        floor.sf.faults.add({"do": "status", "status": 503, **fault})
        for one in (gone, kept):
            one.edits(crmsync_stage="nurture")
        for _ in range(3):
            floor.cycle(after=60)
        assert len(floor.store.get(WAITING)) == 2, what
        kept.does()  # while nobody sees it
        floor.sf.faults.clear()
        floor.settle(after=600)
        floor.settle(after=600)
        assert [len(gone.open(side)) for side in SIDES] == [0, 0], what
        assert [len(kept.tasks(side)) for side in SIDES] == [2, 2], "what was done stays"
        assert floor.store.get(WAITING) == []


NO_DELETE = {"statusCode": "INSUFFICIENT_ACCESS_OR_READONLY", "message": "insufficient access rights on object id", "fields": []}


def test_c5_what_a_crm_will_not_delete_is_told_and_tried_again_on_demand(floor: Both) -> None:
    one = asks(floor, "stay", rep("amy"))
    floor.settle()
    one.does()
    floor.settle(after=20 * 3_600)
    floor.settle(after=20 * 3_600)
    (task,) = one.open()
    body = json.dumps([{"success": False, "errors": [NO_DELETE]}])
    floor.sf.faults.add({"do": "status", "status": 200, "method": "DELETE", "times": 1, "body": body})
    one.edits(crmsync_stage="nurture")
    floor.settle()
    floor.settle()
    assert [row["Id"] for row in one.open()] == [task["Id"]]
    (problem,) = [p for p in floor.problems() if p.person_id == one.who]
    assert (problem.cause, problem.side, problem.object, problem.record_id) == ("task_not_taken_back", "salesforce", "Task", task["Id"])
    assert "insufficient access rights on object id" in problem.message
    assert "crmsync problems retry --cause task_not_taken_back" in problem.message
    assert floor.store.get(WAITING) == [], "it is not tried by itself for ever"
    assert retry(floor.store, Choice(cause="task_not_taken_back")) == 1
    floor.settle()
    assert (one.open(), [p for p in floor.problems() if p.person_id == one.who], floor.store.get(WAITING)) == ([], [], [])


def test_h2_a_hot_lead_is_told_while_it_waits_for_an_owner() -> None:
    """The channel hears of it at once, the owner when there is one; nobody twice."""
    hours = "{tia@corp.example: {start: '09:00', end: '17:00'}}"
    edits = routing(
        "", members="[tia@corp.example]", people=hours, alerts={"# to:\n#   hot_lead: [owner, sales] ": "to:\n  hot_lead: [owner, sales] "}
    )
    with Both(edits=edits, users=reps("tia"), kinds=("task",)) as both:
        both.settle()
        both.time.advance(12 * 3_600)  # at night
        ask(both, "owl", form=HOT)
        both.settle()
        assert stage(both, "owl") == "mql"

        def heard() -> list[tuple[str, str]]:
            return sorted((row.kind, row.address) for row in both.store.alerts.of([person(both, "owl")])[person(both, "owl")])

        assert heard() == [("hot_lead", "channel:sales")]
        both.settle(after=12 * 3_600)
        assert owner(both, "owl") == rep("tia")
        assert heard() == [("hot_lead", "channel:sales"), ("hot_lead", f"owner:{rep('tia')}")]
