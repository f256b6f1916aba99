"""An owner whom a CRM refuses because somebody has just left: users are read again at once, and nothing else of the record waits (F48)."""

from __future__ import annotations

from scenarios.persons import crowd
from scenarios.world import Both, only

SOON = 4
"""Polls within which everything has arrived; users are believed for twenty."""


@only("task")
def test_f48_a_refused_owner_has_users_read_again_and_holds_nothing_else_up(both: Both) -> None:
    # given two persons in step, a HubSpot that refuses owners who left, and users that were read a moment ago
    both.hs.options.archived_owners = "reject"
    (first, lead), (contact, second) = crowd(both, 2)
    both.settle(after=400)
    sam = {side: both.owner(side, "sam@corp.example") for side in ("hubspot", "salesforce")}
    # when Sam leaves Salesforce, and gets one of them in HubSpot with another edit
    both.sf.edit("User", sam["salesforce"], {"IsActive": False})
    both.hs.edit("contacts", first, {"hubspot_owner_id": sam["hubspot"], "jobtitle": "Baker"})
    for _ in range(SOON):
        both.cycle(after=15)
    # then the other edit arrives, and what is told is that Sam has no user there
    assert both.sf.get("Lead", lead)["Title"] == "Baker"
    assert [(p.cause, p.side, p.field) for p in both.problems()] == [("owner_without_twin", "salesforce", "owner")]
    # when he is back he is the owner there, too, without another edit
    both.sf.edit("User", sam["salesforce"], {"IsActive": True})
    both.settle(after=400)
    assert both.sf.get("Lead", lead)["OwnerId"] == sam["salesforce"]
    assert both.problems() == []
    # and the same the other way round
    both.hs.deactivate_user("sam@corp.example")
    both.sf.edit("Lead", second, {"OwnerId": sam["salesforce"], "Title": "Baker"})
    for _ in range(SOON):
        both.cycle(after=15)
    assert both.hs.get("contacts", contact).get("jobtitle") == "Baker"
    assert ("owner_without_twin", "hubspot", "owner") in [(p.cause, p.side, p.field) for p in both.problems()]
    assert "INVALID_OWNER_ID" not in {p.cause for p in both.problems()}
