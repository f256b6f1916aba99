"""Rules of the org: owners, tasks, duplicates, validation, automation, assignment, locks."""

from __future__ import annotations

from typing import Any

import pytest


def code(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()[0]["errorCode"])


def test_people_and_the_integration_are_told_apart(client: Any) -> None:
    client.sim.seed(users=[{"email": "rep@x.example", "first_name": "Rae", "last_name": "Rep"}], people=[])
    lead = client.lead()
    client.sim.edit("Lead", lead, {"Title": "CEO"}, user="rep@x.example")
    rep = client.records("SELECT Id, IsActive, UserType, TimeZoneSidKey FROM User WHERE Email = 'rep@x.example'")[0]
    assert (rep["IsActive"], rep["UserType"]) == (True, "Standard")
    shown = client.read("Lead", lead)
    assert (shown["CreatedById"], shown["LastModifiedById"]) == (client.sim.integration_user, rep["Id"])
    newest = client.sim.writes[0]
    assert (newest.user, newest.object, newest.id, newest.changes) == (rep["Id"], "Lead", lead, {"Title": (None, "CEO")})
    with pytest.raises(ValueError, match="no such user"):
        client.sim.edit("Lead", lead, {"Title": "x"}, user="nobody@x.example")


def test_inactive_users_cannot_own_records(client: Any) -> None:
    client.sim.seed(users=[{"email": "gone@x.example", "last_name": "Gone", "active": False}], people=[])
    gone = client.ids("SELECT Id FROM User WHERE IsActive = false")[0]
    body = {"LastName": "x", "Company": "y", "OwnerId": gone}
    assert code(client.call("POST", "/sobjects/Lead", json=body)) == "INACTIVE_OWNER_OR_USER"
    client.sim.options.inactive_owner_code = "OP_WITH_INVALID_USER_TYPE_EXCEPTION"
    assert code(client.call("POST", "/sobjects/Lead", json=body)) == "OP_WITH_INVALID_USER_TYPE_EXCEPTION"
    client.sim.options.refuse_inactive_owner = False
    lead = client.make("Lead", **body)
    client.sim.options.refuse_inactive_owner = True
    assert client.call("PATCH", f"/sobjects/Lead/{lead}", json={"Title": "still owned"}).status_code == 204


def test_queues_own_leads_and_tasks_but_not_contacts(client: Any) -> None:
    queue = client.sim.add_queue("Inbound", "Lead", "Task")
    lead = client.lead(OwnerId=queue)
    assert client.records(f"SELECT Owner.Name, Owner.Type FROM Lead WHERE Id = '{lead}'")[0]["Owner"]["Type"] == "Queue"
    assert client.records("SELECT Queue.Name FROM QueueSobject WHERE SobjectType = 'Lead'")[0]["Queue"]["Name"] == "Inbound"
    assert code(client.call("POST", "/sobjects/Contact", json={"LastName": "x", "OwnerId": queue})) == "FIELD_INTEGRITY_EXCEPTION"


def test_task_defaults_and_derived_fields(client: Any, ticker: Any) -> None:
    account = client.make("Account", Name="Acme")
    contact = client.make("Contact", LastName="N", AccountId=account)
    task_id = client.make("Task", Subject="Call", WhoId=contact, ActivityDate="2026-05-09", Priority="High")
    task = client.read("Task", task_id)
    assert (task["Status"], task["IsClosed"], task["IsHighPriority"], task["TaskSubtype"]) == ("Not Started", False, True, "Task")
    assert (task["ActivityDate"], task["AccountId"], task["CompletedDateTime"]) == ("2026-05-09", account, None)
    ticker.tick(minutes=1)
    client.call("PATCH", f"/sobjects/Task/{task_id}", json={"Status": "Completed"})
    done = client.read("Task", task_id)
    assert (done["IsClosed"], done["CompletedDateTime"]) == (True, "2026-05-04T09:01:00.000+0000")
    client.call("PATCH", f"/sobjects/Task/{task_id}", json={"Status": "In Progress"})
    assert client.read("Task", task_id)["CompletedDateTime"] is None


def test_task_traps(client: Any) -> None:
    lead, account = client.lead(), client.make("Account", Name="Acme")
    both = {"Subject": "x", "WhoId": lead, "WhatId": account}
    assert code(client.call("POST", "/sobjects/Task", json=both)) == "FIELD_INTEGRITY_EXCEPTION"
    assert code(client.call("POST", "/sobjects/Task", json={"WhoId": account})) == "FIELD_INTEGRITY_EXCEPTION"
    task = client.make("Task", Subject="x", WhoId=lead, TaskSubtype="Email")
    assert client.read("Task", task)["TaskSubtype"] == "Email"
    subtype = client.call("PATCH", f"/sobjects/Task/{task}", json={"TaskSubtype": "Call"})
    assert code(subtype) == "INVALID_FIELD_FOR_INSERT_UPDATE"
    closed = client.call("PATCH", f"/sobjects/Task/{task}", json={"IsClosed": True})
    assert code(closed) == "INVALID_FIELD_FOR_INSERT_UPDATE"
    moment = client.call("PATCH", f"/sobjects/Task/{task}", json={"ActivityDate": "2026-05-04T10:00:00Z"})
    assert code(moment) == "JSON_PARSER_ERROR"
    client.sim.options.lead_with_what_refused = False
    assert client.make("Task", **both)


def test_event_times(client: Any) -> None:
    assert code(client.call("POST", "/sobjects/Event", json={"Subject": "x"})) == "REQUIRED_FIELD_MISSING"
    start = {"Subject": "Demo", "StartDateTime": "2026-05-05T10:00:00Z"}
    assert code(client.call("POST", "/sobjects/Event", json=start)) == "REQUIRED_FIELD_MISSING"
    event = client.read("Event", client.make("Event", **start, DurationInMinutes=45))
    assert event["EndDateTime"] == "2026-05-05T10:45:00.000+0000"
    assert event["ActivityDate"] == "2026-05-05"
    ended = client.read("Event", client.make("Event", **start, EndDateTime="2026-05-05T11:00:00Z"))
    assert ended["DurationInMinutes"] == 60
    wrong = client.call("POST", "/sobjects/Event", json={**start, "EndDateTime": "2026-05-05T09:00:00Z"})
    assert code(wrong) == "FIELD_INTEGRITY_EXCEPTION"


def test_opportunity_figures_follow_the_stage(client: Any, ticker: Any) -> None:
    deal = client.make("Opportunity", Name="D", StageName="Prospecting", CloseDate="2026-09-01", Amount=1000)
    assert (client.read("Opportunity", deal)["Probability"], client.read("Opportunity", deal)["ExpectedRevenue"]) == (10.0, 100.0)
    ticker.tick(minutes=1)
    client.call("PATCH", f"/sobjects/Opportunity/{deal}", json={"StageName": "Closed Won"})
    won = client.read("Opportunity", deal)
    assert (won["IsClosed"], won["IsWon"], won["Probability"], won["ForecastCategory"]) == (True, True, 100.0, "Closed")
    assert won["LastStageChangeDate"] == "2026-05-04T09:01:00.000+0000"


@pytest.mark.parametrize(
    ("action", "header", "allowed"),
    [("alert", "allowSave=true; includeRecordDetails=true", True), ("alert", None, False), ("block", "allowSave=true", False)],
)
def test_duplicate_rules(client: Any, action: str, header: str | None, allowed: bool) -> None:
    first = client.lead()
    client.sim.duplicate_rule("Lead", action)
    headers = {} if header is None else {"Sforce-Duplicate-Rule-Header": header}
    answer = client.call("POST", "/sobjects/Lead", json={"LastName": "x", "Company": "y", "Email": "ANN@acme.example"}, headers=headers)
    assert answer.status_code == (201 if allowed else 400)
    if not allowed:
        found = answer.json()[0]
        assert found["errorCode"] == "DUPLICATES_DETECTED"
        detail = found["duplicateResut"]
        assert detail["allowSave"] is (action == "alert")
        assert detail["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first
    assert client.call("PATCH", f"/sobjects/Lead/{first}", json={"Title": "unaffected"}).status_code == 204


def test_duplicate_rules_across_objects_and_in_collections(client: Any) -> None:
    client.sim.duplicate_rule("Contact", "block", against=["Lead", "Contact"])
    lead = client.lead()
    record = {"attributes": {"type": "Contact"}, "LastName": "x", "Email": "ann@acme.example"}
    result = client.call("POST", "/composite/sobjects", json={"records": [record]}).json()[0]
    assert result["errors"][0]["statusCode"] == "DUPLICATES_DETECTED"
    assert result["errors"][0]["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"]["Id"] == lead
    client.sim.options.duplicate_key = "duplicateResult"
    again = client.call("POST", "/sobjects/Contact", json={"LastName": "x", "Email": "ann@acme.example"}).json()[0]
    assert "duplicateResult" in again


def test_validation_rules(client: Any) -> None:
    client.sim.validation_rule("Lead", lambda row: row["Title"] == "Intern", "No interns, please", field="Title")
    client.sim.validation_rule("Lead", lambda row: row["City"] == "Nowhere", "Where?")
    one = client.call("POST", "/sobjects/Lead", json={"LastName": "x", "Company": "y", "Title": "Intern"}).json()
    assert one == [{"message": "No interns, please", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Title"]}]
    two = client.call("POST", "/sobjects/Lead", json={"LastName": "x", "Company": "y", "City": "Nowhere"}).json()
    assert two[0]["fields"] == []


def test_automations_rewrite_what_was_sent(client: Any) -> None:
    client.sim.automation("Lead", lambda row: {"LastName": str(row["LastName"]).upper()})
    assert client.read("Lead", client.lead(LastName="ng"))["LastName"] == "NG"


def test_lead_assignment_takes_the_owner_unless_the_header_says_no(client: Any) -> None:
    client.sim.seed(users=[{"email": "rep@x.example", "last_name": "Rep"}], people=[])
    rep = client.ids("SELECT Id FROM User WHERE Email = 'rep@x.example'")[0]
    client.sim.lead_assignment(rep)
    off = {"Sforce-Auto-Assign": "FALSE"}
    assert client.read("Lead", client.lead())["OwnerId"] == rep
    mine = client.call("POST", "/sobjects/Lead", json={"LastName": "x", "Company": "y"}, headers=off).json()["id"]
    assert client.read("Lead", mine)["OwnerId"] == client.sim.integration_user
    assert client.call("PATCH", f"/sobjects/Lead/{mine}", json={"Title": "x"}, headers=off).status_code == 204
    assert client.read("Lead", mine)["OwnerId"] == client.sim.integration_user
    client.call("PATCH", f"/sobjects/Lead/{mine}", json={"Title": "y"})
    assert client.read("Lead", mine)["OwnerId"] == rep
    assert client.sim.get("Lead", client.sim.create("Lead", {"LastName": "x", "Company": "y"}))["OwnerId"] == client.sim.admin_user


def test_locked_rows(client: Any) -> None:
    lead = client.lead()
    client.sim.options.lock_all = True
    found = client.call("PATCH", f"/sobjects/Lead/{lead}", json={"Title": "x"}).json()[0]
    assert found["errorCode"] == "UNABLE_TO_LOCK_ROW"
    assert found["message"] == f"unable to obtain exclusive access to this record or 1 records: {lead}"


def test_audit_fields_only_with_the_permission(client: Any) -> None:
    body = {"LastName": "x", "Company": "y", "CreatedDate": "2020-01-01T00:00:00Z", "LastModifiedDate": "2020-01-02T00:00:00Z"}
    assert code(client.call("POST", "/sobjects/Lead", json=body)) == "INVALID_FIELD_FOR_INSERT_UPDATE"
    client.sim.options.audit_fields = True
    lead = client.read("Lead", client.make("Lead", **body))
    assert lead["LastModifiedDate"] == "2020-01-02T00:00:00.000+0000"
    assert lead["SystemModstamp"] == "2026-05-04T09:00:00.000+0000"


def test_backdating_moves_only_the_named_stamp(client: Any, ticker: Any) -> None:
    lead = client.lead()
    client.sim.backdate("Lead", lead, last_modified=ticker.now.replace(year=2020))
    shown = client.read("Lead", lead)
    assert (shown["LastModifiedDate"][:4], shown["SystemModstamp"][:4]) == ("2020", "2026")


def test_switch_for_saves_without_change(client: Any, ticker: Any) -> None:
    lead = client.lead()
    client.sim.options.noop_bumps = False
    ticker.tick(minutes=1)
    client.call("PATCH", f"/sobjects/Lead/{lead}", json={"Company": "Acme"})
    assert client.read("Lead", lead)["SystemModstamp"] == "2026-05-04T09:00:00.000+0000"


def test_campaign_members_respond(client: Any) -> None:
    campaign = client.make("Campaign", Name="Webinar", IsActive=True)
    member = client.make("CampaignMember", CampaignId=campaign, LeadId=client.lead(), Status="Responded")
    row = client.records(f"SELECT HasResponded, FirstRespondedDate, Campaign.Name FROM CampaignMember WHERE Id = '{member}'")[0]
    assert (row["HasResponded"], row["FirstRespondedDate"], row["Campaign"]["Name"]) == (True, "2026-05-04", "Webinar")


def test_groups_have_members_that_are_users_or_groups(client: Any) -> None:
    rep = client.make("User", Username="rep@x.example", Email="rep@x.example", LastName="Rep", ProfileId=profile_of(client))
    queue = client.sim.add_queue("Inbound", "Lead")
    group = client.make("Group", Name="Reps", DeveloperName="Reps", Type="Regular")
    for of, member in ((queue, group), (group, rep)):
        client.make("GroupMember", GroupId=of, UserOrGroupId=member)
    asked = "SELECT GroupId, Group.DeveloperName, UserOrGroupId FROM GroupMember WHERE Group.Type IN ('Regular','Queue')"
    rows = client.records(f"{asked} AND (Group.Name IN ('inbound') OR GroupId IN ('{group}'))")
    assert [(row["GroupId"], row["Group"]["DeveloperName"], row["UserOrGroupId"]) for row in rows] == [
        (queue, "Inbound", group), (group, "Reps", rep),
    ]  # fmt: skip
    assert client.records("SELECT Id FROM GroupMember WHERE Group.Type = 'Role'") == []
    assert client.call("DELETE", f"/sobjects/Group/{group}").status_code == 204
    assert [row["GroupId"] for row in client.records("SELECT GroupId FROM GroupMember")] == [queue], (
        "the group's own memberships go with it"
    )


def profile_of(client: Any) -> str:
    return str(client.ids("SELECT Id FROM Profile WHERE Name = 'Standard User'")[0])
