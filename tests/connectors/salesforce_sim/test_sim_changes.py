"""What a poller must survive: deletes, merges, conversions, late commits, archives, replication windows."""

from __future__ import annotations

from typing import Any

import pytest

from crmsync_salesforce.sim import SalesforceError


def span(start: str, end: str) -> dict[str, str]:
    return {"start": start, "end": end}


def test_get_updated_cuts_seconds_and_says_how_far_it_reaches(client: Any, ticker: Any) -> None:
    lead = client.lead()
    ticker.tick(minutes=5, seconds=30)
    answer = client.call("GET", "/sobjects/Lead/updated/", params=span("2026-05-04T08:59:30+00:00", "2026-05-04T09:05:30Z"))
    assert answer.json() == {"ids": [lead], "latestDateCovered": "2026-05-04T09:05:00.000+0000"}
    short = client.call("GET", "/sobjects/Lead/updated", params=span("2026-05-04T09:00:10Z", "2026-05-04T09:00:50Z"))
    assert short.json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"
    old = client.call("GET", "/sobjects/Lead/updated", params=span("2026-04-01T00:00:00Z", "2026-05-04T09:00:00Z"))
    assert old.json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"
    naive = client.call("GET", "/sobjects/Lead/updated", params=span("2026-05-04T08:00:00", "2026-05-04T09:00:00"))
    assert naive.json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"


def test_get_deleted_lists_deletes_and_the_edge_of_the_log(client: Any, ticker: Any) -> None:
    lead = client.lead()
    client.sim.delete("Lead", lead)
    ticker.tick(minutes=5)
    answer = client.call("GET", "/sobjects/Lead/deleted/", params=span("2026-05-04T08:00:00Z", "2026-05-04T09:05:00Z")).json()
    assert answer == {
        "deletedRecords": [{"id": lead, "deletedDate": "2026-05-04T09:00:00.000+0000"}],
        "earliestDateAvailable": "2026-04-19T09:05:00.000+0000",
        "latestDateCovered": "2026-05-04T09:05:00.000+0000",
    }
    client.sim.undelete("Lead", lead)
    again = client.call("GET", "/sobjects/Lead/deleted/", params=span("2026-05-04T08:00:00Z", "2026-05-04T09:05:00Z")).json()
    assert again["deletedRecords"] == []
    assert client.read("Lead", lead)["SystemModstamp"] == "2026-05-04T09:05:00.000+0000"


def test_a_trimmed_delete_log_refuses_early_starts(client: Any, ticker: Any) -> None:
    client.sim.purge_delete_log(1)
    ticker.tick(minutes=5)
    answer = client.call("GET", "/sobjects/Lead/deleted/", params=span("2026-05-02T08:00:00Z", "2026-05-04T09:05:00Z"))
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_REPLICATION_DATE")


def test_purged_records_leave_query_all_but_not_the_log(client: Any, ticker: Any) -> None:
    lead = client.lead()
    client.sim.delete("Lead", lead)
    client.sim.purge("Lead", lead)
    ticker.tick(minutes=5)
    assert client.ids("SELECT Id FROM Lead", every=True) == []
    log = client.call("GET", "/sobjects/Lead/deleted/", params=span("2026-05-04T08:00:00Z", "2026-05-04T09:05:00Z")).json()
    assert [entry["id"] for entry in log["deletedRecords"]] == [lead]


def test_a_delete_of_the_running_minute_is_listed_in_the_next_one(client: Any, ticker: Any) -> None:
    lead = client.lead()
    ticker.tick(seconds=20)
    client.sim.delete("Lead", lead)
    client.sim.purge("Lead", lead)
    ticker.tick(seconds=20)
    first = client.call("GET", "/sobjects/Lead/deleted/", params=span("2026-05-04T08:00:00Z", "2026-05-04T09:00:40Z")).json()
    assert (first["deletedRecords"], first["latestDateCovered"]) == ([], "2026-05-04T09:00:00.000+0000")
    again = {"start": "2026-05-04T09:00:00Z", "end": "2026-05-04T09:00:40Z"}
    assert client.call("GET", "/sobjects/Lead/deleted/", params=again).json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"
    ticker.tick(seconds=20)
    later = client.call(
        "GET", "/sobjects/Lead/deleted/", params={"start": first["latestDateCovered"], "end": "2026-05-04T09:01:00Z"}
    ).json()
    assert later["deletedRecords"] == [{"id": lead, "deletedDate": "2026-05-04T09:00:20.000+0000"}]


def test_deleting_an_account_takes_its_contacts_and_undelete_brings_them_back(client: Any) -> None:
    account = client.make("Account", Name="Acme")
    contact = client.make("Contact", LastName="N", AccountId=account)
    task = client.make("Task", Subject="x", WhoId=contact)
    client.call("DELETE", f"/sobjects/Account/{account}")
    assert client.ids("SELECT Id FROM Contact") == client.ids("SELECT Id FROM Task") == []
    client.sim.undelete("Account", account)
    assert (client.ids("SELECT Id FROM Contact"), client.ids("SELECT Id FROM Task")) == ([contact], [task])


def test_merge_marks_losers_and_moves_children(client: Any, ticker: Any) -> None:
    winner, loser = client.lead("a@x.example"), client.lead("b@x.example", Title="lost")
    task = client.make("Task", Subject="x", WhoId=loser)
    ticker.tick(minutes=1)
    assert client.sim.merge("Lead", winner, [loser]) == winner
    rows = client.records("SELECT Id, MasterRecordId FROM Lead WHERE IsDeleted = true AND MasterRecordId != null", every=True)
    assert [(row["Id"], row["MasterRecordId"]) for row in rows] == [(loser, winner)]
    moved = client.read("Task", task)
    assert (moved["WhoId"], moved["SystemModstamp"]) == (winner, "2026-05-04T09:01:00.000+0000")
    kept = client.read("Lead", winner)
    assert (kept["Title"], kept["SystemModstamp"]) == (None, "2026-05-04T09:01:00.000+0000")
    gone = client.call("PATCH", f"/sobjects/Lead/{loser}", json={"Title": "x"})
    assert (gone.status_code, gone.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
    with pytest.raises(SalesforceError, match="UNDELETE_FAILED"):
        client.sim.undelete("Lead", loser)
    with pytest.raises(SalesforceError, match="INVALID_OPERATION"):
        client.sim.merge("Lead", winner, [winner])


def test_plain_deletes_have_no_master(client: Any) -> None:
    lead = client.lead()
    client.sim.delete("Lead", lead)
    assert client.sim.get("Lead", lead)["MasterRecordId"] is None


def test_conversion(client: Any, ticker: Any) -> None:
    for name in ("Lead", "Contact"):
        client.sim.add_field(name, "crmsync_key__c", type="Text", length=64, label="Key", externalId=True, unique=True)
    lead = client.lead(FirstName="Ann", City="Oslo", Website="acme.example", crmsync_key__c="k1", Phone="1")
    task = client.make("Task", Subject="x", WhoId=lead)
    campaign = client.make("Campaign", Name="Webinar")
    member = client.make("CampaignMember", CampaignId=campaign, LeadId=lead)
    ticker.tick(minutes=1)
    contact = client.sim.convert(lead, opportunity=True)
    shown = client.read("Lead", lead)
    assert (shown["IsConverted"], shown["ConvertedDate"], shown["Status"]) == (True, "2026-05-04", "Closed - Converted")
    assert shown["ConvertedContactId"] == contact
    assert shown["SystemModstamp"] == "2026-05-04T09:01:00.000+0000"
    person = client.read("Contact", contact)
    assert (person["Email"], person["MailingCity"], person["crmsync_key__c"]) == ("ann@acme.example", "Oslo", "k1")
    assert person["AccountId"] == shown["ConvertedAccountId"]
    assert client.read("Account", person["AccountId"])["Name"] == "Acme"
    moved = client.read("Task", task)
    assert (moved["WhoId"], moved["WhatId"]) == (contact, shown["ConvertedOpportunityId"])
    assert client.read("CampaignMember", member)["ContactId"] == contact
    roles = client.records("SELECT ContactId, IsPrimary FROM OpportunityContactRole")
    assert [(role["ContactId"], role["IsPrimary"]) for role in roles] == [(contact, True)]
    refused = client.call("PATCH", f"/sobjects/Lead/{lead}", json={"Title": "x"})
    assert refused.json()[0]["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert client.call("POST", "/sobjects/Task", json={"WhoId": lead}).json()[0]["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"
    with pytest.raises(SalesforceError, match="CANNOT_UPDATE_CONVERTED_LEAD"):
        client.sim.convert(lead)


def test_conversion_into_existing_records_overwrites_nothing(client: Any) -> None:
    client.sim.add_field("Lead", "Only_Lead__c", type="Text", length=9, label="Only")
    account = client.make("Account", Name="Old Acme")
    contact = client.make("Contact", LastName="Old", AccountId=account, Phone="999")
    lead = client.lead(FirstName="Ann", Phone="1", Only_Lead__c="x")
    assert client.sim.convert(lead, account, contact_id=contact) == contact
    shown = client.read("Contact", contact)
    assert (shown["FirstName"], shown["LastName"], shown["Phone"]) == ("Ann", "Old", "999")
    assert client.ids("SELECT Id FROM Account") == [account]


def test_conversion_without_field_mapping_loses_custom_values(client: Any) -> None:
    for name in ("Lead", "Contact"):
        client.sim.add_field(name, "crmsync_key__c", type="Text", length=64, label="Key")
    client.sim.options.convert_maps_custom = False
    contact = client.sim.convert(client.lead(crmsync_key__c="k1"))
    assert client.read("Contact", contact)["crmsync_key__c"] is None


def test_late_commits_appear_later_with_an_older_stamp(client: Any, ticker: Any) -> None:
    client.sim.options.late_commit_seconds = 60.0
    late = client.sim.create("Lead", {"LastName": "Late", "Company": "x"})
    client.sim.options.late_commit_seconds = 0.0
    ticker.tick(seconds=10)
    prompt = client.lead()
    assert client.ids("SELECT Id FROM Lead") == [prompt]
    ticker.tick(seconds=60)
    assert set(client.ids("SELECT Id FROM Lead")) == {late, prompt}
    assert client.read("Lead", late)["SystemModstamp"] < client.read("Lead", prompt)["SystemModstamp"]


def test_late_edits_keep_later_work_of_others(client: Any, ticker: Any) -> None:
    lead = client.lead()
    client.sim.options.late_commit_seconds = 60.0
    client.sim.edit("Lead", lead, {"Title": "CEO"})
    ticker.tick(seconds=30)
    client.call("PATCH", f"/sobjects/Lead/{lead}", json={"City": "Oslo"})
    client.sim.settle()
    shown = client.read("Lead", lead)
    assert (shown["Title"], shown["City"]) == ("CEO", "Oslo")
    assert shown["SystemModstamp"] == "2026-05-04T09:00:30.000+0000"


def test_archived_activities_are_for_query_all_only(client: Any) -> None:
    task = client.make("Task", Subject="x", ActivityDate="2024-01-01", Status="Completed")
    still_open = client.make("Task", Subject="y", ActivityDate="2024-01-01")
    assert client.sim.archive_activities("2025-01-01") == 1
    assert client.ids("SELECT Id FROM Task") == [still_open]
    assert client.ids("SELECT Id FROM Task WHERE IsArchived = true", every=True) == [task]
