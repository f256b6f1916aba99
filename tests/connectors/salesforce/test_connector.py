"""Identity, users, schema, reads by id and value, checks, provisioning: a simulated org over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crmsync.connect import Connector
from crmsync.errors import CredentialsError, UnreachableError
from crmsync.model.fields import OWN_FIELDS, OwnField
from crmsync.model.record import RecordState
from crmsync_salesforce.schema import field_schema
from crmsync_salesforce.soql import in_lists, is_id, literal


def test_identity_costs_no_api_call_and_is_asked_once(simulator: Any, connect: Callable[..., Any]) -> None:
    connector: Connector = connect(simulator)
    who = connector.identity()
    assert who.account.startswith("00D")
    assert who.user_id is not None
    assert who.user_id.startswith("005")
    assert who.time_zone
    requests = len(simulator.calls)
    assert connector.identity() is who
    assert len(simulator.calls) == requests
    assert connector.calls() == simulator.api_calls() == 0


def test_identity_without_userinfo_comes_from_the_login(simulator: Any, connect: Callable[..., Any]) -> None:
    expected = connect(simulator).identity()
    simulator.faults.add({"path": "userinfo", "times": None, "do": "status", "status": 403, "body": "Bad_OAuth_Token"})
    found = connect(simulator).identity()
    assert (found.account, found.user_id, found.time_zone) == (expected.account, expected.user_id, expected.time_zone)


def test_users_are_people_queues_and_ourselves(simulator: Any, connect: Callable[..., Any]) -> None:
    users = [
        {"email": "Ann@Acme.example", "first_name": "Ann", "last_name": "A", "time_zone": "Europe/Vienna"},
        {"email": "bob@acme.example", "first_name": "Bob", "last_name": "B", "active": False},
    ]
    simulator.seed(users=users, people=[])
    connector = connect(simulator)
    found = connector.users()
    by_mail = {u.email: u for u in found}
    assert (by_mail["ann@acme.example"].active, by_mail["ann@acme.example"].time_zone) == (True, "Europe/Vienna")
    assert by_mail["ann@acme.example"].kind == "person"
    assert by_mail["bob@acme.example"].active is False
    assert [u.kind for u in found if u.id == connector.identity().user_id] == ["integration"]


def test_queues_are_listed_or_left_out_with_people_still_there(simulator: Any, connect: Callable[..., Any]) -> None:
    rows = {"totalSize": 1, "done": True, "records": [{"attributes": {"type": "Group"}, "Id": "00G000000000001AAA", "Name": "Inbound"}]}
    simulator.faults.add({"path": "FROM.Group", "times": 1, "do": "status", "status": 200, "body": rows})
    found = connect(simulator).users()
    assert [u.name for u in found if u.kind == "queue"] == ["Inbound"]
    simulator.faults.add(
        {"path": "FROM.Group", "times": 1, "do": "status", "status": 400, "body": [{"errorCode": "INVALID_TYPE", "message": "Group"}]}
    )
    found = connect(simulator).users()
    assert {u.kind for u in found} <= {"person", "integration"}
    assert found


def test_schema_maps_types_and_leaves_out_unknown_objects(simulator: Any, connect: Callable[..., Any]) -> None:
    schema = connect(simulator).schema(["Lead", "Contact", "Task", "Nowhere__c"])
    assert set(schema) == {"Lead", "Contact", "Task"}
    lead = schema["Lead"].fields
    assert (lead["Email"].type, lead["Email"].length) == ("email", 80)
    assert lead["LastName"].required
    assert not lead["FirstName"].required
    assert lead["Status"].type == "picklist"
    assert lead["Status"].options
    assert (lead["IsConverted"].type, lead["IsConverted"].updateable) == ("bool", False)
    assert lead["OwnerId"].type == "reference"
    assert lead["SystemModstamp"].type == "datetime"
    assert schema["Task"].fields["ActivityDate"].type == "date"


def test_recorded_describes_are_read_whole(recorded: Callable[[str], bytes]) -> None:
    native = orjson.loads(recorded("cumulusci/describe/GET_sobjects_Lead_describe.json"))
    native = native.get("body", native)
    fields = {f["name"]: field_schema(f) for f in native["fields"]}
    assert fields["Company"].required
    assert (fields["Email"].type, fields["Website"].type, fields["Phone"].type) == ("email", "url", "phone")
    assert fields["Address"].type == "other"
    assert fields["NumberOfEmployees"].type == "number"
    assert fields["ConvertedDate"].type == "date"
    assert {f.type for f in fields.values()} <= {
        "text", "email", "phone", "url", "number", "bool", "date", "datetime", "picklist", "multi", "reference", "other",
    }  # fmt: skip


def test_fetch_tells_every_fate(simulator: Any, connect: Callable[..., Any]) -> None:
    live, dead, winner, loser = simulator.create_many("Contact", ({"LastName": f"P{i}"} for i in range(4)))
    simulator.delete("Contact", dead)
    simulator.merge("Contact", winner, [loser])
    connector = connect(simulator)
    found = {
        r.ref.id: r for r in connector.fetch("Contact", [live, dead, loser, winner, "003000000000000AAA", "x' OR Id != '"], ["LastName"])
    }
    assert set(found) == {live, dead, loser, winner}
    assert found[dead].state is RecordState.DELETED
    assert found[loser].state is RecordState.MERGED
    assert found[loser].survivor == found[winner].ref
    assert found[live].fields == {"LastName": "P0"}
    assert connector.fetch("Contact", [], ["LastName"]) == []


def test_a_thousand_ids_are_fetched_in_two_calls(simulator: Any, connect: Callable[..., Any]) -> None:
    ids = simulator.create_many("Contact", ({"LastName": f"P{i}"} for i in range(1_000)))
    connector = connect(simulator)
    connector.identity()
    assert sorted(r.ref.id for r in connector.fetch("Contact", ids, ["LastName"])) == sorted(ids)
    assert connector.calls() == 2


def test_find_is_exact_case_blind_and_unbreakable(simulator: Any, connect: Callable[..., Any]) -> None:
    ann = simulator.create("Contact", {"LastName": "A", "Email": "ann@x.example"})
    odd = simulator.create("Contact", {"LastName": "O", "Email": "o'hara+x@x.example"})
    gone = simulator.create("Contact", {"LastName": "G", "Email": "gone@x.example"})
    simulator.delete("Contact", gone)
    connector = connect(simulator)
    values = ["ANN@x.example", "o'hara+x@x.example", "gone@x.example", "' OR Id != '", "\\", "100%&#", "ü\n"]
    assert {r.ref.id for r in connector.find("Contact", "Email", values, ["Email"])} == {ann, odd}
    assert (
        connector.find(
            "Contact",
            "Email",
            [
                "",
            ],
            ["Email"],
        )
        == []
    )


def test_literals_and_lists_hold() -> None:
    assert literal("a'b\\c\n") == "'a\\'b\\\\c\\n'"
    assert literal("{0} %s") == "'{0} %s'"
    texts = list(in_lists(("Id", "Email"), "Contact", "Email", [f"p{i}@example.example" for i in range(3_000)]))
    assert len(texts) > 1
    assert all(len(t) < 16_000 for t in texts)
    assert sum(t.count("@example") for t in texts) == 3_000


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("001D000000IRFma", True),
        ("001D000000IRFmaIAH", True),
        ("001D000000IRFmaIAI", False),
        ("001D000000IRFm", False),
        ("001D000000IRFm'", False),
        ("", False),
    ],
)
def test_ids_have_a_checksum(text: str, good: bool) -> None:
    assert is_id(text) is good


def test_history_is_empty(simulator: Any, connect: Callable[..., Any]) -> None:
    assert connect(simulator).history("Contact", ["x"], ["Email"]) == []


def test_calls_and_budget_are_as_the_org_counts(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator)
    connector.users()
    list(connector.pull("Contact", ("Email",), None, datetime.now(UTC)))
    connector.check()
    assert connector.calls() == simulator.api_calls() > 0
    assert connector.budget().used == simulator.api_calls()
    assert (connector.budget().limit or 0) > 0


def test_an_org_that_is_down_is_unreachable(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator)
    connector.identity()
    simulator.stop()
    with pytest.raises(UnreachableError) as caught:
        connector.users()
    assert caught.value.side == "salesforce"


def test_wrong_credentials_are_refused(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator, client_secret="wrong-secret")
    with pytest.raises(CredentialsError) as caught:
        connector.identity()
    assert "wrong-secret" not in str(caught.value)
    assert [f.level for f in connector.check()] == ["error"]


def test_a_refresh_token_that_rotates_keeps_working(simulator: Any, connect: Callable[..., Any]) -> None:
    simulator.options.rotate_refresh_tokens = True
    connector = connect(simulator, refresh_token=simulator.refresh_token())
    for _ in range(3):
        assert connector.live_ids("Contact") is not None
        assert list(connector.live_ids("Contact")) == []
        simulator.revoke_tokens()
    assert list(connector.live_ids("Contact")) == []


def test_the_jwt_flow_logs_in(simulator: Any, connect: Callable[..., Any]) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    simulator.credentials.public_key = public
    username = simulator.credentials.username
    assert list(connect(simulator, username=username, private_key=pem).live_ids("Contact")) == []
    with pytest.raises(CredentialsError):
        connect(simulator, username="somebody@else.example", private_key=pem).users()


def test_revoked_tokens_are_renewed(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator)
    connector.identity()
    simulator.revoke_tokens()
    assert list(connector.live_ids("Contact")) == []


# --- provision and check -----------------------------------------------------------------------------------------------------


def test_provision_announces_then_does_then_rests(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator)
    assert {f.level for f in connector.check() if f.fix == "crmsync provision"} == {"error"}
    planned = connector.provision(OWN_FIELDS, dry_run=True)
    assert {f.level for f in planned} == {"would"}
    assert "crmsync_score__c" not in connector.schema(["Lead"])["Lead"].fields
    done = connector.provision(OWN_FIELDS, dry_run=False)
    assert {f.level for f in done} == {"done"}
    assert [f.subject for f in done] == [f.subject for f in planned]
    writes = len(simulator.writes)
    assert connector.provision(OWN_FIELDS, dry_run=False) == []
    assert len(simulator.writes) == writes
    assert [f for f in connector.check() if f.level in {"error", "warning"}] == []


def test_provisioned_fields_have_the_right_types(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator)
    connector.provision(OWN_FIELDS, dry_run=False)
    schema = connector.schema(["Lead", "Contact", "Task", "Event"])
    for object in ("Lead", "Contact"):
        fields = schema[object].fields
        assert {f"{f.name}__c" for f in OWN_FIELDS} <= set(fields)
        assert (fields["crmsync_key__c"].type, fields["crmsync_key__c"].unique) == ("text", True)
        assert fields["crmsync_score__c"].type == "number"
        assert (fields["crmsync_handoff__c"].type, fields["crmsync_handoff__c"].length) == ("text", 32_000)
        assert fields["crmsync_mql_at__c"].type == "datetime"
        assert (fields["crmsync_stage__c"].type, fields["crmsync_stage__c"].restricted) == ("picklist", False)
        assert "mql" in fields["crmsync_stage__c"].options
        assert fields["crmsync_stage__c"].updateable
    assert "crmsync_key__c" in schema["Task"].fields
    assert "crmsync_key__c" in schema["Event"].fields


def test_a_field_of_another_type_is_reported_and_left_alone(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator)
    taken = OwnField(name="crmsync_score", label="Mine", type="text")
    connector.provision((taken,), dry_run=False)
    number = OwnField(name="crmsync_score", label="Lead score", type="number")
    findings = connector.provision((number,), dry_run=False)
    assert {(f.level, f.subject) for f in findings} == {("error", "Lead.crmsync_score__c"), ("error", "Contact.crmsync_score__c")}
    assert all(f.fix for f in findings)
    assert connector.schema(["Lead"])["Lead"].fields["crmsync_score__c"].type == "text"


def test_provision_after_a_break_goes_on(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator)
    simulator.faults.add({"path": "tooling/sobjects/CustomField", "after": 5, "times": 1, "do": "drop_after"})
    assert [f for f in connector.provision(OWN_FIELDS, dry_run=False) if f.level == "error"] == []
    assert [f for f in connector.check() if f.level == "error"] == []


@pytest.mark.parametrize("mirrored", [True, False])
def test_activity_permissions_may_be_mirrored(simulator: Any, connect: Callable[..., Any], mirrored: bool) -> None:
    simulator.options.mirror_activity_permissions = mirrored
    connector = connect(simulator)
    assert {f.level for f in connector.provision(OWN_FIELDS[:1], dry_run=False)} == {"done"}
    assert connector.provision(OWN_FIELDS[:1], dry_run=False) == []


def test_provision_without_the_right_says_what_to_grant(simulator: Any, connect: Callable[..., Any]) -> None:
    body = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}]
    simulator.faults.add({"path": "tooling/query", "times": 1, "do": "status", "status": 403, "body": body})
    (finding,) = connect(simulator).provision(OWN_FIELDS, dry_run=False)
    assert finding.level == "error"
    assert "Customize Application" in finding.fix


def test_check_names_a_missing_permission_and_a_low_allowance(simulator: Any, connect: Callable[..., Any]) -> None:
    event = {
        "name": "Event",
        "label": "Event",
        "queryable": True,
        "createable": True,
        "updateable": False,
        "deletable": False,
        "fields": [],
    }
    simulator.faults.add({"path": "sobjects/Event/describe", "times": 1, "do": "status", "status": 200, "body": event})
    hidden = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    simulator.faults.add({"path": "sobjects/OpportunityContactRole/describe", "times": 1, "do": "status", "status": 404, "body": hidden})
    limits = {"DailyApiRequests": {"Max": 15000, "Remaining": 100}}
    simulator.faults.add({"path": "/limits", "times": 1, "do": "status", "status": 200, "body": limits})
    connector = connect(simulator)
    findings = connector.check()
    shown = connector.schema(("Lead", "Event", "Opportunity"))
    assert shown["Lead"].lacks == {}
    where = "on Event in a permission set of the integration user"
    assert shown["Event"].lacks == {"update": f"Grant edit {where}", "delete": f"Grant delete {where}"}
    assert set(shown["Opportunity"].lacks) == {"read_links", "links"}
    assert [f.level for f in findings if f.subject == "API calls"] == ["warning"]
