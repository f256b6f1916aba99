"""Activities where persons, owners and days move around them: associations, conversion, merges, deletes, time zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crmsync.playbook.check import check
from scenarios.persons import crowd, email
from scenarios.world import DUE, KIND_OBJECTS, SIDES, Both, only, other_side

LONG = 1000.0
DONE = {"hubspot": {"hs_task_status": "COMPLETED"}, "salesforce": {"Status": "Completed"}}


def people(both: Both, count: int = 1) -> list[dict[str, str]]:
    """Persons who are in both CRMs: side -> id."""
    return [{"hubspot": contact, "salesforce": lead} for contact, lead in crowd(both, count)]


# --- F07, F08 ---------------------------------------------------------------------------------------------------------------------


def test_f07_mapping_of_a_computed_field_is_warned_of() -> None:
    edits = {
        "mappings/activities.yaml": {
            "    reminder: {type: datetime,": "    age: {type: text, salesforce: {field: Age__c, read_only: true}, hubspot: hs_queue_membership_ids}\n"
            "    reminder: {type: datetime,"
        }
    }
    with Both(edits=edits, kinds=("task",)) as both:
        # given a formula of tasks, mapped by the admin
        both.sf.add_field("Activity", "Age__c", formula=lambda row: f"{row['Subject']} is old")
        schemas = {side: dict(c.schema((KIND_OBJECTS["task"][side],))) for side, c in both.connectors.items()}
        # when the mapping is held against the live schema
        found = [f for f in check(both.playbook, schemas) if "computed" in f.message]
        # then it says that the formula's change alone is not seen, where it stands, and what to do
        assert [f.level for f in found] == ["warning"]
        assert "Age__c" in found[0].message
        assert "only seen when the record itself changes" in found[0].message
        assert found[0].subject.startswith("mappings/activities.yaml:")
        assert found[0].fix


@only("task")
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
    with Both(salesforce={"shared_activities": True}, kinds=("meeting",)) as both:
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


@only("task", "call", "meeting", "note")
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


@pytest.mark.parametrize("taken", [True, False], ids=["taken along", "left behind"])
def test_f38_deleted_person_takes_no_activities_on_the_other_side(taken: bool) -> None:
    with Both(salesforce={"delete_takes_activities": taken}, kinds=("task", "call")) as both:
        # given two persons with an open task and a call each
        persons = dict(zip(SIDES, people(both, 2), strict=True))
        mine = {side: {kind: both.enter(kind, "hubspot", who["hubspot"]) for kind in ("task", "call")} for side, who in persons.items()}
        both.settle()
        twins = {side: {kind: both.twin_id(kind, "hubspot", id) for kind, id in ids.items()} for side, ids in mine.items()}
        both.mark()
        # when one is deleted in HubSpot, the other in Salesforce
        both.hs.delete("contacts", persons["hubspot"]["hubspot"])
        both.sf.delete("Lead", persons["salesforce"]["salesforce"])
        both.settle(after=LONG)
        both.settle(after=LONG)
        # then their activities on the other side stay, nothing is written, and each is told
        for side, kept in (("hubspot", twins["hubspot"]), ("salesforce", mine["salesforce"])):
            for kind, id in kept.items():
                assert id in {row.get("id") or row.get("Id") for row in both.live(kind, other_side(side))}, (side, kind)
        assert both.writes() == {"hubspot": 0, "salesforce": 0}
        told = {(p.side, p.record_id) for p in both.problems("deleted_elsewhere")}
        assert told >= {(side, who[side]) for side, who in persons.items()}, both.problems()
        both.assert_settled()


@only("call")
def test_activity_waits_for_a_person_in_the_recycle_bin(both: Both) -> None:
    # given a person whose lead was deleted
    (who,) = people(both)
    both.sf.delete("Lead", who["salesforce"])
    both.settle()
    # when a call with them is logged in HubSpot
    call = both.enter("call", "hubspot", who["hubspot"])
    both.settle()
    assert both.sf.all("Task") == []
    assert both.store.twins.counts() == {("call", "person"): 1}
    # then it is delivered once the lead is back
    both.sf.undelete("Lead", who["salesforce"])
    both.settle()
    assert both.twin("call", "hubspot", call)["WhoId"] == who["salesforce"]
    both.assert_settled()


@only("task")
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
    with Both(users=users, kinds=("task",)) as both:
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
                    told = at.isoformat().replace("+00:00", "Z")
                    task = both.enter("task", "hubspot", who["hubspot"], mail, hs_task_subject=f"{zone} {day} {clock}", hs_timestamp=told)
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
        moved = {}
        for task, (zone, day) in list(moments.items())[::5]:
            row = both.hs.get("tasks", task)
            later = (datetime.fromisoformat(day) + timedelta(days=2)).date().isoformat()
            moved[task] = (zone, later, datetime.fromisoformat(row["hs_timestamp"]).astimezone(ZoneInfo(zone)))
            both.edit("task", "salesforce", there[row["crmsync_key"]]["Id"], ActivityDate=later)
        both.settle()
        for task, (zone, later, before) in moved.items():
            after = datetime.fromisoformat(both.hs.get("tasks", task)["hs_timestamp"]).astimezone(ZoneInfo(zone))
            assert after.date().isoformat() == later, (zone, before)
            assert after.time() == before.time() or before.hour == 2, (zone, before)
        both.assert_settled()


# --- the beginning ----------------------------------------------------------------------------------------------------------------


@only("call", "meeting", "task")
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


@only("task", "call", "email", "meeting")
def test_activities_that_another_tool_synced_before_are_paired(both: Both) -> None:
    # given a person and one activity of each kind of theirs in both CRMs before the first sync, and a second one on one side only
    both.hs.create("contacts", {"email": email(0), "lastname": "Person0"})
    lead = both.sf.create("Lead", {"Email": email(0), "LastName": "Person0", "Company": "Acme"})
    for side in SIDES:  # the owners' ids are known once users were read
        both.store.save_users(side, both.connectors[side].users())
    contact = str(both.contact(email(0))["id"])
    mine, theirs, single = dict[str, str](), dict[str, str](), dict[str, str]()
    kinds = ("task", "call", "email", "meeting")
    for kind in kinds:
        mine[kind] = both.enter(kind, "hubspot", contact)
        theirs[kind] = both.enter(kind, "salesforce", lead)
        single[kind] = both.enter(kind, "hubspot", contact, **{"hs_timestamp": "2026-03-02T13:00:00Z", **(
            {"hs_meeting_start_time": "2026-03-02T13:00:00Z", "hs_meeting_end_time": "2026-03-02T14:00:00Z"} if kind == "meeting" else {}
        )})  # fmt: skip
    both.mark()
    # when the first sync runs
    both.settle()
    both.settle()
    # then the pair is a pair, and only the second one is created
    for kind in kinds:
        assert both.twin_id(kind, "hubspot", mine[kind]) == theirs[kind], kind
        assert both.twin_id(kind, "hubspot", single[kind]) not in theirs.values(), kind
        assert len(both.live(kind, "hubspot")) == 2, kind
    assert (len(both.sf.all("Task")), len(both.sf.all("Event"))) == (6, 2)
    both.assert_settled()


@only("task")
def test_a_copied_task_is_a_task_of_its_own(both: Both) -> None:
    # given a task in step that was entered in HubSpot, and another one that was entered in Salesforce
    pairs = dict(zip(SIDES, people(both, 2), strict=True))
    task = {side: both.enter("task", side, who[side]) for side, who in pairs.items()}
    both.settle()
    theirs = {side: both.twin_id("task", side, id) for side, id in task.items()}
    # when a rep copies each: all is alike but the key, which both CRMs keep unique
    copy = {side: both.enter("task", side, who[side]) for side, who in pairs.items()}
    both.settle()
    # then the copy has a twin of its own, and each follows its own
    second = {side: both.twin_id("task", side, id) for side, id in copy.items()}
    subject = {"hubspot": "hs_task_subject", "salesforce": "Subject"}
    for side in SIDES:
        assert second[side] != theirs[side]
        both.edit("task", side, copy[side], **{subject[side]: "The copy"})
        both.edit("task", side, task[side], **{subject[side]: "The first"})
    both.settle()
    for side in SIDES:
        other = other_side(side)
        assert both.shown("task", other, theirs[side])[subject[other]] == "The first", side
        assert both.shown("task", other, second[side])[subject[other]] == "The copy", side
    both.assert_settled()


@only("task")
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


@only("task", "call")
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


@only("task")
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
