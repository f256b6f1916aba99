"""sObject Collections and composite calls."""

from __future__ import annotations

from typing import Any


def entry(name: str = "Contact", **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": name}, **fields}


def post(client: Any, *records: dict[str, Any], method: str = "POST", path: str = "/composite/sobjects", **more: Any) -> Any:
    return client.call(method, path, json={"records": list(records), **more})


def test_results_come_in_input_order_and_failures_have_no_id(client: Any) -> None:
    answer = post(client, entry(LastName="A"), entry(FirstName="B"), entry(LastName="C"))
    assert answer.status_code == 200
    first, second, third = answer.json()
    assert (first["success"], third["success"]) == (True, True)
    assert first["id"] < third["id"]
    assert second == {
        "success": False,
        "errors": [{"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [LastName]", "fields": ["LastName"]}],
    }


def test_all_or_none_rolls_the_innocent_back(client: Any) -> None:
    answer = post(client, entry(LastName="A"), entry(FirstName="B"), allOrNone=True).json()
    assert answer[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert answer[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert client.ids("SELECT Id FROM Contact") == []
    assert not [write for write in client.sim.writes if write.object == "Contact"]


def test_update_needs_ids_and_reports_unknown_fields_per_record(client: Any) -> None:
    record_id = client.make("Contact", LastName="A")
    missing = post(client, entry(LastName="B"), method="PATCH").json()
    assert missing[0]["errors"][0] == {"statusCode": "MISSING_ARGUMENT", "message": "Id not specified in an update call", "fields": []}
    other = client.make("Contact", LastName="Z")
    mixed = post(client, entry(id=record_id, Title="x"), entry(id=other, Nope="x"), method="PATCH", allOrNone=True).json()
    assert [result["errors"][0]["statusCode"] for result in mixed] == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_FIELD"]
    assert client.read("Contact", record_id)["Title"] is None
    twice = post(client, entry(id=record_id, Title="x"), entry(id=record_id, Title="y"), method="PATCH").json()
    assert [result["success"] for result in twice] == [True, False]
    unknown = post(client, entry(id="003ak0000000099AAA", Title="x"), method="PATCH").json()
    assert unknown[0]["success"] is False


def test_upsert_by_external_id_says_created(client: Any) -> None:
    client.sim.add_field("Contact", "crmsync_key__c", type="Text", length=64, label="Key", externalId=True, unique=True)
    path = "/composite/sobjects/Contact/crmsync_key__c"
    first = post(client, entry(crmsync_key__c="k1", LastName="A"), method="PATCH", path=path).json()
    assert first[0]["created"] is True
    again = post(
        client,
        entry(crmsync_key__c="k1", Title="t"),
        entry(crmsync_key__c="k1", Title="u"),
        entry(LastName="no key"),
        method="PATCH",
        path=path,
    ).json()
    assert (again[0]["created"], again[0]["id"]) == (False, first[0]["id"])
    assert again[1]["errors"][0]["statusCode"] == "DUPLICATE_VALUE"
    assert again[2]["errors"][0]["statusCode"] == "MISSING_ARGUMENT"
    mixed = post(client, entry("Lead", crmsync_key__c="k9", LastName="A"), method="PATCH", path=path).json()
    assert mixed[0]["success"] is False


def test_request_rules_are_400(client: Any) -> None:
    empty = post(client)
    assert empty.status_code == 400
    assert empty.json() == [{"message": "At least 1 record is required", "errorCode": "REQUIRED_FIELD_MISSING"}]
    assert post(client, *[entry(LastName=str(n)) for n in range(201)]).status_code == 400
    chunks = [entry("Lead" if n % 2 else "Contact", LastName="x", **({"Company": "c"} if n % 2 else {})) for n in range(11)]
    assert post(client, *chunks).json()[0]["errorCode"] == "LIMIT_EXCEEDED"
    assert post(client, *chunks[:10]).status_code == 200
    wrong = post(client, entry(LastName="fine"), entry(LastName=5))
    assert (wrong.status_code, wrong.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert client.ids("SELECT Id FROM Contact WHERE LastName = 'fine'") == []


def test_200_records_are_one_call(client: Any) -> None:
    client.sim.reset_calls()
    answer = post(client, *[entry(LastName=str(n)) for n in range(200)])
    assert sum(result["success"] for result in answer.json()) == 200
    assert client.sim.api_calls() == 1


def test_delete_and_retrieve(client: Any) -> None:
    ids = [client.make("Contact", LastName=name) for name in "AB"]
    path = "/composite/sobjects/Contact"
    found = client.call("POST", path, json={"ids": [ids[1], "003ak0000000099AAA", ids[0]], "fields": ["LastName"]}).json()
    assert [None if row is None else row["LastName"] for row in found] == ["B", None, "A"]
    by_get = client.call("GET", path, params={"ids": ",".join(ids), "fields": "LastName"}).json()
    assert [row["Id"] for row in by_get] == ids
    gone = client.call("DELETE", "/composite/sobjects", params={"ids": f"{ids[0]},{ids[0]},junk"}).json()
    assert gone[0] == {"id": ids[0], "success": True, "errors": []}
    assert [result["errors"][0]["statusCode"] for result in gone[1:]] == ["ENTITY_IS_DELETED", "MALFORMED_ID"]
    both = client.call("DELETE", "/composite/sobjects", params={"ids": f"{ids[1]},junk", "allOrNone": "true"}).json()
    assert both[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert client.read("Contact", ids[1])


def test_composite_fills_references_and_counts_once(client: Any) -> None:
    client.sim.reset_calls()
    base = "/services/data/v62.0"
    body = {
        "compositeRequest": [
            {"method": "POST", "url": f"{base}/sobjects/Account", "referenceId": "acc", "body": {"Name": "Acme"}},
            {
                "method": "POST",
                "url": f"{base}/sobjects/Contact",
                "referenceId": "con",
                "body": {"LastName": "N", "AccountId": "@{acc.id}"},
            },
            {"method": "GET", "url": f"{base}/sobjects/Contact/@{{con.id}}?fields=AccountId", "referenceId": "look"},
            {"method": "GET", "url": f"{base}/sobjects/Foo", "referenceId": "bad"},
            {"method": "GET", "url": f"{base}/sobjects/Lead/@{{bad.id}}", "referenceId": "hangs"},
        ]
    }
    answer = client.call("POST", "/composite", json=body)
    assert answer.status_code == 200
    results = answer.json()["compositeResponse"]
    assert [result["httpStatusCode"] for result in results] == [201, 201, 200, 404, 400]
    assert results[2]["body"]["AccountId"] == results[0]["body"]["id"]
    assert results[0]["httpHeaders"]["Location"].endswith(results[0]["body"]["id"])
    assert results[3]["body"] == [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    assert results[4]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert client.sim.api_calls() == 1


def test_composite_all_or_none_and_limits(client: Any) -> None:
    base = "/services/data/v62.0"
    good = {"method": "POST", "url": f"{base}/sobjects/Account", "referenceId": "a", "body": {"Name": "Acme"}}
    bad = {"method": "POST", "url": f"{base}/sobjects/Account", "referenceId": "b", "body": {}}
    later = {"method": "POST", "url": f"{base}/sobjects/Account", "referenceId": "c", "body": {"Name": "Later"}}
    results = client.call("POST", "/composite", json={"allOrNone": True, "compositeRequest": [good, bad, later]}).json()[
        "compositeResponse"
    ]
    codes = [result["body"][0]["errorCode"] for result in results]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert client.ids("SELECT Id FROM Account") == []
    many = [{**good, "referenceId": f"r{n}"} for n in range(26)]
    assert client.call("POST", "/composite", json={"compositeRequest": many}).status_code == 400
    queries = [{"method": "GET", "url": f"{base}/query/?q=SELECT Id FROM Lead", "referenceId": f"q{n}"} for n in range(6)]
    assert client.call("POST", "/composite", json={"compositeRequest": queries}).status_code == 400
    assert client.call("POST", "/composite", json={"compositeRequest": queries[:5]}).json()["compositeResponse"][0]["body"]["done"]


def test_collections_inside_a_composite_roll_back_with_it(client: Any) -> None:
    base = "/services/data/v62.0"
    body = {
        "allOrNone": True,
        "compositeRequest": [
            {"method": "POST", "url": f"{base}/composite/sobjects", "referenceId": "m", "body": {"records": [entry(LastName="A")]}},
            {"method": "GET", "url": f"{base}/sobjects/Foo", "referenceId": "bad"},
        ],
    }
    client.call("POST", "/composite", json=body)
    assert client.ids("SELECT Id FROM Contact") == []
    assert client.make("Contact", LastName="B")


def test_batch_bills_each_subrequest(client: Any) -> None:
    client.sim.reset_calls()
    lead = client.lead()
    client.sim.reset_calls()
    body = {
        "batchRequests": [
            {"method": "GET", "url": f"v62.0/sobjects/Lead/{lead}?fields=Company"},
            {"method": "GET", "url": "v62.0/sobjects/Foo"},
            {"method": "PATCH", "url": f"v62.0/sobjects/Lead/{lead}", "richInput": {"Title": "x"}},
        ]
    }
    answer = client.call("POST", "/composite/batch", json=body).json()
    assert answer["hasErrors"] is True
    assert [result["statusCode"] for result in answer["results"]] == [200, 404, 204]
    assert client.sim.api_calls() == 3
