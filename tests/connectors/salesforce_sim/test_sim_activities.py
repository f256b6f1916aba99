"""Tasks, events and what hangs on them; accounts, opportunities, roles and campaign members as things to poll."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crmsync_salesforce.sim.errors import SalesforceError


def code(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()[0]["errorCode"])


@pytest.fixture
def shared_org(client: Any) -> Any:
    client.sim.options.change("shared_activities", True)
    return client


def people_of(client: Any, task: str) -> list[str]:
    rows = client.records(f"SELECT RelationId FROM TaskRelation WHERE TaskId = '{task}' AND IsWhat = false ORDER BY Id")
    return [row["RelationId"] for row in rows]


def contacts(client: Any, count: int) -> list[str]:
    return [client.make("Contact", LastName=f"C{number}") for number in range(count)]


def test_a_logged_call_keeps_its_figures(client: Any) -> None:
    contact = client.make("Contact", LastName="N")
    task = client.make(
        "Task", Subject="Call", WhoId=contact, TaskSubtype="Call", Status="Completed", ActivityDate="2026-05-01", CallDurationInSeconds=95,
        CallType="Outbound", CallDisposition="Left voicemail",
    )  # fmt: skip
    shown = client.read("Task", task)
    assert (shown["CallDurationInSeconds"], shown["CallType"], shown["CallDisposition"]) == (95, "Outbound", "Left voicemail")
    assert (shown["IsClosed"], shown["CompletedDateTime"]) == (True, "2026-05-04T09:00:00.000+0000")
    wrong = client.call("PATCH", f"/sobjects/Task/{task}", json={"CallType": "Sideways"})
    assert code(wrong) == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    long = client.call("PATCH", f"/sobjects/Task/{task}", json={"Description": "x" * 32_001})
    assert code(long) == "STRING_TOO_LONG"
    assert client.call("PATCH", f"/sobjects/Task/{task}", json={"Description": "x" * 32_000}).status_code == 204
    refused = client.call("PATCH", f"/sobjects/Task/{task}", json={"CompletedDateTime": "2026-05-01T00:00:00Z"})
    assert code(refused) == "INVALID_FIELD_FOR_INSERT_UPDATE"


@pytest.mark.parametrize("change", [{"EndDateTime": "2026-05-05T09:00:00Z"}, {"DurationInMinutes": -1}])
def test_an_event_cannot_end_before_it_starts(client: Any, change: dict[str, Any]) -> None:
    start = {"Subject": "Demo", "StartDateTime": "2026-05-05T10:00:00Z"}
    for answer in (
        client.call("POST", "/sobjects/Event", json={**start, **change}),
        client.call("PATCH", f"/sobjects/Event/{client.make('Event', **start, DurationInMinutes=30)}", json={**start, **change}),
    ):
        assert code(answer) == "FIELD_INTEGRITY_EXCEPTION"
        assert answer.json()[0]["message"] == "Event duration cannot be negative"


def test_an_event_describes_itself_as_recorded(client: Any, shared: Path) -> None:
    described = client.call("GET", "/sobjects/Event/describe").json()
    recorded = json.loads((shared / "recorded/cumulusci/describe/GET_sobjects_Event_describe.json").read_text())
    body = recorded.get("response", {}).get("body", recorded)
    theirs = {field["name"]: field for field in (json.loads(body["string"]) if "string" in body else body)["fields"]}
    for field in described["fields"]:
        assert set(theirs[field["name"]]) <= set(field)
        for attribute in ("type", "createable", "updateable", "nillable"):
            assert field[attribute] == theirs[field["name"]][attribute], field["name"]


def test_archived_activities_look_like_no_deletes(client: Any, ticker: Any) -> None:
    lead = client.lead()
    task = client.make("Task", Subject="x", ActivityDate="2024-01-01", Status="Completed", WhoId=lead)
    event = client.make("Event", Subject="y", StartDateTime="2024-01-01T10:00:00Z", DurationInMinutes=30)
    ticker.tick(minutes=5)
    assert client.sim.archive_activities("2025-01-01") == 2
    ticker.tick(minutes=5)
    span = {"start": "2026-05-04T08:00:00Z", "end": "2026-05-04T09:10:00Z"}
    for name, record in (("Task", task), ("Event", event)):
        assert client.ids(f"SELECT Id FROM {name}") == []
        (row,) = client.records(f"SELECT Id, IsArchived, IsDeleted, SystemModstamp FROM {name}", every=True)
        assert (row["Id"], row["IsArchived"], row["IsDeleted"], row["SystemModstamp"][14:16]) == (record, True, False, "00")
        assert client.call("GET", f"/sobjects/{name}/deleted/", params=span).json()["deletedRecords"] == []


def test_activities_of_a_deleted_person_go_or_stay_by_switch(client: Any, ticker: Any) -> None:
    first, second = client.lead(), client.lead("bo@acme.example")
    tasks = [client.make("Task", Subject="x", WhoId=who) for who in (first, second)]
    client.sim.delete("Lead", first)
    assert client.sim.get("Task", tasks[0])["IsDeleted"] is True
    client.sim.undelete("Lead", first)
    assert client.read("Task", tasks[0])["WhoId"] == first
    client.sim.options.change("delete_takes_activities", False)
    ticker.tick(minutes=1)
    client.sim.delete("Lead", second)
    kept = client.read("Task", tasks[1])
    assert (kept["WhoId"], kept["SystemModstamp"]) == (None, "2026-05-04T09:01:00.000+0000")


@pytest.mark.parametrize("way", ["merge", "convert"])
def test_activities_follow_the_survivor_with_a_new_stamp(client: Any, ticker: Any, way: str) -> None:
    lead, other = client.lead(), client.lead("bo@acme.example")
    made = {
        "Task": client.make("Task", Subject="x", WhoId=lead),
        "Event": client.make("Event", Subject="y", WhoId=lead, StartDateTime="2026-05-05T10:00:00Z", DurationInMinutes=30),
    }
    done = client.make("Task", Subject="z", WhoId=lead, Status="Completed")
    ticker.tick(minutes=3)
    survivor = client.sim.convert(lead) if way == "convert" else client.sim.merge("Lead", other, [lead])
    for name, record in (*made.items(), ("Task", done)):
        shown = client.read(name, record)
        assert (shown["WhoId"], shown["SystemModstamp"]) == (survivor, "2026-05-04T09:03:00.000+0000")
        assert shown["LastModifiedDate"] == "2026-05-04T09:00:00.000+0000"


def test_task_and_event_relations_exist_only_when_activities_are_shared(client: Any) -> None:
    contact = client.make("Contact", LastName="N")
    task = client.make("Task", Subject="before", WhoId=contact)
    for name in ("TaskRelation", "EventRelation"):
        assert client.call("GET", f"/sobjects/{name}/describe").status_code == 404
        assert code(client.query(f"SELECT Id FROM {name}")) == "INVALID_TYPE"
    named = {entry["name"] for entry in client.call("GET", "/sobjects").json()["sobjects"]}
    assert "TaskRelation" not in named
    children = client.call("GET", "/sobjects/Task/describe").json()["childRelationships"]
    assert "TaskRelation" not in {child["childSObject"] for child in children}
    client.sim.options.change("shared_activities", True)
    assert client.call("GET", "/sobjects/TaskRelation/describe").status_code == 200
    client.read("Task", client.make("Task", Subject="after", WhoId=contact))
    assert people_of(client, task) == [contact]


def test_several_contacts_share_a_task(shared_org: Any, ticker: Any) -> None:
    client = shared_org
    first, second, third = contacts(client, 3)
    account = client.make("Account", Name="Acme")
    task = client.make("Task", Subject="x", WhoId=first, WhatId=account)
    ticker.tick(minutes=1)
    relation = client.make("TaskRelation", TaskId=task, RelationId=second)
    assert people_of(client, task) == [first, second]
    assert client.read("Task", task)["SystemModstamp"] == "2026-05-04T09:00:00.000+0000"
    what = client.records(f"SELECT RelationId, IsWhat FROM TaskRelation WHERE TaskId = '{task}' AND IsWhat = true")
    assert [row["RelationId"] for row in what] == [account]
    again = client.call("POST", "/sobjects/TaskRelation", json={"TaskId": task, "RelationId": second})
    assert code(again) == "DUPLICATE_VALUE"
    client.call("PATCH", f"/sobjects/Task/{task}", json={"WhoId": third})
    assert people_of(client, task) == [first, second, third]
    client.call("PATCH", f"/sobjects/Task/{task}", json={"WhoId": None})
    assert client.read("Task", task)["WhoId"] == first
    assert client.call("DELETE", f"/sobjects/TaskRelation/{relation}").status_code == 204
    assert people_of(client, task) == [first, third]
    assert relation not in client.ids("SELECT Id FROM TaskRelation", every=True)


def test_a_lead_shares_with_nobody_and_fifty_contacts_are_the_most(shared_org: Any) -> None:
    client = shared_org
    lead = client.lead()
    alone = client.make("Task", Subject="x", WhoId=lead)
    one = client.make("Contact", LastName="N")
    assert code(client.call("POST", "/sobjects/TaskRelation", json={"TaskId": alone, "RelationId": one})) == "FIELD_INTEGRITY_EXCEPTION"
    crowd = client.sim.create_many("Contact", [{"LastName": f"C{n}"} for n in range(51)])
    task = client.make("Task", Subject="y", WhoId=crowd[0])
    records = [{"attributes": {"type": "TaskRelation"}, "TaskId": task, "RelationId": each} for each in crowd[1:]]
    results = client.call("POST", "/composite/sobjects", json={"records": records}).json()
    assert [result["success"] for result in results] == [True] * 49 + [False]
    assert results[-1]["errors"][0]["statusCode"] == "LIMIT_EXCEEDED"


def test_shared_activities_of_deleted_and_merged_people(shared_org: Any) -> None:
    client = shared_org
    first, second, third = contacts(client, 3)
    task = client.make("Task", Subject="x", WhoId=first)
    client.make("TaskRelation", TaskId=task, RelationId=second)
    client.sim.delete("Contact", first)
    assert client.read("Task", task)["WhoId"] == second
    assert people_of(client, task) == [second]
    client.sim.merge("Contact", third, [second])
    assert client.read("Task", task)["WhoId"] == third
    assert people_of(client, task) == [third]
    client.sim.delete("Contact", third)
    assert client.sim.get("Task", task)["IsDeleted"] is True


def test_a_lead_brings_its_relations_into_conversion(shared_org: Any) -> None:
    client = shared_org
    lead = client.lead()
    event = client.make("Event", Subject="Demo", WhoId=lead, StartDateTime="2026-05-05T10:00:00Z", DurationInMinutes=30)
    contact = client.sim.convert(lead)
    rows = client.records(f"SELECT RelationId, IsWhat, IsParent, IsInvitee FROM EventRelation WHERE EventId = '{event}' AND IsWhat = false")
    assert [(row["RelationId"], row["IsParent"], row["IsInvitee"]) for row in rows] == [(contact, True, False)]


def test_relation_deletes_may_be_kept_in_the_bin(shared_org: Any, ticker: Any) -> None:
    client = shared_org
    client.sim.options.change("relation_deletes_are_final", False)
    first, second = contacts(client, 2)
    task = client.make("Task", Subject="x", WhoId=first)
    relation = client.make("TaskRelation", TaskId=task, RelationId=second)
    client.call("DELETE", f"/sobjects/TaskRelation/{relation}")
    assert relation in client.ids("SELECT Id FROM TaskRelation WHERE IsDeleted = true", every=True)
    ticker.tick(minutes=5)
    span = {"start": "2026-05-04T08:00:00Z", "end": "2026-05-04T09:05:00Z"}
    logged = client.call("GET", "/sobjects/TaskRelation/deleted/", params=span).json()["deletedRecords"]
    assert [entry["id"] for entry in logged] == [relation]


def test_email_messages_are_there_by_switch(client: Any) -> None:
    client.lead()
    assert client.call("GET", "/sobjects/EmailMessage/describe").status_code == 404
    assert client.sim.happen({"email": "ann@acme.example", "type": "email_reply", "name": "Re: Offer"}) is True
    client.sim.options.change("email_messages", True)
    assert client.ids("SELECT Id FROM EmailMessage") == []
    client.sim.happen({"email": "ann@acme.example", "type": "email_reply", "name": "Re: Offer"})
    (row,) = client.records("SELECT Subject, FromAddress, Incoming, ActivityId, Activity.TaskSubtype FROM EmailMessage")
    assert (row["Subject"], row["FromAddress"], row["Incoming"]) == ("Re: Offer", "ann@acme.example", True)
    assert row["Activity"]["TaskSubtype"] == "Email"
    client.sim.delete("Task", row["ActivityId"])
    assert client.ids("SELECT Id FROM EmailMessage") == []


@pytest.mark.parametrize("object_name", ["Account", "Opportunity", "Activity"])
def test_an_external_id_on_everything_that_has_a_twin(client: Any, object_name: str) -> None:
    metadata = {"type": "Text", "length": 64, "label": "Key", "externalId": True, "unique": True, "caseSensitive": True}
    body = {"FullName": f"{object_name}.crmsync_key__c", "Metadata": metadata}
    assert client.call("POST", "/tooling/sobjects/CustomField", json=body).status_code == 201
    client.sim.grant_field(object_name, "crmsync_key__c")
    samples: dict[str, dict[str, Any]] = {
        "Account": {"Name": "Acme"},
        "Opportunity": {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-09-01"},
        "Task": {"Subject": "x"},
        "Event": {"Subject": "x", "StartDateTime": "2026-05-05T10:00:00Z", "DurationInMinutes": 30},
    }
    for name in ("Task", "Event") if object_name == "Activity" else (object_name,):
        made = client.call("PATCH", f"/sobjects/{name}/crmsync_key__c/k1", json=samples[name])
        assert (made.status_code, made.json()["created"]) == (201, True)
        assert client.call("PATCH", f"/sobjects/{name}/crmsync_key__c/k1", json=samples[name]).json()["id"] == made.json()["id"]
        double = client.call("POST", f"/sobjects/{name}", json={**samples[name], "crmsync_key__c": "k1"})
        assert code(double) == "DUPLICATE_VALUE"
        record = {"attributes": {"type": name}, **samples[name], "crmsync_key__c": "k2"}
        upserted = client.call("PATCH", f"/composite/sobjects/{name}/crmsync_key__c", json={"records": [record]}).json()
        assert upserted[0]["created"] is True


@pytest.mark.parametrize("name", ["Account", "Opportunity", "OpportunityContactRole", "CampaignMember", "Task", "Event"])
def test_everything_around_a_person_can_be_polled(client: Any, ticker: Any, name: str) -> None:
    contact = client.make("Contact", LastName="N")
    deal = client.make("Opportunity", Name="D", StageName="Prospecting", CloseDate="2026-09-01")
    campaign = client.make("Campaign", Name="Webinar", Type="Webinar")
    fields: dict[str, dict[str, Any]] = {
        "Account": {"Name": "A"},
        "Opportunity": {"Name": "E", "StageName": "Prospecting", "CloseDate": "2026-09-01"},
        "OpportunityContactRole": {"OpportunityId": deal, "ContactId": contact, "Role": "Decision Maker"},
        "CampaignMember": {"CampaignId": campaign, "ContactId": contact},
        "Task": {"Subject": "x"},
        "Event": {"Subject": "x", "StartDateTime": "2026-05-05T10:00:00Z", "DurationInMinutes": 30},
    }
    ticker.tick(minutes=1)
    record = client.make(name, **fields[name])
    polled = f"SELECT Id FROM {name} WHERE SystemModstamp >= 2026-05-04T09:01:00Z ORDER BY SystemModstamp, Id"
    assert client.ids(polled) == [record]
    client.call("DELETE", f"/sobjects/{name}/{record}")
    assert client.ids(polled) == []
    (gone,) = client.records(f"SELECT Id, IsDeleted FROM {name} WHERE IsDeleted = true", every=True)
    assert gone["Id"] == record


def test_a_role_alone_does_not_move_the_opportunity(client: Any, ticker: Any) -> None:
    contact = client.make("Contact", LastName="N")
    deal = client.make("Opportunity", Name="D", StageName="Prospecting", CloseDate="2026-09-01")
    ticker.tick(minutes=1)
    client.make("OpportunityContactRole", OpportunityId=deal, ContactId=contact, IsPrimary=True)
    assert client.read("Opportunity", deal)["SystemModstamp"] == "2026-05-04T09:00:00.000+0000"
    (row,) = client.records("SELECT Opportunity.Name, Contact.LastName, IsPrimary FROM OpportunityContactRole")
    assert (row["Opportunity"]["Name"], row["Contact"]["LastName"], row["IsPrimary"]) == ("D", "N", True)


def test_what_counts_as_a_response_is_the_campaigns_choice(client: Any) -> None:
    campaign = client.make("Campaign", Name="Webinar", Type="Webinar")
    labels = client.records(f"SELECT Label, HasResponded, IsDefault FROM CampaignMemberStatus WHERE CampaignId = '{campaign}'")
    assert {(row["Label"], row["HasResponded"], row["IsDefault"]) for row in labels} == {("Sent", False, True), ("Responded", True, False)}
    client.make("CampaignMemberStatus", CampaignId=campaign, Label="Attended", HasResponded=True)
    client.make("CampaignMemberStatus", CampaignId=campaign, Label="Registered")
    members = {
        status: client.make("CampaignMember", CampaignId=campaign, LeadId=client.lead(f"{status}@x.example"), Status=status)
        for status in ("Sent", "Responded", "Attended", "Registered")
    }
    rows = client.records("SELECT Id, HasResponded, Campaign.Type FROM CampaignMember")
    assert {row["Id"] for row in rows if row["HasResponded"]} == {members["Responded"], members["Attended"]}
    assert {row["Campaign"]["Type"] for row in rows} == {"Webinar"}


def test_deactivated_users_keep_their_tasks(client: Any) -> None:
    client.sim.seed(users=[{"email": "rep@x.example", "last_name": "Rep"}], people=[])
    rep = client.ids("SELECT Id FROM User WHERE Email = 'rep@x.example'")[0]
    task = client.make("Task", Subject="x", OwnerId=rep)
    client.sim.edit("User", rep, {"IsActive": False})
    assert client.records(f"SELECT Owner.IsActive FROM Task WHERE Id = '{task}'")[0]["Owner"]["IsActive"] is False
    assert client.call("PATCH", f"/sobjects/Task/{task}", json={"Status": "Completed"}).status_code == 204
    assert code(client.call("POST", "/sobjects/Task", json={"Subject": "y", "OwnerId": rep})) == "INACTIVE_OWNER_OR_USER"
    with pytest.raises(SalesforceError, match="CANNOT_DELETE"):
        client.sim.delete("User", rep)


def test_what_reps_and_prospects_do_on_a_timeline(client: Any) -> None:
    sim = client.sim
    sim.options.email_messages = True
    sim.seed(users=[{"email": f"{who}@x.example"} for who in ("rep", "boss")], people=[])
    ids = {row["Email"]: row["Id"] for row in sim.all("User")}
    lead = client.lead("ann@acme.example", OwnerId=ids["rep@x.example"])
    happened = [
        {"type": "email_received", "name": "Re: Offer", "text": "1\nLater"},
        {"type": "call_logged", "outcome": "no_answer", "by": "boss@x.example"},
        {"type": "meeting_booked", "start": "2026-06-20T09:00:00Z"},
    ]
    for event in happened:
        assert client.control("POST", "/do", json={"verb": "happen", "event": {"email": "ann@acme.example", **event}}).json() == {
            "seen": True
        }
    by_kind = {row["TaskSubtype"]: row for row in sim.all("Task")}
    mail, call, (meeting,), (message,) = by_kind["Email"], by_kind["Call"], sim.all("Event"), sim.all("EmailMessage")
    assert (message["ActivityId"], message["Incoming"], message["TextBody"]) == (mail["Id"], True, "1\nLater")
    assert (call["CallDisposition"], call["Status"], call["OwnerId"]) == ("No Answer", "Completed", ids["boss@x.example"])
    assert meeting["StartDateTime"].startswith("2026-06-20T09:00:00")
    assert {row["WhoId"] for row in (mail, call, meeting)} == {lead}
    assert {mail["OwnerId"], meeting["OwnerId"]} == {ids["rep@x.example"]}
    refused = client.control(
        "POST", "/do", json={"verb": "happen", "event": {"email": "ann@acme.example", **happened[1], "by": "no@x.example"}}
    )
    assert refused.status_code == 422
    # an admin's and a rep's hands over the control address
    group = client.control("POST", "/do", json={"verb": "add_group", "name": "Reps", "members": ["rep@x.example"]}).json()["id"]
    queue = client.control("POST", "/do", json={"verb": "add_queue", "name": "Inbound", "objects": ["Lead"]}).json()["id"]
    client.control("POST", "/do", json={"verb": "join_group", "group": queue, "member": group})
    assert {(row["GroupId"], row["UserOrGroupId"]) for row in sim.all("GroupMember")} == {(group, ids["rep@x.example"]), (queue, group)}
    deleted = {"verb": "delete", "object": "Task", "id": call["Id"], "user": "rep@x.example"}
    assert client.control("POST", "/do", json=deleted).status_code == 200
    assert sim.writes[0].user == ids["rep@x.example"]
