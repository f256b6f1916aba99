"""Duplicates: one person never becomes two (F18, F19, F20, F22, F23, F24).

Cases share a world where they can: each has people of its own, told apart by their e-mail addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from crmsync.model.change import Action
from scenarios.world import SIDES, Both

EMAIL, NUMBER = "ann@example.com", "+14085550100"
CONTACT = {"email": EMAIL, "firstname": "Ann", "lastname": "Lee", "company": "Acme"}
LEAD = {"Email": EMAIL, "FirstName": "Ann", "LastName": "Lee", "Company": "Acme"}
CREATE = {
    "hubspot": {"method": "POST", "path": "/objects/.*contacts/batch/create"},
    "salesforce": {"method": "PATCH", "path": "/composite/sobjects/Lead/crmsync_key__c"},
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Both]:
    with Both(kinds=()) as both:
        yield both


def more(both: Both, before: Mapping[str, int]) -> dict[str, int]:
    """How many persons per object there are now beside those of before."""
    return {object: count - before[object] for object, count in both.counts().items()}


def own_only(write: Any) -> bool:
    return all(name.startswith("crmsync_") for name in write.changes)


def faulty(both: Both, **fault: Any) -> None:
    """Creates of persons meet a fault, on both sides."""
    both.hs.faults.add({**CREATE["hubspot"], **fault, "times": 4})
    both.sf.faults.add({**CREATE["salesforce"], **fault, "times": 4})


def newcomers(both: Both, name: str, lag: float = 0.0) -> dict[str, str]:
    """Somebody new on each side, both in its search by now: the side on which they are to be created -> their e-mail."""
    emails = {side: f"{name}-{side}@example.com".replace(" ", "-") for side in SIDES}
    both.hs.create("contacts", {**CONTACT, "email": emails["salesforce"]})
    both.time.advance(lag)
    both.sf.create("Lead", {**LEAD, "Email": emails["hubspot"]})
    return emails


# --- F18 ------------------------------------------------------------------------------------------------------------------------


TIMED_OUT: list[tuple[dict[str, Any], str]] = [
    ({"do": "drop_after"}, "goes on"),
    ({"do": "drop_after"}, "restart"),
    ({"do": "status_after", "status": 502}, "goes on"),
    ({"do": "truncate"}, "goes on"),
]


@pytest.fixture(scope="module")
def lagging() -> Iterator[Both]:
    with Both(hubspot={"search_lag": 120.0}, kinds=()) as both:
        yield both


@pytest.mark.parametrize(("fault", "end"), TIMED_OUT, ids=lambda v: v["do"] if isinstance(v, dict) else v)
def test_f18_create_timed_out_but_succeeded(fault: Mapping[str, Any], end: str, lagging: Both) -> None:
    both, before = lagging, lagging.counts()
    both.mark()
    # given somebody new on each side, and creates on the other that are carried out, but whose answers are all lost
    emails = newcomers(both, f"{fault['do']} {end}", lag=120)
    faulty(both, **fault)
    both.cycle(15)
    assert more(both, before) == {"contacts": 2, "Lead": 2, "Contact": 0}, "they were created"
    # when we go on, or are started again
    both.hs.faults.clear()
    both.sf.faults.clear()
    if end == "restart":
        both.restart()
    for pause in (15, 15, 120, 300):
        both.settle(pause)
    # then there is one record on each side, they are one person, and they are in step
    assert more(both, before) == {"contacts": 2, "Lead": 2, "Contact": 0}
    assert [[w.action for w in both.written(side) if w.action == "create"] for side in SIDES] == [["create"], ["create"]]
    for side, email in emails.items():
        contact, lead = both.contact(email), both.lead(email)
        person = both.person_of("salesforce", "Lead", lead["Id"])
        assert both.person_of("hubspot", "contacts", contact["id"]) == person is not None
        assert contact["crmsync_key"] == lead["crmsync_key__c"] is not None
        # and it was found by looking for its key, not by trying again and running into it
        made = [e for e in both.store.journal.of(person, limit=20) if e.side == side]
        assert [e.outcome for e in made if e.write.action is Action.CREATE] == ["looked_up"]
        both.hs.edit("contacts", contact["id"], {"phone": "+14085550100"})
    both.settle(130)
    assert [both.lead(email)["Phone"] for email in emails.values()] == ["+14085550100"] * 2
    assert both.problems() == []
    both.settle(300)
    both.assert_settled()


def test_f18_create_that_never_arrived_is_made_once(shared: Both) -> None:
    both, before = shared, shared.counts()
    both.mark()
    # given creates that are lost on their way there
    emails = newcomers(both, "never arrived")
    faulty(both, do="drop_before")
    both.cycle(15)
    assert more(both, before) == {"contacts": 1, "Lead": 1, "Contact": 0}
    # when we go on
    both.hs.faults.clear()
    both.sf.faults.clear()
    for _ in range(3):
        both.settle(60)
    # then they are made, once
    assert more(both, before) == {"contacts": 2, "Lead": 2, "Contact": 0}
    assert [[w.action for w in both.written(side) if w.action == "create"] for side in SIDES] == [["create"], ["create"]]
    assert all(both.contact(email)["crmsync_key"] == both.lead(email)["crmsync_key__c"] for email in emails.values())
    both.assert_settled()


# --- F19 ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False], ids=["409 names the id", "409 names nobody"])
@pytest.mark.parametrize("company", [1, 3], ids=["alone", "in a batch"])
def test_f19_search_then_create_race(named: bool, company: int, shared: Both) -> None:
    both, before, email = shared, shared.counts(), f"race-{named}-{company}@example.com".lower()
    both.mark()
    both.hs.options.change("batch_conflict_names_id", named)
    # given a lead, and a HubSpot contact of the same e-mail that was typed in a moment ago: search says that there is none
    both.hs.options.change("search_lag", 240.0)
    contact = both.hs.create("contacts", {"email": email, "lastname": "Lee"})
    both.hs.options.change("search_lag", 0.0)
    both.sf.create("Lead", {**LEAD, "Email": email, "Phone": "+14085550100"})
    for number in range(1, company):
        both.sf.create("Lead", {"LastName": f"No{number}", "Company": "Acme", "Email": f"p{number}-{email}"})
    # when it is synced, and create answers 409
    both.settle()
    both.hs.options.change("batch_conflict_names_id", False)
    assert any(call.status in (207, 409) for call in both.hs.calls), "there was no race"
    # then the record that exists is adopted and filled, and nothing is doubled
    assert more(both, before) == {"contacts": company, "Lead": company, "Contact": 0}
    row = both.contact(email)
    assert (row["id"], row["phone"], row["firstname"]) == (contact, NUMBER, "Ann")
    assert [w.action for w in both.written("hubspot", "contacts") if w.id == contact] == ["update"]
    assert both.person_of("hubspot", "contacts", contact) == both.person_of("salesforce", "Lead", both.lead(email)["Id"])
    assert both.problems() == []
    for pause in (60, 300):
        both.settle(pause)
    both.assert_settled()


# --- F20 ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", ["salesforce", "hubspot"])
def test_f20_secondary_email(later: str, shared: Both) -> None:
    both, before = shared, shared.counts()
    # given contacts with a primary and an additional address, and leads with the additional one
    cases = {seen: (f"{seen}-{later}@example.com", f"{seen}-{later}@old.example") for seen in ("known", "together", "unsearchable")}
    contacts: dict[str, str] = {}
    leads: dict[str, str] = {}

    def has_contact(seen: str) -> None:
        first, second = cases[seen]
        both.hs.options.change("search_lag", 240.0 if seen == "unsearchable" else 0.0)
        contacts[seen] = both.hs.create("contacts", {**CONTACT, "email": first})
        both.hs.edit("contacts", contacts[seen], {"hs_additional_emails": second}, user="system")
        both.hs.options.change("search_lag", 0.0)

    def has_lead(seen: str) -> None:
        row = {"Email": cases[seen][1], "LastName": "Lee", "Company": "Acme", "Phone": "+14085550100"}
        leads[seen] = both.sf.create("Lead", row)

    has_contact("known")
    both.settle()
    both.mark()
    # the lead that the contact became is not there any more, a rep had one all the time
    leads["known"] = both.lead(cases["known"][0])["Id"]
    both.sf.edit("Lead", leads["known"], {"Email": cases["known"][1], "Phone": "+14085550100"})
    steps = (has_contact, has_lead) if later == "salesforce" else (has_lead, has_contact)
    for number, step in enumerate(steps):
        both.time.advance(60 * number)
        step("together")
        step("unsearchable")
    if later == "hubspot":
        both.hs.edit("contacts", contacts["known"], {"city": "San Jose"})
    # when they are synced
    for pause in (15, 60, 300, 300):
        both.settle(pause)
    # then they are one person each, nobody new was made, no create fails over and over, and the primary addresses stayed
    assert more(both, before) == {"contacts": 3, "Lead": 3, "Contact": 0}
    for seen, (first, second) in cases.items():
        contact = contacts[seen]
        assert both.person_of("hubspot", "contacts", contact) == both.person_of("salesforce", "Lead", leads[seen]) is not None, seen
        row = both.hs.get("contacts", contact)
        assert (row["email"], row["hs_additional_emails"], row["phone"]) == (first, second, "+14085550100"), seen
    assert len([call for call in both.hs.calls if call.status in (207, 409)]) <= 2
    assert both.problems() == []
    both.assert_settled()


# --- F22 ------------------------------------------------------------------------------------------------------------------------


def test_f22_upper_case_email_and_odd_web_address(shared: Both) -> None:
    both, before = shared, shared.counts()
    both.mark()
    # given the same person in both, spelt differently
    lead = both.sf.create("Lead", {**LEAD, "Email": "UPPER@EXAMPLE.COM", "Website": "HTTPS://Acme.example/"})
    contact = both.hs.create("contacts", {**CONTACT, "email": "upper@example.com", "website": "acme.example"})
    # when they are synced, again and again, and with a new process
    for _ in range(3):
        both.settle()
    both.restart()
    both.settle()
    # then they are one, and nothing but our own fields was written anywhere
    assert more(both, before) == {"contacts": 1, "Lead": 1, "Contact": 0}
    assert both.person_of("hubspot", "contacts", contact) == both.person_of("salesforce", "Lead", lead) is not None
    assert {side: {write.id for write in both.written(side)} for side in ("hubspot", "salesforce")} == {
        "hubspot": {contact},
        "salesforce": {lead},
    }
    assert all(own_only(write) for side in ("hubspot", "salesforce") for write in both.written(side))
    assert both.sf.get("Lead", lead)["Email"] == "UPPER@EXAMPLE.COM"
    assert both.sf.get("Lead", lead)["Website"] == "HTTPS://Acme.example/"
    both.assert_settled()


def test_f22_an_email_the_other_side_refuses(shared: Both) -> None:
    both, before = shared, shared.counts()
    # given a contact whose address Salesforce does not take, and one whose address is fine
    odd = both.hs.create("contacts", {"email": "ann@exämple.de", "lastname": "Odd", "company": "Acme"})
    both.hs.create("contacts", {**CONTACT, "email": "fine@example.com"})
    # when they are synced, again and again
    for _ in range(5):
        both.settle(60)
    # then the other goes through, this one is told once, tried once, and nothing is doubled
    assert more(both, before) == {"contacts": 2, "Lead": 1, "Contact": 0}
    assert [(p.side, p.field) for p in both.problems()] == [("salesforce", None)]
    assert both.store.problems.groups()
    both.assert_settled(after=600)
    # and when the address is put right, it follows
    both.hs.edit("contacts", odd, {"email": "odd@example.de"})
    both.settle()
    assert both.lead("odd@example.de")["LastName"] == "Odd"
    assert both.problems() == []
    both.assert_settled()


# --- F23 ------------------------------------------------------------------------------------------------------------------------


def test_f23_several_salesforce_records_with_one_email() -> None:
    with Both(kinds=()) as both:
        # given two leads and a contact with one e-mail, twice: the contact born first or last (every order: tests/decide/test_match.py)
        people: dict[str, dict[str, str]] = {}
        for email, order in (("first@example.com", ("Contact", "Lead 2", "Lead 1")), ("last@example.com", ("Lead 1", "Lead 2", "Contact"))):
            ids = people[email] = {}
            for name in order:
                fields = {"Email": email, "LastName": "Lee", "FirstName": "Ann"}
                ids[name] = both.sf.create(name.split()[0], {**fields, "Company": "Acme"} if "Lead" in name else fields)
                both.time.advance(60)
            ids["HubSpot"] = both.hs.create("contacts", {"email": email, "lastname": "Lee", "phone": "+14085550100"})
        # when they are synced, and synced again by a new process after a lead was touched last
        both.settle()
        both.time.advance(60)
        for ids in people.values():
            both.sf.edit("Lead", ids["Lead 2"], {"Title": "Engineer"})
        both.settle()
        both.restart()
        both.settle()
        # then the contact counts, whoever came first or changed last; the leads are told, and left alone
        spare = sorted(ids[name] for ids in people.values() for name in ("Lead 1", "Lead 2"))
        for ids in people.values():
            assert both.sf.get("Contact", ids["Contact"])["Phone"] == "+14085550100"
            assert both.hs.get("contacts", ids["HubSpot"]).get("jobtitle") is None, "a spare record feeds nothing"
        assert all(both.sf.get("Lead", id)["Phone"] is None for id in spare)
        assert {w.id for w in both.written("salesforce")} == {ids["Contact"] for ids in people.values()}
        assert sorted(str(p.record_id) for p in both.problems("duplicate")) == spare
        assert both.counts() == {"contacts": 2, "Lead": 4, "Contact": 2}
        both.assert_settled()


def test_f23_of_leads_alone_the_oldest_counts() -> None:
    with Both(kinds=()) as both:
        # given two leads with one e-mail
        oldest = both.sf.create("Lead", LEAD)
        both.time.advance(60)
        spare = both.sf.create("Lead", LEAD)
        both.time.advance(60)
        # when they are synced and then both are edited, the younger last
        both.settle()
        both.sf.edit("Lead", oldest, {"Phone": "+14085550100"})
        both.time.advance(60)
        both.sf.edit("Lead", spare, {"Phone": "+14085550199"})
        both.settle()
        # then the older one is the person
        assert both.contact(EMAIL)["phone"] == "+14085550100"
        assert [str(p.record_id) for p in both.problems("duplicate")] == [spare]
        assert {w.id for w in both.written("salesforce")} == {oldest}
        assert both.counts() == {"contacts": 1, "Lead": 2, "Contact": 0}
        both.assert_settled()
        # and when they are merged in Salesforce, there is nothing to tell any more
        both.sf.merge("Lead", oldest, [spare])
        both.settle()
        assert both.problems("duplicate") == []
        assert both.counts() == {"contacts": 1, "Lead": 1, "Contact": 0}


# --- F24 ------------------------------------------------------------------------------------------------------------------------

RULES = {"block": ("Phone", "phone"), "alert": ("MobilePhone", "mobilephone")}
"""What the duplicate rule does -> the field whose equal values it is about, in Salesforce and HubSpot."""


@pytest.mark.parametrize("spelling", ["duplicateResut", "duplicateResult"])
def test_f24_duplicate_rule_names_a_free_record(spelling: str) -> None:
    with Both(salesforce={"duplicate_key": spelling}, kinds=()) as both:
        # given a rule of each action on a phone number, and leads without e-mail that have the number
        leads: dict[str, str] = {}
        for action, (field, _) in RULES.items():
            both.sf.duplicate_rule("Lead", action, field=field)
            leads[action] = both.sf.create("Lead", {"LastName": "Lee", "Company": "Acme", field: NUMBER})
        both.settle()
        both.mark()
        # when somebody with this number is new in HubSpot
        rows = {action: {**CONTACT, "email": f"{action}@example.com", name: NUMBER} for action, (_, name) in RULES.items()}
        contacts = {action: both.hs.create("contacts", row) for action, row in rows.items()}
        both.settle()
        both.settle()
        # then the lead that the rule named is the person's, and allowSave was not asked for
        assert both.counts() == {"contacts": 2, "Lead": 2, "Contact": 0}
        for action, lead in leads.items():
            assert both.person_of("hubspot", "contacts", contacts[action]) == both.person_of("salesforce", "Lead", lead) is not None
            assert both.sf.get("Lead", lead)["Email"] == f"{action}@example.com"
        assert both.problems() == []
        both.assert_settled()


def test_f24_duplicate_rule_names_somebody_else() -> None:
    with Both(kinds=()) as both:
        # given a rule of each action on a phone number, and pairs that have the number
        for action, (field, _) in RULES.items():
            both.sf.duplicate_rule("Lead", action, field=field)
            both.sf.create("Lead", {"LastName": "Boss", "Company": "Acme", field: NUMBER, "Email": f"boss-{action}@example.com"})
        both.settle()
        both.mark()
        # when somebody with this number but another e-mail is new in HubSpot
        rows = {action: {**CONTACT, "email": f"{action}@example.com", name: NUMBER} for action, (_, name) in RULES.items()}
        contacts = {action: both.hs.create("contacts", row) for action, row in rows.items()}
        for _ in range(4):
            both.settle(60)
        # then nothing is saved past the rule, it is told once and not tried again
        assert both.counts() == {"contacts": 4, "Lead": 2, "Contact": 0}
        for action, contact in contacts.items():
            boss = both.lead(f"boss-{action}@example.com")
            assert boss["LastName"] == "Boss"
            person = both.person_of("hubspot", "contacts", contact)
            assert person != both.person_of("salesforce", "Lead", boss["Id"])
            assert len([problem for problem in both.problems() if problem.person_id == person]) == 1
        assert len(both.problems()) == 2
        assert both.writes()["salesforce"] == 0
        both.assert_settled(after=600)
        # and when the number is put right, the lead is made
        for action, contact in contacts.items():
            both.hs.edit("contacts", contact, {RULES[action][1]: "+14085550123"})
        both.settle()
        both.settle()
        for action, (field, _) in RULES.items():
            assert both.lead(f"{action}@example.com")[field] == "+14085550123"
        assert both.problems() == []
        both.assert_settled()
