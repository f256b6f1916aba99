"""Tasks, calls, emails, meetings, notes, companies and deals: the same life for each, and what is special about one."""

from __future__ import annotations

import json

import pytest

DEFINED = "HUBSPOT_DEFINED"
SAMPLES = {
    "tasks": ({"hs_timestamp": "2026-03-05T15:00:00Z", "hs_task_subject": "Call back"}, "hs_task_subject", 204),
    "calls": ({"hs_timestamp": "2026-03-01T10:00:00Z", "hs_call_title": "Intro", "hs_call_duration": "60000"}, "hs_call_title", 194),
    "emails": ({"hs_timestamp": "2026-03-01T10:00:00Z", "hs_email_direction": "EMAIL", "hs_email_subject": "Hi"}, "hs_email_subject", 198),
    "meetings": ({"hs_timestamp": "2026-03-01T10:00:00Z", "hs_meeting_title": "Demo"}, "hs_meeting_title", 200),
    "notes": ({"hs_timestamp": "2026-03-01T10:00:00Z", "hs_note_body": "<p>Keen</p>"}, "hs_note_body", 202),
    "companies": ({"name": "Acme", "domain": "acme.co"}, "name", None),
    "deals": ({"dealname": "Acme - 10 seats", "amount": "500"}, "dealname", 3),
}
KINDS = sorted(SAMPLES)
ACTIVITIES = [kind for kind in KINDS if kind not in ("companies", "deals")]


def _link(contact, type_id):
    return {"to": {"id": contact}, "types": [{"associationCategory": DEFINED, "associationTypeId": type_id}]}


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_is_created_read_changed_searched_and_archived(http, clock, kind):
    props, text, _ = SAMPLES[kind]
    made = http("POST", f"/crm/v3/objects/{kind}", {"properties": props})
    assert made.status_code == 201
    record = made.json()["id"]
    assert made.json()["properties"][text] == props[text]
    clock.tick(5)
    assert http("PATCH", f"/crm/v3/objects/{kind}/{record}", {"properties": {text: "Other"}}).json()["properties"][text] == "Other"
    clock.tick(5)
    batch = http("POST", f"/crm/v3/objects/{kind}/batch/update", {"inputs": [{"id": record, "properties": {text: "Third"}}]})
    assert (batch.status_code, batch.json()["results"][0]["updatedAt"]) == (200, "2026-03-02T09:00:10.250Z")
    clock.tick(5)
    stamp = {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "2026-03-02T09:00:10.250Z"}
    found = http.search([stamp], kind, properties=[text]).json()
    assert [(row["id"], row["properties"][text]) for row in found["results"]] == [(record, "Third")]
    read = http("POST", f"/crm/v3/objects/{kind}/batch/read", {"properties": [text], "inputs": [{"id": record}, {"id": "1"}]})
    assert (read.status_code, len(read.json()["results"]), read.json()["errors"][0]["context"]["ids"]) == (207, 1, ["1"])
    assert http("POST", f"/crm/v3/objects/{kind}/batch/archive", {"inputs": [{"id": record}]}).status_code == 204
    assert http("GET", f"/crm/v3/objects/{kind}/{record}").status_code == 404
    (gone,) = http("GET", f"/crm/v3/objects/{kind}?archived=true").json()["results"]
    assert (gone["id"], gone["archived"], gone["archivedAt"]) == (record, True, "2026-03-02T09:00:15.250Z")


@pytest.mark.parametrize("kind", KINDS)
def test_a_unique_key_on_every_type(http, kind):
    key = {"name": "crmsync_key", "label": "Key", "type": "string", "fieldType": "text", "groupName": "g", "hasUniqueValue": True}
    http("POST", f"/crm/v3/properties/{kind}/groups", {"name": "g", "label": "G"})
    assert http("POST", f"/crm/v3/properties/{kind}", key).status_code == 201
    props = {**SAMPLES[kind][0], "crmsync_key": "k1"}
    made = http("POST", f"/crm/v3/objects/{kind}/batch/create", {"inputs": [{"properties": props}]})
    assert made.status_code == 201
    record = made.json()["results"][0]["id"]
    assert http("GET", f"/crm/v3/objects/{kind}/k1?idProperty=crmsync_key").json()["id"] == record
    again = http("POST", f"/crm/v3/objects/{kind}", {"properties": props})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (400, "CONFLICTING_UNIQUE_VALUE")
    body = {"inputs": [{"id": "k1", "idProperty": "crmsync_key", "properties": {SAMPLES[kind][1]: "New"}}]}
    upserted = http("POST", f"/crm/v3/objects/{kind}/batch/upsert", body).json()["results"][0]
    assert (upserted["id"], upserted["new"]) == (record, False)
    read = http("POST", f"/crm/v3/objects/{kind}/batch/read", {"idProperty": "crmsync_key", "inputs": [{"id": "k1"}, {"id": "k2"}]})
    assert (read.status_code, [row["id"] for row in read.json()["results"]]) == (207, [record])


@pytest.mark.parametrize("kind", ACTIVITIES)
def test_activities_need_a_timestamp_and_emails_a_direction(http, kind):
    props = SAMPLES[kind][0]
    bare = {name: value for name, value in props.items() if name != "hs_timestamp"}
    refused = http("POST", f"/crm/v3/objects/{kind}", {"properties": bare})
    assert (refused.status_code, refused.json()["category"]) == (400, "VALIDATION_ERROR")
    assert "hs_timestamp" in refused.json()["context"]["properties"]
    whole = http("POST", f"/crm/v3/objects/{kind}/batch/create", {"inputs": [{"properties": props}, {"properties": bare}]})
    assert whole.status_code == 400
    assert http.sim.all(kind) == []
    if kind == "emails":
        assert http("POST", "/crm/v3/objects/emails", {"properties": {"hs_timestamp": props["hs_timestamp"]}}).status_code == 400


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("tasks", "hs_task_is_completed"),
        ("tasks", "hs_task_completion_date"),
        ("tasks", "hs_task_is_overdue"),
        ("emails", "hs_email_from_email"),
        ("emails", "hs_email_to_email"),
        ("notes", "hs_lastmodifieddate"),
        ("deals", "hs_is_closed"),
        ("companies", "num_associated_contacts"),
    ],
)
def test_read_only_properties(http, kind, name):
    record = http.sim.create(kind, SAMPLES[kind][0])
    refused = http("PATCH", f"/crm/v3/objects/{kind}/{record}", {"properties": {name: "1"}})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "READ_ONLY_VALUE")


@pytest.mark.parametrize(
    ("kind", "name", "good", "bad"),
    [
        ("tasks", "hs_task_status", "DEFERRED", "completed"),
        ("tasks", "hs_task_priority", "NONE", "Normal"),
        ("tasks", "hs_task_type", "CALL", "MEETING"),
        ("calls", "hs_call_direction", "INBOUND", "inbound"),
        ("calls", "hs_call_status", "NO_ANSWER", "done"),
        ("calls", "hs_call_disposition", "f240bbac-87c9-4f6e-bf70-924b57d47db7", "Connected"),
        ("emails", "hs_email_direction", "INCOMING_EMAIL", "IN"),
        ("emails", "hs_email_status", "SENT", "sent"),
        ("meetings", "hs_meeting_outcome", "NO_SHOW", "held"),
    ],
)
def test_options_are_internal_values(http, kind, name, good, bad):
    record = http.sim.create(kind, SAMPLES[kind][0])
    assert http("PATCH", f"/crm/v3/objects/{kind}/{record}", {"properties": {name: good}}).status_code == 200
    refused = http("PATCH", f"/crm/v3/objects/{kind}/{record}", {"properties": {name: bad}})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "INVALID_OPTION")
    assert http.sim.get(kind, record)[name] == good


def test_dispositions_are_the_published_guids_and_others_by_switch(http):
    listed = http("GET", "/crm/v3/properties/calls/hs_call_disposition").json()
    assert {option["label"]: option["value"][:8] for option in listed["options"]} == {
        "Connected": "f240bbac", "No answer": "73a0d17f", "Busy": "9d9162e7", "Left voicemail": "b2cf5968", "Left live message": "a4c4c377",
        "Wrong number": "17b47fee",
    }  # fmt: skip
    own = {"hs_timestamp": "2026-03-01", "hs_call_disposition": "11111111-2222-4333-8444-555555555555"}
    assert http("POST", "/crm/v3/objects/calls", {"properties": own}).status_code == 400
    http.sim.options.change("unknown_dispositions", "accept")
    assert http("POST", "/crm/v3/objects/calls", {"properties": own}).status_code == 201


def test_a_body_has_at_most_65536_characters(http):
    body = {"hs_timestamp": "2026-03-01", "hs_note_body": "x" * 65_536}
    assert http("POST", "/crm/v3/objects/notes", {"properties": body}).status_code == 201
    refused = http("POST", "/crm/v3/objects/notes", {"properties": {**body, "hs_note_body": "x" * 65_537}})
    assert refused.json()["errors"][0]["code"] == "INVALID_STRING_LENGTH"


def test_an_emails_ends_are_read_off_its_headers(http):
    people = [{"email": "ann@x.co", "firstName": "Ann"}, {"email": "bo@x.co"}]
    headers = json.dumps({"from": {"email": "rep@us.co", "firstName": "Rae", "lastName": "Rep"}, "to": people, "cc": [], "bcc": []})
    props = {**SAMPLES["emails"][0], "hs_email_headers": headers}
    shown = http("POST", "/crm/v3/objects/emails", {"properties": props}).json()["properties"]
    assert (shown["hs_email_from_email"], shown["hs_email_from_lastname"]) == ("rep@us.co", "Rep")
    assert (shown["hs_email_to_email"], shown["hs_email_to_firstname"]) == ("ann@x.co;bo@x.co", "Ann")
    assert "hs_email_cc_email" not in shown
    broken = http("POST", "/crm/v3/objects/emails", {"properties": {**props, "hs_email_headers": "no JSON"}}).json()["properties"]
    assert "hs_email_to_email" not in broken


@pytest.mark.parametrize("kind", [kind for kind in KINDS if SAMPLES[kind][2]])
def test_people_given_at_creation_and_shown_on_reading(http, kind):
    props, _, type_id = SAMPLES[kind]
    contacts = [http.contact(email=f"p{n}@b.co") for n in range(3)]
    made = http("POST", f"/crm/v3/objects/{kind}", {"properties": props, "associations": [_link(c, type_id) for c in contacts]})
    assert made.status_code == 201
    record = made.json()["id"]
    singular = {"companies": "company"}.get(kind, kind[:-1])
    shown = http("GET", f"/crm/v3/objects/{kind}/{record}?associations=contacts&associations=companies").json()["associations"]
    assert shown == {"contacts": {"results": [{"id": c, "type": f"{singular}_to_contact"} for c in contacts]}}
    listed = http("GET", f"/crm/v3/objects/{kind}?associations=contacts").json()["results"][0]
    assert [row["id"] for row in listed["associations"]["contacts"]["results"]] == contacts
    back = http("GET", f"/crm/v3/objects/contacts/{contacts[0]}?associations={kind}").json()["associations"]
    assert back[kind]["results"] == [{"id": record, "type": f"contact_to_{singular}"}]


def test_batch_creation_takes_each_records_people(http):
    first, second = http.contact(email="a@b.co"), http.contact(email="c@b.co")
    inputs = [
        {"properties": {**SAMPLES["tasks"][0], "hs_task_subject": name}, "objectWriteTraceId": name, "associations": [_link(to, 204)]}
        for name, to in (("one", first), ("two", second), ("three", "77"))
    ]
    made = http("POST", "/crm/v3/objects/tasks/batch/create", {"inputs": inputs})
    assert (made.status_code, made.json()["numErrors"]) == (207, 1)
    assert made.json()["errors"][0]["context"]["objectWriteTraceId"] == ["three"]
    ids = {row["properties"]["hs_task_subject"]: row["id"] for row in made.json()["results"]}
    assert http.sim.associated("contacts", first, "tasks") == [ids["one"]]
    assert http.sim.associated("tasks", ids["two"], "contacts") == [second]


def test_association_batches_hold_1000_to_read_and_2000_to_create(http):
    contact = http.contact(email="a@b.co")
    tasks = http.sim.create_many("tasks", [{"hs_timestamp": "2026-03-03"}] * 2001)
    types = [{"associationCategory": DEFINED, "associationTypeId": 204}]
    inputs = [{"from": {"id": task}, "to": {"id": contact}, "types": types} for task in tasks]
    assert http("POST", "/crm/v4/associations/tasks/contacts/batch/create", {"inputs": inputs}).status_code == 400
    assert http("POST", "/crm/v4/associations/tasks/contacts/batch/create", {"inputs": inputs[:2000]}).status_code == 201
    asked = [{"id": task} for task in tasks]
    assert http("POST", "/crm/v4/associations/tasks/contacts/batch/read", {"inputs": asked[:1001]}).status_code == 400
    read = http("POST", "/crm/v4/associations/tasks/contacts/batch/read", {"inputs": asked[1001:]})
    assert (read.status_code, read.json()["numErrors"], len(read.json()["results"])) == (207, 1, 999)
    pages, after = [], None
    while True:
        body = {"inputs": [{"id": contact, **({"after": after} if after else {})}]}
        (found,) = http("POST", "/crm/v4/associations/contacts/tasks/batch/read", body).json()["results"]
        pages.append([row["toObjectId"] for row in found["to"]])
        if "paging" not in found:
            break
        after = found["paging"]["next"]["after"]
    assert [len(page) for page in pages] == [500, 500, 500, 500]
    assert sorted(one for page in pages for one in page) == sorted(map(int, tasks[:2000]))
    listed, after, path = [], "", f"/crm/v4/objects/contacts/{contact}/associations/tasks?limit=500"
    while after is not None:
        answer = http("GET", f"{path}&after={after}").json()
        listed += [row["toObjectId"] for row in answer["results"]]
        after = answer.get("paging", {}).get("next", {}).get("after")
    assert len(set(listed)) == len(listed) == 2000


def test_archiving_one_label_keeps_the_association(http):
    contact, company = http.contact(email="a@b.co"), http.sim.create("companies", {"name": "Acme"})
    http.sim.associate("contacts", contact, "companies", company)
    primary = [{"associationCategory": DEFINED, "associationTypeId": 1}]
    body = {"inputs": [{"from": {"id": contact}, "to": {"id": company}, "types": primary}]}
    assert http("POST", "/crm/v4/associations/contacts/companies/batch/labels/archive", body).status_code == 204
    rows = http("GET", f"/crm/v4/objects/contacts/{contact}/associations/companies").json()["results"]
    assert [t["typeId"] for t in rows[0]["associationTypes"]] == [279]
    assert "associatedcompanyid" not in http.sim.get("contacts", contact)


@pytest.mark.parametrize(("on", "second"), [(True, "10"), (False, "00")])
def test_an_association_alone_moves_both_stamps_by_switch(make, clock, on, second):
    http = make(association_bumps=on)
    contact, company = http.contact(email="a@b.co"), http.sim.create("companies", {"name": "Acme"})
    deal, task = http.sim.create("deals", {"dealname": "D"}), http.sim.create("tasks", SAMPLES["tasks"][0])
    clock.tick(10)
    for own, own_id, other, other_id in (("contacts", contact, "companies", company), ("deals", deal, "companies", company)):
        http("PUT", f"/crm/v4/objects/{own}/{own_id}/associations/default/{other}/{other_id}")
    http("PUT", f"/crm/v4/objects/tasks/{task}/associations/default/contacts/{contact}")
    stamp = f"2026-03-02T09:00:{second}.250Z"
    assert http.sim.get("contacts", contact)["lastmodifieddate"] == stamp
    for kind, record in (("companies", company), ("deals", deal), ("tasks", task)):
        assert http.sim.get(kind, record)["hs_lastmodifieddate"] == stamp, kind
    assert http.sim.get("contacts", contact)["associatedcompanyid"] == company
    assert http.sim.get("companies", company)["num_associated_deals"] == "1"


def test_the_primary_company_follows_what_is_written_and_what_is_archived(http):
    contact = http.contact(email="a@b.co")
    first, second = (http.sim.create("companies", {"name": name}) for name in ("One", "Two"))
    http.sim.associate("contacts", contact, "companies", first)
    http("PATCH", f"/crm/v3/objects/contacts/{contact}", {"properties": {"associatedcompanyid": second}})
    rows = http("GET", f"/crm/v4/objects/contacts/{contact}/associations/companies").json()["results"]
    assert {str(r["toObjectId"]): len(r["associationTypes"]) for r in rows} == {first: 1, second: 2}
    http.sim.delete("companies", second)
    assert "associatedcompanyid" not in http.sim.get("contacts", contact)
    http.sim.undelete("companies", second)
    assert http.sim.get("contacts", contact)["associatedcompanyid"] == second


def test_an_archived_activity_no_longer_counts(http, clock):
    contact = http.contact(email="a@b.co")
    call = http.sim.create("calls", {"hs_timestamp": "2026-03-01", "associations": {"contacts": [contact]}})
    clock.tick(2)
    assert http.sim.get("contacts", contact)["notes_last_contacted"] == "2026-03-01T00:00:00Z"
    http.sim.delete("calls", call)
    clock.tick(2)
    assert http.sim.get("contacts", contact)["num_notes"] == "0"
    assert "notes_last_contacted" not in http.sim.get("contacts", contact)


def test_completing_and_reopening_a_task(http, clock):
    task = http.sim.create("tasks", {"hs_timestamp": "2026-03-01", "hs_task_subject": "x"})
    assert http.sim.get("tasks", task)["hs_task_is_overdue"] == "true"
    clock.tick(1)
    http("PATCH", f"/crm/v3/objects/tasks/{task}", {"properties": {"hs_task_status": "COMPLETED"}})
    done = http.sim.get("tasks", task)
    assert (done["hs_task_is_completed"], done["hs_task_completion_date"], done["hs_task_is_overdue"]) == (
        "1", "2026-03-02T09:00:01.250Z", "false",
    )  # fmt: skip
    http("PATCH", f"/crm/v3/objects/tasks/{task}", {"properties": {"hs_task_status": "WAITING"}})
    assert "hs_task_completion_date" not in http.sim.get("tasks", task)


def test_privacy_deletion_leaves_nothing_anywhere(http, clock):
    contact, other = http.contact(email="a@b.co", firstname="Ann"), http.contact(email="c@b.co")
    task = http.sim.create("tasks", {**SAMPLES["tasks"][0], "associations": {"contacts": [contact, other]}})
    clock.tick(5)
    assert http("POST", "/crm/v3/objects/contacts/gdpr-delete", {"objectId": "a@b.co", "idProperty": "email"}).status_code == 204
    assert http("GET", f"/crm/v3/objects/contacts/{contact}").status_code == 404
    assert http("GET", f"/crm/v3/objects/contacts/{contact}?archived=true").status_code == 404
    assert http("GET", "/crm/v3/objects/contacts?archived=true").json()["results"] == []
    read = http("POST", "/crm/v3/objects/contacts/batch/read", {"inputs": [{"id": contact}]})
    assert (read.status_code, read.json()["results"]) == (207, [])
    clock.tick(5)
    assert http.found() == [other]
    assert [row["toObjectId"] for row in http("GET", f"/crm/v4/objects/tasks/{task}/associations/contacts").json()["results"]] == [
        int(other)
    ]
    assert "Ann" not in str(http.sim.writes)
    assert (http.sim.writes[0].action, http.sim.writes[0].id) == ("privacy delete", contact)
    assert http.contact(email="a@b.co") != contact


def test_a_deactivated_user_is_an_archived_owner_that_keeps_its_records(make):
    http = make()
    owner = http.sim.add_user({"email": "rep@x.co", "first_name": "Rae"})
    task = http.sim.create("tasks", {**SAMPLES["tasks"][0], "hubspot_owner_id": owner})
    http.sim.deactivate_user("Rep@x.co")
    assert http("GET", "/crm/v3/owners").json()["results"] == []
    (gone,) = http("GET", "/crm/v3/owners?archived=true").json()["results"]
    assert (gone["id"], gone["userId"], gone["archived"]) == (owner, None, True)
    assert gone["userIdIncludingInactive"] is not None
    assert http.sim.get("tasks", task)["hubspot_owner_id"] == owner
    body = {"properties": {**SAMPLES["tasks"][0], "hubspot_owner_id": owner}}
    assert http("POST", "/crm/v3/objects/tasks", body).status_code == 201
    http.sim.options.change("archived_owners", "reject")
    assert http("POST", "/crm/v3/objects/tasks", body).json()["errors"][0]["code"] == "INVALID_OWNER_ID"
    with pytest.raises(ValueError, match="no such user"):
        http.sim.deactivate_user("nobody@x.co")


def test_association_events_come_from_both_ends_and_not_for_activities(make):
    http = make()
    heard = []
    http.sim.portal.on_event = heard.append
    contact, company = http.contact(email="a@b.co"), http.sim.create("companies", {"name": "Acme"})
    task = http.sim.create("tasks", SAMPLES["tasks"][0])
    heard.clear()
    http.sim.associate("contacts", contact, "companies", company)
    http.sim.associate("tasks", task, "contacts", contact)
    http.sim.forget("contacts", contact)
    changes = [e for e in heard if e.type.endswith("associationChange")]
    assert {(e.type, e.detail["associationType"]) for e in changes} == {
        ("contact.associationChange", "CONTACT_TO_COMPANY"), ("company.associationChange", "COMPANY_TO_CONTACT"),
    }  # fmt: skip
    assert [e.type for e in heard][-1] == "contact.privacyDeletion"
    with pytest.raises(ValueError, match="no contact"):
        http.sim.forget("companies", company)


def test_batch_answers_of_activities_have_the_recorded_shape(http, recorded, same_shape):
    recording = recorded("recorded/amp-labs-connectors/hubspot/test/search/contacts/contacts-to-companies.json")
    contact, company = http.contact(email="a@b.co"), http.sim.create("companies", {"name": "Acme"})
    deal = http.sim.create("deals", {"dealname": "D"})
    for own, own_id, other, other_id in (("contacts", contact, "companies", company), ("deals", deal, "companies", company)):
        http.sim.associate(own, own_id, other, other_id)
    lonely = http.sim.create("deals", {"dealname": "E"})
    answer = http("POST", "/crm/v4/associations/deals/companies/batch/read", {"inputs": [{"id": deal}, {"id": lonely}]})
    assert answer.status_code == 207
    same_shape(answer.json(), recording)
    assert [t["typeId"] for t in answer.json()["results"][0]["to"][0]["associationTypes"]] == [5, 341]
    made = http("POST", "/crm/v4/associations/tasks/deals/batch/create", {"inputs": [
        {"from": {"id": http.sim.create("tasks", SAMPLES["tasks"][0])}, "to": {"id": deal},
         "types": [{"associationCategory": DEFINED, "associationTypeId": 216}]}]})  # fmt: skip
    same_shape(made.json(), recorded("recorded/amp-labs-connectors/hubspot/internal/associations/test/contact-to-company-resp.json"))


def test_many_associations_are_shown_in_pages(make):
    http = make(association_page=2)
    contact = http.contact(email="a@b.co")
    tasks = [http.sim.create("tasks", {"hs_timestamp": "2026-03-03", "associations": {"contacts": [contact]}}) for _ in range(3)]
    shown = http("GET", f"/crm/v3/objects/contacts/{contact}?associations=tasks").json()["associations"]["tasks"]
    assert [row["id"] for row in shown["results"]] == tasks[:2]
    after = shown["paging"]["next"]["after"]
    rest = http("GET", f"/crm/v4/objects/contacts/{contact}/associations/tasks?after={after}").json()["results"]
    assert [row["toObjectId"] for row in rest] == [int(tasks[2])]
    (first,) = http("POST", "/crm/v4/associations/contacts/tasks/batch/read", {"inputs": [{"id": contact}]}).json()["results"]
    assert (len(first["to"]), first["paging"]["next"]["after"]) == (2, after)
