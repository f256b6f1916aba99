"""Batch endpoints: exact status codes and partial-success rules."""

from __future__ import annotations

REC = "recorded/amp-labs-connectors/hubspot/test/batch/"


def _inputs(*emails, traced=False):
    return {"inputs": [{"properties": {"email": e}, **({"objectWriteTraceId": str(i)} if traced else {})} for i, e in enumerate(emails)]}


def test_create_201_in_another_order(http, recorded, same_shape):
    emails = [f"p{i}@x.co" for i in range(10)]
    answer = http("POST", "/crm/v3/objects/contacts/batch/create", _inputs(*emails))
    assert answer.status_code == 201
    got = [r["properties"]["email"] for r in answer.json()["results"]]
    assert got != emails
    assert sorted(got) == sorted(emails)
    body = answer.json()
    body["results"] = [{k: v for k, v in r.items() if k != "properties"} for r in body["results"]]
    same_shape(body, recorded(REC + "create/contacts/success.json"), skip=frozenset({"properties"}))


def test_one_duplicate_fails_all_without_trace_ids(http, recorded, same_shape):
    http.contact(email="a@b.co")
    answer = http("POST", "/crm/v3/objects/contacts/batch/create", _inputs("new@b.co", "a@b.co"))
    assert answer.status_code == 409
    assert answer.json()["message"] == "Contact already exists"
    same_shape(answer.json(), recorded(REC + "create/contacts/err-conflict.json"))
    assert len(http.sim.all("contacts")) == 1


def test_trace_ids_make_it_207(http, recorded, same_shape):
    first = http.contact(email="a@b.co")
    answer = http("POST", "/crm/v3/objects/contacts/batch/create", _inputs("a@b.co", "new@b.co", traced=True))
    assert answer.status_code == 207
    body = answer.json()
    same_shape(body, recorded(REC + "create/contacts/err-partial-success.json"), skip=frozenset({"firstname", "lastname"}))
    assert body["status"] == "COMPLETE"
    assert body["numErrors"] == 1
    assert body["errors"][0]["context"] == {"objectWriteTraceId": ["0"], "existingId": [first]}
    assert body["errors"][0]["message"] == f"Contact already exists. Existing ID: {first}"
    assert [r["properties"]["email"] for r in body["results"]] == ["new@b.co"]


def test_one_bad_value_fails_all_without_trace_ids(http, recorded, same_shape):
    body = {"inputs": [{"properties": {"email": "ok@b.co"}}, {"properties": {"email": "x@b.co", "first000name": "1", "last000name": "2"}}]}
    answer = http("POST", "/crm/v3/objects/contacts/batch/create", body)
    assert answer.status_code == 400
    same_shape(answer.json(), recorded(REC + "create/contacts/err-many-invalid-properties.json"))
    assert len(answer.json()["errors"]) == 2
    assert http.sim.all("contacts") == []


def test_duplicate_trace_ids_are_no_opt_in(http):
    http.contact(email="a@b.co")
    body = _inputs("a@b.co", "new@b.co", traced=True)
    for entry in body["inputs"]:
        entry["objectWriteTraceId"] = "same"
    assert http("POST", "/crm/v3/objects/contacts/batch/create", body).status_code == 409


def test_read_200_or_207_with_the_missing_absent(http):
    ids = http.sim.create_many("contacts", [{"email": "a@b.co"}, {"email": "c@d.co"}])
    whole = http("POST", "/crm/v3/objects/contacts/batch/read", {"properties": ["email"], "inputs": [{"id": i} for i in ids]})
    assert whole.status_code == 200
    part = http(
        "POST",
        "/crm/v3/objects/contacts/batch/read",
        {"idProperty": "email", "properties": ["email"], "inputs": [{"id": "A@b.co"}, {"id": "none@b.co"}]},
    )
    assert part.status_code == 207
    assert [r["id"] for r in part.json()["results"]] == ids[:1]
    assert part.json()["errors"][0]["context"]["ids"] == ["none@b.co"]
    too_many = http("POST", "/crm/v3/objects/contacts/batch/read", {"inputs": [{"id": str(i)} for i in range(101)]})
    assert too_many.status_code == 400


def test_update_duplicates_and_unknown_ids(http, recorded, same_shape):
    record_id = http.contact(email="a@b.co", lastname="L", firstname="F")
    twice = {"inputs": [{"id": record_id, "properties": {"firstname": "X"}}] * 2}
    refused = http("POST", "/crm/v3/objects/contacts/batch/update", twice)
    assert refused.status_code == 400
    assert refused.json()["message"] == f"Duplicate IDs found in batch input: [{record_id}]. IDs must be unique"
    same_shape(refused.json(), recorded(REC + "update/contacts/err-duplicate-ids.json"))
    part = http(
        "POST",
        "/crm/v3/objects/contacts/batch/update",
        {
            "inputs": [
                {"id": record_id, "properties": {"firstname": "Y", "lastname": "Z"}},
                {"id": "unknownIdentifier888", "properties": {}},
                {"id": "77", "properties": {}},
            ]
        },
    )
    assert part.status_code == 207
    same_shape(part.json(), recorded(REC + "update/contacts/err-partial-success.json"))
    assert part.json()["errors"][0]["context"]["ids"] == ["unknownIdentifier888", "77"]
    assert http.sim.get("contacts", record_id)["firstname"] == "Y"


def test_merged_id_works_alone_but_not_in_batch_update(http):
    first, second = http.contact(email="a@b.co"), http.contact(email="c@d.co")
    survivor = http("POST", "/crm/v3/objects/contacts/merge", {"primaryObjectId": first, "objectIdToMerge": second}).json()["id"]
    assert survivor not in (first, second)
    assert http("PATCH", f"/crm/v3/objects/contacts/{second}", {"properties": {"firstname": "A"}}).json()["id"] == survivor
    batch = http("POST", "/crm/v3/objects/contacts/batch/update", {"inputs": [{"id": second, "properties": {"firstname": "B"}}]})
    assert batch.status_code == 207
    assert batch.json()["errors"][0]["context"]["ids"] == [second]
    assert http.sim.get("contacts", survivor)["firstname"] == "A"


def test_upsert_by_email_is_all_or_nothing(http):
    first = http.contact(email="a@b.co")

    def inputs(**bad):
        return {
            "inputs": [
                {"id": "a@b.co", "idProperty": "email", "properties": {"firstname": "A"}, "objectWriteTraceId": "1"},
                {"id": "new@b.co", "idProperty": "email", "properties": bad, "objectWriteTraceId": "2"},
            ]
        }

    done = http("POST", "/crm/v3/objects/contacts/batch/upsert", inputs())
    assert done.status_code == 200
    assert {(r["properties"]["email"] if r["new"] else r["id"], r["new"]) for r in done.json()["results"]} == {
        (first, False),
        ("new@b.co", True),
    }
    refused = http("POST", "/crm/v3/objects/contacts/batch/upsert", inputs(hs_lead_status="nope"))
    assert refused.status_code == 400


def test_upsert_by_a_unique_property(http):
    made = http(
        "POST",
        "/crm/v3/properties/contacts",
        {
            "name": "crmsync_key",
            "label": "Key",
            "type": "string",
            "fieldType": "text",
            "groupName": "contactinformation",
            "hasUniqueValue": True,
        },
    )
    assert made.status_code == 201
    first = http.contact(email="a@b.co", crmsync_key="k1")
    body = {
        "inputs": [
            {"id": "k1", "idProperty": "crmsync_key", "properties": {"firstname": "A"}, "objectWriteTraceId": "1"},
            {"id": "k2", "idProperty": "crmsync_key", "properties": {"email": "b@b.co"}, "objectWriteTraceId": "2"},
            {"id": "k3", "idProperty": "crmsync_key", "properties": {"email": "bad"}, "objectWriteTraceId": "3"},
        ]
    }
    answer = http("POST", "/crm/v3/objects/contacts/batch/upsert", body)
    assert answer.status_code == 207
    assert {r["new"] for r in answer.json()["results"]} == {True, False}
    assert answer.json()["errors"][0]["context"]["objectWriteTraceId"] == ["3"]
    assert http("GET", "/crm/v3/objects/contacts/k1?idProperty=crmsync_key").json()["id"] == first
    taken = http("POST", "/crm/v3/objects/contacts", {"properties": {"email": "z@z.co", "crmsync_key": "K1"}})
    assert taken.json()["errors"][0]["code"] == "CONFLICTING_UNIQUE_VALUE"
    assert http("GET", "/crm/v3/objects/contacts/x?idProperty=firstname").status_code == 400


def test_archive_is_204_whatever_the_ids(http):
    record_id = http.contact(email="a@b.co")
    assert http("POST", "/crm/v3/objects/contacts/batch/archive", {"inputs": [{"id": record_id}, {"id": "5"}]}).status_code == 204
    assert http.sim.get("contacts", record_id)["archived"] is True
