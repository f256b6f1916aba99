"""Associations v4 and v3, and the echoes HubSpot makes of them."""

from __future__ import annotations

import pytest

DEFINED = "HUBSPOT_DEFINED"
TYPE_IDS = [
    ("contacts", "companies", 279),
    ("companies", "contacts", 280),
    ("deals", "contacts", 3),
    ("contacts", "deals", 4),
    ("deals", "companies", 341),
    ("companies", "deals", 342),
    ("tasks", "contacts", 204),
    ("contacts", "tasks", 203),
    ("tasks", "companies", 192),
    ("tasks", "deals", 216),
    ("notes", "contacts", 202),
    ("calls", "contacts", 194),
    ("emails", "contacts", 198),
    ("meetings", "contacts", 200),
    ("meetings", "companies", 188),
    ("calls", "deals", 206),
]


@pytest.fixture
def pair(http):
    return http.contact(email="a@b.co"), http.sim.create("companies", {"name": "Acme", "domain": "acme.co"})


@pytest.mark.parametrize(("own", "other", "type_id"), TYPE_IDS)
def test_default_types(http, own, other, type_id):
    fields = {"contacts": {"email": "a@b.co"}, "companies": {"name": "A"}, "deals": {"dealname": "D"}}
    ids = [http.sim.create(name, fields.get(name, {"hs_timestamp": "2026-03-03"})) for name in (own, other)]
    assert http("PUT", f"/crm/v4/objects/{own}/{ids[0]}/associations/default/{other}/{ids[1]}").status_code == 200
    rows = http("GET", f"/crm/v4/objects/{own}/{ids[0]}/associations/{other}").json()["results"]
    assert rows[0]["toObjectId"] == int(ids[1])
    assert type_id in [t["typeId"] for t in rows[0]["associationTypes"]]


def test_first_company_is_primary_and_read_by_batch_is_207_for_none(http, pair, recorded, same_shape):
    contact, company = pair
    alone = http.contact(email="alone@b.co")
    put = http(
        "PUT",
        f"/crm/v4/objects/contacts/{contact}/associations/companies/{company}",
        [{"associationCategory": DEFINED, "associationTypeId": 279}],
    )
    assert put.status_code == 201
    assert put.json()["fromObjectTypeId"] == "0-1"
    assert put.json()["toObjectId"] == int(company)
    read = http("POST", "/crm/v4/associations/contacts/companies/batch/read", {"inputs": [{"id": contact}, {"id": alone}]})
    assert read.status_code == 207
    same_shape(read.json(), recorded("recorded/amp-labs-connectors/hubspot/test/search/contacts/contacts-to-companies.json"))
    assert read.json()["results"][0]["to"][0]["associationTypes"] == [
        {"category": DEFINED, "typeId": 1, "label": "Primary"},
        {"category": DEFINED, "typeId": 279, "label": None},
    ]
    assert read.json()["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert read.json()["numErrors"] == 1
    assert http.sim.get("contacts", contact)["associatedcompanyid"] == company
    other = http.sim.create("companies", {"name": "Second"})
    http("PUT", f"/crm/objects/2026-03/contacts/{contact}/associations/default/companies/{other}")
    assert http.sim.get("contacts", contact)["associatedcompanyid"] == company
    http(
        "PUT",
        f"/crm/v4/objects/contacts/{contact}/associations/companies/{other}",
        [{"associationCategory": DEFINED, "associationTypeId": 1}],
    )
    assert http.sim.get("contacts", contact)["associatedcompanyid"] == other


def test_association_change_bumps_the_contact(http, pair, clock):
    contact, company = pair
    clock.tick(10)
    http("PUT", f"/crm/v4/objects/contacts/{contact}/associations/default/companies/{company}")
    assert http.sim.get("contacts", contact)["lastmodifieddate"] == "2026-03-02T09:00:10.250Z"
    assert http.sim.get("companies", company)["num_associated_contacts"] == "1"
    clock.tick(10)
    assert http("DELETE", f"/crm/v4/objects/contacts/{contact}/associations/companies/{company}").status_code == 204
    assert "associatedcompanyid" not in http.sim.get("contacts", contact)


def test_note_on_a_contact_bumps_it_a_little_later(make, clock):
    for on, stamp in ((True, "2026-03-02T09:00:11.550Z"), (False, "2026-03-02T09:00:00.250Z")):
        http = make(activity_bumps_person=on)
        clock.now = clock.now.replace(second=0, minute=0)
        contact = http.contact(email="a@b.co")
        clock.tick(10)
        made = http(
            "POST",
            "/crm/v3/objects/notes",
            {
                "properties": {"hs_timestamp": "2026-03-02T09:00:00Z", "hs_note_body": "Hi"},
                "associations": [{"to": {"id": contact}, "types": [{"associationCategory": DEFINED, "associationTypeId": 202}]}],
            },
        )
        assert made.status_code == 201
        assert http.sim.get("contacts", contact)["lastmodifieddate"] == "2026-03-02T09:00:00.250Z"
        clock.tick(2)
        assert http.sim.get("contacts", contact)["lastmodifieddate"] == stamp
        assert http.sim.get("contacts", contact)["num_notes"] == ("1" if on else "0")
        assert http.sim.associated("contacts", contact, "notes") == [made.json()["id"]]


def test_create_body_refuses_wrong_type_or_target(http, pair):
    contact, _ = pair
    for to_id, type_id in ((contact, 203), ("5", 204)):
        refused = http(
            "POST",
            "/crm/v3/objects/tasks",
            {
                "properties": {"hs_timestamp": "2026-03-03"},
                "associations": [{"to": {"id": to_id}, "types": [{"associationCategory": DEFINED, "associationTypeId": type_id}]}],
            },
        )
        assert refused.status_code == 400
    assert http.sim.all("tasks") == []


def test_batch_create_and_archive(http, pair, recorded, same_shape):
    contact, company = pair
    body = {
        "inputs": [{"from": {"id": contact}, "to": {"id": company}, "types": [{"associationCategory": DEFINED, "associationTypeId": 279}]}]
    }
    made = http("POST", "/crm/v4/associations/0-1/0-2/batch/create", body)
    assert made.status_code == 201
    same_shape(made.json(), recorded("recorded/amp-labs-connectors/hubspot/internal/associations/test/contact-to-company-resp.json"))
    bad = http(
        "POST",
        "/crm/v4/associations/contacts/contacts/batch/create",
        {
            "inputs": [
                {
                    "from": {"id": contact},
                    "to": {"id": "unknown_id"},
                    "types": [{"associationCategory": DEFINED, "associationTypeId": 449}],
                },
                {"from": {"id": contact}, "to": {"id": contact}, "types": [{"associationCategory": DEFINED, "associationTypeId": 449}]},
            ]
        },
    )
    assert bad.status_code == 207
    same_shape(bad.json(), recorded("recorded/amp-labs-connectors/hubspot/internal/associations/test/err-contact-to-contact.json"))
    assert bad.json()["numErrors"] == 2
    gone = http(
        "POST", "/crm/v4/associations/contacts/companies/batch/archive", {"inputs": [{"from": {"id": contact}, "to": [{"id": company}]}]}
    )
    assert gone.status_code == 204
    assert http.sim.associated("contacts", contact, "companies") == []


def test_v3_batch_create_answers_both_directions(http, pair):
    contact, company = pair
    made = http(
        "POST",
        "/crm/v3/associations/contacts/companies/batch/create",
        {"inputs": [{"from": {"id": contact}, "to": {"id": company}, "type": "contact_to_company"}]},
    )
    assert made.status_code == 201
    assert {(r["from"]["id"], r["to"]["id"], r["type"]) for r in made.json()["results"]} == {
        (contact, company, "contact_to_company"),
        (company, contact, "company_to_contact"),
    }
    shown = http("GET", f"/crm/v3/objects/contacts/{contact}?associations=companies").json()["associations"]
    assert {"id": company, "type": "contact_to_company"} in shown["companies"]["results"]


def test_merge_makes_a_third_id_that_old_ids_lead_to(make, clock):
    http = make()
    first, second = http.contact(email="a@b.co", firstname="A"), http.contact(email="c@d.co", firstname="C", phone="1")
    company = http.sim.create("companies", {"name": "Acme"})
    http.sim.associate("contacts", second, "companies", company)
    merged = http("POST", "/crm/v3/objects/contacts/merge", {"primaryObjectId": first, "objectIdToMerge": second})
    assert merged.status_code == 200
    survivor = merged.json()["id"]
    assert survivor not in (first, second)
    props = http.sim.get("contacts", survivor)
    assert (props["email"], props["firstname"], props["phone"]) == ("a@b.co", "A", "1")
    assert props["hs_additional_emails"] == "c@d.co"
    assert set(props["hs_merged_object_ids"].split(";")) == {first, second}
    assert http("GET", f"/crm/v3/objects/contacts/{second}").json()["id"] == survivor
    assert http.sim.get("contacts", second)["merged_into"] == survivor
    assert http.sim.associated("contacts", survivor, "companies") == [company]
    assert http("GET", "/crm/v3/objects/contacts?archived=true").json()["results"] == []
    clock.tick(3)
    assert http.found() == [survivor]
    batch = http("POST", "/crm/v3/objects/contacts/batch/read", {"inputs": [{"id": first}]})
    assert (batch.status_code, batch.json()["results"]) == (207, [])


def test_merge_may_keep_the_winners_id(make):
    http = make(merge_creates_new_id=False)
    first, second = http.contact(email="a@b.co"), http.contact(email="c@d.co")
    assert http.sim.merge("contacts", first, [second]) == first
    assert http.sim.get("contacts", first)["hs_merged_object_ids"] == second
    assert [c["id"] for c in http.sim.all("contacts")] == [first]


def test_company_enrichment_is_an_option(make, clock):
    http = make(enrich_companies=True)
    company = http.sim.create("companies", {"name": "Acme", "domain": "acme.co"})
    clock.tick(2)
    assert http.sim.get("companies", company)["twitterhandle"] == "acme"
    assert http.sim.get("companies", company)["hs_lastmodifieddate"] == "2026-03-02T09:00:02.121Z"
