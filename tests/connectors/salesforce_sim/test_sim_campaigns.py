"""Campaign members: who can be one, twice is refused, deleting, conversion, merge, pages, orgs without the marketing feature."""

from __future__ import annotations

from typing import Any

import pytest

from crmsync_salesforce.sim import Simulator
from crmsync_salesforce.sim.ids import make_id

from .conftest import Client


def many(client: Client, campaign: str, *people: dict[str, str]) -> list[dict[str, Any]]:
    records = [{"attributes": {"type": "CampaignMember"}, "CampaignId": campaign, **person} for person in people]
    answer = client.call("POST", "/composite/sobjects", json={"allOrNone": False, "records": records})
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()
    return found


def test_a_second_membership_is_refused_and_changes_nothing(client: Client) -> None:
    campaign, lead = client.make("Campaign", Name="Nurture"), client.lead("ann@x.example")
    first, twice, nobody = many(client, campaign, {"LeadId": lead}, {"LeadId": lead}, {})
    assert first["success"]
    assert (twice["errors"][0]["statusCode"], twice["errors"][0]["message"]) == ("DUPLICATE_VALUE", "Already a campaign member.")
    assert nobody["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    (row,) = client.records("SELECT Id, LeadId, Status, HasResponded FROM CampaignMember")
    assert (row["Id"], row["LeadId"], row["HasResponded"]) == (first["id"], lead, False)


def test_members_are_deleted_by_their_own_id(client: Client) -> None:
    campaign = client.make("Campaign", Name="Nurture")
    made = [row["id"] for row in many(client, campaign, *({"LeadId": client.lead(f"p{n}@x.example")} for n in range(2)))]
    answer = client.call("DELETE", f"/composite/sobjects?ids={made[0]},{made[0]}&allOrNone=false").json()
    assert [row["success"] for row in answer] == [True, False]
    assert answer[1]["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"
    assert [row["Id"] for row in client.records("SELECT Id FROM CampaignMember")] == made[1:]


def test_conversion_and_merge_take_memberships_along(client: Client, sim: Simulator) -> None:
    campaign, lead = client.make("Campaign", Name="Nurture"), client.lead("ann@x.example")
    assert many(client, campaign, {"LeadId": lead})[0]["success"]
    contact = sim.convert(lead)
    (row,) = client.records("SELECT ContactId FROM CampaignMember")
    assert row["ContactId"] == contact
    other = client.make("Contact", LastName="Twin")
    assert many(client, campaign, {"ContactId": other})[0]["success"]
    sim.merge("Contact", contact, [other])
    assert [row["ContactId"] for row in client.records("SELECT ContactId FROM CampaignMember")] == [contact]


def test_an_org_without_the_marketing_feature_has_no_campaigns(client: Client, sim: Simulator) -> None:
    campaign, lead = client.make("Campaign", Name="Nurture"), client.lead("ann@x.example")
    sim.options.change("marketing", False)
    assert client.call("GET", "/sobjects/CampaignMember/describe").status_code == 404
    assert not many(client, campaign, {"LeadId": lead})[0]["success"]
    assert "Campaigns" not in page(sim, client, "/")


def test_members_are_on_the_pages(client: Client, sim: Simulator) -> None:
    campaign, lead = client.make("Campaign", Name="Nurture <b>"), client.lead("ann@x.example")
    many(client, campaign, {"LeadId": lead})
    assert f"/record/Lead/{lead}" in page(sim, client, f"/record/Campaign/{campaign}")
    assert "Nurture &lt;b&gt;" in page(sim, client, f"/record/Lead/{lead}")


def page(sim: Simulator, client: Client, path: str) -> str:
    return str(client.http.get(sim.url + path, timeout=10).text)


@pytest.mark.parametrize("missing", ["CampaignId", "LeadId"])
def test_who_or_what_does_not_exist_is_a_bad_reference(client: Client, missing: str) -> None:
    given = {"CampaignId": client.make("Campaign", Name="Nurture"), "LeadId": client.lead("ann@x.example")}
    body = {"attributes": {"type": "CampaignMember"}, **given, missing: make_id(given[missing][:3], 999_999)}
    (row,) = client.call("POST", "/composite/sobjects", json={"allOrNone": False, "records": [body]}).json()
    assert row["errors"][0]["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"
