"""An activity's life in one CRM, seen in the other: entered, completed, put off, handed over, deleted; each once, for every kind, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scenarios.persons import crowd
from scenarios.world import ACTIVITIES, KIND_OBJECTS, KINDS, OWN_KEY, SIDES, Both, only, other_side

LONG = 1000.0
"""Seconds after which HubSpot's listing of archived records is read."""
ENTERED = [(kind, side) for kind, sides in KINDS.items() for side in sides]
LATER: dict[str, dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "task": {
        "hubspot": ({"hs_timestamp": "2026-04-01T13:00:00Z"}, {"ActivityDate": "2026-04-01"}),
        "salesforce": ({"ActivityDate": "2026-04-01"}, {"hs_timestamp": "2026-04-01T13:00:00Z"}),
    },
    "meeting": {
        "hubspot": (
            {"hs_meeting_start_time": "2026-04-01T16:00:00Z", "hs_meeting_end_time": "2026-04-01T16:45:00Z", "hs_timestamp": "2026-04-01T16:00:00Z"},
            {"StartDateTime": "2026-04-01T16:00:00.000+0000", "EndDateTime": "2026-04-01T16:45:00.000+0000"},
        ),
        "salesforce": (
            {"StartDateTime": "2026-04-01T16:00:00Z", "EndDateTime": "2026-04-01T16:45:00Z"},
            {"hs_meeting_start_time": "2026-04-01T16:00:00Z", "hs_meeting_end_time": "2026-04-01T16:45:00Z", "hs_timestamp": "2026-04-01T16:00:00Z"},
        ),
    },
}  # fmt: skip
"""Kind -> side -> (what puts it off there, what the other side then shows). A call, a logged e-mail and a note move as a task does."""
OWNER = {"hubspot": "hubspot_owner_id", "salesforce": "OwnerId"}
SUBJECT = {"calls": "hs_call_title", "emails": "hs_email_subject", "meetings": "hs_meeting_title", "tasks": "hs_task_subject"}


def belongs(both: Both, kind: str, side: str, id: str) -> list[str]:
    if side == "hubspot":
        return both.hs.associated(KIND_OBJECTS[kind][side], id, "contacts")
    return [str(both.sf.get(KIND_OBJECTS[kind][side], id)["WhoId"])]


Life = tuple[str, str]
"""Kind of activity, and the side on which it is entered."""


def once(both: Both, told: Mapping[Life, tuple[str, str, str]]) -> None:
    """These (side, id, action) are all that was written since the last mark, each of them once."""
    for case, write in told.items():
        assert [(side, w.id, w.action) for side in SIDES for w in both.written(side) if w.id == write[1]] == [write], case
    assert sum(both.writes().values()) == len(told), [*both.written("hubspot"), *both.written("salesforce")]
    both.assert_settled()
    both.mark()


@only(*ACTIVITIES)
def test_a_life(both: Both) -> None:
    """Of every kind, on either side, at the same time; each is somebody else's, for two alike of one person are one."""
    who = {case: dict(zip(SIDES, pair, strict=True)) for case, pair in zip(ENTERED, crowd(both, len(ENTERED)), strict=True)}
    # entered: one create there, one key here
    mine = {(kind, side): both.enter(kind, side, who[kind, side][side]) for kind, side in ENTERED}
    both.settle()
    theirs = {(kind, side): both.twin_id(kind, side, id) for (kind, side), id in mine.items()}
    keys = {(kind, side): both.shown(kind, side, id)[OWN_KEY[side]] for (kind, side), id in mine.items()}
    for kind, side in ENTERED:
        case, other = (kind, side), other_side(side)
        twin = both.twin(kind, side, mine[case])
        assert [(w.id, w.action) for w in both.written(other) if w.id == theirs[case]] == [(theirs[case], "create")], case
        found = [(w.id, w.action, set(w.changes)) for w in both.written(side) if w.id == mine[case]]
        assert found == [(mine[case], "update", {OWN_KEY[side]})], case
        assert belongs(both, kind, other, theirs[case]) == [who[case][other]], case
        assert str(twin[OWNER[other]]) == both.owner(other, "rita@corp.example"), case
        assert_says(both, kind, other, twin)
    assert sum(both.writes().values()) == 2 * len(ENTERED)
    both.assert_settled()
    both.mark()
    # completed, where there is something to complete; what is logged stands completed from the start
    done = {"hubspot": {"hs_task_status": "COMPLETED"}, "salesforce": {"Status": "Completed"}}
    tasks = [case for case in ENTERED if case[0] == "task"]
    for kind, side in tasks:
        both.edit(kind, side, mine[kind, side], **done[side])
    both.settle()
    for kind, side in ENTERED:
        case, other = (kind, side), other_side(side)
        if kind == "task":
            assert done[other].items() <= both.shown(kind, other, theirs[case]).items(), case
        elif kind != "meeting":
            assert both.sf.get("Task", theirs[case] if other == "salesforce" else mine[case])["IsClosed"] is True, case
    assert len(tasks) == 2
    once(both, {(kind, side): (other_side(side), theirs[kind, side], "update") for kind, side in tasks})
    # put off
    updates = {(kind, side): (other_side(side), id, "update") for (kind, side), id in theirs.items()}
    for kind, side in ENTERED:
        both.edit(kind, side, mine[kind, side], **LATER.get(kind, LATER["task"])[side][0])
    both.settle()
    for kind, side in ENTERED:
        assert LATER.get(kind, LATER["task"])[side][1].items() <= both.shown(kind, other_side(side), theirs[kind, side]).items(), (
            kind,
            side,
        )
    once(both, updates)
    # handed over
    for kind, side in ENTERED:
        both.edit(kind, side, mine[kind, side], **{OWNER[side]: both.owner(side, "sam@corp.example")})
    both.settle()
    for kind, side in ENTERED:
        other = other_side(side)
        assert str(both.shown(kind, other, theirs[kind, side])[OWNER[other]]) == both.owner(other, "sam@corp.example"), (kind, side)
    once(both, updates)
    # deleted
    for kind, side in ENTERED:
        both.remove(kind, side, mine[kind, side])
    both.settle(after=LONG)
    assert {(kind, side): both.live(kind, side) for kind in KINDS for side in SIDES} == {
        (kind, side): [] for kind in KINDS for side in SIDES
    }
    once(both, {(kind, side): (other_side(side), id, "delete") for (kind, side), id in theirs.items()})
    assert both.problems() == []
    assert {case: both.store.twins.get([key])[key].waiting for case, key in keys.items()} == dict.fromkeys(ENTERED, "")


def assert_says(both: Both, kind: str, side: str, row: dict[str, Any]) -> None:
    """The new record says what was entered."""
    if side == "hubspot":
        assert row[SUBJECT[KIND_OBJECTS[kind][side]]] == KINDS[kind]["salesforce"][1]["Subject"]
        assert row["hs_timestamp"] == "2026-03-10T13:00:00Z"
        return
    if kind == "meeting":
        assert (row["Subject"], row["StartDateTime"], row["EndDateTime"]) == (
            "Kick-off", "2026-03-10T13:00:00.000+0000", "2026-03-10T14:00:00.000+0000",
        )  # fmt: skip
        return
    subtype = {"call": "Call", "email": "Email"}.get(kind, "Task")
    subject = {"task": "Send the plan", "call": "First call", "email": "Our offer", "note": "Knows us from the fair"}[kind]
    status = "Not Started" if kind == "task" else "Completed"
    assert (row["Subject"], row["TaskSubtype"], row["Status"], row["ActivityDate"]) == (subject, subtype, status, "2026-03-10")


@only("task")
def test_what_the_other_side_made_can_be_deleted_there(both: Both) -> None:
    # given a task that was entered in HubSpot and made by us in Salesforce, and one the other way round
    who = {side: dict(zip(SIDES, pair, strict=True)) for side, pair in zip(SIDES, crowd(both, 2), strict=True)}
    mine = {side: both.enter("task", side, who[side][side]) for side in SIDES}
    both.settle()
    theirs = {side: both.twin_id("task", side, id) for side, id in mine.items()}
    both.mark()
    # when somebody deletes each where we made it
    for side, id in theirs.items():
        both.remove("task", other_side(side), id)
    both.settle(after=LONG)
    # then it is deleted where it was entered, once, and not made again
    assert both.live("task", "hubspot") == both.live("task", "salesforce") == []
    once(both, {("task", side): (side, id, "delete") for side, id in mine.items()})
    assert both.problems() == []
