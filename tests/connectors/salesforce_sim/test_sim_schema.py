"""Describes, compared with real ones; custom fields through the Tooling API; permissions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crmsync_salesforce.sim import Simulator

NOT_IN_CAPTURE = {"HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall"}  # hidden by field security in the captured org
TEXT = {"type": "Text", "length": 64, "label": "Key", "externalId": True, "unique": True}


def create_field(client: Any, full_name: str, **metadata: Any) -> Any:
    return client.call("POST", "/tooling/sobjects/CustomField", json={"FullName": full_name, "Metadata": metadata})


@pytest.mark.parametrize("name", ["Lead", "Contact", "Account", "Event", "Opportunity", "OpportunityContactRole"])
def test_standard_fields_agree_with_a_captured_describe(client: Any, shared: Path, name: str) -> None:
    real = json.loads((shared / "data" / "salesforce_describe" / f"{name}.describe.json").read_text(encoding="utf-8"))
    by_name = {field["name"]: field for field in real["fields"]}
    mine = client.call("GET", f"/sobjects/{name}/describe").json()
    compared = (
        "type",
        "label",
        "length",
        "precision",
        "scale",
        "digits",
        "nillable",
        "createable",
        "updateable",
        "idLookup",
        "restrictedPicklist",
        "filterable",
        "sortable",
        "soapType",
        "defaultedOnCreate",
        "relationshipName",
        "nameField",
        "byteLength",
        "unique",
        "externalId",
        "calculated",
        "compoundFieldName",
    )
    for field in mine["fields"]:
        if field["name"] in NOT_IN_CAPTURE:
            continue
        theirs = by_name[field["name"]]
        assert set(field) == set(theirs)
        assert {key: field[key] for key in compared} == {key: theirs[key] for key in compared}, field["name"]
        assert [pick["value"] for pick in field["picklistValues"]] == [pick["value"] for pick in theirs["picklistValues"]]
    assert set(mine) >= {key for key in real if key not in ("urls",)}
    assert mine["keyPrefix"] == real["keyPrefix"]


def test_task_and_user_field_names_exist_in_the_public_schema(client: Any, shared: Path) -> None:
    real = json.loads((shared / "data" / "salesforce_describe" / "standard_schema_jsforce.json").read_text(encoding="utf-8"))
    for name in ("Task", "User", "Group", "Campaign", "CampaignMember", "LeadStatus", "TaskStatus", "QueueSobject", "Organization"):
        known = real[name]["fields"]
        for field in client.call("GET", f"/sobjects/{name}/describe").json()["fields"]:
            if (name, field["name"]) in {("Task", "CompletedDateTime")}:  # younger than the captured schema
                continue
            assert known[field["name"]]["nillable"] == field["nillable"], (name, field["name"])


def test_global_describe_has_the_recorded_shape(client: Any, shared: Path) -> None:
    real = json.loads((shared / "data" / "salesforce_describe" / "Global.describe.json").read_text(encoding="utf-8"))
    mine = client.call("GET", "/sobjects").json()
    assert set(mine) == set(real)
    entry = next(item for item in mine["sobjects"] if item["name"] == "Account")
    assert entry == {**next(item for item in real["sobjects"] if item["name"] == "Account"), "urls": entry["urls"]}
    assert "CustomField" not in {item["name"] for item in mine["sobjects"]}


def test_a_new_custom_field_is_invisible_until_it_is_granted(client: Any) -> None:
    made = create_field(client, "Lead.crmsync_key__c", **TEXT)
    assert made.status_code == 201
    assert made.json()["success"] is True
    lead = client.lead()

    def visible() -> bool:
        return "crmsync_key__c" in {field["name"] for field in client.call("GET", "/sobjects/Lead/describe").json()["fields"]}

    assert not visible()
    assert client.query("SELECT crmsync_key__c FROM Lead").json()[0]["errorCode"] == "INVALID_FIELD"
    write = client.call("PATCH", f"/sobjects/Lead/{lead}", json={"crmsync_key__c": "k"})
    assert write.json()[0]["message"] == "No such column 'crmsync_key__c' on sobject of type Lead"
    assert client.call("PATCH", "/sobjects/Lead/crmsync_key__c/k", json={"LastName": "x"}).status_code == 404
    permission_set = client.make("PermissionSet", Name="crmsync", Label="crmsync")
    grant = {
        "ParentId": permission_set,
        "SobjectType": "Lead",
        "Field": "Lead.crmsync_key__c",
        "PermissionsRead": True,
        "PermissionsEdit": True,
    }
    granted = client.make("FieldPermissions", **grant)
    assert not visible()
    assignment = client.make("PermissionSetAssignment", PermissionSetId=permission_set, AssigneeId=client.sim.integration_user)
    assert visible()
    assert client.call("PATCH", f"/sobjects/Lead/{lead}", json={"crmsync_key__c": "k"}).status_code == 204
    assert client.records("SELECT Field, Parent.Name FROM FieldPermissions WHERE SobjectType = 'Lead'")[0]["Parent"]["Name"] == "crmsync"
    client.call("PATCH", f"/sobjects/FieldPermissions/{granted}", json={"PermissionsEdit": False})
    refused = client.call("PATCH", f"/sobjects/Lead/{lead}", json={"crmsync_key__c": "z"})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert client.call("DELETE", f"/sobjects/PermissionSetAssignment/{assignment}").status_code == 204
    assert not visible()


def test_permission_records_refuse_doubles_and_nonsense(client: Any) -> None:
    create_field(client, "Lead.crmsync_key__c", **TEXT)
    parent = client.make("PermissionSet", Name="crmsync", Label="crmsync")

    def code(name: str, **fields: Any) -> str:
        return str(client.call("POST", f"/sobjects/{name}", json=fields).json()[0]["errorCode"])

    assert code("PermissionSet", Name="CRMSYNC", Label="x") == "DUPLICATE_DEVELOPER_NAME"
    base = {"ParentId": parent, "SobjectType": "Lead", "Field": "Lead.crmsync_key__c", "PermissionsRead": True}
    client.make("FieldPermissions", **base)
    assert code("FieldPermissions", **base) == "DUPLICATE_VALUE"
    assert code("FieldPermissions", **{**base, "Field": "Lead.nope__c"}) == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert code("FieldPermissions", **{**base, "Field": "Lead.LastName"}) == "FIELD_INTEGRITY_EXCEPTION"
    assert code("FieldPermissions", **{**base, "Field": "Lead.Title", "PermissionsRead": False, "PermissionsEdit": True}) == (
        "FIELD_INTEGRITY_EXCEPTION"
    )
    client.make("PermissionSetAssignment", PermissionSetId=parent, AssigneeId=client.sim.integration_user)
    again = client.call(
        "POST", "/sobjects/PermissionSetAssignment", json={"PermissionSetId": parent, "AssigneeId": client.sim.integration_user}
    )
    assert again.json() == [
        {
            "message": f"Duplicate PermissionSetAssignment.  Assignee: {client.sim.integration_user[:15]}; Permission Set: {parent[:15]}",
            "errorCode": "DUPLICATE_VALUE",
            "fields": ["AssigneeId", "PermissionSetId"],
        }
    ]


def test_activity_fields_are_defined_once_and_granted_per_object(client: Any) -> None:
    assert create_field(client, "Task.crmsync_key__c", **TEXT).status_code == 400
    assert create_field(client, "Activity.crmsync_key__c", **TEXT).status_code == 201
    assert client.sim.org.kind("Task").has("crmsync_key__c")
    assert client.sim.org.kind("Event").has("crmsync_key__c")
    parent = client.make("PermissionSet", Name="p", Label="p")
    client.make("PermissionSetAssignment", PermissionSetId=parent, AssigneeId=client.sim.integration_user)
    wrong = {"ParentId": parent, "SobjectType": "Activity", "Field": "Activity.crmsync_key__c", "PermissionsRead": True}
    assert client.call("POST", "/sobjects/FieldPermissions", json=wrong).status_code == 400
    client.make("FieldPermissions", ParentId=parent, SobjectType="Task", Field="Task.crmsync_key__c", PermissionsRead=True)
    assert client.query("SELECT crmsync_key__c FROM Task").status_code == 200
    assert client.query("SELECT crmsync_key__c FROM Event").status_code == 400
    client.sim.options.mirror_activity_permissions = True
    assert client.query("SELECT crmsync_key__c FROM Event").status_code == 200


def test_number_fields_come_out_as_floats_and_picklists_may_be_restricted(client: Any) -> None:
    values = {"restricted": True, "valueSetDefinition": {"value": [{"fullName": "a", "label": "A"}, {"fullName": "b", "default": True}]}}
    client.sim.add_field("Lead", "Score__c", type="Number", precision=18, scale=0, label="Score")
    client.sim.add_field("Lead", "Stage__c", type="Picklist", label="Stage", valueSet=values)
    client.sim.add_field("Lead", "Loose__c", type="Picklist", label="Loose", valueSet={**values, "restricted": False})
    lead = client.lead(Score__c=35)
    assert json.dumps(client.read("Lead", lead)["Score__c"]) == "35.0"
    assert client.read("Lead", lead)["Stage__c"] == "b"
    refused = client.call("PATCH", f"/sobjects/Lead/{lead}", json={"Stage__c": "zz"}).json()[0]
    assert refused["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert refused["message"].endswith("bad value for restricted picklist field: zz")
    assert client.call("PATCH", f"/sobjects/Lead/{lead}", json={"Loose__c": "zz"}).status_code == 204


@pytest.mark.parametrize(
    ("full_name", "metadata", "code"),
    [
        ("Lead.bad name__c", TEXT, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.noend", TEXT, "FIELD_INTEGRITY_EXCEPTION"),
        ("Foo.x__c", TEXT, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.x__c", {"type": "Text", "label": "x"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.x__c", {"type": "Text", "length": 300, "label": "x"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.x__c", {"type": "Magic", "label": "x"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.x__c", {"type": "Number", "label": "x"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.x__c", {"type": "Checkbox", "label": "x"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.x__c", {"type": "LongTextArea", "label": "x", "length": 1000}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.x__c", {"type": "Picklist", "label": "x"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.x__c", {"type": "Text", "length": 5}, "FIELD_INTEGRITY_EXCEPTION"),
    ],
)
def test_bad_metadata_is_refused(client: Any, full_name: str, metadata: dict[str, Any], code: str) -> None:
    answer = create_field(client, full_name, **metadata)
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] == code
    assert not client.sim.org.kind("Lead").has("x__c")


def test_custom_fields_are_listed_changed_and_removed(client: Any) -> None:
    made = create_field(client, "Lead.crmsync_key__c", **TEXT).json()["id"]
    assert create_field(client, "Lead.crmsync_key__c", **TEXT).json()[0]["errorCode"] == "DUPLICATE_DEVELOPER_NAME"
    soql = "SELECT Id, DeveloperName, TableEnumOrId FROM CustomField WHERE TableEnumOrId = 'Lead' AND DeveloperName = 'crmsync_key'"
    found = client.call("GET", "/tooling/query/", params={"q": soql}).json()["records"]
    assert [row["Id"] for row in found] == [made]
    assert client.query("SELECT Id FROM CustomField").json()[0]["errorCode"] == "INVALID_TYPE"
    path = f"/tooling/sobjects/CustomField/{made}"
    assert client.call("GET", path).json()["Metadata"]["length"] == 64
    assert client.call("PATCH", path, json={"Metadata": {"label": "Renamed"}}).status_code == 204
    assert client.sim.org.kind("Lead").fields["crmsync_key__c"].label == "Renamed"
    assert client.call("DELETE", path).status_code == 204
    assert not client.sim.org.kind("Lead").has("crmsync_key__c")


def test_fields_can_be_hidden_added_and_removed_while_running(client: Any) -> None:
    lead = client.lead(Phone="1")
    client.sim.hide_field("Lead", "Phone")
    assert client.query("SELECT Phone FROM Lead").status_code == 400
    assert "Phone" not in client.read("Lead", lead)
    assert client.call("PATCH", f"/sobjects/Lead/{lead}", json={"Phone": "2"}).json()[0]["errorCode"] == "INVALID_FIELD"
    client.sim.show_field("Lead", "Phone")
    assert client.read("Lead", lead)["Phone"] == "1"
    client.sim.add_field("Lead", "Color__c", type="Text", length=9, label="Color")
    client.call("PATCH", f"/sobjects/Lead/{lead}", json={"Color__c": "red"})
    client.sim.remove_field("Lead", "Color__c")
    assert client.query("SELECT Color__c FROM Lead").status_code == 400
    assert "Color__c" not in client.sim.get("Lead", lead)


def test_formula_fields_do_not_move_the_stamp(client: Any, ticker: Any) -> None:
    account = client.make("Account", Name="Acme", Industry="Banking")
    contact = client.make("Contact", LastName="N", AccountId=account)
    org = client.sim.org
    client.sim.add_field(
        "Contact",
        "AccountIndustry__c",
        label="Account industry",
        formula=lambda row: (org.row("Account", row.get("AccountId")) or {}).get("Industry"),
    )
    before = client.read("Contact", contact)
    assert before["AccountIndustry__c"] == "Banking"
    ticker.tick(minutes=1)
    client.sim.edit("Account", account, {"Industry": "Energy"})
    after = client.read("Contact", contact)
    assert after["AccountIndustry__c"] == "Energy"
    assert after["SystemModstamp"] == before["SystemModstamp"]
    refused = client.call("PATCH", f"/sobjects/Contact/{contact}", json={"AccountIndustry__c": "x"})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    field = next(f for f in client.call("GET", "/sobjects/Contact/describe").json()["fields"] if f["name"] == "AccountIndustry__c")
    assert field["calculated"] is True


def test_describe_has_an_etag(client: Any) -> None:
    first = client.call("GET", "/sobjects/Lead/describe")
    again = client.call("GET", "/sobjects/Lead/describe", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_custom_objects(sim: Simulator, client: Any) -> None:
    sim.add_object("Market__c", label="Market")
    record_id = client.make("Market__c", Name="North")
    assert client.ids("SELECT Id FROM Market__c WHERE Name = 'North'") == [record_id]
