"""Echo loops: what we wrote ourselves comes back and must not be taken for news (F13, F14, F15)."""

from __future__ import annotations

from scenarios.world import Both

ANN = {"email": "ann@example.com", "firstname": "Ann", "lastname": "Lee", "company": "Acme", "jobtitle": "Engineer"}


def pair(both: Both) -> tuple[str, str]:
    """A HubSpot contact and the lead it became."""
    contact = both.hs.create("contacts", ANN)
    both.settle()
    lead = both.lead("ann@example.com")["Id"]
    both.assert_settled()
    both.mark()
    return contact, str(lead)


def test_f13_plain_echo_of_a_hubspot_edit_writes_once(both: Both) -> None:
    # given a linked pair
    contact, lead = pair(both)
    # when one field is edited in HubSpot and Salesforce reports our own write
    both.hs.edit("contacts", contact, {"phone": "+14085550100"})
    both.settle()
    # then Salesforce has it, by one write, and HubSpot got none
    assert both.sf.get("Lead", lead)["Phone"] == "+14085550100"
    assert both.hs.get("contacts", contact)["phone"] == "+14085550100"
    assert both.writes() == {"hubspot": 0, "salesforce": 1}
    both.assert_settled()
