"""Members of Salesforce's campaigns: collections of 200, who was a member before, rights, lost answers, what a conversion does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crmsync.connect.protocol import LIST_FORBIDDEN, LIST_UNKNOWN
from crmsync.errors import UnreachableError
from crmsync.model.change import OutcomeKind
from crmsync.model.record import Ref
from crmsync_salesforce.sim.ids import make_id

DONE, EXISTS, GONE, REJECTED, RETRY, UNKNOWN = (
    OutcomeKind.DONE, OutcomeKind.EXISTS, OutcomeKind.GONE, OutcomeKind.REJECTED, OutcomeKind.RETRY, OutcomeKind.UNKNOWN,
)  # fmt: skip
NOBODY, NO_CAMPAIGN = make_id("00Q", 999_999), make_id("701", 999_999)


def ref(id: str) -> Ref:
    return Ref(side="salesforce", object="Lead" if id.startswith("00Q") else "Contact", id=id)


def lead(simulator: Any, name: str) -> str:
    return str(simulator.create("Lead", {"LastName": name, "Company": "Acme", "Email": f"{name}@x.example"}))


def kinds(connector: Any, campaign: str, join: list[str], leave: list[str]) -> list[OutcomeKind]:
    return [o.kind for o in connector.members(campaign, [ref(i) for i in join], [ref(i) for i in leave])]


def members(simulator: Any) -> set[str]:
    return {row.get("ContactId") or row["LeadId"] for row in simulator.all("CampaignMember")}


def test_leads_and_contacts_join_in_one_call_and_leave_in_two(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator)
    campaign = simulator.create("Campaign", {"Name": "Nurture"})
    ann, bob = lead(simulator, "ann"), lead(simulator, "bob")
    eve = simulator.create("Contact", {"LastName": "Eve"})
    simulator.create("CampaignMember", {"CampaignId": campaign, "LeadId": bob})
    connector.identity()
    calls = simulator.api_calls()
    assert kinds(connector, campaign, [ann, bob, eve, NOBODY], []) == [DONE, EXISTS, DONE, GONE]
    assert simulator.api_calls() - calls == 1
    assert kinds(connector, campaign, [], [ann, NOBODY]) == [DONE, EXISTS]
    assert simulator.api_calls() - calls == 3
    assert kinds(connector, campaign, [ann], [eve]) == [DONE, DONE]
    assert members(simulator) == {ann, bob}
    assert kinds(connector, campaign, [], []) == []


def test_whoever_is_converted_is_still_a_member_and_can_leave(simulator: Any, connect: Callable[..., Any]) -> None:
    connector, campaign, ann = connect(simulator), simulator.create("Campaign", {"Name": "Nurture"}), lead(simulator, "ann")
    assert kinds(connector, campaign, [ann], []) == [DONE]
    contact = simulator.convert(ann)
    since = connector.member_since(campaign, [ref(contact)])
    assert set(since) == {ref(contact)}
    assert kinds(connector, campaign, [contact], []) == [EXISTS]
    assert kinds(connector, campaign, [], [contact]) == [DONE]
    assert simulator.all("CampaignMember") == []


def test_a_campaign_that_is_not_there_refuses_everybody(simulator: Any, connect: Callable[..., Any]) -> None:
    connector, ann, bob = connect(simulator), lead(simulator, "ann"), lead(simulator, "bob")
    for campaign, words in ((NO_CAMPAIGN, "no such campaign"), ("Nurture", "starts with 701"), (NOBODY, "starts with 701")):
        outcomes = connector.members(campaign, [ref(ann), ref(bob)], [])
        assert {(o.kind, o.cause) for o in outcomes} == {(REJECTED, LIST_UNKNOWN)}
        assert words in outcomes[0].message
        assert connector.member_list(campaign).refused == LIST_UNKNOWN
    assert connector.member_since("Nurture", [ref(ann)]) == {}
    campaign = simulator.create("Campaign", {"Name": "Nurture"})
    assert kinds(connector, campaign, [NOBODY], []) == [GONE], "a campaign that is there is not to blame"
    assert (connector.member_list(campaign).refused, connector.member_list(campaign).label) == ("", "Nurture")


def test_without_the_marketing_feature_the_campaign_is_out_of_reach(simulator: Any, connect: Callable[..., Any]) -> None:
    connector, campaign, ann = connect(simulator), simulator.create("Campaign", {"Name": "Nurture"}), lead(simulator, "ann")
    simulator.options.change("marketing", False)
    for join, leave in (([ref(ann)], []), ([], [ref(ann)])):
        (outcome,) = connector.members(campaign, join, leave)
        assert (outcome.kind, outcome.cause) == (REJECTED, LIST_FORBIDDEN)
        assert "Marketing User" in outcome.message
    assert connector.member_list(campaign).refused == LIST_FORBIDDEN
    assert connector.member_since(campaign, [ref(ann)]) == {}


def test_a_lost_answer_is_looked_up_not_repeated(simulator: Any, connect: Callable[..., Any]) -> None:
    connector, campaign, ann = connect(simulator), simulator.create("Campaign", {"Name": "Nurture"}), lead(simulator, "ann")
    simulator.faults.add({"do": "drop_after", "times": 1, "method": "POST", "path": "composite/sobjects"})
    assert kinds(connector, campaign, [ann], []) == [UNKNOWN]
    assert len(simulator.all("CampaignMember")) == 1
    since = connector.member_since(campaign, [ref(ann)])[ref(ann)]
    assert abs(since - datetime.now(UTC)) < timedelta(minutes=1)
    simulator.faults.add({"do": "drop_after", "times": 1, "method": "DELETE", "path": "composite/sobjects"})
    assert kinds(connector, campaign, [], [ann]) == [EXISTS], "a second delete meets one that is gone"
    assert simulator.all("CampaignMember") == []


def test_who_joined_stays_told_when_leaving_cannot_be_asked(simulator: Any, connect: Callable[..., Any]) -> None:
    connector, campaign = connect(simulator), simulator.create("Campaign", {"Name": "Nurture"})
    ann, bob = lead(simulator, "ann"), lead(simulator, "bob")
    simulator.faults.add({"do": "status", "status": 503, "body": "down", "times": None, "method": "GET", "path": "query"})
    assert kinds(connector, campaign, [ann], [bob]) == [DONE, RETRY]
    with pytest.raises(UnreachableError):
        connector.members(campaign, [], [ref(bob)])


def test_locked_rows_may_be_tried_again(simulator: Any, connect: Callable[..., Any]) -> None:
    connector, campaign, ann = connect(simulator), simulator.create("Campaign", {"Name": "Nurture"}), lead(simulator, "ann")
    simulator.options.change("lock_all", True)
    assert kinds(connector, campaign, [ann], []) == [RETRY]
