"""Activities whose fields change under them: values that a CRM accepts and drops, and fields that are renamed, retyped or hidden (F44, F45)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import requests

from scenarios.persons import crowd
from scenarios.world import DUE, Both, only

SIDES = ["hubspot", "salesforce"]
SUBJECT = {"hubspot": "hs_task_subject", "salesforce": "Subject"}
FRESH = 400.0
"""Seconds after which schemas are read again."""


def people(both: Both, count: int = 1) -> list[dict[str, str]]:
    """Persons who are in both CRMs: side -> id."""
    return [{"hubspot": contact, "salesforce": lead} for contact, lead in crowd(both, count)]


def in_step(both: Both, kind: str = "task", count: int = 1) -> list[dict[str, str]]:
    """Activities of one person that are in both CRMs: side -> id."""
    (who,) = people(both)
    mine = [both.enter(kind, "hubspot", who["hubspot"]) for _ in range(count)]
    both.settle()
    found = [{"hubspot": id, "salesforce": both.twin_id(kind, "hubspot", id)} for id in mine]
    both.assert_settled()
    both.mark()
    return found


# --- F44 --------------------------------------------------------------------------------------------------------------------------


def test_f44_salesforce_puts_the_subject_back(both: Both) -> None:
    # given two tasks in step, and automation in Salesforce that puts the subject of one back
    first, second = in_step(both, count=2)
    both.sf.automation("Task", lambda row: {"Subject": "Send the plan"} if row.get("Id") == first["salesforce"] else {})
    # when both get another subject in HubSpot
    for task in (first, second):
        both.edit("task", "hubspot", task["hubspot"], hs_task_subject="Send the offer")
    both.settle()
    both.settle()
    # then the one that did not stick is said, once; nothing is overwritten again and again; the other one is written
    assert [(p.cause, p.side, p.field, p.record_id) for p in both.problems()] == [
        ("silent_no_op", "salesforce", "subject", first["salesforce"])
    ]
    assert [both.sf.get("Task", task["salesforce"])["Subject"] for task in (first, second)] == ["Send the plan", "Send the offer"]
    assert both.hs.get("tasks", first["hubspot"])["hs_task_subject"] == "Send the offer"
    assert both.writes() == {"hubspot": 0, "salesforce": 2}
    both.assert_settled()
    # and when the automation is gone, the next edit arrives and the problem with it goes
    both.sf.org.automations.clear()
    both.time.advance(5)
    both.edit("task", "hubspot", first["hubspot"], hs_task_subject="Send the bill")
    both.settle()
    both.settle()
    assert both.sf.get("Task", first["salesforce"])["Subject"] == "Send the bill"
    assert both.problems() == []
    both.assert_settled()


def test_f44_hubspot_keeps_what_it_had() -> None:
    with Both(hubspot={"read_only_writes": "ignore"}) as both:
        # given a task in step, and properties that HubSpot made read-only since schemas were read, and ignores
        (task,) = in_step(both)
        for name in ("hs_task_subject", "hs_task_body", "hs_timestamp"):
            both.hs.portal.schema.change("tasks", name, read_only=True)
        # when Salesforce changes them, with another field
        wanted = {"Subject": "Send the offer", "Description": "By mail", "ActivityDate": "2026-03-20"}
        both.edit("task", "salesforce", task["salesforce"], Priority="High", **wanted)
        both.settle()
        # then the other field arrived, what did not stick is said, and neither side is written again
        shown = both.hs.get("tasks", task["hubspot"])
        assert (shown["hs_task_subject"], shown["hs_timestamp"], shown["hs_task_priority"]) == ("Send the plan", DUE, "HIGH")
        told = sorted((p.cause, p.side, p.field, p.record_id) for p in both.problems())
        assert told == [("silent_no_op", "hubspot", name, task["hubspot"]) for name in ("body", "due", "subject")]
        assert both.writes() == {"hubspot": 1, "salesforce": 0}
        both.assert_settled()
        # and what HubSpot kept is nobody's edit: the next one there takes nothing of it along
        both.edit("task", "hubspot", task["hubspot"], hs_task_priority="LOW")
        both.settle()
        assert wanted.items() <= both.sf.get("Task", task["salesforce"]).items()
        assert len(both.problems("silent_no_op")) == 3
        both.assert_settled()
        # and when Salesforce takes it back, both sides agree and there is nothing to tell any more
        both.edit("task", "salesforce", task["salesforce"], Subject="Send the plan", Description=None, ActivityDate="2026-03-10")
        both.settle()
        assert both.problems() == []
        both.assert_settled()


# --- C8 ---------------------------------------------------------------------------------------------------------------------------


@only("task")
def test_c8_f46_nobody_is_reminded_of_what_is_overdue(both: Both) -> None:
    """Salesforce knows the day: its copy is due at due_time, 09:00 of its owner in New York, unless the reminder comes later on that day."""
    (who,) = people(both)
    both.settle()
    wanted = {"2026-03-09T21:00:00Z": DUE, "2026-03-10T12:00:00Z": DUE, "2026-03-10T19:30:00Z": "2026-03-10T19:30:00Z", None: DUE}
    for reminder, due in wanted.items():
        set_ = {"IsReminderSet": True, "ReminderDateTime": reminder} if reminder is not None else {}
        mine = both.enter("task", "salesforce", who["salesforce"], **set_)
        both.settle()
        copy = both.twin("task", "salesforce", mine)
        assert datetime.fromisoformat(copy["hs_timestamp"]) == datetime.fromisoformat(due), reminder
        assert int(copy.get("hs_task_reminders") or 0) <= datetime.fromisoformat(copy["hs_timestamp"]).timestamp() * 1000
    both.assert_settled()


# --- F45 --------------------------------------------------------------------------------------------------------------------------

OWN = "    topic: {type: text, hubspot: topic, salesforce: Topic__c}\n    place: {type: text, hubspot: place, salesforce: Place__c}\n"
REMINDER = "    reminder: {type: datetime,"
MAPPED = {"mappings/activities.yaml": {REMINDER: OWN + REMINDER}}


def properties(both: Both, method: str, path: str = "", **body: Any) -> None:
    """An admin's change of the properties of tasks, through HubSpot's own address."""
    token = {"Authorization": f"Bearer {both.hs.options.access_token}"}
    url = f"{both.hs.url}/crm/v3/properties/tasks{path}"
    answer = requests.request(method, url, json=body or None, headers=token, timeout=10)
    assert answer.ok, answer.text


def named(both: Both) -> set[tuple[str, str, str | None]]:
    return {(p.cause, p.side, p.field) for p in both.problems()}


def mapped(both: Both) -> dict[str, str]:
    """The two custom fields of OWN on both sides, and a task in step: side -> id."""
    for name in ("Topic__c", "Place__c"):
        both.sf.add_field("Activity", name, type="Text", length=80)
    for name in ("topic", "place"):
        properties(both, "POST", name=name, label=name, type="string", fieldType="text", groupName="task")
    (task,) = in_step(both)
    return task


def test_f45_fields_removed_hidden_and_made_again_in_salesforce() -> None:
    with Both(edits=MAPPED) as both:
        # given tasks in step with two mapped custom fields, and a meeting
        task = mapped(both)
        who = both.hs.associated("tasks", task["hubspot"], "contacts")[0]
        meeting, quiet = both.enter("meeting", "hubspot", who), both.enter("task", "hubspot", who, topic="Quiet")
        both.edit("task", "hubspot", task["hubspot"], topic="Prices", place="Bern")
        both.settle()
        theirs, still = both.twin_id("meeting", "hubspot", meeting), both.twin_id("task", "hubspot", quiet)
        assert [both.sf.get("Task", id)["Topic__c"] for id in (task["salesforce"], still)] == ["Prices", "Quiet"]
        both.mark()
        # when one is deleted in Salesforce, two more are hidden from us, and HubSpot changes all of them with the subjects
        both.sf.remove_field("Activity", "Topic__c")
        both.sf.hide_field("Task", "Priority")
        both.sf.hide_field("Event", "Location")
        both.edit("task", "hubspot", task["hubspot"], topic="Terms", hs_task_priority="HIGH", hs_task_subject="Renamed")
        both.edit("meeting", "hubspot", meeting, hs_meeting_location="Basel", hs_meeting_title="Moved")
        both.settle()
        # then the very next cycle meets it: each is named once, the rest goes through, HubSpot's values stand
        lost = {
            ("unknown_field", "salesforce", "Topic__c"),
            ("unknown_field", "salesforce", "Priority"),
            ("unknown_field", "salesforce", "Location"),
        }
        assert named(both) >= lost
        assert (both.sf.get("Task", task["salesforce"])["Subject"], both.sf.get("Event", theirs)["Subject"]) == ("Renamed", "Moved")
        both.settle(after=FRESH)
        assert named(both) >= lost
        assert both.writes() == {"hubspot": 0, "salesforce": 2}
        both.assert_settled()
        # and when the one is made again, empty and of another type, and the others are shown, what fits arrives and what does not is named
        both.sf.add_field("Activity", "Topic__c", type="Number", precision=10, scale=0)
        both.sf.show_field("Task", "Priority")
        both.sf.show_field("Event", "Location")
        both.settle(after=FRESH)
        assert (both.sf.get("Task", task["salesforce"])["Priority"], both.sf.get("Event", theirs)["Location"]) == ("High", "Basel")
        assert sorted((p.cause, p.side, p.field, p.record_id) for p in both.problems()) == sorted(
            ("wrong_type", "salesforce", "topic", id) for id in (task["salesforce"], still)
        )
        # nothing that the new field leaves empty was emptied by anybody
        assert [both.hs.get("tasks", id)["topic"] for id in (task["hubspot"], quiet)] == ["Terms", "Quiet"]
        for n, id in enumerate((task["hubspot"], quiet)):
            both.edit("task", "hubspot", id, topic=str(42 + n))
        both.settle()
        assert [both.sf.get("Task", id)["Topic__c"] for id in (task["salesforce"], still)] == [42, 43]
        assert both.problems() == []
        both.assert_settled()


def test_f45_fields_archived_retyped_and_made_again_in_hubspot() -> None:
    with Both(edits=MAPPED) as both:
        # given a task in step with two mapped custom fields
        task = mapped(both)
        both.edit("task", "salesforce", task["salesforce"], Topic__c="Prices", Place__c="Bern")
        both.settle()
        assert (both.hs.get("tasks", task["hubspot"])["topic"], both.hs.get("tasks", task["hubspot"])["place"]) == ("Prices", "Bern")
        both.mark()
        # when one is archived in HubSpot, and the task is edited there
        properties(both, "DELETE", "/topic")
        both.edit("task", "hubspot", task["hubspot"], hs_task_priority="HIGH")
        both.settle()
        both.settle()
        # then it is named, though HubSpot only leaves it out, and Salesforce keeps its value
        shown = both.sf.get("Task", task["salesforce"])
        assert (shown["Topic__c"], shown["Place__c"], shown["Priority"]) == ("Prices", "Bern", "High")
        assert named(both) == {("unknown_field", "hubspot", "topic")}
        # and when the other becomes a number, and Salesforce changes both with the subject, the refusal makes us look: both are named
        properties(both, "PATCH", "/place", type="number", fieldType="number")
        both.edit("task", "salesforce", task["salesforce"], Topic__c="Terms", Place__c="Basel", Subject="Renamed")
        both.settle()
        assert both.hs.get("tasks", task["hubspot"])["hs_task_subject"] == "Renamed"
        assert named(both) >= {("unknown_field", "hubspot", "topic"), ("wrong_type", "hubspot", "place")}
        both.settle(after=FRESH)
        both.assert_settled()
        # and when the admin puts them right, the values arrive
        properties(both, "POST", name="topic", label="topic", type="string", fieldType="text", groupName="task")
        properties(both, "PATCH", "/place", type="string", fieldType="text")
        both.settle(after=FRESH)
        assert (both.hs.get("tasks", task["hubspot"])["topic"], both.hs.get("tasks", task["hubspot"])["place"]) == ("Terms", "Basel")
        assert both.problems() == []
        both.assert_settled()
