"""wire: against recorded payloads where they exist, else against the contract's words."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crmsync.model.record import ObjectSchema, RecordState
from crmsync_hubspot import wire

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
RECORDED = SHARED / "recorded" / "amp-labs-connectors" / "hubspot" / "test"
PROPERTIES = SHARED / "data" / "hubspot_properties" / "contact_properties_tracardi.json"


def recorded(name: str) -> Any:
    file = RECORDED / name
    if not file.exists():
        pytest.skip(f"recorded payload {name} is not beside this project (../shared/recorded)")
    return json.loads(file.read_text())


def definitions() -> list[dict[str, Any]]:
    if not PROPERTIES.exists():
        pytest.skip("property definitions are not beside this project (../shared/data)")
    loaded = json.loads(PROPERTIES.read_text())
    return list(loaded["results"] if isinstance(loaded, dict) else loaded)


def schema(**kinds: tuple[str, str]) -> ObjectSchema:
    rows = [{"name": n, "label": n, "type": t, "fieldType": w} for n, (t, w) in kinds.items()]
    return wire.object_schema("contacts", rows)


def test_search_rows_become_records() -> None:
    page = recorded("search/contacts/1-first-page.json")
    decoder = wire.Decoder("contacts", ["email", "firstname", "company", "website"], ObjectSchema(object="contacts", label="Contacts"))
    record = decoder.record(page["results"][0])
    assert record.ref.id == "501"
    assert record.fields == {"email": "person@example.com", "firstname": "Johnnie", "company": None, "website": None}
    assert record.modified_at == datetime(2025, 1, 27, 19, 53, 15, 581000, tzinfo=UTC)
    assert record.created_at == datetime(2023, 12, 14, 23, 31, 55, 758000, tzinfo=UTC)
    assert record.state is RecordState.LIVE
    assert record.by_us is None


def test_absent_property_is_absent_and_empty_is_none() -> None:
    fields = wire.Decoder("contacts", ["a", "b", "c"], schema(a=("string", "text"), b=("string", "text"))).fields({"a": "", "b": "x"})
    assert fields == {"a": None, "b": "x"}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (("number", "number"), "15000", 15000),
        (("number", "number"), "0.400000000000000022204460492503130808472633361816", 0.4),
        (("number", "number"), "3.0", 3),
        (("number", "number"), "many", "many"),
        (("bool", "booleancheckbox"), "true", True),
        (("bool", "booleancheckbox"), "false", False),
        (("datetime", "date"), "2026-12-31T00:00:00Z", "2026-12-31T00:00:00.000Z"),
        (("datetime", "date"), "2026-12-31T01:02:25.880Z", "2026-12-31T01:02:25.880Z"),
        (("datetime", "date"), "1773300826615", "2026-03-12T07:33:46.615Z"),
        (("datetime", "date"), "2026-12-31T01:02:25+02:00", "2026-12-30T23:02:25.000Z"),
        (("date", "date"), "2026-03-08", "2026-03-08"),
        (("date", "date"), "1772928000000", "2026-03-08"),
        (("string", "text"), "00123", "00123"),
        (("enumeration", "checkbox"), "a;b", "a;b"),
    ],
)
def test_values_in(kind: tuple[str, str], text: str, value: object) -> None:
    got = wire.Decoder("contacts", ["x"], schema(x=kind)).fields({"x": text})["x"]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (True, "true"), (False, "false"), (3, "3"), (3.0, "3"), (0.25, "0.25"), ("é;b", "é;b")]
)
def test_values_out(value: Any, text: str) -> None:
    assert wire.encode(value) == text


def test_html_is_escaped_and_lines_kept() -> None:
    assert wire.as_html('<script>&"\r\nnext\nlast') == "&lt;script&gt;&amp;&quot;<br>next<br>last"


def test_merged_ids_are_former_ids() -> None:
    row = {"id": "9", "properties": {"hs_merged_object_ids": "3;4", "lastmodifieddate": "2026-01-01T00:00:00Z"}, "createdAt": None}
    assert wire.Decoder("contacts", [], schema()).record(row).former_ids == ("3", "4")


def test_a_page_tells_the_digests_of_plain_live_records_only() -> None:
    def row(id: str, **more: Any) -> dict[str, Any]:
        stamp = "2026-01-01T00:00:00Z"
        properties = {"email": "a@b.example", "hs_merged_object_ids": None, "lastmodifieddate": stamp, **more}
        return {"id": id, "properties": properties, "createdAt": stamp, "updatedAt": stamp, "archived": id == "3"}

    decoder = wire.Decoder("contacts", ["email"], schema())
    records, digests = decoder.page(
        [row("1"), row("2", hs_merged_object_ids="7"), row("3"), row("4", lastmodifieddate="2026-02-01T00:00:00Z")]
    )
    assert digests == [("1", records[0].digest), ("2", ""), ("3", ""), ("4", records[0].digest)]
    assert records[0].digest
    assert records[3].modified_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert records[3] == records[3], "a record made twice is the same"
    assert decoder.page([row("1", email="c@b.example")])[1] != digests[:1]


def test_partial_create_conflict_names_row_and_existing_id() -> None:
    error = recorded("batch/create/contacts/err-partial-success.json")["errors"][0]
    said = wire.trouble(207, error)
    assert (said.category, said.traces, said.existing_id) == ("CONFLICT", ("0",), "171591000198")


def test_whole_conflict_has_no_id() -> None:
    said = wire.trouble(409, recorded("batch/create/contacts/err-conflict.json"))
    assert (said.category, said.existing_id) == ("CONFLICT", None)


@pytest.mark.parametrize("kind", ["create", "update"])
def test_invalid_properties_are_named_once(kind: str) -> None:
    said = wire.trouble(400, recorded(f"batch/{kind}/contacts/err-many-invalid-properties.json"))
    assert said.code == "PROPERTY_DOESNT_EXIST"
    assert said.fields == ("first000name", "last000name")


def test_properties_are_found_in_the_message_alone() -> None:
    body = recorded("batch/update/contacts/err-many-invalid-properties.json")
    del body["errors"]
    assert wire.trouble(400, body).fields == ("first000name", "last000name")


def test_unknown_ids_are_named() -> None:
    said = wire.trouble(207, recorded("batch/update/contacts/err-partial-success.json")["errors"][0])
    assert (said.category, said.ids) == ("OBJECT_NOT_FOUND", ("unknownIdentifier888",))
    assert wire.trouble(400, recorded("batch/update/contacts/err-duplicate-ids.json")).ids == ("123456",)


def test_missing_scopes_are_named() -> None:
    said = wire.trouble(403, recorded("metadata-err-schemas-scope.json"))
    assert (said.category, said.scopes) == ("MISSING_SCOPES", ("custom-object-read",))


def test_the_three_limits_are_told_apart() -> None:
    search = {"status": "error", "message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}
    window = {"status": "error", "message": "You have reached your ten_secondly_rolling limit.", "policyName": "TEN_SECONDLY_ROLLING"}
    day = {"status": "error", "message": "You have reached your daily limit.", "policyName": "DAILY"}
    assert [(t.secondly, t.daily) for t in (wire.trouble(429, b) for b in (search, window, day))] == [
        (True, False),
        (False, False),
        (False, True),
    ]


@pytest.mark.parametrize("body", [None, [], "x", {}, {"errors": [None]}, {"context": [], "errors": [{"context": "no"}]}])
def test_any_body_is_a_trouble(body: Any) -> None:
    assert wire.trouble(400, body).status == 400
    assert wire.trouble(400, body).code


def test_real_definitions_give_a_schema() -> None:
    fields = wire.object_schema("contacts", definitions()).fields
    assert fields["email"].type == "email"
    assert fields["email"].unique
    assert fields["lifecyclestage"].type == "picklist"
    assert "marketingqualifiedlead" in fields["lifecyclestage"].options
    assert fields["lifecyclestage"].restricted
    assert fields["hubspot_owner_id"].type == "reference"
    assert fields["lastmodifieddate"].type == "datetime"
    assert not fields["lastmodifieddate"].updateable
    assert fields["hs_email_optout"].type == "bool"
    assert fields["hs_email_optout"].updateable
    assert fields["phone"].type == "phone"
    assert any(f.computed for f in fields.values())
    assert {f.type for f in fields.values()} <= {"text", "email", "phone", "url", "number", "bool", "date", "datetime", "picklist", "multi",
                                                 "reference", "other"}  # fmt: skip


def test_history_is_newest_first_and_decoded() -> None:
    row = {
        "id": "7",
        "propertiesWithHistory": {
            "score": [
                {"value": "1", "timestamp": "2026-01-01T00:00:00Z", "sourceType": "CRM_UI", "sourceId": "userId:5"},
                {"value": "", "timestamp": "2026-01-02T00:00:00.500Z", "sourceType": "INTEGRATION"},
            ]
        },
    }
    found = wire.versions(row, ["score", "other"], schema(score=("number", "number")))
    assert [(v.id, v.field, v.value, v.source) for v in found] == [
        ("7", "score", None, "INTEGRATION"),
        ("7", "score", 1, "CRM_UI:userId:5"),
    ]
    assert found[0].at == datetime(2026, 1, 2, 0, 0, 0, 500000, tzinfo=UTC)


def test_owner_id_is_not_the_user_id() -> None:
    row = {"id": "41", "email": "a@b.example", "firstName": "A", "lastName": "B", "userId": 900, "type": "PERSON", "archived": False}
    person = wire.user(row, archived=False)
    assert (person.id, person.email, person.name, person.active, person.kind) == ("41", "a@b.example", "A B", True, "person")
    assert wire.user({"id": 5, "type": "QUEUE", "userId": None}, archived=True).kind == "queue"
    assert not wire.user({"id": 5}, archived=True).active
