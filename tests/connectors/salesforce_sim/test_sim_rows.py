"""One record at a time: create, read, change, upsert, delete, conditions, refusals."""

from __future__ import annotations

from email.utils import format_datetime
from typing import Any

import pytest


def error(answer: Any, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json(), list)
    found: dict[str, Any] = answer.json()[0]
    return found


def test_create_answers_201_with_an_18_character_id(client: Any) -> None:
    answer = client.call("POST", "/sobjects/Lead/", json={"LastName": "Ng", "Company": "Acme"})
    assert answer.status_code == 201
    body = answer.json()
    assert (len(body["id"]), body["success"], body["errors"]) == (18, True, [])
    assert body["id"].startswith("00Q")


def test_read_has_attributes_nulls_and_defaults(client: Any) -> None:
    lead = client.read("Lead", client.lead(FirstName="Ann", City="Oslo"))
    assert lead["attributes"] == {"type": "Lead", "url": f"/services/data/v62.0/sobjects/Lead/{lead['Id']}"}
    assert (lead["Name"], lead["Status"], lead["IsConverted"], lead["Phone"]) == ("Ann Ng", "Open - Not Contacted", False, None)
    assert lead["Address"]["city"] == "Oslo"
    assert lead["OwnerId"] == lead["CreatedById"] == client.sim.integration_user
    assert lead["CreatedDate"] == "2026-05-04T09:00:00.000+0000"


def test_fields_parameter_and_short_ids(client: Any) -> None:
    record_id = client.lead()
    answer = client.call("GET", f"/sobjects/lead/{record_id[:15]}", params={"fields": "Email,Company"}).json()
    assert set(answer) == {"attributes", "Id", "Email", "Company"}
    unknown = client.call("GET", f"/sobjects/Lead/{record_id}", params={"fields": "Nope"})
    assert error(unknown)["message"] == "No such column 'Nope' on sobject of type Lead"


def test_patch_answers_204_without_body_and_moves_the_stamp_even_without_change(client: Any, ticker: Any) -> None:
    record_id = client.lead()
    before = client.read("Lead", record_id)["SystemModstamp"]
    ticker.tick(seconds=5)
    answer = client.call("PATCH", f"/sobjects/Lead/{record_id}", json={"Company": "Acme"})
    assert (answer.status_code, answer.content) == (204, b"")
    after = client.read("Lead", record_id)
    assert after["SystemModstamp"] == after["LastModifiedDate"] == "2026-05-04T09:00:05.000+0000" > before


def test_one_second_resolution_makes_ties(client: Any, ticker: Any) -> None:
    first = client.lead("a@x.example")
    ticker.tick(seconds=0.4)
    second = client.lead("b@x.example")
    assert client.read("Lead", first)["SystemModstamp"] == client.read("Lead", second)["SystemModstamp"]


def test_delete_then_read_and_delete_again(client: Any) -> None:
    record_id = client.lead()
    assert client.call("DELETE", f"/sobjects/Lead/{record_id}").status_code == 204
    gone = client.call("GET", f"/sobjects/Lead/{record_id}")
    assert error(gone, 404) == {"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}
    again = client.call("DELETE", f"/sobjects/Lead/{record_id}")
    assert error(again, 404) == {"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}
    change = client.call("PATCH", f"/sobjects/Lead/{record_id}", json={"Company": "B"})
    assert error(change, 404)["errorCode"] == "ENTITY_IS_DELETED"


def test_unknown_object_and_unknown_id_are_not_found(client: Any) -> None:
    assert error(client.call("GET", "/sobjects/Foo/describe"), 404)["errorCode"] == "NOT_FOUND"
    assert error(client.call("GET", "/sobjects/Lead/00Qak0000000099AAA"), 404)["errorCode"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("fields", "code", "named", "text"),
    [
        ({"LastName": None}, "REQUIRED_FIELD_MISSING", ["LastName"], "Required fields are missing: [LastName]"),
        ({"FirstName": "x" * 41}, "STRING_TOO_LONG", ["FirstName"], f"First Name: data value too large: {'x' * 41} (max length=40)"),
        ({"Email": "nonsense"}, "INVALID_EMAIL_ADDRESS", ["Email"], "Email: invalid email address: nonsense"),
        ({"Nope": 1}, "INVALID_FIELD", [], "No such column 'Nope' on sobject of type Lead"),
        ({"OwnerId": "00Qak0000000001EAA"}, "FIELD_INTEGRITY_EXCEPTION", ["OwnerId"], "id value of incorrect type"),
        ({"OwnerId": "005ak0000000099"}, "INVALID_CROSS_REFERENCE_KEY", [], "invalid cross reference id"),
        ({"OwnerId": "nobody"}, "MALFORMED_ID", [], "malformed id nobody"),
        ({"AnnualRevenue": 1e19}, "NUMBER_OUTSIDE_VALID_RANGE", ["AnnualRevenue"], "value outside of valid range"),
    ],
)
def test_refusals(client: Any, fields: dict[str, Any], code: str, named: list[str], text: str) -> None:
    answer = client.call("POST", "/sobjects/Lead", json={"LastName": "Ng", "Company": "Acme", **fields})
    found = error(answer)
    assert (found["errorCode"], found["fields"]) == (code, named)
    assert text in found["message"]
    assert client.ids("SELECT Id FROM Lead") == []


def test_read_only_fields_are_refused_with_all_their_names(client: Any) -> None:
    record_id = client.lead()
    answer = client.call("PATCH", f"/sobjects/Lead/{record_id}", json={"MasterRecordId": record_id, "IsConverted": True, "Company": "B"})
    found = error(answer)
    assert found["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert found["fields"] == ["MasterRecordId", "IsConverted"]
    assert found["message"].startswith("Unable to create/update fields: MasterRecordId, IsConverted. Please check the security")
    assert client.read("Lead", record_id)["Company"] == "Acme"


@pytest.mark.parametrize("fields", [{"LastName": 5}, {"NumberOfEmployees": "many"}, {"EmailBouncedDate": "2026-05-04T09:00:00"}])
def test_values_of_the_wrong_type_are_parser_errors(client: Any, fields: dict[str, Any]) -> None:
    record_id = client.lead()
    found = error(client.call("PATCH", f"/sobjects/Lead/{record_id}", json=fields))
    assert found["errorCode"] == "JSON_PARSER_ERROR"
    assert "fields" not in found


def test_unreadable_json(client: Any) -> None:
    answer = client.call("POST", "/sobjects/Lead", data="{", headers={"Content-Type": "application/json"})
    assert error(answer)["errorCode"] == "JSON_PARSER_ERROR"


def test_text_is_trimmed_and_empty_text_is_null_behind_a_switch(client: Any) -> None:
    record_id = client.lead(Title="  CEO ", City="  ")
    assert (client.read("Lead", record_id)["Title"], client.read("Lead", record_id)["City"]) == ("CEO", None)
    client.sim.options.trim_text = False
    assert client.read("Lead", client.lead("b@x.example", Title=" CEO "))["Title"] == " CEO "


def test_offsets_are_turned_to_utc_and_numbers_keep_their_kind(client: Any) -> None:
    record_id = client.lead(NumberOfEmployees="120", AnnualRevenue=5)
    client.call("PATCH", f"/sobjects/Lead/{record_id}", json={"EmailBouncedDate": "2026-05-04T11:00:00.900+02:00"})
    lead = client.read("Lead", record_id)
    assert lead["EmailBouncedDate"] == "2026-05-04T09:00:00.000+0000"
    assert (lead["NumberOfEmployees"], lead["AnnualRevenue"]) == (120, 5.0)
    assert isinstance(lead["AnnualRevenue"], float)


def test_upsert_by_email_creates_then_updates_then_is_ambiguous(client: Any) -> None:
    path = "/sobjects/Contact/Email/ann%40acme.example"
    made = client.call("PATCH", path, json={"LastName": "Ng"})
    assert (made.status_code, made.json()["created"], made.json()["success"]) == (201, True, True)
    again = client.call("PATCH", path, json={"Title": "CEO"})
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert again.json()["id"] == made.json()["id"]
    twin = client.make("Contact", LastName="Ng", Email="ANN@acme.example")
    many = client.call("PATCH", path, json={"Title": "CFO"})
    assert many.status_code == 300
    assert many.json() == [f"/services/data/v62.0/sobjects/Contact/{found}" for found in sorted([made.json()["id"], twin])]


def test_upsert_traps(client: Any) -> None:
    bad = error(client.call("PATCH", "/sobjects/Lead/Namez/x", json={"LastName": "x"}), 404)
    assert bad == {"message": "Provided external ID field does not exist or is not accessible: Namez", "errorCode": "NOT_FOUND"}
    body = error(client.call("PATCH", "/sobjects/Contact/Email/a%40x.example", json={"LastName": "N", "Email": "a@x.example"}))
    assert body["errorCode"] == "INVALID_FIELD"
    only = client.call("PATCH", "/sobjects/Contact/Email/new%40x.example?updateOnly=true", json={"LastName": "N"})
    assert only.status_code == 404
    client.sim.add_field("Lead", "crmsync_key__c", type="Text", length=64, label="Key", externalId=True, unique=True)
    slashed = client.call("PATCH", "/sobjects/Lead/crmsync_key__c/hs%3A12%2F3", json={"LastName": "N", "Company": "A"})
    assert slashed.status_code == 201
    assert client.read("Lead", slashed.json()["id"])["crmsync_key__c"] == "hs:12/3"
    assert client.call("GET", "/sobjects/Lead/crmsync_key__c/hs%3A12%2F3").json()["Id"] == slashed.json()["id"]


def test_unique_fields_name_the_record_they_collide_with(client: Any) -> None:
    client.sim.add_field("Lead", "Hub_Id__c", type="Text", length=20, label="Hub", unique=True)
    first = client.lead(Hub_Id__c="Ab")
    found = error(client.call("POST", "/sobjects/Lead", json={"LastName": "x", "Company": "y", "Hub_Id__c": "aB"}))
    assert found["errorCode"] == "DUPLICATE_VALUE"
    assert found["message"] == f"duplicate value found: Hub_Id__c duplicates value on record with id: {first}"
    client.sim.delete("Lead", first)
    assert client.lead("other@x.example", Hub_Id__c="ab")


def test_conditional_requests(client: Any, ticker: Any) -> None:
    account = client.make("Account", Name="Acme")
    lead = client.lead()
    seen = ticker.now
    ticker.tick(seconds=10)
    client.sim.edit("Lead", lead, {"Title": "CEO"})
    stale = {"If-Unmodified-Since": format_datetime(seen, usegmt=True)}
    refused = client.call("PATCH", f"/sobjects/Lead/{lead}", json={"Title": "CFO"}, headers=stale)
    assert refused.status_code == 412
    assert client.read("Lead", lead)["Title"] == "CEO"
    fresh = {"If-Unmodified-Since": format_datetime(ticker.now, usegmt=True)}
    assert client.call("PATCH", f"/sobjects/Lead/{lead}", json={"Title": "CFO"}, headers=fresh).status_code == 204
    same = client.call("GET", f"/sobjects/Account/{account}", headers={"If-Modified-Since": format_datetime(ticker.now, usegmt=True)})
    assert same.status_code == 304
    assert "ETag" in client.call("GET", f"/sobjects/Account/{account}").headers
    assert "ETag" not in client.call("GET", f"/sobjects/Lead/{lead}").headers
    wrong = client.call("PATCH", f"/sobjects/Account/{account}", json={"Phone": "1"}, headers={"If-Match": '"zz"'})
    assert wrong.status_code == 412


def test_references_by_external_id_of_the_parent(client: Any) -> None:
    owner = next(user for user in client.sim.all("User") if user["Id"] == client.sim.admin_user)
    lead = client.make("Lead", LastName="N", Company="A", Owner={"Username": owner["Username"]})
    assert client.read("Lead", lead)["OwnerId"] == client.sim.admin_user


def test_method_that_an_address_does_not_take(client: Any) -> None:
    assert error(client.call("PUT", "/sobjects/Lead"), 405)["errorCode"] == "METHOD_NOT_ALLOWED"


def test_users_are_deactivated_not_deleted(client: Any) -> None:
    assert error(client.call("DELETE", f"/sobjects/User/{client.sim.admin_user}"))["errorCode"] == "CANNOT_DELETE_MANAGED_OBJECT"
