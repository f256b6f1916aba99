"""`drift` compares activities, companies and deals too: every difference has a reason, and one without is told."""

from __future__ import annotations

from typing import Any

import pytest

from crmsync.engine.pull import pull_all
from crmsync.insight.drift import Drift
from crmsync.service.drift import drift
from crmsync.service.undo import undo
from scenarios.desk import desk
from scenarios.persons import crowd
from scenarios.world import ACTIVITIES, KINDS, SIDES, Both, only, other_side

ENTERED = [(kind, side) for kind, sides in KINDS.items() for side in sides]
SUBJECT = {"hubspot": "hs_task_subject", "salesforce": "Subject"}


def looked(both: Both) -> Drift:
    """Compares; nothing may be written by that."""
    both.mark()
    found = drift(desk(both))
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    return found


def pair(both: Both) -> dict[str, str]:
    ((contact, lead),) = crowd(both, 1)
    return {"hubspot": contact, "salesforce": lead}


def reasons(found: Drift) -> dict[str, int]:
    return dict(found.reasons)


def unseen(both: Both) -> None:
    """What changed is read and then lost: nobody decides about it. It is the kind of mistake that `drift` is for."""
    pull_all(both.world, both.time.advance(60))
    both.store.clean([(snapshot.ref, version) for snapshot, version in both.store.take_dirty(1000)])


def test_all_kinds_both_ways_are_compared_and_equal(both: Both) -> None:
    pairs = crowd(both, 2)  # of one person, two alike are one
    for kind, side in ENTERED:
        both.enter(kind, side, pairs[0][0] if side == "hubspot" else pairs[1][1])
    both.settle()
    both.settle()
    found = looked(both)
    assert found.unexplained == 0
    assert found.twins == {"task": 2, "call": 2, "email": 2, "meeting": 2, "note": 1}
    assert found.around == {"hubspot": 9, "salesforce": 9}
    assert found.fields > 40
    # each of the two sides lets a mail's body where it is, and knows a direction or an outcome that the other has no field for
    assert set(found.reasons) <= {"by mapping: written on neither side"}, found.examples
    told = found.json()
    assert told["activities"] == {"call": 2, "email": 2, "meeting": 2, "note": 1, "task": 2}
    assert told["activity_records"] == {"hubspot": 9, "salesforce": 9}


CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "hubspot": {"meeting": {"hs_meeting_location": "Room 9"}, "note": {"hs_note_body": "Other"}, "call": {"hs_call_title": "Other"},
                "email": {"hs_email_subject": "Other"}, "task": {"hs_task_subject": "Other"}},
    "salesforce": {"meeting": {"Location": "Room 9"}},
}  # fmt: skip


@only(*ACTIVITIES)
def test_a_change_that_got_lost_is_unexplained(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = crowd(both, len(ENTERED))  # two alike of one person are one
    mine = {(kind, side): both.enter(kind, side, pairs[n][SIDES.index(side)]) for n, (kind, side) in enumerate(ENTERED)}
    both.settle()
    both.settle()
    assert looked(both).unexplained == 0
    for (kind, side), id in mine.items():
        both.edit(kind, side, id, **CHANGES[side].get(kind, {"Subject": "Other"}))
    found = looked(both)
    assert (found.unexplained, found.reasons["waiting: changed since the last cycle, decided next"]) == (0, len(ENTERED))
    unseen(both)
    monkeypatch.setattr("crmsync.insight.drift.EXAMPLES", len(ENTERED) + 1)
    found = looked(both)
    assert found.unexplained == len(ENTERED)
    told = {(example.what, example.person_id) for example in found.examples["unexplained"]}
    assert told == {(kind, both.person_of(side, KINDS[kind][side][0], id)) for (kind, side), id in mine.items()}
    assert all(set(example.values) == {"hubspot", "salesforce"} for example in found.examples["unexplained"])


@only("task")
def test_a_create_that_got_lost_is_unexplained(both: Both) -> None:
    who = pair(both)
    both.enter("task", "hubspot", who["hubspot"])
    unseen(both)
    assert looked(both).unexplained == 1


@only("task")
def test_whom_it_belongs_to_is_compared(both: Both) -> None:
    pairs = crowd(both, 2)
    task = both.enter("task", "salesforce", pairs[0][1])
    both.settle()
    both.settle()
    theirs = both.twin_id("task", "salesforce", task)
    assert looked(both).unexplained == 0
    both.hs.associate("tasks", theirs, "contacts", pairs[1][0])
    both.settle()
    found = looked(both)
    assert reasons(found) == {"by the CRM: in salesforce an activity belongs to 1 person at most": 1}
    nameless = both.hs.create("contacts", {"lastname": "Nobody"})
    both.hs.associate("tasks", theirs, "contacts", nameless)
    both.settle()
    found = looked(both)
    assert found.unexplained == 0
    assert found.reasons["belongs to somebody without a record in salesforce"] == 1
    both.sf.edit("Task", task, {"WhoId": pairs[1][1]})
    unseen(both)
    found = looked(both)
    assert found.unexplained >= 1
    assert {e.field for e in found.examples["unexplained"]} == {"belonging"}


def test_what_one_side_lacks_has_a_reason(whole: Both) -> None:
    who = pair(whole)
    whole.hs.create("contacts", {"lastname": "Nobody"})
    nameless = whole.hs.create("contacts", {"lastname": "Nobody"})
    whole.enter("note", "hubspot", nameless)
    old = {"hs_timestamp": "2019-03-10T13:00:00Z", "hs_task_status": "COMPLETED"}
    whole.enter("task", "hubspot", who["hubspot"], **old)
    whole.sf.create("Account", {"Name": "Elsewhere"})
    whole.settle()
    whole.settle()
    found = looked(whole)
    assert found.unexplained == 0
    told = reasons(found)
    assert told["waits for its person: nobody it belongs to has a record in salesforce"] == 1
    assert told["finished before history_days"] == 1
    assert told["by mapping: no company is created in hubspot"] >= 1


def test_filter_problem_and_unlisted_value_are_told() -> None:
    filtered = {"mappings/activities.yaml": {"filter: {history_days: 365}": "filter: {history_days: 365, skip_subject: secret}"}}
    with Both(edits=filtered, kinds=("task", "call", "meeting")) as both:
        who = pair(both)
        both.enter("task", "hubspot", who["hubspot"], hs_task_subject="Top SECRET")
        call = both.enter("call", "hubspot", who["hubspot"])
        start, end = "2026-04-01T16:00:00Z", "2026-04-01T15:00:00Z"
        both.enter("meeting", "hubspot", who["hubspot"], hs_meeting_start_time=start, hs_meeting_end_time=end)
        both.settle()
        both.settle()
        their_own = "11111111-2222-3333-4444-555555555555"
        both.hs.set_options("calls", "hs_call_disposition", {their_own: "Asked to call back"})
        both.hs.edit("calls", call, {"hs_call_disposition": their_own})
        both.settle()
        found = looked(both)
        assert found.unexplained == 0
        told = reasons(found)
        assert told["kept back by the filter"] == 1
        assert told["parked: ends_before_start"] == 1
        assert told["unlisted value: `values` of the mapping does not name it"] == 1


@only("task")
@pytest.mark.parametrize("side", SIDES)
def test_what_was_undone_by_hand_is_told_as_that(side: str, both: Both) -> None:
    who, other = pair(both), other_side(side)
    mine = both.enter("task", side, who[side])
    second = both.enter("task", side, who[side])
    both.settle()
    both.settle()
    both.edit("task", side, mine, **{SUBJECT[side]: "Other"})
    both.settle()
    key, second_key = (both.person_of(side, KINDS["task"][side][0], id) for id in (mine, second))
    assert key is not None
    assert second_key is not None
    newest = next(e for e in both.store.journal.of(key) if e.side == other)
    assert undo(desk(both), newest.write.write_id)["refused"] is None
    made = next(e for e in both.store.journal.of(second_key) if e.write.action == "create")
    assert undo(desk(both), made.write.write_id)["refused"] is None
    both.settle()
    found = looked(both)
    assert reasons(found) == {"undone by hand: stands until somebody changes it": 2}
    # the same for a person
    both.hs.edit("contacts", who["hubspot"], {"jobtitle": "Baker"})
    both.settle()
    person = both.person_of("hubspot", "contacts", who["hubspot"])
    assert person is not None
    titled = next(e for e in both.store.journal.of(person) if "title" in e.names.values())
    assert undo(desk(both), titled.write.write_id, fields=["title"])["refused"] is None
    both.settle()
    assert reasons(looked(both)) == {"undone by hand: stands until somebody changes it": 3}
