"""Single records: shapes, values, errors, history, archive."""

from __future__ import annotations

import json

import pytest

REC = "recorded/amp-labs-connectors/hubspot/test/"


def test_create_answers_201_with_what_hubspot_set(http, recorded, same_shape):
    answer = http(
        "POST", "/crm/v3/objects/contacts", {"properties": {"email": "Lily@HubSpot.com", "firstname": "Lily", "annualrevenue": 15000}}
    )
    assert answer.status_code == 201
    body = answer.json()
    absent = {
        "hs_associated_target_accounts",
        "hs_currently_enrolled_in_prospecting_agent",
        "hs_full_name_or_email",
        "lastname",
        "hs_membership_has_accessed_private_content",
        "hs_prospecting_agent_actively_enrolled_count",
        "hs_registered_member",
        "hs_prospecting_agent_total_enrolled_count",
        "hs_sequences_actively_enrolled_count",
    }
    same_shape(body, recorded(REC + "batch/create/contacts/success.json")["results"][0], skip=frozenset(absent))
    assert body["properties"]["email"] == "lily@hubspot.com"
    assert body["properties"]["annualrevenue"] == "15000"
    assert body["properties"]["hs_lifecyclestage_lead_date"] == "1772442000250"
    assert body["createdAt"] == body["updatedAt"] == "2026-03-02T09:00:00.250Z"
    assert all(isinstance(v, str) for v in body["properties"].values())


def test_properties_repeated_or_comma_and_empty_ones_null(http):
    record_id = http.contact(email="a@b.co", firstname="A")
    for query in ("properties=firstname&properties=phone&properties=nonsense", "properties=firstname,phone,nonsense"):
        props = http("GET", f"/crm/v3/objects/contacts/{record_id}?{query}").json()["properties"]
        assert props["firstname"] == "A"
        assert props["phone"] is None
        assert "nonsense" not in props
        assert {"createdate", "hs_object_id", "lastmodifieddate"} <= props.keys()


def test_listing_pages_by_the_next_rows_id(http, recorded, same_shape):
    ids = http.sim.create_many("contacts", [{"email": f"p{i}@x.co"} for i in range(25)])
    seen, after = [], ""
    while True:
        body = http("GET", f"/crm/v3/objects/contacts?limit=10{after}").json()
        seen += [r["id"] for r in body["results"]]
        if "paging" not in body:
            break
        assert int(body["paging"]["next"]["after"]) == int(seen[-1]) + 1
        after = "&after=" + body["paging"]["next"]["after"]
    assert seen == ids
    same_shape(http("GET", "/crm/v3/objects/contacts?limit=3").json(), recorded(REC + "read/objects-api/contacts-response.json"))
    assert http("GET", "/crm/v3/objects/contacts?limit=101").status_code == 400
    assert http("GET", "/crm/v3/objects/contacts?limit=51&propertiesWithHistory=email").status_code == 400


def test_no_op_patch_does_not_bump(http, clock):
    record_id = http.contact(email="a@b.co", firstname="A")
    clock.tick(10)
    same = http("PATCH", f"/crm/v3/objects/contacts/{record_id}", {"properties": {"firstname": "A", "email": "A@B.CO"}})
    assert same.status_code == 200
    assert same.json()["updatedAt"] == "2026-03-02T09:00:00.250Z"
    other = http("PATCH", f"/crm/v3/objects/contacts/{record_id}", {"properties": {"firstname": "B"}})
    assert other.json()["updatedAt"] == "2026-03-02T09:00:10.250Z"
    assert http.sim.get("contacts", record_id)["lastmodifieddate"] == "2026-03-02T09:00:10.250Z"
    assert "hs_lastmodifieddate" not in http.sim.get("contacts", record_id)


def test_empty_text_clears_null_does_not(http):
    record_id = http.contact(email="a@b.co", firstname="A", lastname="L")
    http("PATCH", f"/crm/v3/objects/contacts/{record_id}", {"properties": {"firstname": "", "lastname": None}})
    record = http.sim.get("contacts", record_id)
    assert "firstname" not in record
    assert record["lastname"] == "L"


@pytest.mark.parametrize(
    ("props", "code"),
    [
        ({"first000name": "x"}, "PROPERTY_DOESNT_EXIST"),
        ({"email": "000"}, "INVALID_EMAIL"),
        ({"followers": 1}, "PROPERTY_DOESNT_EXIST"),
        ({"closedate": "asd000"}, "INVALID_LONG"),
        ({"hs_lead_status": "new"}, "INVALID_OPTION"),
        ({"associatedcompanyid": "many"}, "INVALID_INTEGER"),
        ({"hs_email_optout": "true"}, "READ_ONLY_VALUE"),
        ({"hubspot_owner_id": "1"}, "INVALID_OWNER_ID"),
        ({"message": "x" * 65_537}, "INVALID_STRING_LENGTH"),
    ],
)
def test_refused_values(http, recorded, same_shape, props, code):
    answer = http("POST", "/crm/v3/objects/contacts", {"properties": {"firstname": "A", **props}})
    assert answer.status_code == 400
    body = answer.json()
    same_shape(body, recorded(REC + "batch/create/contacts/err-many-invalid-properties.json"))
    assert body["category"] == "VALIDATION_ERROR"
    assert [e["code"] for e in body["errors"]] == [code]
    assert body["errors"][0]["context"]["propertyName"] == [next(iter(props))]
    embedded = json.loads(body["message"].removeprefix("Property values were not valid: "))
    assert embedded[0]["error"] == code
    assert embedded[0]["isValid"] is False
    assert http.sim.all("contacts") == []


def test_read_only_writes_may_be_ignored_by_option(make):
    http = make(read_only_writes="ignore")
    record_id = http.contact(email="a@b.co", hs_email_optout="true")
    assert "hs_email_optout" not in http.sim.get("contacts", record_id)


def test_dates_and_datetimes(http):
    http(
        "POST",
        "/crm/v3/properties/contacts",
        {"name": "renewal", "label": "Renewal", "type": "date", "fieldType": "date", "groupName": "contactinformation"},
    )
    record_id = http.contact(email="a@b.co", closedate="2026-12-31", renewal="1772409600000")
    record = http.sim.get("contacts", record_id)
    assert record["closedate"] == "2026-12-31T00:00:00Z"
    assert record["renewal"] == "2026-03-02"
    http("PATCH", f"/crm/v3/objects/contacts/{record_id}", {"properties": {"closedate": "1772442000880"}})
    assert http.sim.get("contacts", record_id)["closedate"] == "2026-03-02T09:00:00.880Z"
    bad = http("PATCH", f"/crm/v3/objects/contacts/{record_id}", {"properties": {"renewal": "1772442000000"}})
    assert bad.json()["errors"][0]["code"] == "INVALID_DATE"


def test_multiple_checkboxes_append_with_a_leading_semicolon(http):
    record_id = http.contact(email="a@b.co", hs_buying_role="CHAMPION;OTHER")
    http("PATCH", f"/crm/v3/objects/contacts/{record_id}", {"properties": {"hs_buying_role": ";BLOCKER"}})
    assert http.sim.get("contacts", record_id)["hs_buying_role"] == "CHAMPION;OTHER;BLOCKER"


def test_conflict_names_the_existing_id_also_for_secondary_addresses(http):
    first = http.contact(email="a@b.co")
    again = http("POST", "/crm/v3/objects/contacts", {"properties": {"email": "A@b.co"}})
    assert again.status_code == 409
    assert again.json()["category"] == "CONFLICT"
    assert again.json()["message"] == f"Contact already exists. Existing ID: {first}"
    second = http.contact(email="c@d.co")
    survivor = http("POST", "/crm/v3/objects/contacts/merge", {"primaryObjectId": first, "objectIdToMerge": second}).json()["id"]
    secondary = http("POST", "/crm/v3/objects/contacts", {"properties": {"email": "c@d.co"}})
    assert secondary.status_code == 409
    assert secondary.json()["message"].endswith(survivor)


def test_get_by_email_and_404(http):
    record_id = http.contact(email="a@b.co")
    assert http("GET", "/crm/v3/objects/contacts/a%40b.co?idProperty=email").json()["id"] == record_id
    for path in ("/crm/v3/objects/contacts/12345", "/crm/v3/objects/contacts/z@b.co?idProperty=email", "/crm/v3/objects/contacts/abc"):
        missing = http("GET", path)
        assert missing.status_code == 404
        assert missing.json()["category"] == "OBJECT_NOT_FOUND"
        assert missing.json()["correlationId"]


def test_delete_is_204_for_anything_and_archives(http, clock):
    record_id = http.contact(email="a@b.co")
    clock.tick(5)
    assert http("DELETE", f"/crm/v3/objects/contacts/{record_id}").status_code == 204
    assert http("DELETE", f"/crm/v3/objects/contacts/{record_id}").status_code == 204
    assert http("DELETE", "/crm/v3/objects/tasks/1234567890").status_code == 204
    assert http("GET", f"/crm/v3/objects/contacts/{record_id}").status_code == 404
    archived = http("GET", "/crm/v3/objects/contacts?archived=True").json()["results"]
    assert [r["id"] for r in archived] == [record_id]
    assert archived[0]["archivedAt"] == "2026-03-02T09:00:05.250Z"
    assert archived[0]["updatedAt"] == "2026-03-02T09:00:00.250Z"
    assert http("GET", f"/crm/v3/objects/contacts/{record_id}?archived=true").json()["archived"] is True
    assert http.contact(email="a@b.co") != record_id
    with pytest.raises(ValueError, match=r"a@b\.co belongs to contact"):
        http.sim.undelete("contacts", record_id)


def test_undelete_brings_it_back_without_a_bump(http, clock):
    record_id = http.contact(email="a@b.co")
    http.sim.delete("contacts", record_id)
    clock.tick(60)
    http.sim.undelete("contacts", record_id)
    assert http("GET", f"/crm/v3/objects/contacts/{record_id}").json()["updatedAt"] == "2026-03-02T09:00:00.250Z"
    assert http.found({"propertyName": "email", "operator": "EQ", "value": "a@b.co"}) == []
    clock.tick(2)
    assert http.found({"propertyName": "email", "operator": "EQ", "value": "a@b.co"}) == [record_id]


def test_gdpr_delete_leaves_nothing(http):
    record_id = http.contact(email="a@b.co")
    assert http("POST", "/crm/v3/objects/contacts/gdpr-delete", {"objectId": "a@b.co", "idProperty": "email"}).status_code == 204
    assert http("GET", f"/crm/v3/objects/contacts/{record_id}?archived=true").status_code == 404
    assert http("GET", "/crm/v3/objects/contacts?archived=true").json()["results"] == []


def test_history_newest_first_with_source(http, clock):
    http.sim.add_user({"email": "ann@acme.co", "first_name": "Ann", "last_name": "Lee"})
    record_id = http.contact(email="a@b.co", jobtitle="CTO")
    clock.tick(1)
    http.sim.edit("contacts", record_id, {"jobtitle": "CEO"}, user="ann@acme.co")
    clock.tick(1)
    http("PATCH", f"/crm/v3/objects/contacts/{record_id}", {"properties": {"jobtitle": ""}})
    history = http("GET", f"/crm/v3/objects/contacts/{record_id}?propertiesWithHistory=jobtitle,email").json()["propertiesWithHistory"]
    assert [v["value"] for v in history["jobtitle"]] == ["", "CEO", "CTO"]
    assert [v["sourceType"] for v in history["jobtitle"]] == ["INTEGRATION", "CRM_UI", "INTEGRATION"]
    owner = http("GET", "/crm/v3/owners").json()["results"][0]
    assert history["jobtitle"][1]["sourceId"] == f"userId:{owner['userId']}"
    assert history["jobtitle"][1]["updatedByUserId"] == owner["userId"]
    assert history["jobtitle"][0]["sourceId"] == str(http.sim.options.app_id)
    assert [v["value"] for v in history["email"]] == ["a@b.co"]
    assert history["jobtitle"][0]["timestamp"] == "2026-03-02T09:00:02.250Z"


def test_lifecycle_only_moves_forward_for_the_api(make):
    http = make()
    record_id = http.contact(email="a@b.co", lifecyclestage="salesqualifiedlead")
    back = http("PATCH", f"/crm/v3/objects/contacts/{record_id}", {"properties": {"lifecyclestage": "lead", "firstname": "A"}})
    assert back.status_code == 200
    assert http.sim.get("contacts", record_id)["lifecyclestage"] == "salesqualifiedlead"
    assert http.sim.get("contacts", record_id)["firstname"] == "A"
    for stage in ("", "lead"):
        http("PATCH", f"/crm/v3/objects/contacts/{record_id}", {"properties": {"lifecyclestage": stage}})
    assert http.sim.get("contacts", record_id)["lifecyclestage"] == "lead"
    http.sim.options.change("lifecycle_backward", "reject")
    refused = http("PATCH", f"/crm/v3/objects/contacts/{record_id}", {"properties": {"lifecyclestage": "subscriber"}})
    assert refused.status_code == 400


def test_numeric_lifecycle_stages(http):
    http.sim.set_options("contacts", "lifecyclestage", [("2497212665", "Operational Contact"), ("2497213627", "Recurring Customer")])
    assert http("POST", "/crm/v3/objects/contacts", {"properties": {"email": "a@b.co", "lifecyclestage": "lead"}}).status_code == 400
    record_id = http.contact(email="a@b.co", lifecyclestage="2497212665")
    assert http.sim.get("contacts", record_id)["hs_v2_date_entered_2497212665"] == "2026-03-02T09:00:00.250Z"
    stages = http("GET", "/crm/v3/pipelines/contacts").json()["results"][0]["stages"]
    assert [s["id"] for s in stages] == ["2497212665", "2497213627"]


def test_task_properties(http, clock):
    record_id = http.sim.create("tasks", {"hs_timestamp": "2026-03-02T10:00:00Z", "hs_task_subject": "Call"})
    task = http.sim.get("tasks", record_id)
    assert (task["hs_task_is_completed"], task["hs_task_is_overdue"], task["hs_task_status"]) == ("0", "false", "NOT_STARTED")
    clock.tick(7200)
    assert http.sim.get("tasks", record_id)["hs_task_is_overdue"] == "true"
    done = http("PATCH", f"/crm/v3/objects/tasks/{record_id}", {"properties": {"hs_task_status": "COMPLETED"}})
    assert done.status_code == 200
    task = http.sim.get("tasks", record_id)
    assert task["hs_task_is_completed"] == "1"
    assert task["hs_task_completion_date"] == task["hs_lastmodifieddate"]
    assert http("POST", "/crm/v3/objects/tasks", {"properties": {"hs_task_subject": "no due date"}}).status_code == 400
