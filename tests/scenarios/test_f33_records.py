"""Merged, converted, deleted, archived: where the link goes, and that nothing is lost or raised from the dead (F33-F39)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from crmsync.errors import HaltError
from crmsync.model.change import Outcome, Write
from crmsync.model.record import RecordState, Ref
from crmsync.service.resume import resume
from scenarios.persons import assert_in_step, crowd, differences, email
from scenarios.world import Both

SWEEP = 16 * 60
"""Seconds after which HubSpot's archived listing has been read again."""


def causes(both: Both) -> list[tuple[str, str, str | None]]:
    return sorted((p.cause, p.side, p.record_id) for p in both.problems())


def assert_quiet_after_the_sweep(both: Both) -> None:
    both.mark()
    both.settle(after=SWEEP)
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    both.assert_settled()


@pytest.mark.parametrize("winner", [0, 1])
def test_f33_salesforce_merge_moves_the_link_and_flags_the_twin(both: Both, winner: int) -> None:
    # given three persons in step, two of whom are one human; one of them scored
    pairs = crowd(both, 3)
    (win_contact, win_lead), (lost_contact, lost_lead) = pairs[winner], pairs[1 - winner]
    for n in range(2):
        both.hs.happen({"email": email(n), "type": "form_submitted", "name": "Whitepaper download", "at": both.time()})
    both.settle()
    before = {id: both.hs.get("contacts", id) for id in (win_contact, lost_contact)}
    signals = both.store.signals.of([str(both.person_of("hubspot", "contacts", id)) for id in (win_contact, lost_contact)])
    both.mark()
    # when their leads are merged in Salesforce
    both.time.advance(5)
    both.sf.merge("Lead", win_lead, [lost_lead])
    both.settle()
    # then both contacts belong to the winner's person, the loser's twin is flagged, not deleted, and its values are untouched
    person = both.person_of("salesforce", "Lead", win_lead)
    assert both.person_of("hubspot", "contacts", win_contact) == both.person_of("hubspot", "contacts", lost_contact) == person
    assert both.person_of("salesforce", "Lead", lost_lead) == person
    assert causes(both) == [("duplicate", "hubspot", lost_contact)]
    for field in ("email", "firstname", "lastname", "phone", "jobtitle", "company"):
        assert both.hs.get("contacts", lost_contact)[field] == before[lost_contact][field]
        assert both.hs.get("contacts", win_contact)[field] == before[win_contact][field]
    assert both.written("hubspot", "contacts") == [w for w in both.written("hubspot") if w.id == win_contact]
    assert both.counts() == {"contacts": 3, "Lead": 2, "Contact": 0}
    # and the signals of both count once each: recomputed from events, never summed
    events = {s.event_id for rows in signals.values() for s in rows}
    assert {s.event_id for s in both.store.signals.of([str(person)])[str(person)]} == events
    # and the winner's pair is still in step
    both.time.advance(5)
    both.sf.edit("Lead", win_lead, {"Title": "Merged"})
    both.settle()
    assert both.hs.get("contacts", win_contact)["jobtitle"] == "Merged"
    assert both.hs.get("contacts", lost_contact)["jobtitle"] == "Engineer"
    both.assert_settled()
    # and when a person merges the twins in HubSpot, both sides agree and nothing waits any more
    survivor = both.hs.merge("contacts", win_contact, [lost_contact])
    both.settle()
    assert both.problems() == []
    assert both.person_of("hubspot", "contacts", survivor) == person
    assert_in_step(both)


def test_f34_hubspot_merge_makes_a_third_id(both: Both) -> None:
    # given three persons in step
    pairs = crowd(both, 3)
    (contact, lead), (other_contact, other_lead) = pairs[0], pairs[1]
    person = both.person_of("hubspot", "contacts", contact)
    # when two contacts are merged in HubSpot, which gives the survivor a new id
    both.time.advance(5)
    third = both.hs.merge("contacts", contact, [other_contact])
    assert third not in (contact, other_contact)
    both.settle()
    # then all three ids stand for one person, the old ones as merged; no new person is created anywhere
    held = both.store.snapshots([Ref(side="hubspot", object="contacts", id=id) for id in (contact, other_contact, third)])
    assert {ref.id: (s.state, s.person_id) for ref, s in held.items()} == {
        contact: (RecordState.MERGED, person),
        other_contact: (RecordState.MERGED, person),
        third: (RecordState.LIVE, person),
    }
    assert both.counts() == {"contacts": 2, "Lead": 3, "Contact": 0}
    assert both.sf.all("Task") == []
    assert causes(both) == [("duplicate", "salesforce", other_lead)]
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    # and both ways go on with the new id
    both.time.advance(5)
    both.sf.edit("Lead", lead, {"Title": "From Salesforce"})
    both.hs.edit("contacts", third, {"city": "Turin"})
    both.settle()
    assert both.hs.get("contacts", third)["jobtitle"] == "From Salesforce"
    assert both.sf.get("Lead", lead)["City"] == "Turin"
    assert both.sf.get("Lead", other_lead).get("City") is None
    # and a later look at HubSpot's archive brings no surprise
    assert_quiet_after_the_sweep(both)
    # and when a person merges the leads too, nothing waits any more
    both.sf.merge("Lead", lead, [other_lead])
    both.settle()
    assert both.problems() == []
    assert_in_step(both)


def test_f34_hubspot_merge_into_the_winner_s_own_id(both: Both) -> None:
    # given two persons in step, in a portal where the winner of a merge keeps its id
    both.hs.options.change("merge_creates_new_id", False)
    (contact, lead), (other_contact, other_lead) = crowd(both, 2)
    # when their contacts are merged
    survivor = both.hs.merge("contacts", contact, [other_contact])
    both.settle()
    # then the loser's id belongs to the winner's person and its lead is flagged
    assert survivor == contact
    assert both.person_of("hubspot", "contacts", other_contact) == both.person_of("salesforce", "Lead", lead)
    assert causes(both) == [("duplicate", "salesforce", other_lead)]
    assert both.counts() == {"contacts": 1, "Lead": 2, "Contact": 0}
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    assert_quiet_after_the_sweep(both)


def test_f35_converted_lead_the_link_moves_to_the_contact(both: Both) -> None:
    # given two persons in step
    pairs = crowd(both, 2)
    contact, lead = pairs[0]
    # when the lead is converted and HubSpot edits the person before we have noticed
    both.time.advance(5)
    converted = both.sf.convert(lead)
    both.time.advance(5)
    both.hs.edit("contacts", contact, {"jobtitle": "Edited meanwhile"})
    both.settle()
    # then the contact is written, and to the lead nothing is written again
    assert both.person_of("salesforce", "Contact", converted) == both.person_of("hubspot", "contacts", contact)
    assert both.sf.get("Contact", converted)["Title"] == "Edited meanwhile"
    assert both.sf.get("Lead", lead)["Title"] == "Engineer"
    assert both.written("salesforce", "Lead") == []
    assert [w.id for w in both.written("salesforce", "Contact")] == [converted]
    assert both.problems() == []
    # and both ways go on, the owner too
    both.mark()
    both.time.advance(5)
    both.hs.edit("contacts", contact, {"phone": "+14085557777", "hubspot_owner_id": both.owner("hubspot", "sam@corp.example")})
    both.sf.edit("Contact", converted, {"MailingCity": "Oslo"})
    both.settle()
    assert both.sf.get("Contact", converted)["Phone"] == "+14085557777"
    assert both.sf.get("Contact", converted)["OwnerId"] == both.owner("salesforce", "sam@corp.example")
    assert both.hs.get("contacts", contact)["city"] == "Oslo"
    assert both.written("salesforce", "Lead") == []
    assert_in_step(both)


def test_f35_lead_converted_right_before_the_write(both: Both) -> None:
    # given an edit in HubSpot
    pairs = crowd(both, 2)
    contact, lead = pairs[0]
    both.hs.edit("contacts", contact, {"jobtitle": "On its way"})
    both.hs.edit("contacts", pairs[1][0], {"jobtitle": "The other"})
    # when the lead is converted after our poll: the write meets a read-only record
    connector = both.connectors["salesforce"]
    write = connector.write
    made: list[str] = []

    def late(writes: Sequence[Write]) -> list[Outcome]:
        connector.write = write  # type: ignore[method-assign]
        made.append(both.sf.convert(lead))
        return write(writes)

    connector.write = late  # type: ignore[method-assign]
    both.settle()
    # then the value goes to the contact, with no retries against the lead, and the rest of the batch went through
    assert both.sf.get("Contact", made[0])["Title"] == "On its way"
    assert both.sf.get("Lead", pairs[1][1])["Title"] == "The other"
    assert both.written("salesforce", "Lead") == [w for w in both.written("salesforce", "Lead") if w.id == pairs[1][1]]
    assert both.problems() == []
    assert_in_step(both)


def test_f35_conversion_into_an_existing_contact_joins_the_persons(both: Both) -> None:
    # given a lead and another person who is a Salesforce contact, both in step with HubSpot
    ((contact, lead),) = crowd(both, 1)
    known = both.sf.create(
        "Contact", {"Email": "known@example.com", "LastName": "Known", "OwnerId": both.owner("salesforce", "rita@corp.example")}
    )
    both.settle()
    twin = str(both.contact("known@example.com")["id"])
    both.mark()
    # when the lead is converted into that contact
    both.time.advance(5)
    both.sf.convert(lead, contact_id=known)
    both.settle()
    # then all are one person, the second HubSpot contact is flagged and stays as it is
    person = both.person_of("salesforce", "Contact", known)
    assert {both.person_of("hubspot", "contacts", id) for id in (contact, twin)} == {person}
    assert causes(both) == [("duplicate", "hubspot", contact)]
    assert both.hs.get("contacts", contact)["email"] == email(0)
    assert both.written("salesforce", "Lead") == []
    assert both.counts() == {"contacts": 2, "Lead": 0, "Contact": 1}
    both.assert_settled()


def test_f36_archived_contact_is_found_by_the_sweep_and_not_raised(both: Both) -> None:
    # given three persons in step
    pairs = crowd(both, 3)
    contact, lead = pairs[0]
    # when one is archived in HubSpot, which no search shows, and another one is edited
    both.time.advance(5)
    both.hs.delete("contacts", contact)
    both.hs.edit("contacts", pairs[1][0], {"jobtitle": "Still here"})
    both.settle(after=SWEEP)
    # then it is flagged; its lead is kept, nobody is created again, and the others go on
    assert causes(both) == [("deleted_elsewhere", "hubspot", contact)]
    assert both.counts() == {"contacts": 2, "Lead": 3, "Contact": 0}
    assert both.sf.get("Lead", pairs[1][1])["Title"] == "Still here"
    both.mark()
    both.sf.edit("Lead", lead, {"Title": "Edited later"})
    both.settle()
    assert both.counts()["contacts"] == 2
    assert both.writes()["hubspot"] == 0
    both.assert_settled()
    # and when it is restored, both sides agree again, with the edit made meanwhile
    both.hs.undelete("contacts", contact)
    both.hs.edit("contacts", contact, {"city": "Bern"})
    both.settle(after=SWEEP)
    assert both.problems() == []
    assert both.hs.get("contacts", contact)["jobtitle"] == "Edited later"
    assert_in_step(both)


def test_f36_write_to_a_contact_archived_right_now(both: Both) -> None:
    # given an edit in Salesforce for a contact that was archived before any sweep could tell
    pairs = crowd(both, 2)
    both.hs.delete("contacts", pairs[0][0])
    both.time.advance(5)
    both.sf.edit("Lead", pairs[0][1], {"Title": "Too late"})
    both.sf.edit("Lead", pairs[1][1], {"Title": "In time"})
    # when it is written
    both.settle()
    # then the archived one is flagged, and the rest of the batch is written
    assert causes(both) == [("deleted_elsewhere", "hubspot", pairs[0][0])]
    assert both.hs.get("contacts", pairs[1][0])["jobtitle"] == "In time"
    assert both.counts() == {"contacts": 1, "Lead": 2, "Contact": 0}
    assert both.writes() == {"hubspot": 1, "salesforce": 0}
    assert_quiet_after_the_sweep(both)


def test_f38_deleted_record_is_flagged_and_comes_back_whole(both: Both) -> None:
    # given two persons in step
    pairs = crowd(both, 2)
    contact, lead = pairs[0]
    person = both.person_of("salesforce", "Lead", lead)
    # when one lead is deleted in Salesforce and HubSpot goes on editing that person
    both.time.advance(5)
    both.sf.delete("Lead", lead)
    both.settle()
    both.hs.edit("contacts", contact, {"jobtitle": "Alone"})
    both.settle()
    # then the contact stays, no lead is created again, and it is said, once
    assert causes(both) == [("deleted_elsewhere", "salesforce", lead)]
    assert both.counts() == {"contacts": 2, "Lead": 1, "Contact": 0}
    assert both.writes()["salesforce"] == 0
    assert both.person_of("hubspot", "contacts", contact) == person
    both.assert_settled()
    # and when it is undeleted the person is whole again, with what was edited meanwhile
    both.time.advance(5)
    both.sf.undelete("Lead", lead)
    both.settle()
    assert both.problems() == []
    assert both.sf.get("Lead", lead)["Title"] == "Alone"
    assert_in_step(both)


def test_f38_deletes_propagate_when_the_admin_says_so() -> None:
    with Both(edits={"crmsync.yaml": {"deletes: unlink": "deletes: propagate"}}) as both:
        # given two persons in step, and deletes that propagate
        pairs = crowd(both, 2)
        # when one lead is deleted
        both.sf.delete("Lead", pairs[0][1])
        both.settle()
        # then its contact is archived and nobody else is touched
        assert both.hs.get("contacts", pairs[0][0])["archived"] is True
        assert both.counts() == {"contacts": 1, "Lead": 1, "Contact": 0}
        assert [(w.action, w.id) for w in both.written("hubspot")] == [("delete", pairs[0][0])]
        assert both.problems() == []
        assert_in_step(both)


@pytest.mark.parametrize(("gone", "cause"), [(12, "mass_delete"), (20, "emptied")])
def test_f39_mass_delete_halts_until_a_person_says_so(both: Both, gone: int, cause: str) -> None:
    # given twenty persons in step
    pairs = crowd(both, 20)
    # when many of them, or all, vanish from Salesforce at once, and one is edited in HubSpot
    both.time.advance(5)
    for _, lead in pairs[:gone]:
        both.sf.delete("Lead", lead)
    both.hs.edit("contacts", pairs[19][0], {"jobtitle": "Waits"})
    with pytest.raises(HaltError, match=f"{gone} of 20"):
        both.settle()
    # then nothing is written, and that stays so, also after a restart
    halt = both.store.halt()
    assert halt is not None
    assert (halt.cause, halt.side) == (cause, "salesforce")
    both.restart()
    with pytest.raises(HaltError):
        both.settle()
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    # when the deletes were an accident, the records are back and a person resumes
    for _, lead in pairs[:gone]:
        both.sf.undelete("Lead", lead)
    resume(both.store, now=both.time())
    both.settle()
    # then both sides agree, nobody is there twice, and the waiting edit arrived
    assert both.sf.get("Lead", pairs[19][1])["Title"] == "Waits"
    assert both.problems() == []
    assert_in_step(both)


def test_f39_accepted_deletes_are_not_counted_again(both: Both) -> None:
    # given twenty persons, twelve of whom were deleted in HubSpot, and a person who said that this is meant
    pairs = crowd(both, 20)
    both.time.advance(5)
    for contact, _ in pairs[:12]:
        both.hs.delete("contacts", contact)
    with pytest.raises(HaltError):
        both.settle(after=SWEEP)
    resume(both.store, now=both.time())
    both.settle()
    assert len(both.problems("deleted_elsewhere")) == 12
    # when their leads need writes which Salesforce does not take for a while
    for _, lead in pairs[:12]:
        both.sf.edit("Lead", lead, {"Title": "Chief Executive Officer"})
    both.sf.faults.add({"do": "drop_before", "method": "PATCH", "path": "composite/sobjects"})
    both.settle()
    both.settle()
    both.sf.faults.clear()
    # then the old deletes do not halt anything, and the scores arrive
    both.settle()
    assert both.store.halt() is None
    assert {both.sf.get("Lead", lead)["crmsync_fit_score__c"] for _, lead in pairs[:12]} == {30}
    assert len(differences(both)) == 12
    both.assert_settled()
