"""`plan` and the brakes: activities are previewed exactly, and too many of them halt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from crmsync.errors import HaltError
from crmsync.model.rules import Brakes, Playbook
from crmsync.service.plan import FieldPlan, WritePlan, plan
from scenarios.desk import desk
from scenarios.persons import crowd
from scenarios.world import ACTIVITIES, KIND_OBJECTS, KINDS, SIDES, Both, only, other_side

ENTERED = [(kind, side) for kind, sides in KINDS.items() for side in sides]


def braked(both: Both, **brakes: float) -> None:
    def rules(playbook: Playbook) -> Playbook:
        return replace(playbook, brakes=Brakes(**brakes))  # type: ignore[arg-type]

    both.restart(playbook=rules)


def keyless(write: WritePlan) -> tuple[str, str, list[FieldPlan]]:
    """What is the same in every plan: the key of something new is drawn again each time."""
    return write.crm, write.action, [f for f in write.fields if f.name != "crmsync_key"]


Persons = dict[tuple[str, str], dict[str, str]]
"""(kind, side) that an activity is entered as -> whose it is, side -> id: two alike of one person are one."""


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Both, Persons]]:
    """One world with somebody for each case, who is in both CRMs; each case enters an activity."""
    with Both(kinds=ACTIVITIES) as both:
        pairs = crowd(both, len(ENTERED))
        yield both, {case: dict(zip(SIDES, pair, strict=True)) for case, pair in zip(ENTERED, pairs, strict=True)}


@pytest.mark.parametrize(("kind", "side"), ENTERED)
def test_what_is_planned_is_what_is_written(kind: str, side: str, shared: tuple[Both, Persons]) -> None:
    (both, persons), other = shared, other_side(side)
    who = persons[kind, side]
    both.mark()
    both.time.advance(60)
    mine = both.enter(kind, side, who[side])
    # a plan says it, field by field, writes nothing, and says the same again
    said = plan(desk(both))
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    shown = {(w.crm, w.object, w.action, w.what) for w in said.writes}
    assert shown == {
        (other, KIND_OBJECTS[kind][other], "create", kind),
        (side, KIND_OBJECTS[kind][side], "update", kind),
    }
    create = next(w for w in said.writes if w.action == "create")
    assert create.belongs_to == (f"{other}:{'Lead' if other == 'salesforce' else 'contacts'}/{who[other]}",)
    assert not create.after_person
    assert {f.rule for f in create.fields} & {f"created from {side}"}
    assert said.calls == {side: 1, other: 1}
    assert said.activities[kind] == 1
    again = plan(desk(both))
    assert [keyless(w) for w in again.writes] == [keyless(w) for w in said.writes]
    # and a sync writes exactly that
    both.settle(0)
    for write in said.writes:
        (made,) = both.written(write.crm)
        planned = {f.native for f in write.fields if f.new is not None}
        assert (made.object, made.action) == (write.object, write.action)
        assert planned <= set(made.changes)
    assert both.twin(kind, side, mine)
    both.assert_settled()
    assert plan(desk(both)).writes == []


@only("call")
def test_what_belongs_to_somebody_who_is_created_first_is_planned_too(both: Both) -> None:
    both.settle()
    contact = both.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee", "company": "Acme"})
    both.enter("call", "hubspot", contact)
    said = plan(desk(both))
    made = {(w.crm, w.object, w.action, w.what): w for w in said.writes}
    call = made["salesforce", "Task", "create", "call"]
    assert call.after_person
    assert call.belongs_to == ("salesforce:Lead/(new)",)
    assert said.waiting == {("call", "person"): 1}
    both.mark()
    both.settle(0)
    assert {(w.object, w.action) for w in both.written("salesforce")} == {("Lead", "create"), ("Task", "create")}


@only("note")
def test_what_nobody_has_a_record_for_waits_and_says_so(both: Both) -> None:
    both.settle()
    nameless = both.hs.create("contacts", {"lastname": "Nobody"})
    both.enter("note", "hubspot", nameless)
    said = plan(desk(both))
    assert said.waiting == {("note", "person"): 1}
    assert "salesforce" not in said.calls


@only("call")
def test_a_first_load_of_too_many_activities_halts(both: Both) -> None:
    ((contact, _),) = crowd(both, 1)
    braked(both, max_creates=4)
    for _ in range(5):
        both.enter("call", "hubspot", contact)
    said = plan(desk(both))
    assert said.halted is not None
    assert "5 activities, companies and deals would be created (limit max_creates = 4)" in said.halted
    with pytest.raises(HaltError, match="max_creates"):
        both.cycle(15)
    assert both.writes() == {"hubspot": 0, "salesforce": 0}


@only("call")
def test_the_activities_of_persons_who_are_created_too_count(both: Both) -> None:
    both.settle()
    braked(both, max_creates=4)
    contact = both.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee", "company": "Acme"})
    for _ in range(5):
        both.enter("call", "hubspot", contact)
    both.mark()
    with pytest.raises(HaltError, match="5 activities"):
        both.cycle(15)
    assert both.writes() == {"hubspot": 0, "salesforce": 0}


@only("call")
def test_what_waited_for_its_person_counts_when_the_person_comes(both: Both) -> None:
    crowd(both, 3)  # one of four persons is not much in itself
    contact = both.hs.create("contacts", {"lastname": "Lee", "company": "Acme"})
    for _ in range(5):
        both.enter("call", "hubspot", contact)
    both.settle()
    braked(both, max_creates=4, min_changes=1)
    both.hs.edit("contacts", contact, {"email": "ann@example.com"})
    both.mark()
    with pytest.raises(HaltError, match="5 activities"):
        both.cycle(15)
    assert both.writes() == {"hubspot": 0, "salesforce": 0}


@only("task")
def test_changing_too_many_activities_of_a_kind_halts(both: Both) -> None:
    ((contact, _),) = crowd(both, 1)
    tasks = [both.enter("task", "hubspot", contact) for _ in range(6)]
    both.settle()
    both.settle()
    braked(both, min_changes=3)
    for id in tasks[:3]:
        both.edit("task", "hubspot", id, hs_task_subject="Something else")
    both.settle()  # half of them is not too much
    for id in tasks[:4]:
        both.edit("task", "hubspot", id, hs_task_subject="Something else again")
    both.mark()
    with pytest.raises(HaltError, match="4 of 6 task records would have values replaced in salesforce"):
        both.cycle(15)
    assert both.writes() == {"hubspot": 0, "salesforce": 0}


@only("task")
def test_a_plan_counts_associations_as_calls(both: Both) -> None:
    pairs = crowd(both, 2)
    task = both.enter("task", "salesforce", pairs[0][1])
    both.settle()
    both.settle()
    both.mark()
    both.time.advance(60)
    both.sf.edit("Task", task, {"WhoId": pairs[1][1]})
    said = plan(desk(both))
    (write,) = said.writes
    assert (write.belongs_to, write.no_longer_to) == ((f"hubspot:contacts/{pairs[1][0]}",), (f"hubspot:contacts/{pairs[0][0]}",))
    assert said.calls == {"hubspot": 2}
    both.hs.calls.clear()
    both.settle(0)
    assert sum(1 for call in both.hs.calls if "/associations/" in call.path and "/batch/" in call.path and "read" not in call.path) == 2
