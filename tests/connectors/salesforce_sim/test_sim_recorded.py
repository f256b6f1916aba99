"""The simulator's answers have the shape of recorded ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def shape(value: Any) -> Any:
    """Keys and kinds of a JSON value; a list has the kind of its first entry."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def recorded(shared: Path, path: str) -> Any:
    return json.loads((shared / "recorded" / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("method", "path", "body", "file"),
    [
        ("POST", "/sobjects/Account", {"Name": "A"}, "amp-labs-connectors/salesforce/test/create-ok.json"),
        ("PATCH", "/sobjects/Account/{id}", {"AccountNumer": "1"}, "amp-labs-connectors/salesforce/test/unknown-field.json"),
        ("PATCH", "/sobjects/Account/{id}", {"MasterRecordId": "{id}"}, "amp-labs-connectors/salesforce/test/invalid-field-upsert.json"),
        ("DELETE", "/sobjects/Account/{gone}", None, "amp-labs-connectors/salesforce/test/crm/delete/not-found.json"),
        ("POST", "/composite/sobjects", {"records": []}, "amp-labs-connectors/salesforce/test/batch/create/contacts/err-bad-request.json"),
        ("GET", "/sobjects/Foo/describe", None, "restforce/sobject/sobject_describe_error_response.json"),
        ("PATCH", "/sobjects/Account/Namez/x", {"Name": "A"}, "restforce/sobject/upsert_error_response.json"),
        ("GET", "/query?q=SELECT+Id+FROM+Lead", None, "restforce/sobject/query_empty_response.json"),
    ],
)
def test_answers_equal_recorded_ones(client: Any, shared: Path, method: str, path: str, body: Any, file: str) -> None:
    account, gone = client.make("Account", Name="A"), client.make("Account", Name="B")
    client.call("DELETE", f"/sobjects/Account/{gone}")
    filled = json.loads(json.dumps(body).replace("{id}", account))
    answer = client.call(method, path.replace("{id}", account).replace("{gone}", gone), json=filled)
    wanted = recorded(shared, file)
    mine = answer.json()
    if isinstance(wanted, list) and isinstance(mine, list):
        assert mine[0]["errorCode"] == wanted[0]["errorCode"]
        if "external ID" not in wanted[0]["message"]:
            assert mine[0]["message"] == wanted[0]["message"]
    recorded_shape, mine_shape = shape(wanted), shape(mine)
    if isinstance(wanted, list) and wanted[0]["errorCode"] == "INVALID_FIELD":
        mine_shape[0].pop("fields")  # recorded without; other recorded INVALID_FIELD answers of saves have it
    assert mine_shape == recorded_shape


def test_replication_answers(client: Any, shared: Path, ticker: Any) -> None:
    client.sim.delete("Lead", client.lead("gone@x.example"))
    client.lead()
    ticker.tick(minutes=2)
    span = {"start": "2026-05-04T08:00:00Z", "end": "2026-05-04T09:02:00Z"}
    for name in ("updated", "deleted"):
        mine = client.call("GET", f"/sobjects/Lead/{name}", params=span).json()
        assert shape(mine) == shape(recorded(shared, f"restforce/sobject/get_{name}_success_response.json"))


def test_sessions(client: Any, shared: Path) -> None:
    client.sim.revoke_tokens()
    assert client.call("GET", "/limits").json() == recorded(shared, "restforce/expired_session_response.json")
    form = {"grant_type": "refresh_token", "client_id": client.sim.credentials.client_id, "refresh_token": "x"}
    assert client.token(form).json() == recorded(shared, "restforce/refresh_error_response.json")
    credentials = client.sim.credentials
    good = client.token({"grant_type": "client_credentials"}, auth=(credentials.client_id, credentials.client_secret)).json()
    assert set(good) >= set(recorded(shared, "restforce/auth_success_response.json"))
    client.login()
    info = client.http.get(f"{client.sim.url}/services/oauth2/userinfo")
    assert set(info.json()) >= set(recorded(shared, "amp-labs-connectors/salesforce/test/metadata/write/user-info.json"))


def test_collections_answers(client: Any, shared: Path) -> None:
    folder = "amp-labs-connectors/salesforce/test/batch"
    payload = recorded(shared, f"{folder}/create/contacts/payload.json")
    made = client.call("POST", "/composite/sobjects", json=payload).json()
    assert shape(made) == shape(recorded(shared, f"{folder}/create/contacts/success.json"))
    broken = {"allOrNone": True, "records": [{"attributes": {"type": "Contact"}}, payload["records"][0]]}
    assert client.call("POST", "/composite/sobjects", json=broken).json() == recorded(
        shared, f"{folder}/create/contacts/partial-but-allOrNone.json"
    )
    no_ids = client.call("PATCH", "/composite/sobjects", json=payload).json()
    assert no_ids == recorded(shared, f"{folder}/update/contacts/err-each-no-ids.json")
    records = [{"attributes": {"type": "Contact"}, "id": entry["id"], "unknownField_LastName": "x"} for entry in made]
    records[0] = {"attributes": {"type": "Contact"}, "id": made[0]["id"], "LastName": "x"}
    mixed = client.call("PATCH", "/composite/sobjects", json={"allOrNone": True, "records": records}).json()
    assert mixed == recorded(shared, f"{folder}/update/contacts/partial-but-allOrNone.json")


def test_bulk_job_answers(client: Any, shared: Path) -> None:
    folder = "amp-labs-connectors/salesforce/test/bulk"
    client.sim.add_field("Opportunity", "external_id__c", type="Text", length=40, label="x", externalId=True, unique=True)

    def run(text: str) -> tuple[dict[str, Any], dict[str, Any], str]:
        body = {"operation": "upsert", "object": "Opportunity", "externalIdFieldName": "external_id__c", "contentType": "CSV"}
        job = client.call("POST", "/jobs/ingest", json=body).json()
        assert shape(job) == shape(recorded(shared, f"{folder}/write/launch-job-opportunity.json"))
        client.call("PUT", f"/jobs/ingest/{job['id']}/batches", data=text)
        closed = client.call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"}).json()
        assert set(closed) == set(recorded(shared, f"{folder}/write/update-job-opportunity.json")) | {"externalIdFieldName"}
        running = client.call("GET", f"/jobs/ingest/{job['id']}").json()
        return running, client.call("GET", f"/jobs/ingest/{job['id']}").json(), job["id"]

    head = "Name,StageName,external_id__c,CloseDate\n"
    running, partial, job_id = run(f"{head}Noemi Miller,GENERATED,external-id-3,2003-04-987654321987654321\n")
    assert shape(running) == shape(recorded(shared, f"{folder}/info/in-progress.json"))
    assert shape(partial) == shape(recorded(shared, f"{folder}/info/partial-failure.json"))
    failed = client.call("GET", f"/jobs/ingest/{job_id}/failedResults").text.splitlines()[1]
    real = (shared / "recorded" / folder / "info" / "partial-failure.csv").read_text(encoding="utf-8").splitlines()[1]
    assert failed == real
    _, broken, _ = run("Name,StageName_invalid_field_on_purpose\nA,b\n")
    wanted = recorded(shared, f"{folder}/info/complete-failure.json")
    assert shape(broken) == shape(wanted)
    assert (broken["state"], broken["errorMessage"]) == (wanted["state"], wanted["errorMessage"])


def test_recorded_traffic_of_a_real_client_gets_answers_of_the_same_shape(client: Any, shared: Path) -> None:
    traffic = recorded(shared, "grouparoo/salesforce/export-objects__export-records-lead.json")
    compared = 0
    for entry in traffic:
        if entry["method"] != "POST" or not entry["path"].endswith("/composite/sobjects"):
            continue
        answer = client.call("POST", "/composite/sobjects", json=entry["body"])
        if any(
            set(record) - {"attributes"} - {f.name for f in client.sim.org.kind("Lead").fields.values()}
            for record in entry["body"]["records"]
        ):
            continue
        assert (answer.status_code, shape(answer.json())) == (entry["status"], shape(entry["response"]))
        compared += 1
        made = answer.json()[0]["id"]
        shown = client.read("Lead", made)
        real = next(e["response"] for e in traffic if e["method"] == "GET" and "/sobjects/Lead/00Q" in e["path"] and e["status"] == 200)
        mine = set(shown) - {"HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall"}
        assert mine <= set(real)
    assert compared > 0
