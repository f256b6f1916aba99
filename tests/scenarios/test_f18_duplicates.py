"""Duplicates: one person never becomes two (F18, F19, F20, F22, F23, F24)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from crmsync.model.change import Action
from scenarios.world import Both

EMAIL = "ann@example.com"
CONTACT = {"email": EMAIL, "firstname": "Ann", "lastname": "Lee", "company": "Acme"}
LEAD = {"Email": EMAIL, "FirstName": "Ann", "LastName": "Lee", "Company": "Acme"}
CREATE = {
    "hubspot": {"method": "POST", "path": "/objects/.*contacts/batch/create"},
    "salesforce": {"method": "PATCH", "path": "/composite/sobjects/Lead/crmsync_key__c"},
}


def own_only(write: Any) -> bool:
    return all(name.startswith("crmsync_") for name in write.changes)


# --- F18 ------------------------------------------------------------------------------------------------------------------------


TIMED_OUT: list[tuple[dict[str, Any], str]] = [
    ({"do": "drop_after"}, "goes on"),
    ({"do": "drop_after"}, "restart"),
    ({"do": "status_after", "status": 502}, "goes on"),
    ({"do": "truncate"}, "goes on"),
]


@pytest.mark.parametrize(("fault", "end"), TIMED_OUT, ids=lambda v: v["do"] if isinstance(v, dict) else v)
@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_f18_create_timed_out_but_succeeded(side: str, fault: Mapping[str, Any], end: str) -> None:
    with Both(hubspot={"search_lag": 120.0}, kinds=()) as both:
        # given somebody new on one side, and a create on the other that is carried out, but whose answers are all lost
        if side == "hubspot":
            both.sf.create("Lead", LEAD)
        else:
            both.hs.create("contacts", CONTACT)
            both.time.advance(120)
        faults = both.hs.faults if side == "hubspot" else both.sf.faults
        faults.add({**CREATE[side], **fault, "times": 4})
        both.cycle(15)
        assert sum(both.counts().values()) == 2, "it was created"
        # when we go on, or are started again
        faults.clear()
        if end == "restart":
            both.restart()
        for pause in (15, 15, 120, 300):
            both.settle(pause)
        # then there is one record on each side, they are one person, and they are in step
        assert both.counts() == {"contacts": 1, "Lead": 1, "Contact": 0}
        contact, lead = both.contact(EMAIL), both.lead(EMAIL)
        assert both.person_of("hubspot", "contacts", contact["id"]) == both.person_of("salesforce", "Lead", lead["Id"]) is not None
        assert contact["crmsync_key"] == lead["crmsync_key__c"] is not None
        assert [w.action for w in both.written(side) if w.action == "create"] == ["create"]
        # and it was found by looking for its key, not by trying again and running into it
        made = [e for e in both.store.writes_of(str(both.person_of("salesforce", "Lead", lead["Id"])), limit=20) if e.side == side]
        assert [e.outcome for e in made if e.write.action is Action.CREATE] == ["looked_up"]
        both.hs.edit("contacts", contact["id"], {"phone": "+14085550100"})
        both.settle(130)
        assert both.lead(EMAIL)["Phone"] == "+14085550100"
        assert both.problems() == []
        both.settle(300)
        both.assert_settled()


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_f18_create_that_never_arrived_is_made_once(side: str) -> None:
    with Both(kinds=()) as both:
        # given a create that is lost on its way there
        both.sf.create("Lead", LEAD) if side == "hubspot" else both.hs.create("contacts", CONTACT)
        faults = both.hs.faults if side == "hubspot" else both.sf.faults
        faults.add({**CREATE[side], "do": "drop_before", "times": 4})
        both.cycle(15)
        assert sum(both.counts().values()) == 1
        # when we go on
        faults.clear()
        for _ in range(3):
            both.settle(60)
        # then it is made, once
        assert both.counts() == {"contacts": 1, "Lead": 1, "Contact": 0}
        assert [w.action for w in both.written(side) if w.action == "create"] == ["create"]
        both.assert_settled()


# --- F19 ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False], ids=["409 names the id", "409 names nobody"])
@pytest.mark.parametrize("company", [1, 3], ids=["alone", "in a batch"])
def test_f19_search_then_create_race(named: bool, company: int) -> None:
    with Both(hubspot={"batch_conflict_names_id": named}, kinds=()) as both:
        # given a lead, and a HubSpot contact of the same e-mail that was typed in a moment ago: search says that there is none
        both.hs.options.change("search_lag", 240.0)
        contact = both.hs.create("contacts", {"email": EMAIL, "lastname": "Lee"})
        both.hs.options.change("search_lag", 0.0)
        both.sf.create("Lead", {**LEAD, "Phone": "+14085550100"})
        for number in range(1, company):
            both.sf.create("Lead", {"LastName": f"No{number}", "Company": "Acme", "Email": f"p{number}@example.com"})
        # when it is synced, and create answers 409
        both.settle()
        assert any(call.status in (207, 409) for call in both.hs.calls), "there was no race"
        # then the record that exists is adopted and filled, and nothing is doubled
        assert both.counts() == {"contacts": company, "Lead": company, "Contact": 0}
        assert both.contact(EMAIL)["id"] == contact
        assert both.contact(EMAIL)["phone"] == "+14085550100"
        assert both.contact(EMAIL)["firstname"] == "Ann"
        assert [w.action for w in both.written("hubspot", "contacts") if w.id == contact] == ["update"]
        assert both.person_of("hubspot", "contacts", contact) == both.person_of("salesforce", "Lead", both.lead(EMAIL)["Id"])
        assert both.problems() == []
        for pause in (60, 300):
            both.settle(pause)
        both.assert_settled()


# --- F20 ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", ["salesforce", "hubspot"])
@pytest.mark.parametrize("seen", ["known before", "seen with it", "not yet in search"])
def test_f20_secondary_email(seen: str, later: str) -> None:
    with Both(kinds=()) as both:
        # given a contact with a primary and an additional address, and a lead with the additional one
        second = "a.lee@old.example"

        def has_contact() -> str:
            both.hs.options.change("search_lag", 240.0 if seen == "not yet in search" else 0.0)
            made = both.hs.create("contacts", CONTACT)
            both.hs.edit("contacts", made, {"hs_additional_emails": second}, user="system")
            both.hs.options.change("search_lag", 0.0)
            return made

        def has_lead() -> str:
            return both.sf.create("Lead", {"Email": second, "LastName": "Lee", "Company": "Acme", "Phone": "+14085550100"})

        if seen == "known before":
            contact = has_contact()
            both.settle()
            # the lead that the contact became is not there any more, a rep had one all the time
            both.sf.edit("Lead", both.lead(EMAIL)["Id"], {"Email": second, "Phone": "+14085550100"})
            lead = both.lead(second)["Id"]
            if later == "hubspot":
                both.time.advance(60)
                both.hs.edit("contacts", contact, {"city": "San Jose"})
        elif later == "salesforce":
            contact = has_contact()
            both.time.advance(60)
            lead = has_lead()
        else:
            lead = has_lead()
            both.time.advance(60)
            contact = has_contact()
        # when they are synced
        for pause in (15, 60, 300, 300):
            both.settle(pause)
        # then they are one person, nobody new was made, no create fails over and over, and the primary address stayed
        assert both.counts() == {"contacts": 1, "Lead": 1, "Contact": 0}
        assert both.person_of("hubspot", "contacts", contact) == both.person_of("salesforce", "Lead", lead) is not None
        assert both.hs.get("contacts", contact)["email"] == EMAIL
        assert both.hs.get("contacts", contact)["hs_additional_emails"] == second
        assert both.hs.get("contacts", contact)["phone"] == "+14085550100"
        assert len([call for call in both.hs.calls if call.status in (207, 409)]) <= 2
        assert both.problems() == []
        both.assert_settled()


# --- F22 ------------------------------------------------------------------------------------------------------------------------


def test_f22_upper_case_email_and_odd_web_address(both: Both) -> None:
    # given the same person in both, spelt differently
    lead = both.sf.create("Lead", {**LEAD, "Email": "ANN@EXAMPLE.COM", "Website": "HTTPS://Acme.example/"})
    contact = both.hs.create("contacts", {**CONTACT, "website": "acme.example"})
    # when they are synced, again and again, and with a new process
    for _ in range(3):
        both.settle()
    both.restart()
    both.settle()
    # then they are one, and nothing but our own fields was written anywhere
    assert both.counts() == {"contacts": 1, "Lead": 1, "Contact": 0}
    assert both.person_of("hubspot", "contacts", contact) == both.person_of("salesforce", "Lead", lead) is not None
    assert {side: {write.id for write in both.written(side)} for side in ("hubspot", "salesforce")} == {
        "hubspot": {contact},
        "salesforce": {lead},
    }
    assert all(own_only(write) for side in ("hubspot", "salesforce") for write in both.written(side))
    assert both.sf.get("Lead", lead)["Email"] == "ANN@EXAMPLE.COM"
    assert both.sf.get("Lead", lead)["Website"] == "HTTPS://Acme.example/"
    both.assert_settled()


def test_f22_an_email_the_other_side_refuses(both: Both) -> None:
    # given a contact whose address Salesforce does not take, and one whose address is fine
    odd = both.hs.create("contacts", {"email": "ann@exämple.de", "lastname": "Odd", "company": "Acme"})
    both.hs.create("contacts", CONTACT)
    # when they are synced, again and again
    for _ in range(5):
        both.settle(60)
    # then the other goes through, this one is told once, tried once, and nothing is doubled
    assert both.counts() == {"contacts": 2, "Lead": 1, "Contact": 0}
    assert [(p.side, p.field) for p in both.problems()] == [("salesforce", None)]
    assert both.store.problem_groups()
    both.assert_settled(after=600)
    # and when the address is put right, it follows
    both.hs.edit("contacts", odd, {"email": "odd@example.de"})
    both.settle()
    assert both.lead("odd@example.de")["LastName"] == "Odd"
    assert both.problems() == []
    both.assert_settled()


# --- F23 ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(("Lead 1", "Lead 2", "Contact"))), ids=lambda o: " ".join(o))
def test_f23_several_salesforce_records_with_one_email(order: tuple[str, ...]) -> None:
    with Both(kinds=()) as both:
        # given two leads and a contact with one e-mail, in any order of birth
        ids: dict[str, str] = {}
        for name in order:
            fields = {"Email": EMAIL, "LastName": "Lee", "FirstName": "Ann"}
            ids[name] = both.sf.create(name.split()[0], {**fields, "Company": "Acme"} if "Lead" in name else fields)
            both.time.advance(60)
        contact = both.hs.create("contacts", {"email": EMAIL, "lastname": "Lee", "phone": "+14085550100"})
        # when they are synced, and synced again by a new process after a lead was touched last
        both.settle()
        both.time.advance(60)
        both.sf.edit("Lead", ids["Lead 2"], {"Title": "Engineer"})
        both.settle()
        both.restart()
        both.settle()
        # then the contact counts, whoever came first or changed last; the leads are told, and left alone
        assert both.sf.get("Contact", ids["Contact"])["Phone"] == "+14085550100"
        for name in ("Lead 1", "Lead 2"):
            assert both.sf.get("Lead", ids[name])["Phone"] is None
        assert {w.id for w in both.written("salesforce")} == {ids["Contact"]}
        assert sorted(str(p.record_id) for p in both.problems("duplicate")) == sorted((ids["Lead 1"], ids["Lead 2"]))
        assert both.counts() == {"contacts": 1, "Lead": 2, "Contact": 1}
        assert both.hs.get("contacts", contact).get("jobtitle") is None, "a spare record feeds nothing"
        both.assert_settled()


@pytest.mark.parametrize("first", ["Lead 1", "Lead 2"])
def test_f23_of_leads_alone_the_oldest_counts(first: str) -> None:
    with Both(kinds=()) as both:
        # given two leads with one e-mail
        ids: dict[str, str] = {}
        for name in sorted(("Lead 1", "Lead 2"), key=lambda n: n != first):
            ids[name] = both.sf.create("Lead", LEAD)
            both.time.advance(60)
        spare = next(id for name, id in ids.items() if name != first)
        # when they are synced and then both are edited, the younger last
        both.settle()
        both.sf.edit("Lead", ids[first], {"Phone": "+14085550100"})
        both.time.advance(60)
        both.sf.edit("Lead", spare, {"Phone": "+14085550199"})
        both.settle()
        # then the older one is the person
        assert both.contact(EMAIL)["phone"] == "+14085550100"
        assert [str(p.record_id) for p in both.problems("duplicate")] == [spare]
        assert {w.id for w in both.written("salesforce")} == {ids[first]}
        assert both.counts() == {"contacts": 1, "Lead": 2, "Contact": 0}
        both.assert_settled()
        # and when they are merged in Salesforce, there is nothing to tell any more
        both.sf.merge("Lead", ids[first], [spare])
        both.settle()
        assert both.problems("duplicate") == []
        assert both.counts() == {"contacts": 1, "Lead": 1, "Contact": 0}


# --- F24 ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["duplicateResut", "duplicateResult"])
@pytest.mark.parametrize("action", ["block", "alert"])
def test_f24_duplicate_rule_names_a_free_record(action: str, spelling: str) -> None:
    with Both(salesforce={"duplicate_key": spelling}, kinds=()) as both:
        # given a rule on the phone number, and a lead without e-mail that has the number
        both.sf.duplicate_rule("Lead", action, field="Phone")
        lead = both.sf.create("Lead", {"LastName": "Lee", "Company": "Acme", "Phone": "+14085550100"})
        both.settle()
        both.mark()
        # when somebody with this number is new in HubSpot
        contact = both.hs.create("contacts", {**CONTACT, "phone": "+14085550100"})
        both.settle()
        both.settle()
        # then the lead that the rule named is the person's, and allowSave was not asked for
        assert both.counts() == {"contacts": 1, "Lead": 1, "Contact": 0}
        assert both.person_of("hubspot", "contacts", contact) == both.person_of("salesforce", "Lead", lead)
        assert both.sf.get("Lead", lead)["Email"] == EMAIL
        assert both.problems() == []
        both.assert_settled()


@pytest.mark.parametrize("action", ["block", "alert"])
def test_f24_duplicate_rule_names_somebody_else(action: str) -> None:
    with Both() as both:
        # given a rule on the phone number, and a pair that has the number
        both.sf.duplicate_rule("Lead", action, field="Phone")
        both.sf.create("Lead", {"LastName": "Boss", "Company": "Acme", "Phone": "+14085550100", "Email": "boss@example.com"})
        both.settle()
        both.mark()
        # when somebody with this number but another e-mail is new in HubSpot
        contact = both.hs.create("contacts", {**CONTACT, "phone": "+14085550100"})
        for _ in range(4):
            both.settle(60)
        # then nothing is saved past the rule, it is told once and not tried again
        assert both.counts() == {"contacts": 2, "Lead": 1, "Contact": 0}
        assert both.lead("boss@example.com")["LastName"] == "Boss"
        assert len(both.problems()) == 1
        assert both.person_of("hubspot", "contacts", contact) != both.person_of("salesforce", "Lead", both.lead("boss@example.com")["Id"])
        assert both.writes()["salesforce"] == 0
        both.assert_settled(after=600)
        # and when the number is put right, the lead is made
        both.hs.edit("contacts", contact, {"phone": "+14085550123"})
        both.settle()
        both.settle()
        assert both.lead(EMAIL)["Phone"] == "+14085550123"
        assert both.problems() == []
        both.assert_settled()
