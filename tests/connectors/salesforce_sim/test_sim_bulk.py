"""Bulk API 2.0."""

from __future__ import annotations

import csv
import io
from typing import Any


def ingest(client: Any, operation: str, text: str, name: str = "Lead", **more: Any) -> str:
    body = {"operation": operation, "object": name, "contentType": "CSV", **more}
    job = client.call("POST", "/jobs/ingest", json=body)
    assert job.status_code == 200, job.text
    job_id = str(job.json()["id"])
    assert job.json()["state"] == "Open"
    put = client.call("PUT", f"/jobs/ingest/{job_id}/batches", data=text.encode(), headers={"Content-Type": "text/csv"})
    assert (put.status_code, put.content) == (201, b"")
    closed = client.call("PATCH", f"/jobs/ingest/{job_id}", json={"state": "UploadComplete"})
    assert closed.json()["state"] == "UploadComplete"
    return job_id


def finish(client: Any, job_id: str, kind: str = "ingest") -> dict[str, Any]:
    first = client.call("GET", f"/jobs/{kind}/{job_id}").json()
    assert (first["state"], first["numberRecordsProcessed"]) == ("InProgress", 0)
    found: dict[str, Any] = client.call("GET", f"/jobs/{kind}/{job_id}").json()
    return found


def rows(client: Any, job_id: str, which: str) -> list[list[str]]:
    answer = client.call("GET", f"/jobs/ingest/{job_id}/{which}")
    assert answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(answer.text)))


def test_insert_with_a_failure(client: Any) -> None:
    job = ingest(client, "insert", "LastName,Company,City,NumberOfEmployees\nA,Acme,,5\nB,,,\nC,Acme,,many\n")
    done = finish(client, job)
    assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == ("JobComplete", 3, 2)
    good = rows(client, job, "successfulResults")
    assert good[0] == ["sf__Id", "sf__Created", "LastName", "Company", "City", "NumberOfEmployees"]
    assert good[1][1:] == ["true", "A", "Acme", "", "5"]
    bad = rows(client, job, "failedResults")
    assert bad[0][:2] == ["sf__Id", "sf__Error"]
    assert bad[1][:2] == ["", "REQUIRED_FIELD_MISSING:Required fields are missing: [Company]:Company --"]
    wanted = (
        "INVALID_FIELD:Failed to deserialize field at col 3. Due to, 'many' is not a valid value for the type xsd:int:NumberOfEmployees --"
    )
    assert bad[2][1] == wanted
    assert rows(client, job, "unprocessedRecords") == [["LastName", "Company", "City", "NumberOfEmployees"]]


def test_update_leaves_empty_cells_alone_and_nulls_on_demand(client: Any) -> None:
    lead = client.lead(Title="CEO", City="Oslo")
    job = ingest(client, "update", f"Id,Title,City\n{lead},,#N/A\n")
    finish(client, job)
    shown = client.read("Lead", lead)
    assert (shown["Title"], shown["City"]) == ("CEO", None)


def test_upsert_by_external_id_and_delete(client: Any) -> None:
    client.sim.add_field("Lead", "crmsync_key__c", type="Text", length=64, label="Key", externalId=True, unique=True)
    old = client.lead(crmsync_key__c="k1")
    text = "crmsync_key__c,LastName,Company\nk1,New,Acme\nk2,Second,Acme\n"
    job = ingest(client, "upsert", text, externalIdFieldName="crmsync_key__c")
    finish(client, job)
    assert [row[1] for row in rows(client, job, "successfulResults")[1:]] == ["false", "true"]
    assert client.read("Lead", old)["LastName"] == "New"
    job = ingest(client, "delete", f"Id\n{old}\n00Qak0000000099AAA\n")
    assert finish(client, job)["numberRecordsFailed"] == 1
    assert old not in client.ids("SELECT Id FROM Lead")


def test_a_bad_column_fails_the_whole_job(client: Any) -> None:
    job = ingest(client, "insert", "LastName,Nope\nA,b\n")
    done = finish(client, job)
    assert (done["state"], done["numberRecordsProcessed"]) == ("Failed", 0)
    assert done["errorMessage"] == "InvalidBatch : Field name not found : Nope"
    assert rows(client, job, "unprocessedRecords") == [["LastName", "Nope"], ["A", "b"]]
    assert client.ids("SELECT Id FROM Lead") == []


def test_bulk_ignores_the_duplicate_header_and_lead_assignment(client: Any) -> None:
    client.lead()
    client.sim.duplicate_rule("Lead", "alert")
    client.sim.lead_assignment(client.sim.admin_user)
    client.http.headers["Sforce-Duplicate-Rule-Header"] = "allowSave=true"
    job = ingest(client, "insert", "LastName,Company,Email\nA,B,ann@acme.example\nC,D,new@acme.example\n")
    assert finish(client, job)["numberRecordsFailed"] == 1
    made = client.ids("SELECT Id FROM Lead WHERE Email = 'new@acme.example'")[0]
    assert client.read("Lead", made)["OwnerId"] == client.sim.integration_user


def test_job_rules(client: Any) -> None:
    def refused(**body: Any) -> str:
        answer = client.call("POST", "/jobs/ingest", json=body)
        assert answer.status_code in (400, 404)
        return str(answer.json()[0]["errorCode"])

    assert refused(operation="magic", object="Lead") == "INVALIDJOB"
    assert refused(operation="insert", object="Foo") == "INVALIDENTITY"
    assert refused(operation="upsert", object="Lead") == "INVALIDJOB"
    assert refused(operation="upsert", object="Lead", externalIdFieldName="Nope__c") == "NOT_FOUND"
    job = ingest(client, "insert", "LastName,Company\nA,B\n")
    assert client.call("GET", f"/jobs/ingest/{job}/successfulResults").status_code == 400
    assert client.call("DELETE", f"/jobs/ingest/{job}").status_code == 400
    finish(client, job)
    assert client.call("PATCH", f"/jobs/ingest/{job}", json={"state": "Aborted"}).status_code == 400
    gone = client.call("DELETE", f"/jobs/ingest/{job}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.call("GET", f"/jobs/ingest/{job}").status_code == 404


def test_query_jobs_page_by_locator(client: Any) -> None:
    client.sim.create_many("Contact", [{"LastName": f"C{number}", "Title": 'a "b", c' if number == 0 else None} for number in range(5)])
    body = {"operation": "query", "query": "SELECT Id, LastName, Title, IsDeleted FROM Contact ORDER BY LastName"}
    job = client.call("POST", "/jobs/query", json=body).json()["id"]
    assert client.call("GET", f"/jobs/query/{job}/results").status_code == 400
    assert finish(client, job, "query")["jobType"] == "V2Query"
    seen: list[list[str]] = []
    locator = ""
    while locator != "null":
        answer = client.call("GET", f"/jobs/query/{job}/results", params={"maxRecords": "2", "locator": locator})
        page = list(csv.reader(io.StringIO(answer.text)))
        assert page[0] == ["Id", "LastName", "Title", "IsDeleted"]
        assert answer.headers["Sforce-NumberOfRecords"] == str(len(page) - 1)
        seen += page[1:]
        locator = answer.headers["Sforce-Locator"]
    assert [row[1] for row in seen] == ["C0", "C1", "C2", "C3", "C4"]
    assert seen[0][2:] == ['a "b", c', "false"]
    bad = client.call("POST", "/jobs/query", json={"operation": "query", "query": "SELECT Nope FROM Lead"})
    assert bad.json()[0]["errorCode"] == "INVALID_FIELD"


def test_the_header_of_a_query_job_is_the_select_list(client: Any) -> None:
    client.make("Contact", LastName="A")
    client.make("Contact", LastName="B", AccountId=client.make("Account", Name="Acme"))
    select = "IsDeleted, Account.Name, Id, Owner.Email, LastName, account.owner.name"
    header = ["IsDeleted", "Account.Name", "Id", "Owner.Email", "LastName", "Account.Owner.Name"]

    def result(where: str) -> list[list[str]]:
        body = {"operation": "query", "query": f"SELECT {select} FROM Contact {where} ORDER BY LastName"}
        job = client.call("POST", "/jobs/query", json=body).json()["id"]
        finish(client, job, "query")
        return list(csv.reader(io.StringIO(client.call("GET", f"/jobs/query/{job}/results").text)))

    found = result("")
    assert found[0] == header
    assert [row[1] for row in found[1:]] == ["", "Acme"]
    assert found[2][3:] == ["integration@crmsync.example", "B", "Integration User"]
    assert result("WHERE LastName = 'nobody'") == [header]


def test_query_jobs_refuse_what_csv_cannot_hold(client: Any) -> None:
    for text in (
        "SELECT COUNT(Id) FROM Contact",
        "SELECT Name, (SELECT Id FROM Contacts) FROM Account",
        "SELECT Id FROM Contact LIMIT 5 OFFSET 5",
        "SELECT MailingAddress FROM Contact",
    ):
        answer = client.call("POST", "/jobs/query", json={"operation": "query", "query": text})
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "API_ERROR"), text
