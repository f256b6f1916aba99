"""Every mapped field of every kind of activity, in both directions: one edit is exactly one write on the other side, no echo, two calls at most.

The cases come from the playbook as it is loaded: a field that is added to the shipped map is tested, or fails here for want of a value to set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crmsync.engine.beliefs import SCHEMA_SECONDS
from crmsync.model.rules import FieldMap, FieldType
from crmsync_salesforce import roles
from scenarios.persons import crowd
from scenarios.world import KIND_OBJECTS, KINDS, SIDES, Both, other_side, shipped_playbook

CALLS_AT_MOST = 2
PLAIN = {
    "hubspot": {
        FieldType.TEXT: ("Said in HubSpot", "Said in HubSpot"),
        FieldType.RICH_TEXT: ("<p>Wants a <b>second</b> call</p><p>on Friday</p>", "Wants a second call\n\non Friday"),
        FieldType.DAY: ("2026-03-12T13:00:00Z", "2026-03-12"),
    },
    "salesforce": {
        FieldType.TEXT: ("Said in Salesforce", "Said in Salesforce"),
        FieldType.RICH_TEXT: ("Asked for <prices>\n\nand a plan", "<p>Asked for &lt;prices&gt;</p><p>and a plan</p>"),
        FieldType.DAY: ("2026-03-13", "2026-03-13T13:00:00Z"),
    },
}
"""Side -> type -> (what is entered there, what the other side then shows)."""
MOMENTS = {
    ("reminder", "hubspot"): "2026-03-09T12:00:00Z",
    ("reminder", "salesforce"): "2026-03-09T12:30:00Z",
    ("start", "hubspot"): "2026-03-10T13:10:00Z",
    ("start", "salesforce"): "2026-03-10T13:20:00Z",
    ("end", "hubspot"): "2026-03-10T15:00:00Z",
    ("end", "salesforce"): "2026-03-10T15:30:00Z",
}
DERIVED = {
    "hs_lastmodifieddate", "hs_task_completion_date", "IsClosed", "IsHighPriority", "CompletedDateTime", "IsReminderSet", "DurationInMinutes",
    "ActivityDate", "ActivityDateTime", "EndDate", "hs_timestamp", "hubspot_owner_assigneddate",
}  # fmt: skip
"""Fields that a CRM, or the map's own rule for HubSpot's timeline, moves along with another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One field of one kind, edited on one side."""

    kind: str
    side: str
    field: FieldMap

    def __str__(self) -> str:
        return f"{self.kind}-{self.field.name}-{self.side}"

    def native(self, side: str) -> str:
        return self.field.places[side, KIND_OBJECTS[self.kind][side]].field


@dataclass(frozen=True, slots=True, kw_only=True)
class Activities:
    """One activity of each kind in step, in a world that all cases share."""

    both: Both
    ids: Mapping[tuple[str, str], str]
    """(kind, side) -> its record there."""

    def value(self, case: Case, side: str) -> Any:
        return plain(case.field, self.both.shown(case.kind, side, self.ids[case.kind, side]).get(case.native(side)))


def cases() -> list[Case]:
    """Every field that both sides have and that goes to the other side from `side`."""
    found = []
    for kind, map in shipped_playbook().twins.items():
        if not map.activity:
            continue
        for field in map.fields.values():
            both_have_it = {side for side, _ in field.places} == set(SIDES)
            if any(place.at_creation for place in field.places.values()):
                continue  # nobody's edit is carried: test_rules_cadence holds what a new record gets
            found += [Case(kind=kind, side=side, field=field) for side in SIDES if both_have_it and other_side(side) in field.to]
    return found


def plain(field: FieldMap, value: Any) -> Any:
    """A native value, moments as what they are, however the CRM writes them."""
    if value is not None and field.type is FieldType.NUMBER:
        return float(value)
    if value is None or field.type not in (FieldType.DATETIME, FieldType.DAY) or len(str(value)) == len("2026-03-10"):
        return value
    text = str(value)
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text.isdigit() else datetime.fromisoformat(text)


def edits(case: Case, both: Both) -> list[tuple[Any, Any]]:
    """(native value to enter, native value the other side then shows); of picklists every value that is mapped."""
    field, side, other = case.field, case.side, other_side(case.side)
    if field.type is FieldType.OWNER:
        return [(both.owner(side, mail), both.owner(other, mail)) for mail in ("sam@corp.example", "rita@corp.example")]
    if field.type is FieldType.NUMBER:
        units = {s: field.places[s, KIND_OBJECTS[case.kind][s]].per for s in SIDES}
        seconds = 95 if side == "hubspot" else 240
        return [(seconds * units[side], seconds * units[other])]
    if field.type is FieldType.DATETIME:
        return [(MOMENTS[field.name, side], MOMENTS[field.name, side])]
    if field.type is FieldType.PICKLIST:
        words: dict[str, str] = {}
        for native, house in field.values[other].items():
            words.setdefault(house, native)
        return [(native, words[house]) for native, house in field.values[side].items()]
    return [PLAIN[side][field.type]]


def look_early(both: Both) -> None:
    """Reads users and schemas now if they fell due in the next minutes: calls that would be counted with an edit's."""
    read_at = [datetime.fromisoformat(at) for at in both.store.get("world_read_at").values()]
    if both.time() - min(read_at) > timedelta(seconds=SCHEMA_SECONDS / 2):
        both.world.forget_schema()
        both.world.refresh(both.time())


@pytest.fixture(scope="module")
def activities() -> Iterator[Activities]:
    # The look at contact roles every five minutes is a poll of its own, which the list of calls cannot tell from a query: here it happens once.
    with pytest.MonkeyPatch.context() as patch, Both() as both:
        patch.setattr(roles, "EVERY", 10**9)
        ((contact, lead),) = crowd(both, 1)
        ids: dict[tuple[str, str], str] = {}
        for number, (kind, sides) in enumerate(KINDS.items()):
            side = sorted(sides)[number % len(sides)]  # some are born here, some there
            ids[kind, side] = both.enter(kind, side, contact if side == "hubspot" else lead)
        both.settle()
        for kind, side in list(ids):
            ids[kind, other_side(side)] = both.twin_id(kind, side, ids[kind, side])
        both.assert_settled()
        yield Activities(both=both, ids=ids)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_one_edit_is_one_write_on_the_other_side(case: Case, activities: Activities) -> None:
    both, other = activities.both, other_side(case.side)
    moved = 0
    for given, wanted in edits(case, both):
        before = activities.value(case, other)
        changes = plain(case.field, wanted) != before
        moved += changes
        look_early(both)
        both.mark()
        both.edit(case.kind, case.side, activities.ids[case.kind, case.side], **{case.native(case.side): given})
        reports = both.settle()
        assert activities.value(case, other) == plain(case.field, wanted), given
        assert activities.value(case, case.side) == plain(case.field, given), "the side of the edit shows another value"
        assert both.written(case.side) == [], "an echo"
        writes = both.written(other)
        assert [w.id for w in writes] == [activities.ids[case.kind, other]] * changes, (given, before, writes)
        assert all(set(w.changes) - DERIVED <= {case.native(other)} for w in writes), writes
        if changes:
            assert len(both.extra_calls(reports)) <= CALLS_AT_MOST, both.extra_calls(reports)
    assert moved, "no edit of this case changes anything: give it other values"
    assert both.problems() == []
    both.assert_settled()


def test_every_kind_of_the_shipped_map_is_here() -> None:
    kinds = {
        kind for kind, map in shipped_playbook().twins.items() if map.activity and map.create_as
    }  # what is only read is not kept in step
    assert kinds == set(KINDS)
    assert {case.kind for case in cases()} == kinds
    assert {case.side for case in cases()} == set(SIDES)
