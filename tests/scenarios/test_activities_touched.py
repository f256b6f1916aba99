"""Our own first-touch task as an activity: it is in both CRMs, moves with its person's owner, and what is done with it is one effect."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from scenarios.persons import email
from scenarios.world import SIDES, Both, only

LONG = 1000.0
TASKS, PERSONS = {"hubspot": "tasks", "salesforce": "Task"}, {"hubspot": "contacts", "salesforce": "Lead"}
DONE = {"hubspot": {"hs_task_status": "COMPLETED"}, "salesforce": {"Status": "Completed"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """Somebody who asked for a demo: their address, their ids and those of their first-touch task, by side."""

    email: str
    ids: dict[str, str]
    task: dict[str, str]


def handed_over(both: Both, count: int = 1) -> list[Touched]:
    """Persons whom we made a first-touch task each, in both CRMs. Forgets writes and calls."""
    fields = {"firstname": "Pat", "company": "Example Works", "phone": "+14085550000"}
    contacts = [str(both.hs.create("contacts", {**fields, "email": email(n), "lastname": f"Person{n}"})) for n in range(count)]
    both.settle()
    both.time.advance(60)
    for n in range(count):
        both.hs.happen({"email": email(n), "type": "form_submitted", "name": "Demo request", "at": both.time()})
    both.settle()
    both.settle()
    found = []
    for n, contact in enumerate(contacts):
        lead = str(both.lead(email(n))["Id"])
        (task,) = [str(row["Id"]) for row in both.sf.all("Task") if row["WhoId"] == lead]
        twin = both.twin_id("task", "salesforce", task)
        assert both.hs.associated("tasks", twin, "contacts") == [contact]
        ids, ours = {"hubspot": contact, "salesforce": lead}, {"hubspot": twin, "salesforce": task}
        found.append(Touched(email=email(n), ids=ids, task=ours))
    both.assert_settled()
    both.mark()
    return found


@only("task", "call")
def test_f79_our_task_completed_or_deleted_in_either_crm_is_one_effect(both: Both) -> None:
    # given four persons with a first-touch task of ours, in both CRMs
    cases = [(what, side) for what in ("completed", "deleted") for side in SIDES]
    given = dict(zip(cases, handed_over(both, len(cases)), strict=True))
    states = {case: both.state_of("hubspot", "contacts", who.ids["hubspot"]) for case, who in given.items()}
    # when one is completed and one deleted in each of the CRMs
    for (what, side), who in given.items():
        if what == "completed":
            both.edit("task", side, who.task[side], **DONE[side])
        else:
            both.remove("task", side, who.task[side])
    both.settle(after=LONG)
    both.settle(after=LONG)
    # then each is one write on the other side, none is made again, and everybody's process goes on as it was
    old = {side: {who.task[side] for who in given.values()} for side in SIDES}
    for side in SIDES:
        expected = {
            (who.task[side], "update" if what == "completed" else "delete") for (what, where), who in given.items() if where != side
        }
        assert sorted((w.id, w.action) for w in both.written(side, TASKS[side]) if w.id in old[side]) == sorted(expected)
        # clocks and cadence are told in one write per record
        assert Counter(w.id for w in both.written(side, PERSONS[side])) == Counter(who.ids[side] for who in given.values())
    # but for the next touch of the cadence, which everybody gets once (C3, C7): a deleted touch counts as seen
    made = [w.changes for w in both.written("salesforce", "Task") if w.id not in old["salesforce"]]
    assert sorted(str(c["WhoId"][1]) for c in made) == sorted(who.ids["salesforce"] for who in given.values())
    assert {str(c["crmsync_key__c"][1]).partition("-")[2].split("-")[::2] == ["touch", "1"] for c in made} == {True}
    left = {side: {who.task[side] for (what, _), who in given.items() if what == "completed"} for side in SIDES}
    # ours are tasks in HubSpot, too, also the e-mail that comes next while e-mails are off
    shown = {str(row["hs_object_id"]) for row in both.hs.all("tasks")}
    assert (shown & old["hubspot"], len(shown - old["hubspot"])) == (left["hubspot"], len(given))
    assert {str(row["Id"]) for row in both.sf.all("Task")} & old["salesforce"] == left["salesforce"]
    for case, who in given.items():
        after = both.state_of("hubspot", "contacts", who.ids["hubspot"])
        assert [e.stage for e in after.stages] == [e.stage for e in states[case].stages], case
    assert both.problems() == []
    both.assert_settled()


@only("task", "call")
def test_f57_owner_change_moves_our_open_tasks_and_leaves_done_ones(both: Both) -> None:
    # given a first-touch task of ours and a rep's own task
    (touched,) = handed_over(both)
    who, task, twin = touched.ids, both.sf.get("Task", touched.task["salesforce"]), touched.task["hubspot"]
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


@only("task", "call")
def test_f77_opt_out_makes_no_further_touches(both: Both) -> None:
    # given two persons with a first-touch task of ours
    there, here = handed_over(both, 2)
    # when one opts out in Salesforce, the other in HubSpot
    both.sf.edit("Lead", there.ids["salesforce"], {"HasOptedOutOfEmail": True})
    both.hs.happen({"email": here.email, "type": "unsubscribe", "at": both.time()})
    both.settle()
    # then the other side knows within one cycle, and no second task is made, whatever they do next
    for who in (there, here):
        assert both.sf.get("Lead", who.ids["salesforce"])["HasOptedOutOfEmail"] is True, who.email
        assert both.contact(who.email)["hs_email_optout"] == "true", who.email
    both.time.advance(days=1)
    for who in (there, here):
        both.hs.happen({"email": who.email, "type": "email_open", "at": both.time()})
    both.settle()
    assert {str(row["Id"]) for row in both.sf.all("Task")} == {who.task["salesforce"] for who in (there, here)}
    assert len(both.sf.all("Task")) == len(both.hs.all("tasks")) == 2
    both.assert_settled()
