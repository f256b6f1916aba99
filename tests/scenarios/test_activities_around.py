"""Activities where persons, owners and days move around them: associations, conversion, merges, deletes, time zones, our own first touch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crmsync.playbook.check import check
from scenarios.persons import crowd, email
from scenarios.world import DUE, KIND_OBJECTS, Both, other_side

LONG = 1000.0
SIDES = ["hubspot", "salesforce"]
DONE = {"hubspot": {"hs_task_status": "COMPLETED"}, "salesforce": {"Status": "Completed"}}


def people(both: Both, count: int = 1) -> list[dict[str, str]]:
    """Persons who are in both CRMs: side -> id."""
    return [{"hubspot": contact, "salesforce": lead} for contact, lead in crowd(both, count)]


# --- F07, F08 ---------------------------------------------------------------------------------------------------------------------


def test_f07_mapping_of_a_computed_field_is_warned_of() -> None:
    edits = {
        "mappings/activities.yaml": {
            "    reminder: {type: datetime,": "    age: {type: text, salesforce: {field: Age__c, read_only: true}, hubspot: hs_task_type}\n"
            "    reminder: {type: datetime,"
        }
    }
    with Both(edits=edits) as both:
        # given a formula of tasks, mapped by the admin
        both.sf.add_field("Activity", "Age__c", formula=lambda row: f"{row['Subject']} is old")
        schemas = {side: dict(c.schema(tuple({k[side] for k in KIND_OBJECTS.values()}))) for side, c in both.connectors.items()}
        # when the mapping is held against the live schema
        found = [f for f in check(both.playbook, schemas) if "computed" in f.message]
        # then it says that the formula's change alone is not seen, where it stands, and what to do
        assert [f.level for f in found] == ["warning"]
        assert "Age__c" in found[0].message
        assert "only seen when the record itself changes" in found[0].message
        assert found[0].subject.startswith("mappings/activities.yaml:")
        assert found[0].fix


def test_f08_persons_added_to_and_taken_from_an_activity(both: Both) -> None:
    # given a task of one person in step, in a CRM that keeps one person per task
    ann, bob = people(both, 2)
    task = both.enter("task", "hubspot", ann["hubspot"])
    both.settle()
    theirs = both.twin_id("task", "hubspot", task)
    both.assert_settled()
    both.mark()
    # when a second person is added: there is no room for both, and nobody is taken away
    both.hs.associate("tasks", task, "contacts", bob["hubspot"])
    both.settle()
    assert both.sf.get("Task", theirs)["WhoId"] == ann["salesforce"]
    assert sorted(both.hs.associated("tasks", task, "contacts")) == sorted([ann["hubspot"], bob["hubspot"]])
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    # when the first one is taken away: the task is the second one's, by one write
    both.hs.dissociate("tasks", task, "contacts", ann["hubspot"])
    both.settle()
    assert both.sf.get("Task", theirs)["WhoId"] == bob["salesforce"]
    assert [(w.id, set(w.changes)) for w in both.written("salesforce")] == [(theirs, {"WhoId"})]
    assert both.written("hubspot") == []
    both.assert_settled()
    # and the other way round: another person in Salesforce is another contact in HubSpot
    both.mark()
    both.edit("task", "salesforce", theirs, WhoId=ann["salesforce"])
    both.settle()
    assert both.hs.associated("tasks", task, "contacts") == [ann["hubspot"]]
    assert both.written("salesforce") == []
    both.assert_settled()


def test_f08_all_persons_are_kept_where_activities_are_shared() -> None:
    with Both(salesforce={"shared_activities": True}) as both:
        ann, bob = ({"hubspot": c, "salesforce": both.sf.convert(lead)} for c, lead in crowd(both, 2))
        both.settle()
        # given a meeting with two persons
        meeting = both.hs.create(
            "meetings",
            {"hs_meeting_title": "Both", "hs_timestamp": DUE, "hs_meeting_start_time": DUE, "hs_meeting_end_time": "2026-03-10T14:00:00Z",
             "associations": {"contacts": [ann["hubspot"], bob["hubspot"]]}},
        )  # fmt: skip
        both.settle()
        theirs = both.twin_id("meeting", "hubspot", meeting)

        def there() -> set[str]:
            rows = [r for r in both.sf.all("EventRelation") if r["EventId"] == theirs and not r["IsWhat"]]
            return {str(r["RelationId"]) for r in rows}

        assert there() == {ann["salesforce"], bob["salesforce"]}
        both.assert_settled()
        # when one is taken away in HubSpot, that one leaves in Salesforce
        both.hs.dissociate("meetings", meeting, "contacts", ann["hubspot"])
        both.settle()
        assert there() == {bob["salesforce"]}
        both.assert_settled()


# --- persons ----------------------------------------------------------------------------------------------------------------------


def test_f35_conversion_with_open_and_done_activities(both: Both) -> None:
    # given a lead with an open task, a call and a meeting
    (who,) = people(both)
    mine = {kind: both.enter(kind, "hubspot", who["hubspot"]) for kind in ("task", "call", "meeting", "note")}
    both.settle()
    theirs = {kind: both.twin_id(kind, "hubspot", id) for kind, id in mine.items()}
    both.mark()
    # when it is converted, while somebody completes the task in HubSpot and logs another call
    contact = both.sf.convert(who["salesforce"])
    both.edit("task", "hubspot", mine["task"], **DONE["hubspot"])
    late = both.enter("call", "hubspot", who["hubspot"], hs_call_title="After it")
    both.settle()
    # then everything is the contact's, nothing is doubled or asked of the dead lead again
    for kind, id in theirs.items():
        assert both.shown(kind, "salesforce", id)["WhoId"] == contact
    assert both.sf.get("Task", theirs["task"])["Status"] == "Completed"
    assert both.twin("call", "hubspot", late)["WhoId"] == contact
    assert len(both.sf.all("Task")) == 4
    assert len(both.sf.all("Event")) == 1
    assert both.problems() == []
    for kind, id in mine.items():
        assert both.hs.associated(KIND_OBJECTS[kind]["hubspot"], id, "contacts") == [who["hubspot"]]
    both.assert_settled()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("taken", [True, False], ids=["taken along", "left behind"])
def test_f38_deleted_person_takes_no_activities_on_the_other_side(side: str, taken: bool) -> None:
    with Both(salesforce={"delete_takes_activities": taken}) as both:
        # given a person with an open task and a call
        other, (who,) = other_side(side), people(both)
        ids = {kind: both.enter(kind, "hubspot", who["hubspot"]) for kind in ("task", "call")}
        both.settle()
        kept = {kind: id if other == "hubspot" else both.twin_id(kind, "hubspot", id) for kind, id in ids.items()}
        both.mark()
        # when the person is deleted on one side
        if side == "hubspot":
            both.hs.delete("contacts", who["hubspot"])
        else:
            both.sf.delete("Lead", who["salesforce"])
        both.settle(after=LONG)
        both.settle(after=LONG)
        # then their activities on the other side stay, nothing is written, and it is told
        for kind, id in kept.items():
            assert id in {row.get("id") or row.get("Id") for row in both.live(kind, other)}
        assert both.written(other) == []
        assert "deleted_elsewhere" in {p.cause for p in both.problems()}
        both.assert_settled()


def test_activity_waits_for_a_person_in_the_recycle_bin(both: Both) -> None:
    # given a person whose lead was deleted
    (who,) = people(both)
    both.sf.delete("Lead", who["salesforce"])
    both.settle()
    # when a call with them is logged in HubSpot
    call = both.enter("call", "hubspot", who["hubspot"])
    both.settle()
    assert both.sf.all("Task") == []
    assert both.store.count_twins() == {("call", "person"): 1}
    # then it is delivered once the lead is back
    both.sf.undelete("Lead", who["salesforce"])
    both.settle()
    assert both.twin("call", "hubspot", call)["WhoId"] == who["salesforce"]
    both.assert_settled()


def test_f33_merged_leads_keep_all_their_activities(both: Both) -> None:
    ann, bob = people(both, 2)
    mine = [both.enter("task", "salesforce", who["salesforce"], Subject=n) for n, who in (("one", ann), ("two", bob))]
    both.settle()
    theirs = [both.twin_id("task", "salesforce", id) for id in mine]
    both.mark()
    both.sf.merge("Lead", ann["salesforce"], [bob["salesforce"]])
    both.settle()
    assert [both.sf.get("Task", id)["WhoId"] for id in mine] == [ann["salesforce"]] * 2
    assert sorted(row["hs_task_subject"] for row in both.hs.all("tasks")) == ["one", "two"]
    assert [both.hs.associated("tasks", id, "contacts") for id in theirs] == [[ann["hubspot"]], [bob["hubspot"]]]
    assert [w.action for w in both.written("salesforce", "Task")] == []
    both.edit("task", "salesforce", mine[1], **DONE["salesforce"])
    both.settle()
    assert both.hs.get("tasks", theirs[1])["hs_task_status"] == "COMPLETED"
    both.assert_settled()


# --- days -------------------------------------------------------------------------------------------------------------------------

ZONES = ["America/Los_Angeles", "Pacific/Auckland", "America/New_York", "UTC"]
DAYS = ["2026-03-08", "2026-03-07", "2026-03-09", "2026-04-05", "2026-09-27", "2026-11-01", "2026-12-31"]
"""Daylight-saving days of these zones, their neighbours, and the last of the year."""


def test_f46_days_are_exact_in_the_owners_zone() -> None:
    owners = {zone: f"owner{n}@corp.example" for n, zone in enumerate(ZONES)}
    users = [{"email": mail, "first_name": "Owner", "last_name": zone, "time_zone": zone} for zone, mail in owners.items()]
    users.append({"email": "rita@corp.example", "first_name": "Rita", "last_name": "Rep", "time_zone": "America/New_York"})
    with Both(users=users) as both:
        (who,) = people(both)
        # given tasks due on these days in Salesforce, and at these local times in HubSpot
        days: dict[str, tuple[str, str]] = {}
        moments: dict[str, tuple[str, str]] = {}
        for zone, mail in owners.items():
            for day in DAYS:
                days[both.enter("task", "salesforce", who["salesforce"], mail, Subject=f"{zone} {day}", ActivityDate=day)] = (zone, day)
                for clock in ("00:00", "02:30", "23:59"):
                    at = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
                    shown = at.astimezone(ZoneInfo(zone)).date().isoformat()
                    due = at.isoformat().replace("+00:00", "Z")
                    task = both.enter("task", "hubspot", who["hubspot"], mail, hs_task_subject=f"{zone} {day} {clock}", hs_timestamp=due)
                    moments[task] = (zone, shown)
        both.settle()
        # then every day is the owner's day on both sides, at nine in the morning where only a day was known
        twins = {row["crmsync_key"]: row for row in both.hs.all("tasks")}
        wrong = []
        for task, (zone, day) in days.items():
            due = datetime.fromisoformat(twins[both.sf.get("Task", task)["crmsync_key__c"]]["hs_timestamp"])
            local = due.astimezone(ZoneInfo(zone))
            if (local.date().isoformat(), local.hour, local.minute) != (day, 9, 0):
                wrong.append((zone, day, due))
        there = {row["crmsync_key__c"]: row for row in both.sf.all("Task")}
        for task, (zone, day) in moments.items():
            row = both.hs.get("tasks", task)
            if there[row["crmsync_key"]]["ActivityDate"] != day:
                wrong.append((zone, row["hs_timestamp"], there[row["crmsync_key"]]["ActivityDate"]))
        assert wrong == []
        both.assert_settled()
        # and putting one off by a day moves exactly that day, the time of day stays
        for task, (zone, day) in list(moments.items())[::5]:
            row = both.hs.get("tasks", task)
            later = (datetime.fromisoformat(day) + timedelta(days=2)).date().isoformat()
            before = datetime.fromisoformat(row["hs_timestamp"]).astimezone(ZoneInfo(zone))
            both.edit("task", "salesforce", there[row["crmsync_key"]]["Id"], ActivityDate=later)
            both.settle()
            after = datetime.fromisoformat(both.hs.get("tasks", task)["hs_timestamp"]).astimezone(ZoneInfo(zone))
            assert after.date().isoformat() == later, (zone, day)
            assert after.time() == before.time() or before.hour == 2, (zone, day)
        both.assert_settled()


# --- our own first touch ----------------------------------------------------------------------------------------------------------


def handed_over(both: Both) -> tuple[dict[str, str], dict[str, Any], str]:
    """Somebody who asked for a demo: (person's ids, their first-touch task in Salesforce, its twin in HubSpot)."""
    both.hs.create(
        "contacts", {"email": email(0), "firstname": "Pat", "lastname": "Person0", "company": "Example Works", "phone": "+14085550000"}
    )
    both.settle()
    both.time.advance(60)
    both.hs.happen({"email": email(0), "type": "form_submitted", "name": "Demo request", "at": both.time()})
    both.settle()
    both.settle()
    who = {"hubspot": str(both.contact(email(0))["id"]), "salesforce": str(both.lead(email(0))["Id"])}
    (task,) = both.sf.all("Task")
    twin = both.twin_id("task", "salesforce", str(task["Id"]))
    assert both.hs.associated("tasks", twin, "contacts") == [who["hubspot"]]
    both.assert_settled()
    both.mark()
    return who, task, twin


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("what", ["completed", "deleted"])
def test_f79_our_task_completed_or_deleted_in_either_crm_is_one_effect(what: str, side: str, both: Both) -> None:
    # given a first-touch task of ours, in both CRMs
    who, task, twin = handed_over(both)
    mine = {"hubspot": twin, "salesforce": str(task["Id"])}
    state = both.state_of("hubspot", "contacts", who["hubspot"])
    # when it is completed, or deleted, on one side
    if what == "completed":
        both.edit("task", side, mine[side], **DONE[side])
    else:
        both.remove("task", side, mine[side])
    both.settle(after=LONG)
    both.settle(after=LONG)
    # then that is one write on the other side, it is not made again, and the person's process goes on as it was
    other = other_side(side)
    assert [(w.id, w.action) for w in both.written(other)] == [(mine[other], "update" if what == "completed" else "delete")]
    assert both.written(side) == []
    left = 1 if what == "completed" else 0
    assert (len(both.hs.all("tasks")), len(both.sf.all("Task"))) == (left, left)
    after = both.state_of("hubspot", "contacts", who["hubspot"])
    assert [e.stage for e in after.stages] == [e.stage for e in state.stages]
    assert both.problems() == []
    both.assert_settled()


def test_f57_owner_change_moves_our_open_tasks_and_leaves_done_ones(both: Both) -> None:
    # given a first-touch task of ours and a rep's own task
    who, task, twin = handed_over(both)
    old = next(str(u.email) for u in both.store.users() if (u.side, u.id) == ("salesforce", task["OwnerId"]))
    new = next(mail for mail in ("rita@corp.example", "sam@corp.example") if mail != old)
    own = both.enter("task", "hubspot", who["hubspot"], old, hs_task_subject="My own")
    both.settle()
    both.mark()
    # when the person gets another owner
    both.sf.edit("Lead", who["salesforce"], {"OwnerId": both.owner("salesforce", new)})
    both.settle()
    # then our open task is the new owner's, in both CRMs; what a rep entered is not touched
    assert both.sf.get("Task", task["Id"])["OwnerId"] == both.owner("salesforce", new)
    assert both.hs.get("tasks", twin)["hubspot_owner_id"] == both.owner("hubspot", new)
    assert both.hs.get("tasks", own)["hubspot_owner_id"] == both.owner("hubspot", old)
    assert len(both.written("salesforce", "Task")) == len(both.written("hubspot", "tasks")) == 1
    both.assert_settled()
    # and one that is done stays with whom it was done by
    both.edit("task", "hubspot", twin, **DONE["hubspot"])
    both.settle()
    both.sf.edit("Lead", who["salesforce"], {"OwnerId": both.owner("salesforce", old)})
    both.settle()
    assert both.sf.get("Task", task["Id"])["OwnerId"] == both.owner("salesforce", new)
    assert both.hs.get("tasks", twin)["hubspot_owner_id"] == both.owner("hubspot", new)
    both.assert_settled()


@pytest.mark.parametrize("side", SIDES)
def test_f77_opt_out_makes_no_further_touches(side: str, both: Both) -> None:
    # given a first-touch task of ours
    who, _, _ = handed_over(both)
    # when the person opts out on either side
    if side == "salesforce":
        both.sf.edit("Lead", who["salesforce"], {"HasOptedOutOfEmail": True})
    else:
        both.hs.happen({"email": email(0), "type": "unsubscribe", "at": both.time()})
    both.settle()
    # then the other side knows within one cycle, and no second task is made, whatever they do next
    assert both.sf.get("Lead", who["salesforce"])["HasOptedOutOfEmail"] is True
    assert both.contact(email(0))["hs_email_optout"] == "true"
    both.time.advance(days=1)
    both.hs.happen({"email": email(0), "type": "email_open", "at": both.time()})
    both.settle()
    assert len(both.sf.all("Task")) == len(both.hs.all("tasks")) == 1
    both.assert_settled()


# --- the beginning ----------------------------------------------------------------------------------------------------------------


def test_archived_activities_are_not_taken_for_deleted(both: Both) -> None:
    # given a call and a meeting in step, a year old and more
    (who,) = people(both)
    mine = {kind: both.enter(kind, "hubspot", who["hubspot"]) for kind in ("call", "meeting", "task")}
    both.edit("task", "hubspot", mine["task"], **DONE["hubspot"])
    both.settle()
    both.time.advance(days=500)
    # when Salesforce archives them
    assert both.sf.archive_activities(both.time().date()) == 3
    for _ in range(3):
        both.settle(after=2 * 3600)
    # then they stand in HubSpot as before
    assert {kind: len(both.live(kind, "hubspot")) for kind in mine} == {"call": 1, "meeting": 1, "task": 1}
    assert both.problems() == []
    both.assert_settled()


@pytest.mark.parametrize("kind", ["task", "call", "email", "meeting"])
def test_activities_that_another_tool_synced_before_are_paired(kind: str, both: Both) -> None:
    # given a person and one activity of theirs in both CRMs before the first sync, and a second one on one side only
    both.hs.create("contacts", {"email": email(0), "lastname": "Person0"})
    lead = both.sf.create("Lead", {"Email": email(0), "LastName": "Person0", "Company": "Acme"})
    for side in SIDES:  # the owners' ids are known once users were read
        both.store.save_users(side, both.connectors[side].users())
    contact = str(both.contact(email(0))["id"])
    mine = both.enter(kind, "hubspot", contact)
    theirs = both.enter(kind, "salesforce", lead)
    single = both.enter(kind, "hubspot", contact, **{"hs_timestamp": "2026-03-02T13:00:00Z", **(
        {"hs_meeting_start_time": "2026-03-02T13:00:00Z", "hs_meeting_end_time": "2026-03-02T14:00:00Z"} if kind == "meeting" else {}
    )})  # fmt: skip
    both.mark()
    # when the first sync runs
    both.settle()
    both.settle()
    # then the pair is a pair, and only the second one is created
    assert both.twin_id(kind, "hubspot", mine) == theirs
    assert both.twin_id(kind, "hubspot", single) != theirs
    assert len(both.live(kind, "hubspot")) == len(both.live(kind, "salesforce")) == 2
    both.assert_settled()


@pytest.mark.parametrize("side", SIDES)
def test_a_copied_task_is_a_task_of_its_own(side: str, both: Both) -> None:
    # given a task in step
    other, (who,) = other_side(side), people(both)
    task = both.enter("task", side, who[side])
    both.settle()
    theirs = both.twin_id("task", side, task)
    # when a rep copies it: all is alike but the key, which both CRMs keep unique
    copy = both.enter("task", side, who[side])
    both.settle()
    # then the copy has a twin of its own, and each follows its own
    second = both.twin_id("task", side, copy)
    assert second != theirs
    subject = {"hubspot": "hs_task_subject", "salesforce": "Subject"}
    both.edit("task", side, copy, **{subject[side]: "The copy"})
    both.edit("task", side, task, **{subject[side]: "The first"})
    both.settle()
    assert both.shown("task", other, theirs)[subject[other]] == "The first"
    assert both.shown("task", other, second)[subject[other]] == "The copy"
    both.assert_settled()


def test_a_copy_that_took_the_key_along_does_not_confuse(both: Both) -> None:
    # given a task in step, in an org where somebody made the key's field not unique
    (who,) = people(both)
    task = both.enter("task", "salesforce", who["salesforce"])
    both.settle()
    theirs = both.twin_id("task", "salesforce", task)
    key = both.sf.get("Task", task)["crmsync_key__c"]
    # when a copy comes with the first one's key, and both are edited
    both.sf.create_many(
        "Task", [{"Subject": "A copy", "Status": "Not Started", "Priority": "Normal", "WhoId": who["salesforce"],
                  "OwnerId": both.owner("salesforce", "rita@corp.example"), "ActivityDate": "2026-03-10", "crmsync_key__c": key}]
    )  # fmt: skip
    both.settle()
    # then the first one keeps its twin, and the copy is a task of its own
    assert both.hs.get("tasks", theirs)["hs_task_subject"] == "Send the plan"
    assert sorted(row["hs_task_subject"] for row in both.hs.all("tasks")) == ["A copy", "Send the plan"]
    both.edit("task", "salesforce", task, Subject="The first")
    both.settle()
    assert both.hs.get("tasks", theirs)["hs_task_subject"] == "The first"
    assert len(both.hs.all("tasks")) == 2
    both.assert_settled()


def test_a_planned_call_is_a_task_until_it_is_done(both: Both) -> None:
    # given a call that a rep has yet to make, as Salesforce keeps it
    (who,) = people(both)
    call = both.enter("task", "salesforce", who["salesforce"], Subject="Call her", TaskSubtype="Call")
    both.settle()
    # then HubSpot shows a task to do, and no call that nobody made
    assert both.hs.all("calls") == []
    twin = both.twin("task", "salesforce", call)
    assert (twin["hs_task_subject"], twin["hs_task_status"]) == ("Call her", "NOT_STARTED")
    # and when it is made, the task is done
    both.edit("task", "salesforce", call, Status="Completed")
    both.settle()
    assert both.twin("task", "salesforce", call)["hs_task_status"] == "COMPLETED"
    assert both.hs.all("calls") == []
    both.assert_settled()


def test_deletes_that_are_told_again_do_not_look_like_a_loss(both: Both) -> None:
    # given forty tasks in step, of which two were deleted every few minutes, twelve in all
    (who,) = people(both)
    tasks = [both.enter("task", "salesforce", who["salesforce"], Subject=f"Task {n}") for n in range(40)]
    both.settle()
    for first, second in zip(tasks[:12:2], tasks[1:12:2], strict=True):
        both.remove("task", "salesforce", first)
        both.remove("task", "salesforce", second)
        both.settle(20)
    both.mark()
    # when both CRMs list what was deleted once more, hours later, beside an edit of one that is left
    for n in range(3):
        both.edit("task", "salesforce", tasks[-1], Subject=f"Still here {n}")
        both.settle(3000)
    # then nothing stops, nothing is written, and what is left stands
    assert both.store.halt() is None
    assert both.writes() == {"hubspot": 3, "salesforce": 0}
    assert len(both.hs.all("tasks")) == len(both.sf.all("Task")) == 28
    both.assert_settled()
