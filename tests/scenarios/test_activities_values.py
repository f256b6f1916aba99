"""Activities whose fields change under them: values that a CRM accepts and drops, and fields that are renamed, retyped or hidden (F44, F45)."""

from __future__ import annotations

from scenarios.persons import crowd
from scenarios.world import DUE, Both

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
            both.hs.portal.schema.of("tasks")[name].read_only = True
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
