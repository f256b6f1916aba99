"""`undo`: one write is taken back by one write, stands on that side alone, and is fought by nobody until somebody moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crmsync.errors import CrmsyncError, UnreachableError
from crmsync.model.change import OutcomeKind
from crmsync.model.journal import JournalEntry
from crmsync.model.link import UNDONE
from crmsync.service.undo import undo
from scenarios.desk import desk
from scenarios.persons import crowd
from scenarios.world import KINDS, Both, other_side

ENTERED = [(kind, side) for kind, sides in KINDS.items() for side in sides]
PHONE = {"hubspot": ("contacts", "phone"), "salesforce": ("Lead", "Phone")}
OLD, NEW, THIRD = "+14085550000", "+14085550100", "+14085550200"


def pair(both: Both) -> dict[str, str]:
    """Somebody who is in both CRMs and has OLD as a phone: side -> id."""
    ((contact, lead),) = crowd(both, 1)
    return {"hubspot": contact, "salesforce": lead}


def crm(both: Both, side: str) -> Any:
    return both.hs if side == "hubspot" else both.sf


def phone(both: Both, side: str, id: str) -> Any:
    object, name = PHONE[side]
    return crm(both, side).get(object, id).get(name)


def call(both: Both, side: str, id: str, value: str) -> None:
    object, name = PHONE[side]
    crm(both, side).edit(object, id, {name: value})


def newest(both: Both, id: str, side: str, field: str | None = None) -> JournalEntry:
    """The newest accepted write about a person or twin on one side (of one field)."""
    found = [e for e in both.store.writes_of(id, 500) if e.side == side and e.outcome == OutcomeKind.DONE.value]
    return next(e for e in found if field is None or field in e.names.values())


def quiet(both: Both, about: str) -> None:
    """Whatever is looked at again, nothing is written."""
    both.mark()
    both.store.mark_dirty_persons([about])
    both.settle()
    both.settle(after=400)
    assert both.writes() == {"hubspot": 0, "salesforce": 0}, [*both.written("hubspot"), *both.written("salesforce")]
    both.assert_settled()


def carried(both: Both, source: str) -> tuple[dict[str, str], str, JournalEntry]:
    """A phone that was changed on `source` and carried over: who, the person, the write."""
    who, other = pair(both), other_side(source)
    call(both, source, who[source], NEW)
    both.settle()
    assert phone(both, other, who[other]) == NEW
    person = both.person_of(other, PHONE[other][0], who[other])
    assert person is not None
    both.settle()
    both.mark()
    return who, person, newest(both, person, other, "phone")


@pytest.mark.parametrize("source", ["hubspot", "salesforce"])
def test_a_carried_value_is_taken_back_and_stands(source: str, both: Both) -> None:
    other = other_side(source)
    who, person, write = carried(both, source)
    said = undo(desk(both), write.write.write_id)
    # one write, on that side, of that field, journalled as what it is
    assert said["refused"] is None
    assert [(f["name"], f["was"], f["now"]) for f in said["restored"]] == [("phone", NEW, OLD)]
    (made,) = both.written(other)
    assert (made.id, made.action, set(made.changes) - {"hs_calculated_phone_number"}) == (who[other], "update", {PHONE[other][1]})
    assert both.written(source) == []
    entry = both.store.write(said["undo_id"])
    assert entry is not None
    assert (entry.outcome, entry.undoes, set(entry.rules.values())) == ("done", write.write.write_id, {f"undo of {write.write.write_id}"})
    # it stands on both sides as it is
    quiet(both, person)
    assert (phone(both, source, who[source]), phone(both, other, who[other])) == (NEW, OLD)
    # until somebody changes it on either side
    call(both, source, who[source], THIRD)
    both.settle()
    assert phone(both, other, who[other]) == THIRD
    quiet(both, person)


@pytest.mark.parametrize("source", ["hubspot", "salesforce"])
def test_an_edit_of_the_restored_value_is_carried_again(source: str, both: Both) -> None:
    other = other_side(source)
    who, person, write = carried(both, source)
    undo(desk(both), write.write.write_id)
    quiet(both, person)
    call(both, other, who[other], THIRD)
    both.settle()
    assert phone(both, source, who[source]) == THIRD
    quiet(both, person)


@pytest.mark.parametrize("source", ["hubspot", "salesforce"])
def test_an_undo_is_undone(source: str, both: Both) -> None:
    other = other_side(source)
    who, person, write = carried(both, source)
    first = undo(desk(both), write.write.write_id)
    both.settle()
    again = undo(desk(both), first["undo_id"])
    assert again["refused"] is None
    assert phone(both, other, who[other]) == NEW
    quiet(both, person)
    assert both.store.persons([person])[person].base["phone"].values == {"hubspot": NEW, "salesforce": NEW}


@pytest.mark.parametrize("source", ["hubspot", "salesforce"])
def test_an_edit_of_the_source_that_was_not_seen_yet_is_not_swallowed(source: str, both: Both) -> None:
    other = other_side(source)
    who, person, write = carried(both, source)
    both.time.advance(60)
    call(both, source, who[source], THIRD)
    assert undo(desk(both), write.write.write_id)["refused"] is None
    both.settle()
    assert phone(both, other, who[other]) == THIRD
    quiet(both, person)


@pytest.mark.parametrize("source", ["hubspot", "salesforce"])
def test_what_changed_since_is_not_taken_back(source: str, both: Both) -> None:
    other = other_side(source)
    who, _, write = carried(both, source)
    call(both, other, who[other], THIRD)
    said = undo(desk(both), write.write.write_id)
    assert "phone" in said["refused"]
    assert THIRD in said["refused"]
    assert [k["name"] for k in said["kept"]] == ["phone"]
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    assert phone(both, other, who[other]) == THIRD


def test_several_fields_wholly_partly_or_by_name(both: Both) -> None:
    who = pair(both)
    both.hs.edit("contacts", who["hubspot"], {"phone": NEW, "jobtitle": "Baker", "city": "Lima"})
    both.settle()
    person = both.person_of("salesforce", "Lead", who["salesforce"])
    assert person is not None
    write = newest(both, person, "salesforce", "title").write.write_id
    both.sf.edit("Lead", who["salesforce"], {"Phone": THIRD})
    both.mark()
    desk_ = desk(both)
    assert "--fields" in undo(desk_, write)["refused"]
    assert "it wrote" in undo(desk_, write, fields=["shoe size"])["refused"]
    assert "changed since" in undo(desk_, write, fields=["phone"])["refused"]
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    named = undo(desk_, write, fields=["city"])
    assert [f["name"] for f in named["restored"]] == ["city"]
    rest = undo(desk_, write, partly=True)
    assert {k["name"] for k in rest["kept"]} == {"phone", "city"}
    assert [f["name"] for f in rest["restored"]] == ["title"]
    lead = both.sf.get("Lead", who["salesforce"])
    assert (lead["Phone"], lead["Title"], lead.get("City") or None) == (THIRD, "Engineer", None)
    assert both.writes() == {"hubspot": 0, "salesforce": 2}
    both.settle()
    assert both.contact("person0@example.com")["phone"] == THIRD  # an ordinary edit goes on
    assert both.contact("person0@example.com")["jobtitle"] == "Baker"
    quiet(both, person)


def test_a_stage_is_restored_without_being_taken_for_a_command(both: Both) -> None:
    who = pair(both)
    person = both.person_of("salesforce", "Lead", who["salesforce"])
    assert person is not None
    both.hs.edit("contacts", who["hubspot"], {"crmsync_stage": "sql"})
    both.settle()
    write = newest(both, person, "salesforce", "crmsync_stage")
    assert write.write.fields["crmsync_stage__c"] == "sql"
    before = both.store.persons([person])[person].stages
    both.mark()
    said = undo(desk(both), write.write.write_id, fields=["crmsync_stage"])
    assert said["refused"] is None
    assert both.sf.get("Lead", who["salesforce"])["crmsync_stage__c"] != "sql"
    quiet(both, person)
    assert both.store.persons([person])[person].stages == before
    # a person who sets another one is heard
    both.sf.edit("Lead", who["salesforce"], {"crmsync_stage__c": "opportunity"})
    both.settle()
    assert both.contact("person0@example.com")["crmsync_stage"] == "opportunity"


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
@pytest.mark.parametrize("deletes", ["unlink", "propagate"])
def test_a_created_person_is_deleted_and_not_created_again(side: str, deletes: str, both: Both) -> None:
    both.restart(playbook=lambda rules: replace(rules, deletes=deletes))
    if side == "salesforce":
        mine = both.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee", "company": "Acme"})
    else:
        mine = both.sf.create("Lead", {"Email": "ann@example.com", "LastName": "Lee", "Company": "Acme"})
    both.settle()
    both.settle()
    source = other_side(side)
    person = both.person_of(source, PHONE[source][0], mine)
    assert person is not None
    write = next(e for e in both.store.writes_of(person) if e.write.action == "create")
    both.mark()
    said = undo(desk(both), write.write.write_id)
    assert said["refused"] is None
    assert [(w.id, w.action) for w in both.written(side)] == [(write.record_id, "delete")]
    assert both.written(source) == []
    quiet(both, person)
    both.settle(after=1000)  # the CRM's own listing of deleted records is read
    quiet(both, person)
    assert both.problems("deleted_elsewhere") == []
    assert phone(both, source, mine) is None
    call(both, source, mine, NEW)
    both.settle()
    assert both.writes()[side] == 0


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_what_somebody_worked_with_is_deleted_only_with_yes(side: str, both: Both) -> None:
    if side == "salesforce":
        both.hs.create("contacts", {"email": "ann@example.com", "lastname": "Lee", "company": "Acme"})
    else:
        both.sf.create("Lead", {"Email": "ann@example.com", "LastName": "Lee", "Company": "Acme"})
    both.settle()
    both.settle()
    (object, _), name = PHONE[side], {"hubspot": "lastname", "salesforce": "LastName"}[side]
    id = both.contact("ann@example.com")["id"] if side == "hubspot" else both.lead("ann@example.com")["Id"]
    person = both.person_of(side, object, str(id))
    assert person is not None
    write = next(e for e in both.store.writes_of(person) if e.write.action == "create").write.write_id
    crm(both, side).edit(object, str(id), {name: "Lee-Young"})
    both.mark()
    said = undo(desk(both), write)
    assert said["needs_yes"]
    assert name in said["refused"]
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    assert undo(desk(both), write, yes=True)["refused"] is None
    assert both.writes() == {"hubspot": 0, "salesforce": 0, side: 1}
    quiet(both, person)


def test_what_was_never_done_is_gone_or_was_a_delete_is_refused(both: Both) -> None:
    who, person, write = carried(both, "hubspot")
    assert "no write nonsense is known" in undo(desk(both), "nonsense")["refused"]
    entry = replace(write, write=replace(write.write, write_id="w-refused"), outcome="rejected", message="no")
    both.store.journal([entry])
    assert "never accepted" in undo(desk(both), "w-refused")["refused"]
    silent = replace(write, write=replace(write.write, write_id="w-silent"), old={})
    both.store.journal([silent])
    assert "not known" in undo(desk(both), "w-silent")["refused"]
    both.sf.delete("Lead", who["salesforce"])
    said = undo(desk(both), write.write.write_id)
    assert "Lead" in said["refused"]
    both.settle()
    deleted = [e for e in both.store.writes_of(person) if e.write.action == "delete"]
    assert deleted == []
    assert both.writes() == {"hubspot": 0, "salesforce": 0}


def test_a_delete_says_where_to_restore_it(both: Both) -> None:
    who = pair(both)
    mine = both.enter("task", "hubspot", who["hubspot"])
    both.settle()
    both.settle()
    key = both.person_of("hubspot", "tasks", mine)
    assert key is not None
    create = next(e for e in both.store.writes_of(key) if e.write.action == "create")
    first = undo(desk(both), create.write.write_id)
    said = undo(desk(both), first["undo_id"])
    assert "Recycle Bin" in said["refused"]


def test_a_converted_or_merged_record_is_refused(both: Both) -> None:
    who, _, write = carried(both, "hubspot")
    both.sf.convert(who["salesforce"])
    both.mark()
    assert "converted" in undo(desk(both), write.write.write_id)["refused"]
    both.settle()
    assert undo(desk(both), write.write.write_id)["refused"]


def test_an_opt_out_always_wins(both: Both) -> None:
    who = pair(both)
    both.sf.edit("Lead", who["salesforce"], {"HasOptedOutOfEmail": True})
    both.settle()
    person = both.person_of("salesforce", "Lead", who["salesforce"])
    assert person is not None
    found = [e for e in both.store.writes_of(person) if e.side == "hubspot" and "email_opt_out" in e.names.values()]
    if not found:
        pytest.fail("the opt-out did not go over")
    both.mark()
    assert "opt-out" in undo(desk(both), found[0].write.write_id)["refused"]
    assert both.writes() == {"hubspot": 0, "salesforce": 0}


CHANGED = {
    "task": {"hubspot": {"hs_task_subject": "Another"}, "salesforce": {"Subject": "Another"}},
    "call": {"hubspot": {"hs_call_title": "Another"}, "salesforce": {"Subject": "Another"}},
    "email": {"hubspot": {"hs_email_subject": "Another"}, "salesforce": {"Subject": "Another"}},
    "meeting": {
        "hubspot": {"hs_meeting_start_time": "2026-04-01T16:00:00Z", "hs_meeting_end_time": "2026-04-01T16:45:00Z"},
        "salesforce": {"StartDateTime": "2026-04-01T16:00:00Z", "EndDateTime": "2026-04-01T16:45:00Z"},
    },
    "note": {"hubspot": {"hs_note_body": "<p>Another <b>word</b></p>"}},
}


@pytest.mark.parametrize(("kind", "side"), ENTERED)
def test_an_activity_is_put_back_as_it_was(kind: str, side: str, both: Both) -> None:
    who, other = pair(both), other_side(side)
    mine = both.enter(kind, side, who[side])
    both.settle()
    both.settle()
    theirs = both.twin_id(kind, side, mine)
    before = both.shown(kind, other, theirs)
    both.time.advance(60)
    both.edit(kind, side, mine, **CHANGED[kind][side])
    both.settle()
    after = both.shown(kind, other, theirs)
    key = both.person_of(side, KINDS[kind][side][0], mine)
    assert key is not None
    write = newest(both, key, other)
    assert all(before.get(name) != after.get(name) for name in write.write.fields), write
    both.mark()
    said = undo(desk(both), write.write.write_id)
    assert said["refused"] is None
    (made,) = both.written(other)
    assert (made.id, made.action) == (theirs, "update")
    assert set(made.changes) >= set(write.write.fields)
    shown = both.shown(kind, other, theirs)
    assert {n: shown.get(n) for n in write.write.fields} == {n: before.get(n) for n in write.write.fields}
    quiet(both, key)
    shown = both.shown(kind, other, theirs)
    assert {n: shown.get(n) for n in write.write.fields} == {n: before.get(n) for n in write.write.fields}
    # and back again
    assert undo(desk(both), said["undo_id"])["refused"] is None
    quiet(both, key)


@pytest.mark.parametrize(("kind", "side"), ENTERED)
def test_a_created_activity_is_deleted_and_not_created_again(kind: str, side: str, both: Both) -> None:
    who, other = pair(both), other_side(side)
    mine = both.enter(kind, side, who[side])
    both.settle()
    both.settle()
    theirs = both.twin_id(kind, side, mine)
    key = both.person_of(side, KINDS[kind][side][0], mine)
    assert key is not None
    write = next(e for e in both.store.writes_of(key) if e.write.action == "create")
    both.mark()
    assert undo(desk(both), write.write.write_id)["refused"] is None
    assert [(w.id, w.action) for w in both.written(other)] == [(theirs, "delete")]
    quiet(both, key)
    both.settle(after=1000)
    quiet(both, key)
    assert both.shown(kind, side, mine)
    assert both.problems("deleted_elsewhere") == []
    both.edit(kind, side, mine, **CHANGED[kind][side])
    both.mark()
    both.settle()
    assert both.writes()[other] == 0


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_whom_it_belongs_to_is_put_back(side: str, both: Both) -> None:
    other, pairs = other_side(side), crowd(both, 2)
    place = {"hubspot": 0, "salesforce": 1}
    task = both.enter("task", side, pairs[0][place[side]])
    both.settle()
    both.settle()
    theirs = both.twin_id("task", side, task)
    both.time.advance(60)
    if side == "salesforce":
        both.sf.edit("Task", task, {"WhoId": pairs[1][1]})
    else:
        both.hs.associate("tasks", task, "contacts", pairs[1][0])
        both.hs.dissociate("tasks", task, "contacts", pairs[0][0])
    both.settle()
    key = both.person_of(side, {"hubspot": "tasks", "salesforce": "Task"}[side], task)
    assert key is not None
    write = newest(both, key, other)
    assert write.write.unlink
    both.mark()
    said = undo(desk(both), write.write.write_id)
    assert [f["name"] for f in said["restored"]] == ["belonging"]
    quiet(both, key)
    whose = both.hs.associated("tasks", theirs, "contacts") if other == "hubspot" else [both.sf.get("Task", theirs)["WhoId"]]
    assert whose == [pairs[0][place[other]]]


def test_a_first_touch_task_is_taken_back(both: Both) -> None:
    who = pair(both)
    both.hs.edit("contacts", who["hubspot"], {"crmsync_stage": "mql"})
    both.settle()
    both.settle()
    person = both.person_of("hubspot", "contacts", who["hubspot"])
    assert person is not None
    (row,) = both.store.tasks_of([person])[person]
    write = next(e for e in both.store.writes_of(person) if e.kind == "task")
    both.mark()
    assert undo(desk(both), write.write.write_id)["refused"] is None
    assert [(w.id, w.action) for w in both.written(row.side)] == [(row.record_id, "delete")]
    quiet(both, person)


def test_a_crm_that_is_down_is_said_and_nothing_is_noted(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    _, person, write = carried(both, "hubspot")
    state = both.store.persons([person])[person]

    def down(*_: object) -> Any:
        raise UnreachableError("Salesforce does not answer", side="salesforce")

    with monkeypatch.context() as patch:
        patch.setattr(both.world.connectors["salesforce"], "fetch", down)
        with pytest.raises(CrmsyncError, match="does not answer"):
            undo(desk(both), write.write.write_id)
    assert both.store.persons([person])[person] == state
    assert both.store.open_intents() == []
    quiet(both, person)


@pytest.mark.parametrize("arrived", [True, False])
def test_a_lost_answer_is_found_out_by_the_next_cycle(arrived: bool, both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    who, person, write = carried(both, "hubspot")
    real = both.world.connectors["salesforce"].write

    def lost(writes: Any) -> Any:
        outcomes = real(writes) if arrived else [None] * len(writes)
        from crmsync.model.change import Outcome

        return [Outcome(write_id=w.write_id, kind=OutcomeKind.UNKNOWN) for w, _ in zip(writes, outcomes, strict=True)]

    with monkeypatch.context() as patch:
        patch.setattr(both.world.connectors["salesforce"], "write", lost)
        assert "lost" in undo(desk(both), write.write.write_id)["refused"]
    both.settle()
    assert phone(both, "salesforce", who["salesforce"]) == (OLD if arrived else NEW)
    assert phone(both, "hubspot", who["hubspot"]) == NEW
    quiet(both, person)
    assert (UNDONE + "phone" in both.store.persons([person])[person].written["salesforce"]) is arrived
