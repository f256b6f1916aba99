"""An opt-out in either CRM reaches the other within one cycle, always wins, and is never taken back by us."""

from __future__ import annotations

from typing import Any

import pytest

from crmsync.model.change import Outcome, Write
from scenarios.persons import crowd, email
from scenarios.world import Both


def out(both: Both, contact: str) -> bool:
    return str(both.hs.get("contacts", contact).get("hs_email_optout")) == "true"


def out_there(both: Both, lead: str) -> bool:
    return bool(both.sf.get("Lead", lead)["HasOptedOutOfEmail"])


def unsubscribe(both: Both, number: int = 0) -> None:
    """The person clicks "unsubscribe from all" in a HubSpot mail."""
    assert both.hs.happen({"email": email(number), "type": "unsubscribe", "at": both.time()})


def subscribe(both: Both, contact: str) -> None:
    """The person subscribes again on HubSpot's own page: the one way that HubSpot offers."""
    portal = both.hs.portal
    with portal.lock:
        table = portal.tables["contacts"]
        record = table.records[int(contact)]
        portal.write(table, record, {"hs_email_optout": "false"}, portal.actor(None), portal.settle())


def taken_back(both: Both) -> list[Any]:
    """Writes of ours that would let a CRM mail somebody again."""
    wrong = {"hs_email_optout": "false", "HasOptedOutOfEmail": False}
    return [w for side in ("hubspot", "salesforce") for w in both.written(side) for n, v in w.changes.items() if wrong.get(n) == v[1]]


def test_an_opt_out_in_hubspot_reaches_salesforce_in_one_cycle(both: Both) -> None:
    ((contact, lead),) = crowd(both, 1)
    both.time.advance(5)
    unsubscribe(both)
    both.cycle(after=15)
    assert out_there(both, lead)
    both.settle()
    assert out(both, contact)
    assert [(w.id, set(w.changes) & {"HasOptedOutOfEmail"}) for w in both.written("salesforce", "Lead")] == [(lead, {"HasOptedOutOfEmail"})]
    assert not taken_back(both)
    both.assert_settled()


def test_an_opt_out_in_salesforce_reaches_hubspot_in_one_cycle(both: Both) -> None:
    """Through communication preferences: as a property it is read-only there."""
    ((contact, lead),) = crowd(both, 1)
    both.time.advance(5)
    both.sf.edit("Lead", lead, {"HasOptedOutOfEmail": True})
    both.cycle(after=15)
    assert out(both, contact)
    asked = [c.path for c in both.hs.calls if "communication-preferences" in c.path]
    assert len(asked) == 1
    assert asked[0].endswith("/unsubscribe-all")
    both.settle()
    assert out_there(both, lead)
    assert both.problems() == []
    both.assert_settled()


@pytest.mark.parametrize("later", ["hubspot", "salesforce"])
def test_an_opt_out_beats_an_opt_in_at_the_same_time_whichever_is_later(both: Both, later: str) -> None:
    # given somebody who is out on both sides
    ((contact, lead),) = crowd(both, 1)
    unsubscribe(both)
    both.settle()
    assert out_there(both, lead)
    # and back in on both
    both.time.advance(5)
    subscribe(both, contact)
    both.sf.edit("Lead", lead, {"HasOptedOutOfEmail": False})
    both.settle()
    assert (out(both, contact), out_there(both, lead)) == (False, False)
    both.mark()
    # when one side opts out, and the other is edited, an opt-in repeated, before or after
    steps = [lambda: unsubscribe(both), lambda: both.sf.edit("Lead", lead, {"HasOptedOutOfEmail": False, "Title": "In"})]
    for step in steps if later == "salesforce" else reversed(steps):
        both.time.advance(5)
        step()
    both.settle()
    # then the opt-out stands on both sides
    assert (out(both, contact), out_there(both, lead)) == (True, True)
    assert both.hs.get("contacts", contact)["jobtitle"] == "In"
    assert not taken_back(both)
    both.assert_settled()


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_back_in_on_one_side_only_the_opt_out_of_the_other_side_stands(both: Both, side: str) -> None:
    ((contact, lead),) = crowd(both, 1)
    unsubscribe(both)
    both.settle()
    both.mark()
    both.time.advance(5)
    if side == "hubspot":
        subscribe(both, contact)
    else:
        both.sf.edit("Lead", lead, {"HasOptedOutOfEmail": False})
    both.cycle(after=15)
    assert (out(both, contact), out_there(both, lead)) == (True, True)
    assert not taken_back(both)
    both.assert_settled()


def test_back_in_by_hand_on_both_sides_is_respected(both: Both) -> None:
    ((contact, lead),) = crowd(both, 1)
    unsubscribe(both)
    both.settle()
    both.mark()
    both.time.advance(5)
    both.sf.edit("Lead", lead, {"HasOptedOutOfEmail": False})
    subscribe(both, contact)
    both.settle()
    assert (out(both, contact), out_there(both, lead)) == (False, False)
    both.assert_settled()
    # and a later opt-out counts again
    both.time.advance(5)
    both.sf.edit("Lead", lead, {"HasOptedOutOfEmail": True})
    both.settle()
    assert (out(both, contact), out_there(both, lead)) == (True, True)


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_an_opt_out_while_a_write_is_in_flight(both: Both, side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record opts out after we compared it with the CRM and before our write of something else arrives there."""
    ((contact, lead),) = crowd(both, 1)
    both.time.advance(5)
    connector = both.connectors[side]
    send, slipped = connector.write, []

    def slip_in(writes: list[Write]) -> list[Outcome]:
        if not slipped:
            slipped.append(writes)
            if side == "hubspot":
                unsubscribe(both)
            else:
                both.sf.edit("Lead", lead, {"HasOptedOutOfEmail": True})
        found: list[Outcome] = list(send(writes))
        return found

    monkeypatch.setattr(connector, "write", slip_in)
    if side == "hubspot":
        both.sf.edit("Lead", lead, {"Title": "Baker"})
    else:
        both.hs.edit("contacts", contact, {"jobtitle": "Baker"})
    both.cycle(after=15)
    assert slipped
    assert out(both, contact) if side == "hubspot" else out_there(both, lead)
    both.cycle(after=15)
    assert (out(both, contact), out_there(both, lead)) == (True, True)
    assert (both.hs.get("contacts", contact)["jobtitle"], both.sf.get("Lead", lead)["Title"]) == ("Baker", "Baker")
    assert not taken_back(both)
    both.settle()
    both.assert_settled()


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_at_first_contact_an_opt_out_of_either_side_wins(both: Both, side: str) -> None:
    contact = both.hs.create("contacts", {"email": email(0), "lastname": "Lee", "company": "Acme"})
    lead = both.sf.create("Lead", {"LastName": "Lee", "Company": "Acme", "Email": email(0), "HasOptedOutOfEmail": side == "salesforce"})
    if side == "hubspot":
        unsubscribe(both)
    # the other side's record is the younger one, and would win by date
    both.time.advance(3600)
    if side == "hubspot":
        both.sf.edit("Lead", lead, {"Title": "Later"})
    else:
        both.hs.edit("contacts", contact, {"jobtitle": "Later"})
    both.cycle(after=15)
    assert (out(both, contact), out_there(both, lead)) == (True, True)
    assert not taken_back(both)
    both.settle()
    both.assert_settled()


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_somebody_new_who_is_out_is_created_out(both: Both, side: str) -> None:
    if side == "hubspot":
        contact = both.hs.create("contacts", {"email": email(0), "lastname": "Lee", "company": "Acme"})
        unsubscribe(both)
        both.settle()
        lead = str(both.lead(email(0))["Id"])
    else:
        lead = both.sf.create("Lead", {"LastName": "Lee", "Company": "Acme", "Email": email(0), "HasOptedOutOfEmail": True})
        both.settle()
        contact = str(both.contact(email(0))["id"])
    assert (out(both, contact), out_there(both, lead)) == (True, True)
    assert not taken_back(both)
    both.assert_settled()


def test_a_second_record_of_the_same_person_that_is_out(both: Both) -> None:
    """A duplicate lead is never written; its opt-out is reported with the duplicate, and the pair keeps its own answer."""
    ((contact, lead),) = crowd(both, 1)
    second = both.sf.create("Lead", {"LastName": "Person0", "Company": "Example Works", "Email": email(0), "HasOptedOutOfEmail": True})
    both.settle()
    assert [(p.cause, p.record_id) for p in both.problems()] == [("duplicate", second)]
    assert (out(both, contact), out_there(both, lead), out_there(both, second)) == (False, False, True)
    # when a person merges the two and keeps the opt-out
    both.time.advance(5)
    both.sf.merge("Lead", lead, [second])
    both.sf.edit("Lead", lead, {"HasOptedOutOfEmail": True})
    both.settle()
    assert (out(both, contact), out_there(both, lead)) == (True, True)


def test_f35_an_opt_out_outlives_a_conversion_and_f45_a_hubspot_that_is_closed_to_it(both: Both) -> None:
    # given two persons in step, one of whom unsubscribes while her lead is converted
    ((_, lead), (second, other)) = crowd(both, 2)
    unsubscribe(both)
    converted = both.sf.convert(lead)
    both.settle()
    # then the contact that she became is out, and stays it
    assert both.sf.get("Contact", converted)["HasOptedOutOfEmail"] is True
    # when the other one opts out in Salesforce, with another edit, while HubSpot's token has lost the scope for it
    both.hs.options.scopes = (
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.schemas.contacts.read",
        "crm.objects.owners.read",
        "oauth",
    )
    both.sf.edit("Lead", other, {"HasOptedOutOfEmail": True, "Title": "Baker"})
    both.settle()
    # then that is told of that field alone and says what is missing, the other one goes through, and Salesforce's opt-out stands
    (problem,) = (p for p in both.problems() if p.person_id is not None)
    assert (problem.side, problem.field, problem.record_id) == ("hubspot", "email_opt_out", second)
    assert "communication_preferences.read_write" in problem.message
    assert both.hs.get("contacts", second)["jobtitle"] == "Baker"
    assert (out_there(both, other), out(both, second)) == (True, False)
    # and once it is granted, the opt-out arrives without another edit
    both.hs.options.scopes = None
    both.settle(after=4000)
    assert out(both, second)
    assert both.problems() == []
    assert not taken_back(both)
    both.assert_settled()
