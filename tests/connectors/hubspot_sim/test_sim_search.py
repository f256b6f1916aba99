"""Search: operators, caps, the lagging index, keyset reading of many equal stamps."""

from __future__ import annotations

import itertools

import pytest

MODIFIED = "lastmodifieddate"


def _f(name, operator, value=None, **extra):
    return {"propertyName": name, "operator": operator, **({"value": value} if value is not None else {}), **extra}


@pytest.fixture
def people(make):
    http = make(search_lag=0)
    http.sim.create_many(
        "contacts",
        [
            {"email": "ada@x.co", "firstname": "Ada", "hs_lead_status": "NEW", "associatedcompanyid": 5},
            {
                "email": "bob@y.co",
                "firstname": "bob",
                "hs_lead_status": "OPEN",
                "associatedcompanyid": 50,
                "hs_buying_role": "CHAMPION;OTHER",
            },
            {"email": "cy@x.co", "lastname": "Smith Jones", "associatedcompanyid": 500},
        ],
    )
    return http


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (_f("firstname", "EQ", "ADA"), ["ada"]),
        (_f("firstname", "NEQ", "ada"), ["bob"]),
        (_f("hs_lead_status", "EQ", "new"), []),
        (_f("hs_lead_status", "EQ", "NEW"), ["ada"]),
        (_f("hs_lead_status", "IN", values=["NEW", "OPEN"]), ["ada", "bob"]),
        (_f("hs_lead_status", "NOT_IN", values=["NEW"]), ["bob", "cy"]),
        (_f("firstname", "IN", values=["Ada"]), []),
        (_f("firstname", "IN", values=["ada", "bob"]), ["ada", "bob"]),
        (_f("firstname", "HAS_PROPERTY"), ["ada", "bob"]),
        (_f("firstname", "NOT_HAS_PROPERTY"), ["cy"]),
        (_f("associatedcompanyid", "GT", "5"), ["bob", "cy"]),
        (_f("associatedcompanyid", "LTE", "50"), ["ada", "bob"]),
        (_f("associatedcompanyid", "BETWEEN", "6", highValue="499"), ["bob"]),
        (_f("associatedcompanyid", "LT", "6"), ["ada"]),
        (_f("associatedcompanyid", "GTE", "500"), ["cy"]),
        (_f("lastname", "CONTAINS_TOKEN", "jones"), ["cy"]),
        (_f("lastname", "CONTAINS_TOKEN", "smi*"), ["cy"]),
        (_f("email", "CONTAINS_TOKEN", "*@x.co"), ["ada", "cy"]),
        (_f("firstname", "NOT_CONTAINS_TOKEN", "ada"), ["bob", "cy"]),
        (_f("hs_buying_role", "EQ", "OTHER"), ["bob"]),
    ],
)
def test_operators(people, one, expected):
    ids = people.found(one)
    assert [people.sim.get("contacts", i)["email"].partition("@")[0] for i in ids] == expected


def test_groups_are_or_filters_are_and(people):
    groups = [{"filters": [_f("firstname", "EQ", "ada"), _f("hs_lead_status", "EQ", "OPEN")]}, {"filters": [_f("email", "EQ", "cy@x.co")]}]
    answer = people("POST", "/crm/v3/objects/contacts/search", {"filterGroups": groups, "properties": ["email", "phone"]}).json()
    assert answer["total"] == 1
    assert answer["results"][0]["properties"]["phone"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"filterGroups": [{"filters": [_f("email", "EQ", "a")]}] * 6},
        {"filterGroups": [{"filters": [_f("email", "EQ", "a")] * 7}]},
        {"filterGroups": [{"filters": [_f("email", "EQ", "a")] * 5}] * 4},
        {"limit": 201},
        {"sorts": ["email", "firstname"]},
        {"filterGroups": [{"filters": [_f("nonsense", "EQ", "a")]}]},
        {"filterGroups": [{"filters": [_f("email", "LIKE", "a")]}]},
        {"filterGroups": [{"filters": [_f("email", "EQ", "a" * 3000)]}]},
        {"after": "9900", "limit": 200},
        {"after": "10000"},
        {"filterGroups": [{"filters": [_f(MODIFIED, "GTE", "yesterday")]}]},
        {"filterGroups": [{"filters": [_f("email", "IN")]}]},
    ],
)
def test_what_the_live_api_refuses(http, body):
    answer = http("POST", "/crm/v3/objects/contacts/search", body)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"


def test_index_shows_the_old_version_until_the_lag_has_passed(http, clock):
    record_id = http.contact(email="a@b.co", firstname="Old")
    assert http.found() == []
    assert http("GET", f"/crm/v3/objects/contacts/{record_id}").status_code == 200
    clock.tick(2)
    assert http.found() == [record_id]
    http("PATCH", f"/crm/v3/objects/contacts/{record_id}", {"properties": {"firstname": "New"}})
    assert http.found(_f("firstname", "EQ", "old")) == [record_id]
    assert http.found(_f(MODIFIED, "GT", "2026-03-02T09:00:00.250Z")) == []
    clock.tick(2)
    assert http.found(_f("firstname", "EQ", "old")) == []
    assert http.found(_f(MODIFIED, "GT", "2026-03-02T09:00:00.250Z")) == [record_id]


def test_lag_per_modification_never_shows_an_older_version_later(make, clock):
    lags = itertools.chain([0.0, 10.0, 1.0], itertools.repeat(0.0))
    http = make(search_lag=lambda: next(lags))
    record_id = http.contact(email="a@b.co", firstname="0")
    http.sim.edit("contacts", record_id, {"firstname": "1"})
    http.sim.edit("contacts", record_id, {"firstname": "2"})
    clock.tick(1)
    assert http.found(_f("firstname", "EQ", "2")) == [record_id]
    clock.tick(10)
    assert http.found(_f("firstname", "EQ", "2")) == [record_id]


def test_archived_records_never_show(http, clock):
    record_id = http.contact(email="a@b.co")
    clock.tick(1)
    http.sim.delete("contacts", record_id)
    clock.tick(60)
    assert http.found() == []


def test_twenty_five_thousand_equal_stamps_by_keyset(make):
    http = make(search_lag=0)
    http.sim.create_many("contacts", ({"email": f"p{i}@x.co"} for i in range(25_000)))
    stamp = "1772442000250"
    first = http.search([_f(MODIFIED, "GTE", stamp)], sorts=[{"propertyName": MODIFIED, "direction": "ASCENDING"}], limit=200)
    assert first.json()["total"] == 25_000
    assert first.json()["paging"]["next"]["after"] == "200"
    seen, last = 0, "0"
    while True:
        page = http.search(
            [_f(MODIFIED, "EQ", stamp), _f("hs_object_id", "GT", last)],
            limit=200,
            sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        ).json()["results"]
        if not page:
            break
        assert int(page[0]["id"]) > int(last)
        seen, last = seen + len(page), page[-1]["id"]
    assert seen == 25_000


def test_sort_and_window(http, clock):
    ids = []
    for name in "cab":
        ids.append(http.contact(email=f"{name}@x.co"))
        clock.tick(10)
    sort = [{"propertyName": MODIFIED, "direction": "DESCENDING"}]
    assert http.found(sorts=sort) == ids[::-1]
    assert http.found(sorts=sort, limit=1, after="1") == [ids[1]]
    assert http.found(sorts=[{"propertyName": "email", "direction": "ASCENDING"}]) == [ids[1], ids[2], ids[0]]
    assert http.found(_f(MODIFIED, "BETWEEN", "2026-03-02T09:00:10Z", highValue="2026-03-02T09:00:15Z")) == [ids[1]]
    assert http.found(_f(MODIFIED, "LT", "1772442010250"), sorts=sort) == [ids[0]]


def test_association_pseudo_property(http, clock):
    contact = http.contact(email="a@b.co")
    task = http.sim.create("tasks", {"hs_timestamp": "2026-03-03", "associations": {"contacts": [contact]}})
    clock.tick(5)
    assert http.found(_f("associations.contact", "EQ", contact), object_type="tasks") == [task]


def test_recorded_search_shape(people, recorded, same_shape):
    answer = people.search([], limit=1, properties=["company", "email", "firstname", "lastname", "phone", "website"]).json()
    same_shape(answer, recorded("recorded/amp-labs-connectors/hubspot/test/search/contacts/1-first-page.json"))
