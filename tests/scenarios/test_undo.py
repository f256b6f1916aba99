"""`undo`: one write is taken back by one write, stands on that side alone, and is fought by nobody until somebody moves.

Cases share a world where they can: each takes persons of its own, and those of both sides go the same way at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from crmsync.errors import CrmsyncError, UnreachableError
from crmsync.model.change import Outcome, OutcomeKind
from crmsync.model.journal import JournalEntry
from crmsync.model.link import UNDONE
from crmsync.service.undo import undo
from scenarios.desk import desk
from scenarios.persons import OLD, Crowd, creation, known, newest, quiet
from scenarios.world import SIDES, Both, other_side

PHONE = {"hubspot": ("contacts", "phone"), "salesforce": ("Lead", "Phone")}
NEW, THIRD = "+14085550100", "+14085550200"


@pytest.fixture(scope="module")
def people() -> Iterator[Crowd]:
    with Crowd(20, kinds=()) as both:
        yield both


def crm(both: Both, side: str) -> Any:
    return both.hs if side == "hubspot" else both.sf


def phone(both: Both, side: str, id: str) -> Any:
    object, name = PHONE[side]
    return crm(both, side).get(object, id).get(name)


def call(both: Both, side: str, id: str, value: str) -> None:
    object, name = PHONE[side]
    crm(both, side).edit(object, id, {name: value})


Carried = tuple[str, dict[str, str], str, JournalEntry]


def carried(both: Crowd, *sources: str) -> list[Carried]:
    """Phones that were changed on each source and carried over: the source, who, the person, the write."""
    whose = [(source, both.pair()) for source in sources]
    for source, who in whose:
        call(both, source, who[source], NEW)
    both.settle()
    found: list[Carried] = []
    for source, who in whose:
        other = other_side(source)
        assert phone(both, other, who[other]) == NEW
        person = known(both, other, PHONE[other][0], who[other])
        found.append((source, who, person, newest(both, person, other, "phone")))
    both.settle()
    both.mark()
    return found


def test_a_carried_value_is_taken_back_and_stands_until_somebody_changes_it(people: Crowd) -> None:
    both, cases = people, carried(people, *SIDES, *SIDES)
    for source, who, _, write in cases:
        other = other_side(source)
        both.mark()
        said = undo(desk(both), write.write.write_id)
        # one write, on that side, of that field, journalled as what it is
        assert said["refused"] is None
        assert [(f["name"], f["was"], f["now"]) for f in said["restored"]] == [("phone", NEW, OLD)]
        (made,) = both.written(other)
        assert (made.id, made.action, set(made.changes) - {"hs_calculated_phone_number"}) == (who[other], "update", {PHONE[other][1]})
        assert both.written(source) == []
        entry = both.store.journal.entry(said["undo_id"])
        assert entry is not None
        assert (entry.outcome, entry.undoes, set(entry.rules.values())) == (
            "done",
            write.write.write_id,
            {f"undo of {write.write.write_id}"},
        )
    # it stands on both sides as it is
    quiet(both, *(person for _, _, person, _ in cases))
    for source, who, _, _ in cases:
        other = other_side(source)
        assert (phone(both, source, who[source]), phone(both, other, who[other])) == (NEW, OLD)
    # until somebody changes it on either side
    for number, (source, who, _, _) in enumerate(cases):
        side = source if number < len(SIDES) else other_side(source)
        call(both, side, who[side], THIRD)
    both.settle()
    assert [phone(both, side, who[side]) for _, who, _, _ in cases for side in SIDES] == [THIRD] * 2 * len(cases)
    quiet(both, *(person for _, _, person, _ in cases))


def test_an_undo_is_undone(people: Crowd) -> None:
    both, cases = people, carried(people, *SIDES)
    firsts = [undo(desk(both), write.write.write_id) for _, _, _, write in cases]
    both.settle()
    for (source, who, _, _), first in zip(cases, firsts, strict=True):
        other = other_side(source)
        assert phone(both, other, who[other]) == OLD
        again = undo(desk(both), first["undo_id"])
        assert again["refused"] is None
        assert phone(both, other, who[other]) == NEW
    quiet(both, *(person for _, _, person, _ in cases))
    for _, _, person, _ in cases:
        assert both.store.persons([person])[person].base["phone"].values == {"hubspot": NEW, "salesforce": NEW}


def test_an_edit_of_the_source_that_was_not_seen_yet_is_not_swallowed(people: Crowd) -> None:
    both, cases = people, carried(people, *SIDES)
    both.time.advance(60)
    for source, who, _, write in cases:
        call(both, source, who[source], THIRD)
        assert undo(desk(both), write.write.write_id)["refused"] is None
    both.settle()
    assert [phone(both, other_side(source), who[other_side(source)]) for source, who, _, _ in cases] == [THIRD, THIRD]
    quiet(both, *(person for _, _, person, _ in cases))


def test_what_changed_since_is_not_taken_back(people: Crowd) -> None:
    both = people
    for source, who, _, write in carried(both, *SIDES):
        other = other_side(source)
        call(both, other, who[other], THIRD)
        said = undo(desk(both), write.write.write_id)
        assert "phone" in said["refused"]
        assert THIRD in said["refused"]
        assert [k["name"] for k in said["kept"]] == ["phone"]
        assert both.writes() == {"hubspot": 0, "salesforce": 0}
        assert phone(both, other, who[other]) == THIRD
    both.settle()
    both.assert_settled()


def test_several_fields_wholly_partly_or_by_name(people: Crowd) -> None:
    both, who = people, people.pair()
    both.hs.edit("contacts", who["hubspot"], {"phone": NEW, "jobtitle": "Baker", "city": "Lima"})
    both.settle()
    person = known(both, "salesforce", "Lead", who["salesforce"])
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
    contact = both.hs.get("contacts", who["hubspot"])
    assert (contact["phone"], contact["jobtitle"]) == (THIRD, "Baker")  # an ordinary edit goes on
    quiet(both, person)


def test_a_stage_is_restored_without_being_taken_for_a_command() -> None:
    with Crowd(1, kinds=()) as both:
        who = both.pair()
        person = known(both, "salesforce", "Lead", who["salesforce"])
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
        assert both.hs.get("contacts", who["hubspot"])["crmsync_stage"] == "opportunity"


def born(both: Both, side: str) -> tuple[str, str]:
    """Somebody entered on the other side, whose record on this one we created: ids of the entered record and of the person."""
    source, email = other_side(side), f"ann-{side}@example.com"
    if side == "salesforce":
        mine = str(both.hs.create("contacts", {"email": email, "lastname": "Lee", "company": "Acme"}))
    else:
        mine = str(both.sf.create("Lead", {"Email": email, "LastName": "Lee", "Company": "Acme"}))
    both.settle()
    both.settle()
    return mine, known(both, source, PHONE[source][0], mine)


@pytest.mark.parametrize("deletes", ["unlink", "propagate"])
def test_a_created_person_is_deleted_and_not_created_again(deletes: str) -> None:
    with Both(kinds=()) as both:
        both.restart(playbook=lambda rules: replace(rules, deletes=deletes))
        new = {side: born(both, side) for side in SIDES}
        for side, (_, person) in new.items():
            write = creation(both, person)
            both.mark()
            assert undo(desk(both), write.write.write_id)["refused"] is None
            assert [(w.id, w.action) for w in both.written(side)] == [(write.record_id, "delete")]
            assert both.written(other_side(side)) == []
        persons = [person for _, person in new.values()]
        quiet(both, *persons)
        both.settle(after=1000)  # the CRM's own listing of deleted records is read
        quiet(both, *persons)
        assert both.problems("deleted_elsewhere") == []
        for side, (mine, _) in new.items():
            assert phone(both, other_side(side), mine) is None
            call(both, other_side(side), mine, NEW)
        both.settle()
        assert both.writes() == {"hubspot": 0, "salesforce": 0}


def test_what_somebody_worked_with_is_deleted_only_with_yes(people: Crowd) -> None:
    both, persons = people, []
    for side, name in (("hubspot", "lastname"), ("salesforce", "LastName")):
        _, person = born(both, side)
        write = creation(both, person)
        assert write.record_id is not None
        crm(both, side).edit(PHONE[side][0], write.record_id, {name: "Lee-Young"})
        both.mark()
        said = undo(desk(both), write.write.write_id)
        assert said["needs_yes"]
        assert name in said["refused"]
        assert both.writes() == {"hubspot": 0, "salesforce": 0}
        assert undo(desk(both), write.write.write_id, yes=True)["refused"] is None
        assert both.writes() == {"hubspot": 0, "salesforce": 0, side: 1}
        persons.append(person)
    quiet(both, *persons)


def test_what_was_never_done_is_gone_or_was_a_delete_is_refused(people: Crowd) -> None:
    both = people
    ((_, who, person, write),) = carried(both, "hubspot")
    assert "no write nonsense is known" in undo(desk(both), "nonsense")["refused"]
    entry = replace(write, write=replace(write.write, write_id="w-refused"), outcome="rejected", message="no")
    both.store.journal.note([entry])
    assert "never accepted" in undo(desk(both), "w-refused")["refused"]
    silent = replace(write, write=replace(write.write, write_id="w-silent"), old={})
    both.store.journal.note([silent])
    assert "not known" in undo(desk(both), "w-silent")["refused"]
    both.sf.delete("Lead", who["salesforce"])
    said = undo(desk(both), write.write.write_id)
    assert "Lead" in said["refused"]
    both.settle()
    deleted = [e for e in both.store.journal.of(person) if e.write.action == "delete"]
    assert deleted == []
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    both.assert_settled()


def test_a_converted_or_merged_record_is_refused(people: Crowd) -> None:
    both = people
    ((_, who, _, write),) = carried(both, "hubspot")
    both.sf.convert(who["salesforce"])
    both.mark()
    assert "converted" in undo(desk(both), write.write.write_id)["refused"]
    both.settle()
    assert undo(desk(both), write.write.write_id)["refused"]
    both.settle()
    both.assert_settled()


def test_an_opt_out_always_wins(people: Crowd) -> None:
    both, who = people, people.pair()
    both.sf.edit("Lead", who["salesforce"], {"HasOptedOutOfEmail": True})
    both.settle()
    person = known(both, "salesforce", "Lead", who["salesforce"])
    found = [e for e in both.store.journal.of(person) if e.side == "hubspot" and "email_opt_out" in e.names.values()]
    assert found, "the opt-out did not go over"
    both.mark()
    assert "opt-out" in undo(desk(both), found[0].write.write_id)["refused"]
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    both.assert_settled()


def test_a_crm_that_is_down_is_said_and_nothing_is_noted(people: Crowd) -> None:
    both = people
    ((_, _, person, write),) = carried(both, "hubspot")
    state = both.store.persons([person])[person]

    def down(*_: object) -> Any:
        raise UnreachableError("Salesforce does not answer", side="salesforce")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(both.world.connectors["salesforce"], "fetch", down)
        with pytest.raises(CrmsyncError, match="does not answer"):
            undo(desk(both), write.write.write_id)
    assert both.store.persons([person])[person] == state
    assert both.store.journal.open_intents() == []
    quiet(both, person)


def test_a_lost_answer_is_found_out_by_the_next_cycle(people: Crowd) -> None:
    both, cases = people, carried(people, "hubspot", "hubspot")
    real = both.world.connectors["salesforce"].write

    def lost(writes: Any) -> Any:
        if arrived:
            real(writes)
        return [Outcome(write_id=w.write_id, kind=OutcomeKind.UNKNOWN) for w in writes]

    for arrived, (_, who, person, write) in zip((True, False), cases, strict=True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(both.world.connectors["salesforce"], "write", lost)
            assert "lost" in undo(desk(both), write.write.write_id)["refused"]
        both.settle()
        assert phone(both, "salesforce", who["salesforce"]) == (OLD if arrived else NEW)
        assert phone(both, "hubspot", who["hubspot"]) == NEW
        assert (UNDONE + "phone" in both.store.persons([person])[person].written["salesforce"]) is arrived
    quiet(both, *(person for _, _, person, _ in cases))
