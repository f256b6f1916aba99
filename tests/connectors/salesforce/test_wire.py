"""Native JSON to model values, and errors to outcomes, against recorded payloads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.model.change import Action, OutcomeKind, Write
from crmsync.model.record import RecordState, Ref
from crmsync_salesforce import cells, wire


def row(**more: Any) -> dict[str, Any]:
    return {
        "attributes": {"type": "Contact", "url": "/x"},
        "Id": "0035g00000AAAAAAA1",
        "SystemModstamp": "2026-05-01T07:25:37.000+0000",
        "CreatedDate": "2026-04-01T00:00:00.000+0000",
        "LastModifiedById": "0055g00000XYZabAAH",
        "IsDeleted": False,
        **more,
    }


def one(object: str = "Contact", fields: tuple[str, ...] = (), me: str | None = None, **more: Any) -> Any:
    return wire.Decoder(object, fields, me=me).records([row(**more)])[0]


@pytest.mark.parametrize(
    ("native", "canonical"),
    [
        ("", None),
        (None, None),
        (5.0, 5),
        (5.25, 5.25),
        (7, 7),
        (True, True),
        (False, False),
        ("2026-05-01T07:25:37.000+0000", "2026-05-01T07:25:37.000Z"),
        ("2026-05-01", "2026-05-01"),
        (" kept ", " kept "),
        ("a;b", "a;b"),
        ({"city": "Graz"}, '{"city":"Graz"}'),
    ],
)
def test_values_are_canonical(native: Any, canonical: Any) -> None:
    found = wire.value(native)
    assert found == canonical
    assert type(found) is type(canonical)


def test_a_record_has_flat_parents_times_in_utc_and_its_author() -> None:
    record = one(
        fields=("Email", "Account.Name", "Owner.Profile.Name"), me="0055g00000XYZab", Email="a@b.c", Account={"Name": "Acme"}, Owner=None
    )
    assert record.ref == Ref(side="salesforce", object="Contact", id="0035g00000AAAAAAA1")
    assert record.fields == {"Email": "a@b.c", "Account.Name": "Acme", "Owner.Profile.Name": None}
    assert record.modified_at == datetime(2026, 5, 1, 7, 25, 37, tzinfo=UTC)
    assert record.created_at == datetime(2026, 4, 1, tzinfo=UTC)
    assert record.by_us is True
    assert one(me="005000000000000").by_us is False
    assert one(me=None).by_us is None


def test_deleted_merged_and_converted_rows_say_where_they_went() -> None:
    assert one(IsDeleted=True, MasterRecordId=None).state is RecordState.DELETED
    merged = one(IsDeleted=True, MasterRecordId="0035g00000BBBBBBB2")
    assert (merged.state, merged.survivor) == (RecordState.MERGED, Ref(side="salesforce", object="Contact", id="0035g00000BBBBBBB2"))
    converted = one("Lead", IsConverted=True, ConvertedContactId="0035g00000CCCCCCC3")
    assert (converted.state, converted.survivor) == (
        RecordState.CONVERTED,
        Ref(side="salesforce", object="Contact", id="0035g00000CCCCCCC3"),
    )


def test_the_winner_of_a_merge_on_the_same_page_knows_its_losers() -> None:
    loser = row(Id="0035g00000LOSER001", IsDeleted=True, MasterRecordId="0035g00000AAAAAAA1")
    records = wire.Decoder("Contact", (), me=None).records([loser, row()])
    assert records[1].former_ids == ("0035g00000LOSER001",)
    assert records[0].former_ids == ()


def test_a_page_tells_the_digests_of_plain_live_records_only() -> None:
    loser = row(Id="0035g00000LOSER001", IsDeleted=True, MasterRecordId="0035g00000AAAAAAA1")
    rows = [loser, row(), row(Id="0035g00000AAAAAAA2", Email="a@b.example")]
    records, digests = wire.Decoder("Contact", ("Email",), me=None).page(rows)
    assert [id for id, _ in digests] == [r.ref.id for r in records]
    assert [digest for _, digest in digests] == ["", "", records[2].digest]
    assert records[2].digest
    assert (records[-1], *records[:2]) == (records[2], records[0], records[1])
    assert records[2].fields["Email"] == "a@b.example"


def test_a_digest_changes_with_a_value_and_not_with_a_stamp() -> None:
    def digest(**more: Any) -> str:
        return str(wire.Decoder("Contact", ("Email",), me=None).page([row(**more)])[1][0][1])

    assert digest(Email="a@b.example") == digest(Email="a@b.example", SystemModstamp="2027-01-01T00:00:00.000+0000", LastModifiedById="x")
    assert digest(Email="a@b.example") != digest(Email="c@b.example")


def test_system_fields_name_only_what_the_object_has() -> None:
    assert "MasterRecordId" in wire.system_fields("Contact")
    assert "IsConverted" not in wire.system_fields("Contact")
    assert "ConvertedContactId" in wire.system_fields("Lead")
    assert "MasterRecordId" not in wire.system_fields("Task")


def test_recorded_query_rows_decode(recorded: Callable[[str], bytes]) -> None:
    native = orjson.loads(recorded("amp-labs-connectors/salesforce/test/read-opportunity-with-account.json"))
    system = {"SystemModstamp": "2026-05-01T07:25:37.000+0000"}
    records = wire.Decoder("Opportunity", ("Name", "Amount", "AccountId"), me=None).records([{**r, **system} for r in native["records"]])
    assert [r.fields["Amount"] for r in records] == [50000, 30000]
    assert isinstance(records[0].fields["Amount"], int)
    assert records[1].fields["AccountId"] is None


# --- errors ------------------------------------------------------------------------------------------------------------------

CREATE = Write(write_id="w1", action=Action.CREATE, object="Contact", key="k")
UPDATE = Write(write_id="w2", action=Action.UPDATE, object="Contact", id="0035g00000AAAAAAA1")


@pytest.mark.parametrize(
    ("code", "message", "fields", "write", "kind", "culprits"),
    [
        ("ENTITY_IS_DELETED", "entity is deleted", [], UPDATE, "gone", ()),
        ("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [], UPDATE, "gone", ()),
        ("NOT_FOUND", "The requested resource does not exist", None, UPDATE, "gone", ()),
        ("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"], CREATE, "rejected", ("LastName",)),
        ("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName, Company]", [], CREATE, "rejected", ("LastName", "Company")),
        ("STRING_TOO_LONG", "First Name: data value too large: x (max length=40)", ["FirstName"], CREATE, "rejected", ("FirstName",)),
        (
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "bad value for restricted picklist field: zzz",
            ["Rating"],
            CREATE,
            "rejected",
            ("Rating",),
        ),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No!", [], CREATE, "rejected", ()),
        ("INVALID_FIELD", "No such column 'x_y' on sobject of type Contact", [], CREATE, "rejected", ("x_y",)),
        ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: x", ["Email"], UPDATE, "rejected", ("Email",)),
        ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", [], UPDATE, "retry", ()),
        (
            "DUPLICATE_VALUE",
            "duplicate value found: k__c duplicates value on record with id: 0035g00000BBBBB",
            [],
            UPDATE,
            "rejected",
            ("k__c",),
        ),
        ("DUPLICATES_DETECTED", "Use one of these records?", [], UPDATE, "rejected", ()),
        ("DUPLICATES_DETECTED", "Use one of these records?", [], CREATE, "exists", ()),
        ("SOMETHING_NEW", "?", [], CREATE, "rejected", ()),
    ],
)
def test_refusals_are_classified(code: str, message: str, fields: Any, write: Write, kind: str, culprits: tuple[str, ...]) -> None:
    found = wire.outcome(write, id=None, errors=(wire.api_error({"statusCode": code, "message": message, "fields": fields}),))
    assert (found.kind, found.cause, found.fields) == (OutcomeKind(kind), code, culprits)
    assert found.write_id == write.write_id
    assert found.id == write.id


def test_a_unique_field_names_the_record_that_exists() -> None:
    message = "duplicate value found: Hub_Id__c duplicates value on record with id: 0035g00000BBBBB"
    found = wire.outcome(CREATE, id=None, errors=(wire.api_error({"errorCode": "DUPLICATE_VALUE", "message": message}),))
    assert (found.kind, found.existing_id) == (OutcomeKind.EXISTS, "0035g00000BBBBB")


@pytest.mark.parametrize("spelling", ["duplicateResut", "duplicateResult"])
def test_a_duplicate_rule_names_its_first_match_in_either_spelling(spelling: str) -> None:
    matches = [{"matchRecords": []}, {"matchRecords": [{"record": {"Id": "003FIRST000000001"}}, {"record": {"Id": "003SECOND00000001"}}]}]
    body = [{spelling: {"allowSave": True, "matchResults": matches}, "errorCode": "DUPLICATES_DETECTED", "message": "Use one of these?"}]
    (error,) = wire.api_errors(orjson.dumps(body))
    found = wire.outcome(CREATE, id=None, errors=(error,))
    assert (found.kind, found.existing_id) == (OutcomeKind.EXISTS, "003FIRST000000001")


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c), max_leaves=8)
)
def test_any_error_body_is_read_without_crashing(body: Any) -> None:
    try:
        content = orjson.dumps(body)
    except TypeError:
        return
    assert all(isinstance(e.code, str) and e.code for e in wire.api_errors(content))


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("restforce/expired_session_response.json", ["INVALID_SESSION_ID"]),
        ("restforce/refresh_error_response.json", ["invalid_grant"]),
        ("restforce/sobject/write_error_response.json", ["INVALID_FIELD"]),
        ("restforce/sobject/upsert_error_response.json", ["NOT_FOUND"]),
        ("amp-labs-connectors/salesforce/test/invalid-field-upsert.json", ["INVALID_FIELD_FOR_INSERT_UPDATE"]),
        ("amp-labs-connectors/salesforce/test/success-with-errors.json", ["MALFORMED_ID"]),
        ("amp-labs-connectors/salesforce/test/metadata/write/err-duplicate-permission-assignment.json", ["DUPLICATE_VALUE"]),
    ],
)
def test_recorded_error_bodies(recorded: Callable[[str], bytes], name: str, codes: list[str]) -> None:
    assert [e.code for e in wire.api_errors(recorded(name))] == codes


def test_recorded_collection_answers(recorded: Callable[[str], bytes]) -> None:
    folder = "amp-labs-connectors/salesforce/test/batch/update/contacts/"
    done = wire.results(orjson.loads(recorded(folder + "success.json")), 2)
    assert done is not None
    assert [(r.id, r.errors) for r in done] == [("003ak00000jvIfpAAE", ()), ("003ak00000jvIfqAAE", ())]
    mixed = wire.results(orjson.loads(recorded(folder + "partial-but-allOrNone.json")), 2)
    assert mixed is not None
    assert [r.errors[0].code for r in mixed] == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_FIELD"]
    assert mixed[1].errors[0].fields == ("unknownField_LastName",)
    assert wire.results(orjson.loads(recorded(folder + "success.json")), 3) is None


def test_recorded_bulk_failures(recorded: Callable[[str], bytes]) -> None:
    from crmsync_salesforce.bulk import read_csv

    header, rows = read_csv(recorded("amp-labs-connectors/salesforce/test/bulk/info/partial-failure.csv").decode())
    error = wire.bulk_error(dict(zip(header, rows[0], strict=True))["sf__Error"])
    assert (error.code, error.fields) == ("INVALID_FIELD", ("CloseDate",))
    assert "xsd:date" in error.message


def test_bulk_cells() -> None:
    assert [wire.csv_cell(v) for v in (None, True, False, 5, 5.5, "x")] == ["#N/A", "true", "false", "5", "5.5", "x"]
    kinds = ("text", "bool", "number", "number", "datetime", "datetime", "text", "number")
    full = ("007", "true", "5.0", "-3", "2026-05-01T07:25:37.000Z", "2026-05-01T07:25:37.000+0000", "", "1.5E2")
    rows = [full, ("", "false", *("",) * 6)]
    found = cells.columns_of("abcdefgh", kinds, rows)
    assert {name: column[0] for name, column in found.items()} == {
        "a": "007", "b": True, "c": 5, "d": -3, "e": "2026-05-01T07:25:37.000+0000", "f": "2026-05-01T07:25:37.000+0000", "g": None, "h": 150,
    }  # fmt: skip
    assert [column[1] for column in found.values()] == [None, False, *(None,) * 6]
    assert cells.columns_of("ab", ("text", "bool"), []) == {"a": [], "b": []}
    with pytest.raises(ValueError, match="shorter"):
        cells.columns_of("ab", ("text", "text"), [("1", "2"), ("1",)])


def test_a_record_is_the_same_by_rest_and_by_bulk() -> None:
    """Equal digests, or every record would be stored anew whenever it is read the other way."""
    own = ("Email", "Score__c", "Rate__c", "Big__c", "HasOptedOutOfEmail", "LastActivity__c", "Birthdate", "Note__c")
    fields = (*own, "Account.Name", "Owner.Name")
    plain = row(
        Email="ü@b.example", Score__c=42.0, Rate__c=0.25, Big__c=1e20, HasOptedOutOfEmail=True, LastActivity__c="2026-05-01T07:25:37.120+0000",
        Birthdate="1980-02-29", Note__c='a, "b"\r\nc', Account={"attributes": {"type": "Account"}, "Name": "Acme"}, Owner=None, AccountId="001x",
    )  # fmt: skip
    gone = row(Id="0035g00000LOSER001", IsDeleted=True, MasterRecordId="0035g00000AAAAAAA9", Email=None)
    winner = row(Id="0035g00000AAAAAAA9", Email="w@b.example")
    kinds = {
        "Score__c": "number", "Rate__c": "number", "Big__c": "number", "HasOptedOutOfEmail": "bool", "IsDeleted": "bool",
        "LastActivity__c": "datetime", "SystemModstamp": "datetime", "CreatedDate": "datetime",
    }  # fmt: skip
    header = tuple(dict.fromkeys((*wire.system_fields("Contact"), *fields)))

    def cell(native: dict[str, Any], name: str) -> str:
        outer, _, inner = name.partition(".")
        shown = (native.get(outer) or {}).get(inner) if inner else native.get(name)
        if isinstance(shown, str) and kinds.get(name) == "datetime":
            return shown.replace("+0000", "Z")
        return "" if shown is None else str(shown).lower() if isinstance(shown, bool) else str(shown)

    rows = [plain, gone, winner]
    decoder = wire.Decoder("Contact", fields, me="005000000000000")
    sheet = [[cell(native, name) for name in header] for native in rows]
    bulk, bulk_told = decoder.sheet(cells.columns_of(header, [kinds.get(name) for name in header], sheet))
    rest, rest_told = decoder.page(rows)
    assert bulk_told == rest_told
    assert [digest != "" for _, digest in rest_told] == [True, False, False]
    assert list(bulk) == list(rest)
    assert [r.digest for r in bulk] == [r.digest for r in rest]
    assert rest[2].former_ids == ("0035g00000LOSER001",)
    assert bulk[0].fields["LastActivity__c"] == "2026-05-01T07:25:37.120Z"
    assert (bulk[0].fields["Score__c"], bulk[0].fields["Big__c"]) == (42, 1e20)
    for name in (*own, "AccountId"):
        assert decoder.page([{**plain, name: "x"}])[1] != rest_told[:1], name
    assert decoder.page([{**plain, "Account": {"Name": "Other"}}])[1] != rest_told[:1]
