"""Properties, groups, owners, pipelines, and a real portal's definitions."""

from __future__ import annotations

REAL = "data/hubspot_properties/contact_properties_tracardi.json"
CUSTOM = "recorded/amp-labs-connectors/hubspot/test/custom/"


def test_every_contact_property_is_a_real_one(http, recorded):
    real = {p["name"]: p for p in recorded(REAL)["results"]}
    ours = http("GET", "/crm/v3/properties/contacts").json()["results"]
    assert len(ours) > 100
    for prop in ours:
        theirs = real[prop["name"]]
        for key in ("type", "fieldType", "label", "calculated", "hidden"):
            assert prop[key] == theirs[key], (prop["name"], key)
        assert prop["modificationMetadata"]["readOnlyValue"] == theirs["modificationMetadata"]["readOnlyValue"], prop["name"]
        assert [o["value"] for o in prop["options"]] == [o["value"] for o in theirs["options"]], prop["name"]


def test_loading_a_real_portals_definitions(http, recorded, tmp_path):
    import json

    path = tmp_path / "properties.json"
    path.write_text(json.dumps(recorded(REAL)))
    assert http.sim.load_properties(path) == 324
    assert len(http("GET", "/crm/v3/properties/contacts").json()["results"]) == 324
    record_id = http.contact(email="a@b.co", field_of_study="Law")
    assert http.sim.get("contacts", record_id)["field_of_study"] == "Law"


def test_shape_of_definitions(http, recorded, same_shape):
    ours = http("GET", "/crm/v3/properties/contacts/address").json()
    theirs = recorded("recorded/amp-labs-connectors/hubspot/test/metadata-contacts-properties-sampled.json")["results"][0]
    same_shape(ours, theirs, skip=frozenset({"createdAt", "updatedAt"}))


def test_provisioning_custom_properties(http, recorded, same_shape):
    group = http("POST", "/crm/v3/properties/contacts/groups", recorded(CUSTOM + "create/1-payload-create-property-group.json"))
    assert group.status_code == 201
    same_shape(group.json(), recorded(CUSTOM + "create/2-response-create-property-group.json"))
    again = http("POST", "/crm/v3/properties/contacts/groups", recorded(CUSTOM + "create/1-payload-create-property-group.json"))
    assert again.status_code == 409
    made = http("POST", "/crm/v3/properties/contacts/batch/create", recorded(CUSTOM + "create/3-payload-batch-create-properties.json"))
    assert made.status_code == 201
    same_shape(made.json(), recorded(CUSTOM + "create/4-response-batch-create-properties.json"))
    record_id = http.contact(email="a@b.co", age__c=41, interests__c="art")
    assert http.sim.get("contacts", record_id)["age__c"] == "41"
    changed = http("PATCH", "/crm/v3/properties/contacts/age__c", recorded(CUSTOM + "update/4-payload-update-property-age.json"))
    assert changed.status_code == 200
    assert changed.json()["description"] == "How old are you?"
    assert (
        http(
            "POST",
            "/crm/v3/properties/contacts",
            {"name": "age__c", "label": "Age", "type": "number", "fieldType": "number", "groupName": "contactinformation"},
        ).status_code
        == 409
    )
    assert http("DELETE", "/crm/v3/properties/contacts/age__c").status_code == 204
    missing = http("GET", "/crm/v3/properties/contacts/age__c")
    assert missing.status_code == 404
    assert missing.json()["category"] == "OBJECT_NOT_FOUND"


def test_refused_definitions_and_ten_unique_ones(http):
    base = {"label": "K", "type": "string", "fieldType": "text", "groupName": "task", "hasUniqueValue": True}
    for at in range(10):
        assert http("POST", "/crm/v3/properties/tasks", {**base, "name": f"key_{at}"}).status_code == 201
    assert http("POST", "/crm/v3/properties/tasks", {**base, "name": "key_10"}).status_code == 400
    for bad in (
        {"name": "Bad Name"},
        {"type": "text"},
        {"groupName": "nowhere"},
        {"fieldType": "odd"},
        {"label": ""},
        {"type": "enumeration", "fieldType": "select"},
    ):
        assert http("POST", "/crm/v3/properties/tasks", {**base, "name": "x", "hasUniqueValue": False, **bad}).status_code == 400
    assert http("PATCH", "/crm/v3/properties/contacts/email", {"type": "number"}).status_code == 400


def test_renamed_options_reach_writes(http):
    http.sim.set_options("contacts", "hs_lead_status", [("PROSPECT", "Prospect")])
    assert http("POST", "/crm/v3/objects/contacts", {"properties": {"email": "a@b.co", "hs_lead_status": "NEW"}}).status_code == 400
    assert http.contact(email="a@b.co", hs_lead_status="PROSPECT")


def test_owners(http):
    ids = [http.sim.add_user({"email": f"U{i}@acme.co", "first_name": "U", "last_name": str(i), "active": i != 1}) for i in range(5)]
    page = http("GET", "/crm/v3/owners/?limit=2").json()
    assert [o["id"] for o in page["results"]] == [ids[0], ids[2]]
    rest = http("GET", f"/crm/v3/owners?limit=10&after={page['paging']['next']['after']}").json()
    assert [o["id"] for o in rest["results"]] == ids[3:]
    assert "paging" not in rest
    archived = http("GET", "/crm/v3/owners?archived=True").json()["results"]
    assert [(o["id"], o["userId"], o["archived"]) for o in archived] == [(ids[1], None, True)]
    assert archived[0]["userIdIncludingInactive"] is not None
    one = http("GET", "/crm/v3/owners?email=u3@acme.co").json()["results"]
    assert [o["id"] for o in one] == [ids[3]]
    assert str(one[0]["userId"]) != ids[3]
    assert http("GET", f"/crm/v3/owners/{one[0]['userId']}?idProperty=userId").json()["id"] == ids[3]
    refused = http("POST", "/crm/v3/objects/contacts", {"properties": {"email": "a@b.co", "hubspot_owner_id": str(one[0]["userId"])}})
    assert refused.json()["errors"][0]["code"] == "INVALID_OWNER_ID"
    contact = http.contact(email="a@b.co", hubspot_owner_id=ids[3])
    assert http.sim.get("contacts", contact)["hubspot_owner_assigneddate"] == "2026-03-02T09:00:00.250Z"


def test_pipelines_and_deal_stages(http, recorded, same_shape):
    deals = http("GET", "/crm/v3/pipelines/deals").json()
    same_shape(deals, recorded("recorded/amp-labs-connectors/hubspot/test/metadata-deals-external-pipelines.json"))
    same_shape(
        http("GET", "/crm/v3/pipelines/contacts").json(),
        recorded("recorded/amp-labs-connectors/hubspot/test/metadata-contacts-external-pipelines.json"),
    )
    assert deals["results"][0]["stages"][0]["metadata"] == {"isClosed": "false", "probability": "0.2"}
    made = http("POST", "/crm/v3/objects/deals", {"properties": {"dealname": "D", "amount": 1500.5}})
    assert made.status_code == 201
    assert made.json()["properties"].get("dealstage") is None
    won = http("PATCH", f"/crm/v3/objects/deals/{made.json()['id']}", {"properties": {"dealstage": "closedwon", "pipeline": "default"}})
    assert won.status_code == 200
    assert http.sim.get("deals", made.json()["id"])["hs_is_closed_won"] == "true"
    assert http("PATCH", f"/crm/v3/objects/deals/{made.json()['id']}", {"properties": {"dealstage": "nope"}}).status_code == 400


def test_schema_address(http):
    body = http("GET", "/crm/v3/schemas/CONTACT").json()
    assert (body["objectTypeId"], body["fullyQualifiedName"]) == ("0-1", "CONTACT")
