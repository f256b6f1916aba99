"""What taking one update back means for its record: which fields still show it, what stood there before, and how both sides are settled then."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crmsync.decide.bodies import to_text
from crmsync.decide.canonical import clean, same, shortened
from crmsync.decide.match import primary
from crmsync.decide.owners import Owners
from crmsync.decide.translate import Column, Lens
from crmsync.decide.twin_look import shown
from crmsync.engine.kinds import kind_in
from crmsync.engine.world import World
from crmsync.model.fields import KEY
from crmsync.model.journal import JournalEntry
from crmsync.model.link import BELONGING, UNDONE, PersonState, Snapshot
from crmsync.model.record import Record, RecordState, Ref, Value
from crmsync.model.rules import OPT_OUT, FieldType

FOLLOWS = "follows "


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """One field. name: house name, else the native one. was: what the write had written; now: what stands there again (native values)."""

    native: str
    name: str
    was: Value
    now: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A field that is not restored, and why."""

    name: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Restoration:
    """What to write back, in the terms of decide.plan.PlannedWrite. marks: to be noted as undone on that side."""

    fields: dict[str, Value] = field(default_factory=dict)
    base: dict[str, Mapping[str, Value]] = field(default_factory=dict)
    merged: dict[str, Value] = field(default_factory=dict)
    marks: dict[str, Value] = field(default_factory=dict)
    about: tuple[Ref, ...] = ()
    unlink: tuple[Ref, ...] = ()
    restored: list[Restored] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)


def restoration(
    world: World, entry: JournalEntry, record: Record, links: Sequence[Ref], state: PersonState, wanted: Collection[str], now: datetime
) -> Restoration:
    """Of one accepted update. record: as it is now, which belongs to `links`. state: of its person or twin. wanted: house or native names
    (empty: all); those that follow another field go with it."""
    lens, elsewhere = _lens(world, entry), _elsewhere(world, entry, state, now)
    found = Restoration()
    leaders = {str(entry.rules.get(native, "")).removeprefix(FOLLOWS): native for native in entry.write.fields
               if str(entry.rules.get(native, "")).startswith(FOLLOWS)}  # fmt: skip
    for native, written in entry.write.fields.items():
        name = entry.names.get(native)
        if name == KEY or native in leaders.values() or (wanted and name not in wanted and native not in wanted):
            continue
        reason = _stands(world, entry, lens, record, native, written)
        column = lens.by_name.get(name) if name is not None else None
        old = entry.old.get(native)
        if not reason and column is not None and name is not None:
            house = _house(world, lens, column, record, name, old, native, now, entry, state)
            if column.map.conflict == OPT_OUT and not bool(house) and any(bool(values.get(name)) for values in elsewhere.values()):
                reason = "an opt-out always wins; take it back in both CRMs by hand"
            else:
                agreed = state.base.get(name)
                known = agreed is not None and agreed.mapping == column.map.fingerprint
                others = {side: agreed.values.get(side) if known and agreed is not None else values.get(name)
                          for side, values in elsewhere.items()}  # fmt: skip
                found.base[name] = {**others, entry.side: house}
                found.merged[name] = house
                found.marks[UNDONE + name] = house
        if reason:
            found.kept.append(Kept(name=name or native, reason=reason))
            continue
        if column is None and name is not None:
            found.marks[UNDONE + name] = old
        found.fields[native] = old
        found.restored.append(Restored(native=native, name=name or native, was=written, now=old))
        follower = leaders.get(name or "")
        if follower is not None and follower in entry.old:
            found.fields[follower] = entry.old[follower]
    _belonging(world, found, entry, links, wanted)
    return found


def _stands(world: World, entry: JournalEntry, lens: Lens, record: Record, native: str, written: Value) -> str:
    """Why the value cannot be taken back, "" when it still stands and what it replaced is known."""
    if native not in entry.old:
        return "what stood there before is not known"
    if native not in record.fields:
        return f"{entry.side} does not show it to us any more"
    if not still(lens, world.owners, native, written, record.fields[native]):
        return f"it has changed since: {_short(record.fields[native])}"
    return ""


def _short(value: Value) -> str:
    text = "it is empty" if value is None else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def still(lens: Lens, owners: Owners, native: str, written: Value, shows: Value) -> bool:
    """Whether a record still shows what was written, in whatever form its CRM gives it."""
    for column in lens.by_name.values():
        if column.place.field == native:
            a, b = _plain(column, written), _plain(column, shows)
            return same(column.map.type, a, b) or shortened(a, b)
    return same(FieldType.LONG_TEXT, written, shows) or str(written) == str(shows)


def _plain(column: Column, value: Value) -> Value:
    """A native value in a form that can be compared: a text without markup, anything else as it is, cleaned."""
    if column.map.type is FieldType.OWNER:
        return value
    return clean(column.map.type, to_text(value) if column.place.html and isinstance(value, str) else value)


def _lens(world: World, entry: JournalEntry) -> Lens:
    key = (entry.side, entry.write.object)
    return world.kinds.lenses[kind][key] if (kind := kind_in(entry.kind)) else world.lenses[key]


def _house(
    world: World, lens: Lens, column: Column, record: Record, name: str, old: Value, native: str, now: datetime, entry: JournalEntry,
    state: PersonState,
) -> Value:  # fmt: skip
    """The old native value in house terms."""
    kind = kind_in(entry.kind)
    if kind:
        before = Snapshot(ref=record.ref, fields={}, extra={**record.fields, native: old}, modified_at=record.modified_at)
        house = shown(before, lens, world.ground(kind, now), PersonState(person_id=state.person_id)).fields
    else:
        house = lens.to_house({native: old}, world.owners)
    return house[name] if name in house else _plain(column, old)


def _elsewhere(world: World, entry: JournalEntry, state: PersonState, now: datetime) -> dict[str, Mapping[str, Value]]:
    """other side -> house values of the record kept in step there."""
    records = world.store.snapshots_of([state.person_id]).get(state.person_id, [])
    kind = kind_in(entry.kind)
    found: dict[str, Mapping[str, Value]] = {}
    for side in world.sides:
        if side == entry.side:
            continue
        if not kind:
            best = primary(records, side, world.playbook.person, state.anchors)
        else:
            live = [r for r in records if r.ref.side == side and r.state is RecordState.LIVE]
            best = next((r for r in live if f"{r.ref.object}/{r.ref.id}" == state.anchors.get(side)), live[0] if live else None)
            lens = world.kinds.lenses[kind].get((side, best.ref.object)) if best is not None else None
            best = shown(best, lens, world.ground(kind, now), state) if best is not None and lens is not None else None
        if best is not None:
            found[side] = dict(best.fields)
    return found


def parties(world: World, refs: Sequence[Ref]) -> str:
    """The ids of whom these records stand for, ";"-joined."""
    held = world.store.snapshots(list(refs))
    return ";".join(dict.fromkeys(id for ref in refs if ref in held and (id := held[ref].person_id) is not None))


def _belonging(world: World, found: Restoration, entry: JournalEntry, links: Sequence[Ref], wanted: Collection[str]) -> None:
    about, unlink = entry.write.about, entry.write.unlink
    if not (about or unlink) or (wanted and BELONGING not in wanted):
        return
    if set(about) <= set(links) and not set(unlink) & set(links):
        found.about, found.unlink = unlink, about
        found.marks[UNDONE + BELONGING] = parties(world, about)
        found.restored.append(Restored(native=BELONGING, name=BELONGING, was=_named(about), now=_named(unlink)))
    else:
        found.kept.append(Kept(name=BELONGING, reason="whom it belongs to has changed since"))


def _named(refs: Sequence[Ref]) -> str:
    return ", ".join(f"{ref.object}/{ref.id}" for ref in refs)
