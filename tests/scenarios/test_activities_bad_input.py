"""Bad input around activities: each has a clear answer (a problem with cause, message and what to do), and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from crmsync.model.attention import Problem
from scenarios.persons import crowd, email
from scenarios.world import DUE, SIDES, USERS, Both, only, other_side

LONG = 1000.0
HOPE: dict[str, Any] = {"email": "hope@corp.example", "first_name": "Hope", "last_name": "Hubspot", "time_zone": "America/New_York"}


def people(both: Both, count: int = 1) -> list[dict[str, str]]:
    """Persons who are in both CRMs: side -> id."""
    return [{"hubspot": contact, "salesforce": lead} for contact, lead in crowd(both, count)]


def told(both: Both, cause: str, *words: str) -> Problem:
    """The one problem there is, with the words its message must have."""
    (problem,) = both.problems()
    assert problem.cause == cause, problem
    assert problem.message
    for word in words:
        assert word in problem.message, problem.message
    return problem


# --- activity on an unlinked person -----------------------------------------------------------------------------------------------


@only("call")
def test_activity_of_a_person_who_is_in_one_crm_only_waits_and_is_delivered(both: Both) -> None:
    # given a call on each side with somebody without an e-mail, who is therefore not created in the other CRM
    both.settle()
    persons = {
        "hubspot": str(both.hs.create("contacts", {"lastname": "Nobody", "phone": "+14085550100"})),
        "salesforce": both.sf.create("Lead", {"LastName": "Noone", "Company": "Acme", "Phone": "+14085550199"}),
    }
    calls = {side: both.enter("call", side, person) for side, person in persons.items()}
    both.settle()
    # then it is kept, nothing is made elsewhere, and it can be seen that it waits for its person
    for side, call in calls.items():
        assert {str(row.get("id") or row.get("Id")) for row in both.live("call", side)} == {call}, side
    assert both.store.twins.counts() == {("call", "person"): 2}
    both.assert_settled()
    # when both persons get an address and are linked
    both.hs.edit("contacts", persons["hubspot"], {"email": "nobody@example.com"})
    both.sf.edit("Lead", persons["salesforce"], {"Email": "noone@example.com"})
    both.settle()
    # then each call is delivered once, to that person
    there, here = both.twin_id("call", "hubspot", calls["hubspot"]), both.twin_id("call", "salesforce", calls["salesforce"])
    assert both.sf.get("Task", there)["WhoId"] == both.lead("nobody@example.com")["Id"]
    assert both.hs.associated("calls", here, "contacts") == [both.contact("noone@example.com")["id"]]
    assert len(both.sf.all("Task")) == len(both.hs.all("calls")) == 2
    assert both.store.twins.counts() == {("call", ""): 2}
    assert both.problems() == []
    both.assert_settled()


@only("task")
def test_activity_of_nobody_waits_until_it_is_associated(both: Both) -> None:
    (who,) = people(both)
    task = both.hs.create("tasks", {"hs_task_subject": "Tidy up", "hs_timestamp": DUE})
    both.settle()
    assert both.sf.all("Task") == []
    assert both.store.twins.counts() == {("task", "person"): 1}
    both.hs.associate("tasks", task, "contacts", who["hubspot"])
    both.settle()
    assert both.twin("task", "hubspot", task)["WhoId"] == who["salesforce"]
    both.assert_settled()


# --- owners -----------------------------------------------------------------------------------------------------------------------


@only("task")
def test_f48_owner_without_a_twin_leaves_the_owner_and_says_so(both: Both) -> None:
    # given a task in step, and a user who is in HubSpot only
    both.hs.add_user(HOPE)
    (who,) = people(both)
    task = both.enter("task", "hubspot", who["hubspot"])
    both.settle(after=400)
    theirs = both.twin_id("task", "hubspot", task)
    both.mark()
    # when she takes the task over, with another subject
    hope = both.owner("hubspot", "hope@corp.example")
    both.edit("task", "hubspot", task, hubspot_owner_id=hope, hs_task_subject="Hers now")
    both.settle()
    # then the subject arrives, the owner stays there, it is said, and nothing flips back
    shown = both.sf.get("Task", theirs)
    assert (shown["Subject"], shown["OwnerId"]) == ("Hers now", both.owner("salesforce", "rita@corp.example"))
    assert both.hs.get("tasks", task)["hubspot_owner_id"] == hope
    told(both, "owner_without_twin", "hope@corp.example", "salesforce")
    both.assert_settled()
    # and when she gets a user there, the task is hers without another edit
    both.sf.seed(users=[HOPE], people=[])
    both.settle(after=400)
    assert both.sf.get("Task", theirs)["OwnerId"] == both.owner("salesforce", "hope@corp.example")
    assert both.problems() == []
    both.assert_settled()


@only("call")
def test_f48_new_activity_of_an_owner_without_a_twin_arrives_all_the_same(both: Both) -> None:
    # given a user who is in HubSpot only
    both.hs.add_user(HOPE)
    (who,) = people(both)
    both.settle(after=400)
    # when she logs a call
    call = both.enter("call", "hubspot", who["hubspot"], owner="hope@corp.example", hs_call_title="Hers")
    both.settle()
    # then it is there, owned by whom Salesforce makes its owner, it is said, and HubSpot keeps her
    theirs = both.twin_id("call", "hubspot", call)
    assert both.sf.get("Task", theirs)["Subject"] == "Hers"
    assert both.hs.get("calls", call)["hubspot_owner_id"] == both.owner("hubspot", "hope@corp.example")
    told(both, "owner_without_twin", "hope@corp.example", "salesforce")
    both.assert_settled()
    # and it is hers as soon as she has a user
    both.sf.seed(users=[HOPE], people=[])
    both.settle(after=400)
    assert both.sf.get("Task", theirs)["OwnerId"] == both.owner("salesforce", "hope@corp.example")
    assert both.problems() == []
    both.assert_settled()


@only("task")
def test_f48_inactive_owner_keeps_the_task_and_edits_go_through(both: Both) -> None:
    (who,) = people(both)
    task = both.enter("task", "hubspot", who["hubspot"])
    both.settle()
    theirs = both.twin_id("task", "hubspot", task)
    # given its owner left in both CRMs
    rita = {side: both.owner(side, "rita@corp.example") for side in SIDES}
    both.hs.deactivate_user("rita@corp.example")
    both.sf.edit("User", rita["salesforce"], {"IsActive": False})
    both.settle(after=400)
    both.mark()
    # when the task is edited
    both.edit("task", "hubspot", task, hs_task_status="COMPLETED")
    both.settle()
    # then that arrives, and the owner stands on both sides
    shown = both.sf.get("Task", theirs)
    assert (shown["Status"], shown["OwnerId"]) == ("Completed", rita["salesforce"])
    assert both.hs.get("tasks", task)["hubspot_owner_id"] == rita["hubspot"]
    assert both.writes() == {"hubspot": 0, "salesforce": 1}
    assert both.problems() == []
    both.assert_settled()


@only("task")
def test_f48_task_in_a_queue_stays_with_its_owner_elsewhere(both: Both) -> None:
    queue = both.sf.add_queue("Inbound", "Lead", "Task")
    (who,) = people(both)
    task = both.enter("task", "salesforce", who["salesforce"])
    both.settle(after=400)
    theirs = both.twin_id("task", "salesforce", task)
    both.mark()
    # when a rep puts the task into a queue, and renames it
    both.edit("task", "salesforce", task, OwnerId=queue, Subject="Who takes it?")
    both.settle()
    # then HubSpot's owner is neither blanked nor fought over; it is said
    shown = both.hs.get("tasks", theirs)
    assert (shown["hs_task_subject"], shown["hubspot_owner_id"]) == ("Who takes it?", both.owner("hubspot", "rita@corp.example"))
    assert both.sf.get("Task", task)["OwnerId"] == queue
    told(both, "owner_without_twin", "hubspot")
    both.assert_settled()


# --- values -----------------------------------------------------------------------------------------------------------------------


@only("task")
def test_f42_unlisted_status_parks_that_field_only(both: Both) -> None:
    # given a task in step, in an org that has a status of its own
    (who,) = people(both)
    task = both.enter("task", "salesforce", who["salesforce"])
    both.settle()
    theirs = both.twin_id("task", "salesforce", task)
    both.mark()
    # when a rep sets it, with another subject
    both.edit("task", "salesforce", task, Status="Escalated", Subject="Louder")
    both.settle()
    # then the subject arrives, the status stays as it was, and one problem says what to add where
    shown = both.hs.get("tasks", theirs)
    assert (shown["hs_task_subject"], shown["hs_task_status"]) == ("Louder", "NOT_STARTED")
    problem = told(both, "unlisted_value", "Escalated", "Status", "mappings/activities.yaml")
    assert (problem.field, problem.record_id) == ("status", task)
    assert both.writes() == {"hubspot": 1, "salesforce": 0}
    both.assert_settled()
    # and HubSpot's own edit of the status does not fight it
    both.edit("task", "salesforce", task, Status="Completed")
    both.settle()
    assert both.hs.get("tasks", theirs)["hs_task_status"] == "COMPLETED"
    assert both.problems() == []
    both.assert_settled()


def test_f42_unknown_disposition_leaves_the_other_fields_alone() -> None:
    guid = "11111111-2222-3333-4444-555555555555"
    with Both(hubspot={"unknown_dispositions": "accept"}, kinds=("call",)) as both:
        # given a portal with an outcome of its own
        (who,) = people(both)
        # when a call is logged with it, and another one ends with a word that only Salesforce has
        call = both.enter("call", "hubspot", who["hubspot"], hs_call_disposition=guid, hs_call_duration="61000")
        other = both.enter(
            "call", "salesforce", who["salesforce"], Subject="Second call", CallDisposition="Asked for a demo", CallDurationInSeconds=30
        )
        both.settle()
        # then both calls are there with everything else, and both words are told
        shown = both.twin("call", "hubspot", call)
        assert (shown["CallDurationInSeconds"], shown["CallDisposition"]) == (61, None)
        shown = both.twin("call", "salesforce", other)
        assert (shown["hs_call_duration"], shown.get("hs_call_disposition")) == ("30000", None)
        assert sorted((p.cause, p.side, p.field) for p in both.problems()) == [
            ("unlisted_value", "hubspot", "disposition"),
            ("unlisted_value", "salesforce", "disposition"),
        ]
        assert any(guid in p.message for p in both.problems())
        both.assert_settled()
        # and what HubSpot holds is not emptied by an edit in Salesforce of something else
        both.edit("call", "salesforce", str(both.twin("call", "hubspot", call)["Id"]), CallDurationInSeconds=90)
        both.settle()
        assert both.hs.get("calls", call)["hs_call_disposition"] == guid
        assert both.hs.get("calls", call)["hs_call_duration"] == "90000"


@only("task")
def test_f47_too_long_subject_is_cut_and_never_comes_back(both: Both) -> None:
    pairs = dict(zip(SIDES, people(both, 2), strict=True))
    native = {"hubspot": "hs_task_subject", "salesforce": "Subject"}
    long = {"hubspot": "Sub" + "j" * 400, "salesforce": "Sub" + "j" * 252}  # more is refused there
    task = {side: both.enter("task", side, who[side], **{native[side]: long[side]}) for side, who in pairs.items()}
    both.settle()
    theirs = {side: both.twin_id("task", side, id) for side, id in task.items()}
    for side in SIDES:
        assert both.shown("task", other_side(side), theirs[side])[native[other_side(side)]] == long[side][:255], side
        assert both.shown("task", side, task[side])[native[side]] == long[side], side
    assert both.problems() == []
    both.assert_settled()
    # an edit of something else on the cut side leaves the whole subject alone
    both.edit("task", "salesforce", theirs["hubspot"], Priority="High")
    both.edit("task", "hubspot", theirs["salesforce"], hs_task_priority="HIGH")
    both.settle()
    for side in SIDES:
        assert both.shown("task", side, task[side])[native[side]] == long[side], side
    assert both.sf.get("Task", task["salesforce"])["Priority"] == "High", "the edit itself arrived"
    assert both.hs.get("tasks", task["hubspot"])["hs_task_priority"] == "HIGH"
    both.assert_settled()


@only("meeting", "note")  # an Event and a Task; the cut itself: tests/decide/test_bodies.py
def test_vast_body_is_cut_with_a_mark_and_the_cut_never_comes_back(both: Both) -> None:
    # given the longest body that HubSpot lets anybody store (300 KB is refused there)
    (who,) = people(both)
    kinds = ("meeting", "note")
    body = "<p>Head of it</p><p>" + "word " * 13_000 + "end</p>"
    mine = {}
    for kind in kinds:
        with pytest.raises(ValueError, match="65"):
            both.enter(kind, "hubspot", who["hubspot"], **{f"hs_{kind}_body": "word " * 60_000})
        mine[kind] = both.enter(kind, "hubspot", who["hubspot"], **{f"hs_{kind}_body": body})
    both.settle()
    # then Salesforce has as much as it holds, ended by a mark
    theirs = {kind: both.twin_id(kind, "hubspot", id) for kind, id in mine.items()}
    there = {kind: both.shown(kind, "salesforce", id)["Description"] for kind, id in theirs.items()}
    for kind in kinds:
        assert 31_000 < len(there[kind]) <= 32_000, kind
        assert there[kind].endswith("[… cut by crmsync]"), kind
    assert both.problems() == []
    both.assert_settled()
    # when somebody writes below the cut, and edits something else
    for kind in kinds:
        below = there[kind][:30_000] + "\n[… cut by crmsync]\nspoke to her again"
        both.edit(kind, "salesforce", theirs[kind], Description=below, Subject="Renamed")
    both.settle()
    # then the whole body stays as it was
    for kind in kinds:
        assert both.hs.get(f"{kind}s", mine[kind])[f"hs_{kind}_body"] == body, kind
    both.assert_settled()
    # and when somebody replaces it by a text of their own, that is an edit like any other
    for kind in kinds:
        both.edit(kind, "salesforce", theirs[kind], Description="All new")
    both.settle()
    for kind in kinds:
        assert both.hs.get(f"{kind}s", mine[kind])[f"hs_{kind}_body"] == "<p>All new</p>", kind
    both.assert_settled()


@only("meeting")
def test_meeting_that_ends_before_it_starts(both: Both) -> None:
    # given a meeting in step
    (who,) = people(both)
    meeting = both.enter("meeting", "hubspot", who["hubspot"])
    both.settle()
    ids = {"hubspot": meeting, "salesforce": both.twin_id("meeting", "hubspot", meeting)}
    both.mark()
    # when its end is put before its start, with another title; Salesforce lets nobody store such a thing
    with pytest.raises(Exception, match=r"(?i)end|duration|before"):
        both.edit("meeting", "salesforce", ids["salesforce"], EndDateTime="2026-03-10T12:00:00Z")
    both.edit("meeting", "hubspot", ids["hubspot"], hs_meeting_end_time="2026-03-10T12:00:00Z", hs_meeting_title="Renamed")
    both.settle()
    # then the title arrives, the times do not, and it is told
    shown = both.sf.get("Event", ids["salesforce"])
    assert (shown["Subject"], shown["StartDateTime"]) == ("Renamed", "2026-03-10T13:00:00.000+0000")
    assert shown["EndDateTime"] == "2026-03-10T14:00:00.000+0000"
    told(both, "ends_before_start", "ends before it starts", "Correct")
    both.assert_settled()
    # and once it is corrected, they arrive
    both.edit("meeting", "hubspot", ids["hubspot"], hs_meeting_end_time="2026-03-10T16:00:00Z")
    both.settle()
    assert both.sf.get("Event", ids["salesforce"])["EndDateTime"] == "2026-03-10T16:00:00.000+0000"
    assert both.problems() == []
    both.assert_settled()


@only("meeting")
def test_new_meeting_that_ends_before_it_starts_waits_for_its_correction(both: Both) -> None:
    (who,) = people(both)
    meeting = both.enter("meeting", "hubspot", who["hubspot"], hs_meeting_end_time="2026-03-10T12:00:00Z")
    both.settle()
    assert both.sf.all("Event") == []
    told(both, "ends_before_start", "ends before it starts", "Correct")
    both.assert_settled()
    both.edit("meeting", "hubspot", meeting, hs_meeting_end_time="2026-03-10T15:00:00Z")
    both.settle()
    assert both.twin("meeting", "hubspot", meeting)["EndDateTime"] == "2026-03-10T15:00:00.000+0000"
    assert both.problems() == []
    both.assert_settled()


# --- deleted on one side ----------------------------------------------------------------------------------------------------------


@only("task")
def test_task_deleted_here_while_completed_there_and_task_deleted_on_both_sides(both: Both) -> None:
    # given two tasks of each side in step
    crowded = people(both, 4)
    cases = [(what, side) for what in ("completed", "deleted") for side in SIDES]
    task = {(what, side): both.enter("task", side, crowded[n][side]) for n, (what, side) in enumerate(cases)}
    both.settle()
    theirs = {(what, side): both.twin_id("task", side, id) for (what, side), id in task.items()}
    both.mark()
    # when they are deleted where they were entered, and on the other side one is completed and one deleted, before we looked
    for (what, side), id in task.items():
        other = other_side(side)
        if what == "deleted":
            both.remove("task", other, theirs[what, side])
        else:
            both.edit(
                "task", other, theirs[what, side], **({"Status": "Completed"} if other == "salesforce" else {"hs_task_status": "COMPLETED"})
            )
        both.remove("task", side, id)
    both.settle(after=LONG)
    # then what was done is not thrown away, none is made again, and what was done is told, once each; of the others there is nothing to say
    assert {str(row["id"]) for row in both.hs.all("tasks")} == {theirs["completed", "salesforce"]}
    assert {str(row["Id"]) for row in both.sf.all("Task")} == {theirs["completed", "hubspot"]}
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    assert [p.cause for p in both.problems()] == ["deleted_elsewhere"] * 2, both.problems()
    for side in SIDES:
        assert sum("finished" in p.message and f"deleted in {side}" in p.message for p in both.problems()) == 1, (side, both.problems())
    both.assert_settled()


@only("task")
def test_f43_one_bad_activity_in_a_hundred(both: Both) -> None:
    # given an org that refuses tasks of one subject
    (who,) = people(both)
    both.sf.validation_rule("Task", lambda row: "forbidden" in str(row.get("Subject")), "No forbidden words")
    # when a hundred tasks come, one of them with it
    for n in range(100):
        both.enter("task", "hubspot", who["hubspot"], hs_task_subject="forbidden" if n == 37 else f"Task {n}")
    both.settle()
    # then ninety-nine are there, the one is told with Salesforce's own words, and is not tried again
    assert len(both.sf.all("Task")) == 99
    told(both, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "No forbidden words", "salesforce refused")
    both.assert_settled()
    # until its data changes
    (bad,) = [row for row in both.hs.all("tasks") if row["hs_task_subject"] == "forbidden"]
    both.edit("task", "hubspot", str(bad["id"]), hs_task_subject="allowed")
    both.settle()
    assert len(both.sf.all("Task")) == 100
    assert both.problems() == []
    both.assert_settled()


# --- persons who move -------------------------------------------------------------------------------------------------------------


@only("task")
def test_association_to_a_merged_id(both: Both) -> None:
    # given two persons, one of whom is merged into the other in HubSpot
    ann, bob = people(both, 2)
    task = both.enter("task", "hubspot", bob["hubspot"])
    both.settle()
    theirs = both.twin_id("task", "hubspot", task)
    survivor = both.hs.merge("contacts", ann["hubspot"], [bob["hubspot"]])
    # when somebody enters tasks for the old ids in the same minute
    new = both.hs.create("tasks", {"hs_task_subject": "Late", "hs_timestamp": DUE, "associations": {"contacts": [survivor]}})
    both.settle(after=LONG)
    # then all of them are the survivor's, once, and nothing is lost
    assert both.hs.associated("tasks", new, "contacts") == [survivor]
    assert both.twin("task", "hubspot", new)["WhoId"] in {ann["salesforce"], bob["salesforce"]}
    assert len(both.sf.all("Task")) == 2
    assert both.sf.get("Task", theirs)["IsDeleted"] is False
    person = both.person_of("hubspot", "contacts", survivor)
    assert person is not None
    assert both.person_of("salesforce", "Lead", str(both.twin("task", "hubspot", new)["WhoId"])) == person
    both.assert_settled()


@only("task")
def test_person_of_a_new_activity_is_merged_between_the_look_and_the_write(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a task entered in HubSpot for a lead who is merged in Salesforce after we read and before we write
    ann, bob = people(both, 2)
    task = both.enter("task", "hubspot", bob["hubspot"])
    connector = both.connectors["salesforce"]
    write, struck = connector.write, list[bool]()

    def late(writes: Any) -> Any:
        if not struck:
            struck.append(True)
            both.sf.merge("Lead", ann["salesforce"], [bob["salesforce"]])
        return write(writes)

    monkeypatch.setattr(connector, "write", late)
    both.settle()
    both.settle(after=400)
    # then the task is there once, with the survivor
    assert struck
    assert both.twin("task", "hubspot", task)["WhoId"] == ann["salesforce"]
    assert len(both.sf.all("Task")) == 1
    both.assert_settled()


@only("task")
def test_opt_out_while_a_write_is_in_flight(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    # given an edit on its way to Salesforce
    (who,) = people(both)
    both.hs.edit("contacts", who["hubspot"], {"jobtitle": "Baker"})
    connector = both.connectors["salesforce"]
    write, struck = connector.write, list[bool]()

    def late(writes: Any) -> Any:
        if not struck:
            struck.append(True)
            both.sf.edit("Lead", who["salesforce"], {"HasOptedOutOfEmail": True})
        return write(writes)

    monkeypatch.setattr(connector, "write", late)
    # when she opts out in that moment
    both.settle()
    # then nothing is lost: the edit arrived, and so did the opt-out, in HubSpot too
    assert struck
    lead = both.sf.get("Lead", who["salesforce"])
    assert (lead["Title"], lead["HasOptedOutOfEmail"]) == ("Baker", True)
    assert both.contact(email(0))["hs_email_optout"] == "true"
    both.assert_settled()
    assert USERS
