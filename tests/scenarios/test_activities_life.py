"""An activity's life in one CRM, seen in the other: entered, completed, put off, handed over, deleted; each once, for every kind, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scenarios.persons import crowd
from scenarios.world import ACTIVITIES, KIND_OBJECTS, KINDS, OWN_KEY, Both, other_side

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


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Both, dict[str, str]]]:
    """One world and somebody who is in both CRMs, side -> id; each case enters an activity and deletes it again."""
    with Both(kinds=ACTIVITIES) as both:
        ((contact, lead),) = crowd(both, 1)
        yield both, {"hubspot": contact, "salesforce": lead}


@pytest.fixture
def who(shared: tuple[Both, dict[str, str]]) -> dict[str, str]:
    return shared[1]


@pytest.fixture
def both(shared: tuple[Both, dict[str, str]]) -> Both:
    shared[0].mark()
    return shared[0]


def belongs(both: Both, kind: str, side: str, id: str) -> list[str]:
    if side == "hubspot":
        return both.hs.associated(KIND_OBJECTS[kind][side], id, "contacts")
    return [str(both.sf.get(KIND_OBJECTS[kind][side], id)["WhoId"])]


def once(both: Both, side: str, id: str, action: str) -> None:
    """That is all that was written since the last mark."""
    assert both.written(other_side(side)) == []
    assert [(w.id, w.action) for w in both.written(side)] == [(id, action)]
    both.assert_settled()
    both.mark()


@pytest.mark.parametrize(("kind", "side"), ENTERED)
def test_a_life(kind: str, side: str, both: Both, who: dict[str, str]) -> None:
    other = other_side(side)
    # entered: one create there, one key here
    mine = both.enter(kind, side, who[side])
    both.settle()
    twin = both.twin(kind, side, mine)
    theirs = both.twin_id(kind, side, mine)
    key = both.shown(kind, side, mine)[OWN_KEY[side]]
    assert [(w.id, w.action) for w in both.written(other)] == [(theirs, "create")]
    assert [(w.id, w.action, set(w.changes)) for w in both.written(side)] == [(mine, "update", {OWN_KEY[side]})]
    assert belongs(both, kind, other, theirs) == [who[other]]
    assert str(twin[OWNER[other]]) == both.owner(other, "rita@corp.example")
    assert_says(both, kind, other, twin)
    both.assert_settled()
    both.mark()
    # completed, where there is something to complete; what is logged stands completed from the start
    done = {"hubspot": {"hs_task_status": "COMPLETED"}, "salesforce": {"Status": "Completed"}}
    if kind == "task":
        both.edit(kind, side, mine, **done[side])
        both.settle()
        assert done[other].items() <= both.shown(kind, other, theirs).items()
        once(both, other, theirs, "update")
    elif kind != "meeting":
        assert both.sf.get("Task", theirs if other == "salesforce" else mine)["IsClosed"] is True
    # put off
    given, wanted = LATER.get(kind, LATER["task"])[side]
    both.edit(kind, side, mine, **given)
    both.settle()
    assert wanted.items() <= both.shown(kind, other, theirs).items()
    once(both, other, theirs, "update")
    # handed over
    both.edit(kind, side, mine, **{OWNER[side]: both.owner(side, "sam@corp.example")})
    both.settle()
    assert str(both.shown(kind, other, theirs)[OWNER[other]]) == both.owner(other, "sam@corp.example")
    once(both, other, theirs, "update")
    # deleted
    both.remove(kind, side, mine)
    both.settle(after=LONG)
    assert both.live(kind, other) == []
    once(both, other, theirs, "delete")
    assert both.problems() == []
    assert both.live(kind, side) == []
    assert both.store.twins([key])[key].waiting == ""


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


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_what_the_other_side_made_can_be_deleted_there(side: str, both: Both, who: dict[str, str]) -> None:
    # given a task that was entered on this side and made by us on the other
    other = other_side(side)
    mine = both.enter("task", side, who[side])
    both.settle()
    theirs = both.twin_id("task", side, mine)
    both.mark()
    # when somebody deletes it there
    both.remove("task", other, theirs)
    both.settle(after=LONG)
    # then it is deleted here, once, and not made again
    assert both.live("task", side) == both.live("task", other) == []
    once(both, side, mine, "delete")
    assert both.problems() == []
