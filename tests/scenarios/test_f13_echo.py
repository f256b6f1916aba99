"""Echo loops: what we wrote ourselves comes back and must not be taken for news (F13, F14, F15)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scenarios.world import Both

EMAIL = "ann@example.com"
ANN = {"email": EMAIL, "firstname": "Ann", "lastname": "Lee", "company": "Acme", "jobtitle": "Engineer"}
MAPPED = {"hubspot": frozenset({"email", "firstname", "lastname", "company", "jobtitle", "phone", "address", "city", "hubspot_owner_id"})}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def anywhere(request: pytest.FixtureRequest) -> Iterator[Both]:
    """The same world over either database."""
    url = None if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    with Both(database=url) as world:
        yield world


def pair(both: Both) -> tuple[str, str]:
    """Ids of a HubSpot contact and of the lead it became, both at rest."""
    contact = both.hs.create("contacts", ANN)
    both.settle()
    lead = str(both.lead(EMAIL)["Id"])
    both.assert_settled()
    both.mark()
    return contact, lead


def test_f13_plain_echo_of_a_hubspot_edit_is_one_write(anywhere: Both) -> None:
    both = anywhere
    # given a linked pair
    contact, lead = pair(both)
    # when one field is edited in HubSpot, and Salesforce then reports our own write
    both.hs.edit("contacts", contact, {"phone": "+14085550100"})
    both.settle()
    # then both show it, after one write in all
    assert both.sf.get("Lead", lead)["Phone"] == "+14085550100"
    assert both.hs.get("contacts", contact)["phone"] == "+14085550100"
    assert both.writes() == {"hubspot": 0, "salesforce": 1}
    both.assert_settled()


def test_f13_plain_echo_of_a_salesforce_edit_is_one_write(anywhere: Both) -> None:
    both = anywhere
    # given a linked pair
    contact, lead = pair(both)
    # when one field is edited in Salesforce, and HubSpot then reports our own write
    both.sf.edit("Lead", lead, {"Title": "Data Engineer"})
    both.settle()
    # then both show it, after one write in all
    assert both.hs.get("contacts", contact)["jobtitle"] == "Data Engineer"
    assert both.sf.get("Lead", lead)["Title"] == "Data Engineer"
    assert both.writes() == {"hubspot": 1, "salesforce": 0}
    both.assert_settled()


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_f13_echo_of_an_owner_change_is_one_write(both: Both, side: str) -> None:
    # given a linked pair owned by Rita on both sides
    contact, lead = pair(both)
    rita = {name: both.owner(name, "rita@corp.example") for name in ("hubspot", "salesforce")}
    sam = {name: both.owner(name, "sam@corp.example") for name in ("hubspot", "salesforce")}
    both.sf.edit("Lead", lead, {"OwnerId": rita["salesforce"]})
    both.settle()
    assert both.hs.get("contacts", contact)["hubspot_owner_id"] == rita["hubspot"]
    both.mark()
    # when a manager gives it to Sam on one side
    if side == "hubspot":
        both.hs.edit("contacts", contact, {"hubspot_owner_id": sam["hubspot"]})
    else:
        both.sf.edit("Lead", lead, {"OwnerId": sam["salesforce"]})
    both.settle()
    # then Sam owns it on both, by one write on the other side
    assert both.hs.get("contacts", contact)["hubspot_owner_id"] == sam["hubspot"]
    assert both.sf.get("Lead", lead)["OwnerId"] == sam["salesforce"]
    assert both.writes() == {"hubspot": int(side == "salesforce"), "salesforce": int(side == "hubspot")}
    both.assert_settled()


def _brackets(row: dict[str, Any]) -> dict[str, Any]:
    digits = "".join(c for c in str(row.get("Phone") or "") if c.isdigit())
    return {"Phone": f"+1 ({digits[1:4]}) {digits[4:7]}-{digits[7:]}"} if len(digits) == 11 else {}


def _capitals(row: dict[str, Any]) -> dict[str, Any]:
    return {"LastName": str(row["LastName"]).upper()}


def _cut(row: dict[str, Any]) -> dict[str, Any]:
    return {"Title": str(row.get("Title") or "")[:20] or None}


@pytest.mark.parametrize(
    ("flow", "edit", "field", "shown"),
    [
        pytest.param(_brackets, {"phone": "+14085550100"}, "Phone", "+1 (408) 555-0100", id="phone formatted"),
        pytest.param(_capitals, {"lastname": "Lee-Young"}, "LastName", "LEE-YOUNG", id="upper-cased"),
        pytest.param(_cut, {"jobtitle": "Engineer of Everything That Moves"}, "Title", "Engineer of Everythi", id="cut"),
        pytest.param(lambda row: {}, {"lastname": "  Lee-Young "}, "LastName", "Lee-Young", id="trimmed"),
    ],
)
def test_f14_salesforce_keeps_a_form_of_its_own(both: Both, flow: Any, edit: dict[str, str], field: str, shown: str) -> None:
    # given a linked pair and an org that stores what it is sent in another form
    contact, lead = pair(both)
    both.sf.automation("Lead", flow)
    # when the field is edited in HubSpot
    both.hs.edit("contacts", contact, edit)
    both.settle()
    both.settle()
    # then Salesforce keeps its form, HubSpot keeps what was typed, and neither is written again
    assert both.sf.get("Lead", lead)[field] == shown
    assert {name: both.hs.get("contacts", contact)[name] for name in edit} == edit
    assert both.writes() == {"hubspot": 0, "salesforce": 1}
    both.assert_settled()
    # and when it is edited in HubSpot once more
    both.mark()
    both.hs.edit(
        "contacts", contact, {name: value.strip() + "s" if field == "LastName" else value[:-1] + "9" for name, value in edit.items()}
    )
    both.settle()
    # then that edit goes over like any other
    assert both.writes()["salesforce"] == 1
    assert both.writes()["hubspot"] == 0
    both.assert_settled()


def test_f14_a_flow_under_another_user_rewrites_our_value(both: Both) -> None:
    # given a linked pair and a flow that runs some seconds after a save, as the administrator
    contact, lead = pair(both)
    both.hs.edit("contacts", contact, {"city": "san jose"})
    both.settle()
    # when that flow capitalises the city we wrote
    both.time.advance(3)
    both.sf.edit("Lead", lead, {"City": "San Jose"})
    both.settle()
    # then this counts as an edit: HubSpot takes it, and there it ends
    assert both.hs.get("contacts", contact)["city"] == both.sf.get("Lead", lead)["City"] == "San Jose"
    assert both.writes() == {"hubspot": 1, "salesforce": 1}
    both.assert_settled()


def test_f14_hubspot_lower_cases_an_email(both: Both) -> None:
    # given a lead whose e-mail is in capitals
    lead = both.sf.create("Lead", {"LastName": "Lee", "Company": "Acme", "Email": "Ann.LEE@Example.COM"})
    # when it is synced
    both.settle()
    # then HubSpot has its form, Salesforce keeps the other, and only our own fields were written to the lead
    assert both.contact("ann.lee@example.com")["email"] == "ann.lee@example.com"
    assert both.sf.get("Lead", lead)["Email"] == "Ann.LEE@Example.COM"
    assert {write.id for write in both.written("salesforce")} == {lead}
    assert all(name.startswith("crmsync_") for write in both.written("salesforce") for name in write.changes)
    assert [write.action for write in both.written("hubspot", "contacts")].count("create") == 1
    both.assert_settled()
    # and when the capitals change
    both.sf.edit("Lead", lead, {"Email": "ann.lee@example.com"})
    both.mark()
    both.settle()
    # then nobody is written
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    both.assert_settled()


def test_f14_line_breaks_of_an_address(both: Both) -> None:
    # given a linked pair
    contact, lead = pair(both)
    # when a street of two lines is typed in Salesforce the way Windows does
    both.sf.edit("Lead", lead, {"Street": "1 Main St\r\nSuite 5"})
    both.settle()
    # then HubSpot has two lines, by one write, and Salesforce is left alone
    assert both.hs.get("contacts", contact)["address"] == "1 Main St\nSuite 5"
    assert both.sf.get("Lead", lead)["Street"] == "1 Main St\r\nSuite 5"
    assert both.writes() == {"hubspot": 1, "salesforce": 0}
    both.assert_settled()


def test_f15_a_lead_created_by_a_pull_is_not_pushed_back(both: Both) -> None:
    # given a HubSpot contact, created with everything a form gives, and an org that keeps names in a form of its own
    both.sf.automation("Lead", _capitals)
    contact = both.hs.create("contacts", {**ANN, "phone": "+14085550100", "city": "San Jose"})
    before = both.hs.get("contacts", contact)
    # when it is synced, and the new lead is then pulled
    both.settle()
    both.settle()
    # then there is one of each, the lead was written once, and HubSpot got only our own fields, once
    assert both.counts() == {"contacts": 1, "Lead": 1, "Contact": 0}
    assert (both.lead(EMAIL)["City"], both.lead(EMAIL)["LastName"]) == ("San Jose", "LEE")
    assert [write.action for write in both.written("salesforce", "Lead")] == ["create"]
    back = both.written("hubspot", "contacts")
    assert [write.action for write in back] == ["update"]
    assert not MAPPED["hubspot"] & set(back[0].changes)
    after = both.hs.get("contacts", contact)
    assert {name: after[name] for name in MAPPED["hubspot"] & set(before)} == {
        name: before[name] for name in MAPPED["hubspot"] & set(before)
    }
    both.assert_settled()
    # and what a lead was created with is agreed from that moment: what is cleared before we read it is cleared, not filled in as if the two had just met
    other = both.hs.create("contacts", {**ANN, "email": "bob@example.com", "city": "San Jose"})
    both.cycle(after=15)
    both.hs.edit("contacts", other, {"city": ""})
    both.hs.edit("contacts", contact, {"city": ""})
    both.settle()
    assert [both.lead(address)["City"] for address in (EMAIL, "bob@example.com")] == [None, None]
    assert [both.hs.get("contacts", id).get("city") or None for id in (contact, other)] == [None, None]
    both.assert_settled()


def test_f15_a_contact_created_by_a_pull_is_not_pushed_back(both: Both) -> None:
    # given a lead
    lead = both.sf.create(
        "Lead", {"LastName": "Lee", "Company": "Acme", "Email": EMAIL, "Phone": "(408) 555-0100", "OwnerId": both.sf.admin_user}
    )
    # when it is synced, and the new contact is then pulled
    both.settle()
    both.settle()
    # then there is one of each, the contact was created once, and the lead got only our own fields
    assert both.counts() == {"contacts": 1, "Lead": 1, "Contact": 0}
    assert both.contact(EMAIL)["phone"] == "(408) 555-0100"
    assert [write.action for write in both.written("hubspot", "contacts")] == ["create"]
    back = both.written("salesforce", "Lead")
    assert [write.action for write in back] == ["update"]
    assert all(name.startswith("crmsync_") for name in back[0].changes)
    assert both.sf.get("Lead", lead)["OwnerId"] == both.sf.admin_user
    both.assert_settled()
    # and what a contact was created with is agreed from that moment, as above
    row = {"LastName": "Roe", "Company": "Acme", "Email": "bob@example.com", "Phone": "(408) 555-0101", "OwnerId": both.sf.admin_user}
    other = both.sf.create("Lead", row)
    both.cycle(after=15)
    both.sf.edit("Lead", other, {"Phone": None})
    both.sf.edit("Lead", lead, {"Phone": None})
    both.settle()
    assert [both.contact(address).get("phone") or None for address in (EMAIL, "bob@example.com")] == [None, None]
    assert [both.sf.get("Lead", id)["Phone"] for id in (lead, other)] == [None, None]
    both.assert_settled()
