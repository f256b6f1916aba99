"""Owners, batches and our own first touch where activities meet them: assignment rules, one bad row, persons who go or answer (F38, F43, F49, F77)."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.persons import crowd, email
from scenarios.test_activities_touched import handed_over
from scenarios.world import Both, other_side

LONG = 1000.0
SIDES = ["hubspot", "salesforce"]
MAILS = ("rita@corp.example", "sam@corp.example")


def touches(both: Both) -> list[str]:
    """Live tasks in Salesforce that the engine made, in HubSpot those and their twins."""
    return sorted(str(row["Subject"]) for row in both.sf.all("Task"))


def test_f49_assignment_rule_steals_neither_the_lead_nor_its_tasks(both: Both) -> None:
    # given an org whose assignment rule gives every lead to a queue, unless it is told not to
    queue = both.sf.add_queue("Inbound", "Lead", "Task")
    both.sf.lead_assignment(queue)
    # when somebody asks for a demo: the router names an owner, and that owner gets a first-touch task
    (given,) = handed_over(both)
    who, twin, task = given.ids, given.task["hubspot"], both.sf.get("Task", given.task["salesforce"])
    owner = next(mail for mail in MAILS if both.owner("salesforce", mail) == task["OwnerId"])
    new = next(mail for mail in MAILS if mail != owner)
    assert both.sf.get("Lead", who["salesforce"])["OwnerId"] == task["OwnerId"]
    # and when the task is handed over in HubSpot, and a rep's own one comes for the same lead
    both.edit("task", "hubspot", twin, hubspot_owner_id=both.owner("hubspot", new), hs_task_priority="HIGH")
    own = both.enter("call", "hubspot", who["hubspot"], new)
    both.settle()
    # then each activity has the owner it was given, on both sides, and the lead its own
    assert both.sf.get("Task", task["Id"])["OwnerId"] == both.owner("salesforce", new)
    assert both.twin("call", "hubspot", own)["OwnerId"] == both.owner("salesforce", new)
    both.hs.edit("contacts", who["hubspot"], {"jobtitle": "Baker"})
    both.settle()
    lead = both.sf.get("Lead", who["salesforce"])
    assert (lead["OwnerId"], lead["Title"]) == (both.owner("salesforce", owner), "Baker")
    assert both.hs.get("contacts", who["hubspot"])["hubspot_owner_id"] == both.owner("hubspot", owner)
    assert both.problems() == []
    both.assert_settled()


def test_f43_one_bad_value_in_a_batch_for_hubspot(both: Both) -> None:
    # given a portal whose admin took an option of the priority away since schemas were read
    ((_, lead),) = crowd(both, 1)
    options = {"LOW": "Low", "MEDIUM": "Medium", "NONE": "None"}
    both.hs.set_options("tasks", "hs_task_priority", options)
    # when thirty tasks come from Salesforce, two of them with it
    tasks = [both.enter("task", "salesforce", lead, Subject=f"Task {n}", Priority="High" if n in (7, 19) else "Low") for n in range(30)]
    both.settle()
    # then all are there, these two without it; one group says so, and nothing is tried again
    rows = {str(row["hs_task_subject"]): row.get("hs_task_priority") for row in both.hs.all("tasks")}
    assert len(rows) == 30
    assert sorted(name for name, priority in rows.items() if priority != "LOW") == ["Task 19", "Task 7"]
    assert {(p.side, p.field) for p in both.problems()} == {("hubspot", "priority")}
    assert len(both.problems()) == 2
    both.settle(after=400)
    both.assert_settled()
    # and when the option is back, so is the value
    both.hs.set_options("tasks", "hs_task_priority", {**options, "HIGH": "High"})
    both.settle(after=400)
    assert [both.twin("task", "salesforce", tasks[n])["hs_task_priority"] for n in (7, 19)] == ["HIGH", "HIGH"]
    assert both.problems() == []
    both.assert_settled()


@pytest.mark.parametrize("side", SIDES)
def test_f38_a_person_deleted_in_mid_handoff_is_not_asked_for_again(side: str, both: Both) -> None:
    # given somebody handed over, with our open first-touch task
    (given,) = handed_over(both)
    who = given.ids
    before = touches(both)
    # when the person is deleted on one side, and is heard of again on the other
    crm: Any = both.hs if side == "hubspot" else both.sf
    crm.delete("contacts" if side == "hubspot" else "Lead", who[side])
    both.settle(after=LONG)
    both.settle(after=LONG)
    if side == "salesforce":
        both.hs.happen({"email": email(0), "type": "form_submitted", "name": "Pricing inquiry", "at": both.time()})
        both.settle()
    # then it is told, the task that a rep may be at work on stays where the person still is, and no further one is made
    other = other_side(side)
    assert "deleted_elsewhere" in {p.cause for p in both.problems()}
    kept = given.task[other]
    assert kept in {str(row.get("id") or row.get("Id")) for row in both.live("task", other)}
    assert [w for w in both.written(other) if w.action == "delete"] == []
    assert set(touches(both)) <= set(before)
    assert len(both.live("task", other)) == 1
    both.assert_settled()


def test_f77_an_answer_makes_no_further_touch(both: Both) -> None:
    # given our open first-touch task
    handed_over(both)
    before = touches(both)
    # when the person answers a mail, and an absence note comes after it
    both.hs.happen({"email": email(0), "type": "email_reply", "at": both.time()})
    both.settle()
    both.time.advance(days=1)
    both.hs.happen({"email": email(0), "type": "email_reply", "name": "Out of office", "at": both.time()})
    both.settle()
    # then nobody gets a second task for it
    assert touches(both) == before
    assert len(both.hs.all("tasks")) == 1
    both.assert_settled()
