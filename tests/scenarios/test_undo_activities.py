"""`undo` of what is done with people: activities of every kind, their persons, and the tasks that we create; as in test_undo.

The activities of all kinds and both sides go the same way at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crmsync.model.journal import JournalEntry
from crmsync.service.undo import undo
from scenarios.desk import desk
from scenarios.persons import Crowd, creation, known, newest, quiet
from scenarios.world import ACTIVITIES, KINDS, SIDES, other_side

ENTERED = [(kind, side) for kind, sides in KINDS.items() for side in sides]
CHANGED = {
    "task": {"hubspot": {"hs_task_subject": "Another"}, "salesforce": {"Subject": "Another"}},
    "call": {"hubspot": {"hs_call_title": "Another"}, "salesforce": {"Subject": "Another"}},
    "email": {"hubspot": {"hs_email_subject": "Another"}, "salesforce": {"Subject": "Another"}},
    "meeting": {
        "hubspot": {"hs_meeting_start_time": "2026-04-01T16:00:00Z", "hs_meeting_end_time": "2026-04-01T16:45:00Z"},
        "salesforce": {"StartDateTime": "2026-04-01T16:00:00Z", "EndDateTime": "2026-04-01T16:45:00Z"},
    },
    "note": {"hubspot": {"hs_note_body": "<p>Another <b>word</b></p>"}},
}


@pytest.fixture(scope="module")
def doing() -> Iterator[Crowd]:
    with Crowd(8, kinds=ACTIVITIES) as both:
        yield both


def entered(both: Crowd) -> dict[tuple[str, str], tuple[str, str, str]]:
    """One activity of every kind, entered on every side where it can be, and carried over: its id, its twin's id, their key."""
    who = {side: both.pair()[side] for side in SIDES}  # two persons: alike activities of one would be taken for the same
    mine = {(kind, side): both.enter(kind, side, who[side]) for kind, side in ENTERED}
    both.settle()
    both.settle()
    return {
        (kind, side): (id, both.twin_id(kind, side, id), known(both, side, KINDS[kind][side][0], id)) for (kind, side), id in mine.items()
    }


def test_an_activity_is_put_back_as_it_was(doing: Crowd) -> None:
    both, cases = doing, entered(doing)
    before = {case: both.shown(case[0], other_side(case[1]), theirs) for case, (_, theirs, _) in cases.items()}
    both.time.advance(60)
    for (kind, side), (mine, _, _) in cases.items():
        both.edit(kind, side, mine, **CHANGED[kind][side])
    both.settle()
    undone: dict[tuple[str, str], tuple[JournalEntry, str]] = {}
    for (kind, side), (_, theirs, key) in cases.items():
        other, old = other_side(side), before[kind, side]
        after, write = both.shown(kind, other, theirs), newest(both, key, other)
        assert all(old.get(name) != after.get(name) for name in write.write.fields), write
        both.mark()
        said = undo(desk(both), write.write.write_id)
        assert said["refused"] is None, (kind, side)
        (made,) = both.written(other)
        assert (made.id, made.action) == (theirs, "update")
        assert both.written(side) == []
        assert set(made.changes) >= set(write.write.fields)
        shown = both.shown(kind, other, theirs)
        assert {n: shown.get(n) for n in write.write.fields} == {n: old.get(n) for n in write.write.fields}, (kind, side)
        undone[kind, side] = write, said["undo_id"]
    keys = [key for _, _, key in cases.values()]
    quiet(both, *keys)
    for (kind, side), (write, undo_id) in undone.items():
        shown = both.shown(kind, other_side(side), cases[kind, side][1])
        assert {n: shown.get(n) for n in write.write.fields} == {n: before[kind, side].get(n) for n in write.write.fields}, (kind, side)
        # and back again
        assert undo(desk(both), undo_id)["refused"] is None, (kind, side)
    quiet(both, *keys)


def test_a_created_activity_is_deleted_and_not_created_again(doing: Crowd) -> None:
    both, cases = doing, entered(doing)
    for (kind, side), (_, theirs, key) in cases.items():
        both.mark()
        said = undo(desk(both), creation(both, key).write.write_id)
        assert said["refused"] is None, (kind, side)
        assert [(w.id, w.action) for w in both.written(other_side(side))] == [(theirs, "delete")], (kind, side)
        assert both.written(side) == [], (kind, side)
        # an undo of that says where to restore it
        if (kind, side) == ("task", "hubspot"):
            assert "Recycle Bin" in undo(desk(both), said["undo_id"])["refused"]
    keys = [key for _, _, key in cases.values()]
    quiet(both, *keys)
    both.settle(after=1000)
    quiet(both, *keys)
    assert both.problems("deleted_elsewhere") == []
    for (kind, side), (mine, _, _) in cases.items():
        assert mine in {str(row.get("id") or row.get("Id")) for row in both.live(kind, side)}, (kind, side)
        both.edit(kind, side, mine, **CHANGED[kind][side])
    both.mark()
    both.settle()
    assert both.writes() == {"hubspot": 0, "salesforce": 0}
    both.assert_settled()


def test_whom_it_belongs_to_is_put_back(doing: Crowd) -> None:
    both, whose = doing, {side: (doing.pair(), doing.pair()) for side in SIDES}
    mine = {side: both.enter("task", side, first[side]) for side, (first, _) in whose.items()}
    both.settle()
    both.settle()
    theirs = {side: both.twin_id("task", side, mine[side]) for side in SIDES}
    both.time.advance(60)
    first, second = whose["hubspot"]
    both.hs.associate("tasks", mine["hubspot"], "contacts", second["hubspot"])
    both.hs.dissociate("tasks", mine["hubspot"], "contacts", first["hubspot"])
    both.sf.edit("Task", mine["salesforce"], {"WhoId": whose["salesforce"][1]["salesforce"]})
    both.settle()
    keys = {side: known(both, side, KINDS["task"][side][0], mine[side]) for side in SIDES}
    for side, key in keys.items():
        write = newest(both, key, other_side(side))
        assert write.write.unlink
        both.mark()
        said = undo(desk(both), write.write.write_id)
        assert [f["name"] for f in said["restored"]] == ["belonging"]
    quiet(both, *keys.values())
    assert both.sf.get("Task", theirs["hubspot"])["WhoId"] == first["salesforce"]
    assert both.hs.associated("tasks", theirs["salesforce"], "contacts") == [whose["salesforce"][0]["hubspot"]]


def test_a_first_touch_task_is_taken_back() -> None:
    with Crowd(1, kinds=("task",)) as both:
        who = both.pair()
        both.hs.edit("contacts", who["hubspot"], {"crmsync_stage": "mql"})
        both.settle()
        both.settle()
        person = known(both, "hubspot", "contacts", who["hubspot"])
        (row,) = both.store.tasks.of([person])[person]
        write = next(e for e in both.store.journal.of(person) if e.kind == "task")
        both.mark()
        assert undo(desk(both), write.write.write_id)["refused"] is None
        assert [(w.id, w.action) for w in both.written(row.side)] == [(row.record_id, "delete")]
        quiet(both, person)
