"""A task of ours that its rep completes before any look at it: it is that task, done, and nothing else."""

from __future__ import annotations

from crmsync.engine.cycle import cycle
from scenarios.world import Both, only


@only("task", "call", "email")
def test_c7_a_task_completed_before_it_was_ever_read_is_done_and_stays(both: Both) -> None:
    both.settle()
    email = "ann@acme.example"
    both.hs.create("contacts", {"email": email, "lastname": "Lee", "phone": "+14085550100", "company": "Acme"})
    both.settle()
    both.hs.happen({"email": email, "type": "form_submitted", "name": "Demo request"})
    both.time.advance(15)
    while not both.live("task", "salesforce"):
        cycle(both.world, both.time(), everything=False)
        both.time.advance(1)
    (task,) = both.live("task", "salesforce")
    assert task["TaskSubtype"] == "Call"
    both.sf.edit("Task", task["Id"], {"Status": "Completed"})
    both.settle()
    person = both.person_of("salesforce", "Lead", both.lead(email)["Id"])
    assert person is not None
    (first, *_) = both.store.touches.tasks_of([person])[person]
    assert (first.key, first.state) == (task["crmsync_key__c"], "done")
    assert both.store.twins.get([first.key])[first.key].kind == "task"
    assert [touch.task_key for touch in both.store.touches.of([person])[person]] == [first.key]
    both.settle(4 * 86_400)
    assert both.shown("task", "salesforce", task["Id"])["IsDeleted"] is False
    assert both.twin("task", "salesforce", task["Id"])["hs_task_status"] == "COMPLETED"
