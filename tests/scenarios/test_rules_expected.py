"""What a deal is expected to bring before there is one chooses the cadence (process.md C2), as shipped, from whichever CRM tells how large a company is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crmsync.decide.cadence import CALL
from scenarios.touched import Person, asks
from scenarios.world import Both


@pytest.fixture(scope="module")
def town() -> Iterator[tuple[Both, dict[str, Person]]]:
    """Everybody asks for a demo; what is known of their company differs."""
    with Both(kinds=("task", "company", "deal")) as both:
        both.settle()
        for name, heads in (("sue", 12), ("sal", 400)):
            both.sf.create("Lead", {"LastName": "Lee", "Company": name, "Email": f"{name}@{name}.example", "NumberOfEmployees": heads})
        people = {
            "range": asks(both, "range", numemployees="5-25"),
            "wide": asks(both, "wide", numemployees="100-500"),
            "sue": asks(both, "sue"),
            "sal": asks(both, "sal", numemployees="1-5"),
            "firm": asks(both, "firm"),
            "nobody": asks(both, "nobody"),
        }
        company = both.hs.create("companies", {"name": "Firm Works", "domain": "firm.example", "numberofemployees": "9"})
        both.hs.associate("contacts", people["firm"].id, "companies", company)
        both.settle()
        both.settle()
        yield both, people


@pytest.mark.parametrize(
    ("name", "cadence"),
    [("range", "light"), ("wide", "standard"), ("sue", "light"), ("sal", "standard"), ("firm", "light"), ("nobody", "standard")],
)
def test_c2_small_companies_get_the_light_cadence(town: tuple[Both, dict[str, Person]], name: str, cadence: str) -> None:
    """Heads that Salesforce counts go before the range that HubSpot tells; of whom nothing is known gets all touches."""
    _, people = town
    one = people[name]
    assert one.run().name == cadence
    assert one.contact()["crmsync_cadence"] == one.lead()["crmsync_cadence__c"] == cadence
    assert len(one.open()) == len(one.open("hubspot")) == 1


def test_c2_light_calls_nobody_after_the_first_task(town: tuple[Both, dict[str, Person]]) -> None:
    both, people = town
    light = next(one for one in both.playbook.cadences if one.name == "light")
    assert CALL not in {step.channel for step in light.steps}
    people["sue"].does()
    both.settle(after=86_400)
    (task,) = people["sue"].open()
    assert (task["Subject"], task["TaskSubtype"]) == ("Connect: Sue Lee (sue)", "Task")
