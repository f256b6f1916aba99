"""Writes: batching, order, refusals, broken connections, bulk jobs: a simulated org over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from crmsync.errors import CredentialsError, QuotaError, UnreachableError
from crmsync.model.change import Action, Outcome, OutcomeKind, TaskDraft, Write
from crmsync.model.fields import OWN_FIELDS
from crmsync.model.record import Ref
from crmsync_salesforce.writer import waves

COLLECTIONS = "composite/sobjects"
DONE, GONE, REJECTED, RETRY, UNKNOWN, EXISTS = (
    OutcomeKind.DONE, OutcomeKind.GONE, OutcomeKind.REJECTED, OutcomeKind.RETRY, OutcomeKind.UNKNOWN, OutcomeKind.EXISTS,
)  # fmt: skip


def create(n: Any, key: str | None = "", object: str = "Contact", **fields: Any) -> Write:
    key = f"key-{n}" if key == "" else key
    return Write(write_id=f"c{n}", action=Action.CREATE, object=object, key=key, fields={"LastName": f"N{n}", **fields})


def update(id: str, n: Any = 0, object: str = "Contact", **fields: Any) -> Write:
    return Write(write_id=f"u{n}", action=Action.UPDATE, object=object, id=id, fields=fields)


def delete(id: str, n: Any = 0, object: str = "Contact") -> Write:
    return Write(write_id=f"d{n}", action=Action.DELETE, object=object, id=id)


def kinds(outcomes: list[Outcome]) -> list[OutcomeKind]:
    return [o.kind for o in outcomes]


def fault(sim: Any, do: str, **more: Any) -> None:
    sim.faults.add({"path": COLLECTIONS, "times": 1, "do": do, **more})


@pytest.fixture
def org(simulator: Any, connect: Callable[..., Any]) -> Any:
    """A connector whose org has the key and the score."""
    connector = connect(simulator)
    assert not [f for f in connector.provision(OWN_FIELDS[:2], dry_run=False) if f.level == "error"]
    simulator.reset_calls()
    return connector


def test_creates_updates_and_deletes_align_with_their_writes(simulator: Any, org: Any) -> None:
    old, doomed = simulator.create_many("Contact", [{"LastName": "Old"}, {"LastName": "Doomed"}])
    outcomes = org.write([delete(doomed), create(1, Email="a@x.example"), update(old, LastName="New", Phone=None), create(2, key=None)])
    assert kinds(outcomes) == [DONE] * 4
    assert [o.write_id for o in outcomes] == ["d0", "c1", "u0", "c2"]
    assert outcomes[2].id == old
    assert simulator.get("Contact", outcomes[1].id)["crmsync_key__c"] == "key-1"
    assert simulator.get("Contact", old)["LastName"] == "New"
    assert simulator.get("Contact", doomed)["IsDeleted"] is True
    assert simulator.get("Contact", outcomes[3].id)["LastName"] == "N2"


def test_two_hundred_records_cost_one_call(simulator: Any, org: Any) -> None:
    ids = simulator.create_many("Contact", ({"LastName": f"P{i}"} for i in range(1_001)))
    before = org.calls()
    outcomes = org.write([update(id, i, Title=f"T{i}") for i, id in enumerate(ids)])
    assert kinds(outcomes) == [DONE] * 1_001
    assert [o.id for o in outcomes] == ids
    assert org.calls() - before == 6
    assert simulator.get("Contact", ids[777])["Title"] == "T777"


def test_writes_to_one_record_keep_their_order(simulator: Any, org: Any) -> None:
    (id,) = simulator.create_many("Contact", [{"LastName": "Old"}])
    outcomes = org.write([update(id, 1, Title="first"), update(id, 2, Title="second"), delete(id, 3), update(id, 4, Title="too late")])
    assert kinds(outcomes) == [DONE, DONE, DONE, GONE]
    assert simulator.get("Contact", id)["Title"] == "second"


def test_waves_hold_each_record_once() -> None:
    writes = [update("003A", 1), update("003B", 2), update("003A", 3), create("k"), create("k"), create(1, key=None), create(2, key=None)]
    assert waves(writes) == [[0, 1, 3, 5, 6], [2, 4]]
    assert waves([]) == []


def test_a_keyed_create_repeated_finds_the_first(simulator: Any, org: Any) -> None:
    first = org.write([create(1)])[0]
    second = org.write([create(1, Title="again")])[0]
    assert (second.kind, second.id) == (DONE, first.id)
    assert len(simulator.all("Contact")) == 1


def test_one_bad_record_among_many_is_refused_alone(simulator: Any, org: Any) -> None:
    outcomes = org.write([create(i, Email="not-an-address" if i == 7 else f"p{i}@x.example") for i in range(20)])
    assert kinds(outcomes) == [DONE] * 7 + [REJECTED] + [DONE] * 12
    assert (outcomes[7].cause, outcomes[7].fields) == ("INVALID_EMAIL_ADDRESS", ("Email",))
    assert len(simulator.all("Contact")) == 19


@pytest.mark.parametrize(
    ("fields", "cause", "culprit"),
    [
        ({"LastName": None}, "REQUIRED_FIELD_MISSING", "LastName"),
        ({"FirstName": "x" * 41}, "STRING_TOO_LONG", "FirstName"),
        ({"nowhere__c": "x"}, "INVALID_FIELD", "nowhere__c"),
        ({"Account.Name": "x"}, "INVALID_FIELD", "Account.Name"),
    ],
)
def test_refusals_name_the_field(org: Any, fields: dict[str, Any], cause: str, culprit: str) -> None:
    (outcome,) = org.write([create(1, **fields)])
    assert (outcome.kind, outcome.cause) == (REJECTED, cause)
    assert culprit in outcome.fields


def test_targets_that_are_gone_are_told_from_references_that_are(simulator: Any, org: Any) -> None:
    gone, winner, loser, alive = simulator.create_many("Contact", ({"LastName": f"P{i}"} for i in range(4)))
    lead = simulator.create("Lead", {"LastName": "L", "Company": "C"})
    simulator.delete("Contact", gone)
    simulator.merge("Contact", winner, [loser])
    simulator.convert(lead)
    outcomes = org.write(
        [
            update(gone, 1, Title="x"),
            update(loser, 2, Title="x"),
            update("003000000000000AAA", 3, Title="x"),
            update(lead, 4, object="Lead", Title="x"),
            update(alive, 5, OwnerId="005000000000000AAA"),
            delete(gone, 6),
            update("no id at all", 7, Title="x"),
        ]
    )
    assert kinds(outcomes) == [GONE, GONE, GONE, GONE, REJECTED, GONE, REJECTED]


def test_the_owner_survives_assignment_rules(simulator: Any, org: Any) -> None:
    me = org.identity().user_id
    lead = simulator.create("Lead", {"LastName": "L", "Company": "C", "OwnerId": me})
    simulator.lead_assignment(simulator.add_queue("Inbound", "Lead"))
    outcomes = org.write([create(1, object="Lead", Company="C", OwnerId=me), update(lead, object="Lead", Title="x")])
    assert kinds(outcomes) == [DONE, DONE]
    assert [simulator.get("Lead", o.id)["OwnerId"] for o in outcomes] == [me, me]


def test_an_admins_validation_rule_is_a_refusal_with_its_words(simulator: Any, org: Any) -> None:
    simulator.validation_rule("Contact", lambda row: row.get("Title") == "Spy", "No spies here", field="Title")
    (outcome,) = org.write([create(1, Title="Spy")])
    assert (outcome.kind, outcome.cause, outcome.fields) == (REJECTED, "FIELD_CUSTOM_VALIDATION_EXCEPTION", ("Title",))
    assert "No spies here" in outcome.message


# --- broken connections ------------------------------------------------------------------------------------------------------


def test_a_create_whose_answer_is_lost_is_repeated_once_by_its_key(simulator: Any, org: Any) -> None:
    fault(simulator, "drop_after", method="PATCH")
    assert kinds(org.write([create(1), create(2)])) == [DONE, DONE]
    assert len(simulator.all("Contact")) == 2


def test_a_create_lost_twice_is_unknown_and_still_single(simulator: Any, org: Any) -> None:
    simulator.faults.add({"path": COLLECTIONS, "method": "PATCH", "times": 2, "do": "drop_after"})
    assert kinds(org.write([create(1)])) == [UNKNOWN]
    assert len(simulator.all("Contact")) == 1


@pytest.mark.parametrize("do", ["drop_after", "drop_before", "truncate"])
def test_a_lost_update_is_unknown(simulator: Any, org: Any, do: str) -> None:
    id = simulator.create("Contact", {"LastName": "Old"})
    fault(simulator, do, method="PATCH")
    (outcome,) = org.write([update(id, LastName="New")])
    assert (outcome.kind, outcome.cause) == (UNKNOWN, "ANSWER_LOST")
    assert simulator.get("Contact", id)["LastName"] == ("Old" if do == "drop_before" else "New")


def test_a_keyless_create_is_never_sent_twice(simulator: Any, org: Any) -> None:
    fault(simulator, "drop_after", method="POST")
    assert kinds(org.write([create(1, key=None)])) == [UNKNOWN]
    assert len(simulator.all("Contact")) == 1
    fault(simulator, "status_after", method="POST", status=503, body="busy")
    assert kinds(org.write([create(2, key=None)])) == [UNKNOWN]
    assert len(simulator.all("Contact")) == 2


def test_one_lost_chunk_leaves_the_others_settled(simulator: Any, org: Any) -> None:
    ids = simulator.create_many("Contact", ({"LastName": f"P{i}"} for i in range(600)))
    fault(simulator, "drop_after", method="PATCH", after=1)
    outcomes = org.write([update(id, i, Title="t") for i, id in enumerate(ids)])
    assert sorted(str(k) for k in kinds(outcomes)) == ["done"] * 400 + ["unknown"] * 200


def test_a_busy_server_is_waited_for(simulator: Any, org: Any, naps: Any) -> None:
    naps.taken.clear()
    simulator.faults.add({"path": COLLECTIONS, "times": 2, "do": "status", "status": 503, "body": "busy"})
    assert kinds(org.write([create(1)])) == [DONE]
    assert len(naps.taken) == 2


def test_nothing_carried_out_raises(simulator: Any, org: Any) -> None:
    simulator.faults.add({"path": COLLECTIONS, "times": None, "do": "status", "status": 503, "body": "busy"})
    with pytest.raises(UnreachableError):
        org.write([create(1)])
    simulator.faults.clear()
    simulator.stop()
    with pytest.raises(UnreachableError):
        org.write([create(1)])


QUOTA = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]


def test_quota_from_the_start_raises_and_midway_leaves_the_rest_for_later(simulator: Any, connect: Callable[..., Any]) -> None:
    connector = connect(simulator, connections="1")
    ids = simulator.create_many("Contact", ({"LastName": f"P{i}"} for i in range(600)))
    simulator.faults.add({"path": COLLECTIONS, "after": 1, "times": None, "do": "status", "status": 403, "body": QUOTA})
    outcomes = connector.write([update(id, i, Title="t") for i, id in enumerate(ids)])
    assert kinds(outcomes) == [DONE] * 200 + [RETRY] * 400
    assert outcomes[200].cause == "REQUEST_LIMIT_EXCEEDED"
    with pytest.raises(QuotaError):
        connector.write([update(ids[0], Title="t")])


def test_a_locked_row_is_tried_again_alone(simulator: Any, org: Any, naps: Any) -> None:
    ids = simulator.create_many("Contact", [{"LastName": "A"}, {"LastName": "B"}])
    naps.taken.clear()
    locked = {
        "success": False,
        "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access", "fields": []}],
    }
    fault(simulator, "status", method="PATCH", status=200, body=[{"id": ids[0], "success": True, "errors": []}, locked])
    outcomes = org.write([update(ids[0], 1, Title="t"), update(ids[1], 2, Title="t")])
    assert kinds(outcomes) == [DONE, DONE]
    assert len(naps.taken) == 1
    assert simulator.get("Contact", ids[1])["Title"] == "t"


def test_a_row_that_stays_locked_is_for_later(simulator: Any, org: Any, naps: Any) -> None:
    id = simulator.create("Contact", {"LastName": "A"})
    locked = [{"success": False, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "locked", "fields": []}]}]
    simulator.faults.add({"path": COLLECTIONS, "times": None, "do": "status", "status": 200, "body": locked})
    (outcome,) = org.write([update(id, Title="t")])
    assert (outcome.kind, outcome.cause) == (RETRY, "UNABLE_TO_LOCK_ROW")


def test_an_answer_of_the_wrong_length_is_unknown(simulator: Any, org: Any) -> None:
    fault(simulator, "status", method="PATCH", status=200, body=[])
    id = simulator.create("Contact", {"LastName": "A"})
    assert kinds(org.write([update(id, Title="t")])) == [UNKNOWN]


def test_a_collection_refused_for_one_record_is_split(simulator: Any, org: Any) -> None:
    outcomes = org.write([create(i, **({"crmsync_score__c": "many"} if i == 3 else {"crmsync_score__c": i})) for i in range(8)])
    assert [o.write_id for o in outcomes if o.kind is not DONE] == ["c3"]
    assert outcomes[3].kind is REJECTED
    assert len(simulator.all("Contact")) == 7


def test_a_dead_session_is_renewed_in_the_middle(simulator: Any, org: Any) -> None:
    body = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    fault(simulator, "status", status=401, body=body)
    assert kinds(org.write([create(1)])) == [DONE]
    simulator.faults.add({"path": COLLECTIONS, "times": None, "do": "status", "status": 401, "body": body})
    with pytest.raises(CredentialsError):
        org.write([create(2)])


# --- duplicates --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["block", "alert"])
@pytest.mark.parametrize("named_in_collections", [True, False])
@pytest.mark.parametrize("key", ["k", None])
def test_a_duplicate_rule_links_to_its_match(simulator: Any, org: Any, action: str, named_in_collections: bool, key: str | None) -> None:
    match = simulator.create("Contact", {"LastName": "Lee", "Email": "ann@x.example"})
    simulator.duplicate_rule("Contact", action)
    simulator.options.duplicate_in_bulk = named_in_collections
    outcomes = org.write([create(1, key=key, Email="ann@x.example"), create(2, Email="other@x.example")])
    assert kinds(outcomes) == [EXISTS, DONE]
    assert (outcomes[0].existing_id, outcomes[0].cause) == (match, "DUPLICATES_DETECTED")
    assert len(simulator.all("Contact")) == 2


def test_a_unique_key_names_the_record_that_has_it(simulator: Any, org: Any) -> None:
    first = org.write([create(1, key="a")])[0]
    (outcome,) = org.write([create(2, key=None, crmsync_key__c="a")])
    assert (outcome.kind, outcome.existing_id, outcome.fields) == (EXISTS, first.id, ("crmsync_key__c",))


@pytest.mark.parametrize("spelling", ["duplicateResut", "duplicateResult"])
def test_a_duplicate_rule_gives_the_match(simulator: Any, org: Any, spelling: str) -> None:
    match = {"matchResults": [{"matchRecords": [{"record": {"Id": "003ak0000000009AAA"}}]}]}
    unnamed = [{"success": False, "errors": [{"statusCode": "DUPLICATES_DETECTED", "message": "Use one of these?", "fields": []}]}]
    named = [{"errorCode": "DUPLICATES_DETECTED", "message": "Use one of these?", spelling: match}]
    fault(simulator, "status", method="PATCH", status=200, body=unnamed)
    simulator.faults.add({"path": "sobjects/Contact/crmsync_key__c/", "times": 1, "do": "status", "status": 400, "body": named})
    (outcome,) = org.write([create(1)])
    assert (outcome.kind, outcome.existing_id, outcome.cause) == (EXISTS, "003ak0000000009AAA", "DUPLICATES_DETECTED")


def test_a_key_with_a_colon_is_no_address(simulator: Any, org: Any) -> None:
    unnamed = [{"success": False, "errors": [{"statusCode": "DUPLICATES_DETECTED", "message": "?", "fields": []}]}]
    fault(simulator, "status", method="PATCH", status=200, body=unnamed)
    (outcome,) = org.write([create(1, key="hs:12/3?x=&y")])
    assert outcome.kind is DONE
    assert simulator.get("Contact", outcome.id)["crmsync_key__c"] == "hs:12/3?x=&y"


# --- bulk --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bulk(simulator: Any, connect: Callable[..., Any]) -> Any:
    return connect(simulator, bulk_write_from="100")


def test_large_updates_go_by_a_job(simulator: Any, bulk: Any) -> None:
    ids = simulator.create_many("Contact", ({"LastName": f"P{i}", "Phone": "1", "Title": "keep"} for i in range(500)))
    gone, odd, bad = ids[3], ids[4], ids[5]
    simulator.delete("Contact", gone)
    writes = [update(id, i, Phone=None, FirstName=f'F{i}, "q"\nx') for i, id in enumerate(ids)]
    writes[4] = update(odd, 4, FirstName="#N/A", Phone=None)
    writes[5] = update(bad, 5, Email="nonsense")
    before = bulk.calls()
    outcomes = bulk.write(writes)
    assert bulk.calls() - before < 14
    assert [o.write_id for o in outcomes] == [w.write_id for w in writes]
    assert kinds(outcomes)[3:6] == [GONE, DONE, REJECTED]
    assert outcomes[5].cause == "INVALID_EMAIL_ADDRESS"
    assert set(kinds(outcomes[6:])) == {DONE}
    shown = simulator.get("Contact", ids[10])
    assert (shown["Phone"], shown["FirstName"], shown["Title"]) == (None, 'F10, "q"\nx', "keep")
    assert simulator.get("Contact", odd)["FirstName"] == "#N/A"
    assert any("/jobs/ingest" in c.path for c in simulator.calls)


def test_the_owner_survives_assignment_rules_in_bulk_and_as_single_records(simulator: Any, bulk: Any) -> None:
    simulator.seed(users=[{"email": "rep@acme.example"}], people=[])
    rep = next(row["Id"] for row in simulator.all("User") if row["Email"] == "rep@acme.example")
    ids = simulator.create_many("Lead", ({"LastName": f"L{i}", "Company": "C"} for i in range(100)))
    simulator.lead_assignment(simulator.add_queue("Inbound", "Lead"))
    simulator.options.assign_in_bulk = True
    outcomes = bulk.write([update(id, i, object="Lead", OwnerId=rep) for i, id in enumerate(ids)])
    assert set(kinds(outcomes)) == {DONE}
    assert any("/jobs/ingest" in call.path for call in simulator.calls)
    assert {simulator.get("Lead", id)["OwnerId"] for id in ids} == {rep}
    # a refused create that is asked about by name goes out alone: its owner survives, too
    fault(simulator, "status", method="POST", status=200, body=[UNNAMED])
    (outcome,) = bulk.write([create("x", key=None, object="Lead", Company="C", OwnerId=rep)])
    assert outcome.kind is DONE
    assert simulator.get("Lead", outcome.id)["OwnerId"] == rep


UNNAMED = {"success": False, "errors": [{"statusCode": "DUPLICATES_DETECTED", "message": "?", "fields": []}]}


def test_a_job_that_fails_as_a_whole_falls_back_to_collections(simulator: Any, bulk: Any) -> None:
    ids = simulator.create_many("Contact", ({"LastName": f"P{i}"} for i in range(120)))
    writes = [update(id, i, Title="t") for i, id in enumerate(ids)]
    writes[7] = update(ids[7], 7, nowhere__c="x")
    outcomes = bulk.write(writes)
    assert [o.write_id for o in outcomes if o.kind is not DONE] == ["u7"]
    assert (outcomes[7].cause, outcomes[7].fields) == ("INVALID_FIELD", ("nowhere__c",))


@pytest.mark.parametrize(
    ("method", "do"),
    [("PUT", "drop_before"), ("PUT", "drop_after"), ("PATCH", "drop_after"), ("PATCH", "drop_before"), ("POST", "drop_after")],
)
def test_a_job_survives_one_broken_connection(simulator: Any, bulk: Any, method: str, do: str) -> None:
    ids = simulator.create_many("Contact", ({"LastName": f"P{i}"} for i in range(120)))
    simulator.faults.add({"method": method, "path": "jobs/ingest", "times": 1, "do": do})
    assert set(kinds(bulk.write([update(id, i, Title="t") for i, id in enumerate(ids)]))) == {DONE}
    assert all(c["Title"] == "t" for c in simulator.all("Contact"))


def test_results_that_cannot_be_read_leave_records_unknown(simulator: Any, bulk: Any) -> None:
    ids = simulator.create_many("Contact", ({"LastName": f"P{i}"} for i in range(120)))
    simulator.faults.add({"path": "successfulResults", "times": None, "do": "status", "status": 500, "body": "oops"})
    assert set(kinds(bulk.write([update(id, i, Title="t") for i, id in enumerate(ids)]))) == {UNKNOWN}


# --- tasks -------------------------------------------------------------------------------------------------------------------


def draft(person: Ref, owner: str, **more: Any) -> TaskDraft:
    return TaskDraft(
        **{
            "key": "task-key-1",
            "subject": "Call " + "x" * 300,
            "body": "Why: <b>score</b>",
            "due_at": datetime(2026, 5, 2, 1, 0, tzinfo=UTC),
            "due_on": date(2026, 5, 1),
            "owner_id": owner,
            "person": person,
            "priority": "high",
            "channel": "call",
            "remind_at": datetime(2026, 5, 1, 20, 0, tzinfo=UTC),
            **more,
        }
    )


def test_a_task_reaches_the_rep_and_only_once(simulator: Any, org: Any) -> None:
    lead = simulator.create("Lead", {"LastName": "L", "Company": "C"})
    owner = org.identity().user_id
    write = org.task(draft(Ref(side="salesforce", object="Lead", id=lead), owner), "w1")
    assert (write.action, write.object, write.key) == (Action.CREATE, "Task", "task-key-1")
    fault(simulator, "drop_after", method="PATCH")
    (outcome,) = org.write([write])
    assert outcome.kind is DONE, outcome
    (shown,) = simulator.all("Task")
    assert shown["Id"] == outcome.id
    expected = {
        "Subject": ("Call " + "x" * 300)[:255], "Description": "Why: <b>score</b>", "ActivityDate": "2026-05-01", "Status": "Not Started",
        "Priority": "High", "OwnerId": owner, "WhoId": lead, "TaskSubtype": "Call", "IsReminderSet": True, "crmsync_key__c": "task-key-1",
    }  # fmt: skip
    assert {name: shown[name] for name in expected} == expected
    assert str(shown["ReminderDateTime"]).startswith("2026-05-01T20:00:00")


def test_a_plain_task_has_no_reminder(org: Any) -> None:
    write = org.task(
        draft(Ref(side="salesforce", object="Contact", id="003"), "005", remind_at=None, priority="low", channel="other", body=""), "w"
    )
    assert "IsReminderSet" not in write.fields
    assert (write.fields["Priority"], write.fields["TaskSubtype"], write.fields["Description"]) == ("Low", "Task", None)
