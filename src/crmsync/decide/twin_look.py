"""What a native record of an activity, company or deal says in house terms: its kind, its fields, when it happened."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crmsync.decide.canonical import moment, stamp
from crmsync.decide.days import day_of, moment_of
from crmsync.decide.plan import Terms
from crmsync.decide.translate import Lens
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import Fields
from crmsync.model.rules import FieldType, TwinMap


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is the same for all twins of one kind in a cycle. zone: for owners whose time zone is unknown. start: what was finished before (less
    the filter's history) is not carried. due_time: local time of a due day in a CRM that wants a moment."""

    map: TwinMap
    terms: Terms
    zone: str
    due_time: str
    start: datetime
    at: datetime


def kind_of(extra: Fields, side: str, object: str, maps: Collection[TwinMap]) -> str | None:
    """The kind of which a native record is born; None: of none that is mapped. What has still to be done is no logged call or e-mail, whatever
    its subtype: it is of the kind that has a status."""
    here = [map for map in maps if object in map.objects.get(side, ())]
    for map in here:
        tests = map.when.get(side, {})
        if all(str(extra.get(name) or "") in values for name, values in tests.items()):
            planned = [other.kind for other in here if map.logged and not other.logged and _open(other, extra, side, object)]
            return planned[0] if planned else map.kind
    return None


def _open(map: TwinMap, extra: Fields, side: str, object: str) -> bool:
    """Whether the record shows a listed status other than completed."""
    status = map.fields.get("status")
    place = status.places.get((side, object)) if status is not None else None
    if status is None or place is None:
        return False
    return status.values.get(side, {}).get(str(extra.get(place.field)), "completed") != "completed"


def shown(record: Snapshot, lens: Lens, ground: Ground, state: PersonState) -> Snapshot:
    """A twin's record in house terms. Days are those of its owner's time zone. A text that we cut counts as what was agreed about it."""
    house = lens.to_house(record.extra, ground.terms.owners)
    zone = ground.terms.owners.zone(record.ref.side, house.get("owner"), ground.zone)
    for name, column in lens.by_name.items():
        native = record.extra.get(column.place.field)
        kind = column.map.type
        if kind is FieldType.DAY and isinstance(native, str):
            house[name] = day_of(native, zone)
        if kind is FieldType.RICH_TEXT and isinstance(native, str) and name not in house:  # a text that we cut says nothing by itself
            agreed = state.base.get(name)
            if agreed is not None and record.ref.side in agreed.values:
                house[name] = agreed.values[record.ref.side]
    if ground.terms.owners.machine(house.get("owner")):
        # A CRM gives what we create for nobody to our own user: that is nobody's choice, and outweighs none, however lately the record changed.
        agreed = state.base.get("owner")
        house["owner"] = None if agreed is None else agreed.values.get(record.ref.side)
    return replace(record, fields=house)


def finished(house: Fields, map: TwinMap, now: datetime) -> bool:
    """Whether it tells of something that has happened."""
    if map.logged or house.get("status") == "completed":
        return True
    ends = moment(house.get("end"))
    return ends is not None and ends <= now


def when_of(record: Snapshot, lens: Lens) -> datetime:
    """When it took place or is due: its start, its moment or day, else when it was entered."""
    due = lens.by_name.get("due")
    native = record.extra.get(due.place.field) if due is not None else None
    return moment(record.fields.get("start")) or moment(native) or record.created_at or record.modified_at


def happened(record: Snapshot, lens: Lens) -> tuple[bool, datetime]:
    """When an activity took place, and whether the record says so itself: of a mere day it is the moment of the record's entry or last change on
    that day, else the day's end (UTC)."""
    due = lens.by_name.get("due")
    native = record.extra.get(due.place.field) if due is not None else None
    at = when_of(record, lens)
    if record.fields.get("start") is not None or not isinstance(native, str) or len(native) != len("2026-01-31"):
        return True, at
    over = at + timedelta(days=1) - timedelta(seconds=1)
    entered = [m for m in (record.created_at, record.modified_at) if m is not None and at <= m <= over]
    return False, max(entered, default=over)


def took_place(records: Iterable[Snapshot], ground: Ground) -> datetime:
    """When an activity took place as its records tell together (UTC); now without any. records: as `shown` gives them. A record that says the moment itself comes before one that only
    has a day; but not the copy that we made of such a day, with `due_time`: it says less than the entry of the day."""
    told = [(record, *happened(record, ground.terms.lenses[record.ref.side, record.ref.object])) for record in records]
    days = [record for record, exact, _ in told if not exact]
    said = [(exact, at) for record, exact, at in told if not exact or not any(_copied(record, at, day, ground) for day in days)]
    return max(said, default=(True, ground.at))[1]


def _copied(record: Snapshot, at: datetime, day: Snapshot, ground: Ground) -> bool:
    """Whether this record's moment is what we make of that one's day, and the day was entered first. Of a task any moment of that day is: it says when it is due."""
    told = day.fields.get("due")
    if not isinstance(told, str) or (day.created_at is not None and record.created_at is not None and record.created_at < day.created_at):
        return False
    zone = ground.terms.owners.zone(record.ref.side, record.fields.get("owner"), ground.zone)
    if not ground.map.logged and day_of(stamp(at), zone) == told:
        return True
    return moment_of(told, zone, default=ground.due_time) == stamp(at)
