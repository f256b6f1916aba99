"""The compliance report of what really happened, through both simulated CRMs (process.md A9): each response clock counts for the rep in whose hands it was."""

from __future__ import annotations

from datetime import timedelta

from crmsync.service.report import sla_report
from scenarios.floor import address, ask, owner, person, reps, routing
from scenarios.world import START, Both

LONG = 120 * 3600.0
"""From any weekday to past the 48 hours and the weekend between."""


def complete(both: Both, name: str) -> None:
    """The rep does the first task."""
    (row,) = [one for one in both.sf.all("Task") if str(one.get("crmsync_key__c") or "").startswith(person(both, name))]
    both.sf.edit("Task", row["Id"], {"Status": "Completed"})


def test_a9_the_report_follows_leads_from_rep_to_rep_and_to_their_end() -> None:
    edits = routing("", members="[amy@corp.example, ben@corp.example, cleo@corp.example]", fallback="fred@corp.example")
    with Both(edits=edits, kinds=("task", "call", "email"), users=reps("amy", "ben", "cleo", "fred")) as both:
        both.settle()
        ask(both, "quick", "slow")
        both.settle()
        both.settle()
        first = {name: owner(both, name) for name in ("quick", "slow")}
        both.time.advance(600)
        complete(both, "quick")
        both.settle()
        both.settle(after=LONG)  # nobody calls the other one: breached, then the next rep's, who does
        both.settle()
        second = owner(both, "slow")
        assert second != first["slow"]
        both.time.advance(600)
        complete(both, "slow")
        both.settle()
        contact = both.contact(address("quick"))["id"]
        both.hs.edit("contacts", contact, {"crmsync_disposition": "rejected", "crmsync_reason_code": "wrong_icp"})
        both.settle()

        made = sla_report(both.store, both.playbook, START - timedelta(days=1), both.time() + timedelta(days=1), both.time())
        assert (made.leads.count, made.leads.kept, made.leads.breached, made.leads.passed_on) == (2, 1, 1, 1)
        assert (made.turns.count, made.turns.kept, made.turns.breached) == (3, 2, 1)
        assert (made.leads.touched, made.leads.touches, made.leads.closed) == (2, 2, 1)
        turns = {one.key: (one.measure.kept, one.measure.breached, one.measure.passed_on) for one in made.groups["rep"]}
        expected = {name: [0, 0, 0] for name in {*first.values(), second}}
        expected[first["quick"]][0] += 1
        expected[first["slow"]][1] += 1
        expected[first["slow"]][2] += 1
        expected[second][0] += 1
        assert turns == {name: tuple(counts) for name, counts in expected.items()}
        assert [one.key for one in made.groups["reason"] if one.key] == ["disqualified: wrong_icp"]
        handoff = next(one for one in made.promises if one.kind == "handoff")
        assert (handoff.count, handoff.kept, handoff.share) == (2, 2, 1.0)
        assert made.standing == ()
