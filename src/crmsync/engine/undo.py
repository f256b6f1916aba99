"""Takes one journalled write back: what it replaced is written again to that record, through the one door out, and is meant for that side alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from crmsync.decide.plan import PlannedWrite
from crmsync.engine.apply import Sent, send
from crmsync.engine.kinds import PREFIX, kind_in
from crmsync.engine.members import MEMBER
from crmsync.engine.outbox import Outgoing, outgoing
from crmsync.engine.pull import belongings, record_hash, store_row
from crmsync.engine.restore import Kept, Restored, restoration, still
from crmsync.engine.world import World
from crmsync.errors import CrmsyncError
from crmsync.model.change import Action, OutcomeKind
from crmsync.model.fields import KEY
from crmsync.model.journal import UNDO, JournalEntry
from crmsync.model.link import BELONGING, UNDONE, PersonState, Twin
from crmsync.model.record import Record, RecordState, Ref

WRITES_AFTER = 500
"""Later writes of ours that are looked at to tell them from what a person did."""


@dataclass(slots=True, kw_only=True)
class Undone:
    """What became of it. undo_id: the write that took it back, None when nothing was sent. refused: why not ("": it was taken back).
    needs_yes: `yes` would do it. restored, kept: fields that were, and those that were not and why."""

    write_id: str
    entry: JournalEntry | None = None
    undo_id: str | None = None
    refused: str = ""
    needs_yes: bool = False
    restored: Sequence[Restored] = field(default_factory=tuple)
    kept: Sequence[Kept] = field(default_factory=tuple)


class Refusal(CrmsyncError):
    """Why a write is not taken back."""

    def __init__(self, text: str, *, needs_yes: bool = False, kept: Sequence[Kept] = ()) -> None:
        super().__init__(text)
        self.needs_yes, self.kept = needs_yes, kept


def undo(world: World, write_id: str, now: datetime, *, fields: Collection[str] = (), partly: bool = False, yes: bool = False) -> Undone:
    """One write at most. fields: house or native names to take back (empty: all). partly: leaves those that have changed since. yes: deletes a
    record that somebody has worked with since. The world is fresh, and no intent of that side is open.

    Raises: the error of the record's CRM when it does not answer; then nothing was sent, or the next cycle finds out what became of it."""
    entry = world.store.journal.entry(write_id)
    done = Undone(write_id=write_id, entry=entry)
    try:
        if entry is None:
            raise Refusal(
                f"no write {write_id} is known: the id is none of `crmsync explain`, or it was forgotten (`retention` in crmsync.yaml), and with "
                "it what it replaced"
            )
        _undoable(world, entry)
        record = _record(world, entry)
        item: Outgoing
        if entry.write.action is Action.CREATE:
            _untouched(world, entry, record, yes=yes)
            item = _deletion(world, entry, record, now)
        else:
            item, done.restored, done.kept = _update(world, entry, record, now, fields, partly=partly)
        _carry(world, entry, record, item, now)
        done.undo_id = item.entry.write.write_id
    except Refusal as refusal:
        done.refused, done.needs_yes, done.restored = str(refusal), refusal.needs_yes, ()
        done.kept = refusal.kept or done.kept
    return done


def _undoable(world: World, entry: JournalEntry) -> None:
    side, write = entry.side, entry.write
    if side not in world.connectors:
        raise Refusal(f"{side} is not connected")
    if entry.outcome is None:
        raise Refusal(f"{side} has not answered it yet; run `crmsync sync` first")
    if entry.outcome != OutcomeKind.DONE.value:
        raise Refusal(f"it was never accepted ({entry.outcome}{': ' + entry.message if entry.message else ''}), so it replaced nothing")
    if entry.kind == MEMBER:
        raise Refusal("it changed a membership, which follows the nurture track: change the stage, or the track in the playbook")
    if write.action is Action.DELETE:
        raise Refusal(f"it deleted {write.object} {write.id}, and no API brings that back. Restore it {world.connectors[side].traits.restore}; "
                      "it is then kept in step again")  # fmt: skip
    if (side, write.object) not in world.lenses or (kind_in(entry.kind) and kind_in(entry.kind) not in world.kinds.maps):
        raise Refusal(f"{side} {write.object} is no longer mapped, so it cannot be looked at")
    if any(open.person_id == entry.person_id for open in world.store.journal.open_intents()):
        raise Refusal("another write about the same one has no answer yet; run `crmsync sync` first")


def _ref(entry: JournalEntry) -> Ref:
    return Ref(side=entry.side, object=entry.write.object, id=str(entry.record_id or entry.write.id))


def _record(world: World, entry: JournalEntry) -> Record:
    """The record as it is now."""
    ref = _ref(entry)
    shown = world.connectors[ref.side].fetch(ref.object, [ref.id], world.fields_to_read(ref.side, ref.object))
    record = next((one for one in shown if one.ref.id == ref.id), None)
    if record is None:
        merged = next((one for one in shown if ref.id in one.former_ids), None)
        what = f"was merged into {merged.ref.id}" if merged is not None else "is gone"
        raise Refusal(f"{ref.object} {ref.id} {what} in {ref.side}")
    if record.state is not RecordState.LIVE:
        into = f" ({record.survivor.object} {record.survivor.id})" if record.survivor is not None else ""
        raise Refusal(f"{ref.object} {ref.id} is {record.state.value}{into} in {ref.side}")
    return record


# --- updates -----------------------------------------------------------------------------------------------------------------


def _update(
    world: World, entry: JournalEntry, record: Record, now: datetime, fields: Collection[str], *, partly: bool
) -> tuple[Outgoing, Sequence[Restored], Sequence[Kept]]:
    state = _state(world, entry)
    anchor = state.anchors.get(entry.side)
    if anchor is not None and anchor != f"{record.ref.object}/{record.ref.id}":
        raise Refusal(f"{anchor} has taken the place of {record.ref.object} {record.ref.id} in {entry.side}; undo it there by hand")
    known = {*entry.names.values(), *entry.write.fields, *([BELONGING] if entry.write.about or entry.write.unlink else [])}
    if strange := sorted(set(fields) - known):
        raise Refusal(f"it did not write {', '.join(strange)}; it wrote {', '.join(sorted(known - {KEY}))}")
    links = belongings(world, entry.side, record.ref.object, [record]).get(record.ref, ())
    found = restoration(world, entry, record, links, state, set(fields), now)
    if found.kept and not partly:
        told = "; ".join(f"{one.name}: {one.reason}" for one in found.kept)
        raise Refusal(f"not all of it can be taken back: {told}. --fields chooses, --partly takes back the rest", kept=found.kept)
    if not found.fields and not (found.about or found.unlink):
        told = (
            "; ".join(f"{one.name}: {one.reason}" for one in found.kept)
            or "it wrote nothing but crmsync_key, by which records are recognised"
        )
        raise Refusal(f"nothing of it can be taken back: {told}", kept=found.kept)
    rule = f"{UNDO}{entry.write.write_id}"
    planned = PlannedWrite(
        side=entry.side,
        object=record.ref.object,
        action=Action.UPDATE,
        id=record.ref.id,
        fields=found.fields,
        old={native: record.fields.get(native, entry.write.fields.get(native)) for native in found.fields},
        names={native: entry.names[native] for native in found.fields if native in entry.names},
        rules={n: rule if n in entry.names or not n else entry.rules.get(n, rule) for n in found.fields or ("",)},
        base=found.base,
        own=found.marks,
        merged=found.merged,
        about=found.about,
        unlink=found.unlink,
    )
    item = outgoing(planned, person_id=str(entry.person_id), write_id=world.new_id(), now=now)
    belongs = None
    if kind_in(entry.kind):
        twin = world.store.twins.get([str(entry.person_id)]).get(str(entry.person_id))
        other = next((side for side in world.sides if side != entry.side), "")
        belongs = twin.links.get(other, ()) if twin is not None else ()
    item = replace(item, entry=replace(item.entry, kind=entry.kind), belongs=belongs)
    return item, found.restored, found.kept


def _state(world: World, entry: JournalEntry) -> PersonState:
    id = str(entry.person_id)
    if kind_in(entry.kind):
        twin = world.store.twins.get([id]).get(id)
        found = twin.state if twin is not None else None
    else:
        found = world.store.persons([id]).get(id)
    if found is None:
        raise Refusal("what it was about is no longer known (forgotten, or joined with somebody else)")
    return found


# --- creates -----------------------------------------------------------------------------------------------------------------


def _untouched(world: World, entry: JournalEntry, record: Record, *, yes: bool) -> None:
    """Refuses to delete without `yes` what somebody has worked with."""
    if yes:
        return
    ref, written = record.ref, dict(entry.write.fields)
    newer = [
        e for e in world.store.journal.of(str(entry.person_id), WRITES_AFTER) if _ref(e) == ref and e.outcome == OutcomeKind.DONE.value
    ]
    for later in reversed(newer):  # oldest first
        if later.at >= entry.at:
            written |= later.write.fields
    lens = world.kinds.lenses.get(kind_in(entry.kind) or "", {}).get((ref.side, ref.object)) or world.lenses[ref.side, ref.object]
    changed = [n for n, value in written.items() if n in record.fields and not still(lens, world.owners, n, value, record.fields[n])]
    hanging = world.store.links.belonging_to([str(entry.person_id)]).get(str(entry.person_id), []) if entry.kind == "person" else []
    theirs = world.store.links.of([s.ref for s in hanging if s.ref.side == ref.side and s.state is RecordState.LIVE])
    count = sum(1 for targets in theirs.values() if ref in targets)
    reasons = [
        *([f"{', '.join(sorted(changed))} changed since"] if changed else []),
        *(["somebody else changed it last"] if record.by_us is False and not changed else []),
        *([f"{count} activities belong to it"] if count else []),
    ]
    if reasons:
        raise Refusal(
            f"it created {ref.object} {ref.id}, and {' and '.join(reasons)}. With --yes it is deleted all the same", needs_yes=True
        )


def _deletion(world: World, entry: JournalEntry, record: Record, now: datetime) -> Outgoing:
    key = entry.write.key
    planned = PlannedWrite(
        side=entry.side,
        object=record.ref.object,
        action=Action.DELETE,
        id=record.ref.id,
        fields={},
        old={name: value for name, value in record.fields.items() if value is not None},
        names={},
        rules={"": f"{UNDO}{entry.write.write_id}"},
        base={},
        own={},
        merged={},
    )
    kind, about = entry.kind, str(entry.person_id)
    twin = world.store.twins.get([str(key)]).get(str(key)) if kind == "task" else None
    if twin is not None:  # a first-touch task is an activity like any other, once it is there
        kind, about = PREFIX + twin.kind, twin.twin_id
    item = outgoing(planned, person_id=about, write_id=world.new_id(), now=now)
    write = replace(item.entry.write, key=key) if kind == "task" else item.entry.write
    return replace(item, entry=replace(item.entry, kind=kind, write=write), planned=None if kind == "task" else planned)


# --- sending -----------------------------------------------------------------------------------------------------------------


def _carry(world: World, entry: JournalEntry, record: Record, item: Outgoing, now: datetime) -> None:
    """Journals, sends and settles it; raises Refusal when the CRM did not take it, and forgets the problem that made of it."""
    store, side, ref = world.store, entry.side, record.ref
    row = store_row(world, world.lenses[side, ref.object], record, record_hash(world, record))
    about = str(item.entry.person_id)
    before = {parked.problem_id for parked in store.problems.rows(person_ids=[about], limit=100_000)}
    with store.begin():
        held = store.snapshots([ref]).get(ref)
        fresh = row.snapshot
        if record.by_us is False:
            _answered(world, item.entry, side)
        if held is None or held.fields != fresh.fields or held.extra != fresh.extra:
            store.save_snapshots([row], dirty=True)
        store.journal.note([item.entry])
        if item.entry.write.action is Action.DELETE:
            _mark(world, item.entry, ref, gone=True)
    sent = Sent()
    send(world, {side: [item]}, now, sent)
    outcome = store.journal.entry(item.entry.write.write_id)
    if outcome is not None and outcome.outcome == OutcomeKind.DONE.value:
        store.log_event(now, "undo", f"{entry.write.write_id} was taken back in {side} by {item.entry.write.write_id}")
        return
    if outcome is None or outcome.outcome is None:
        raise Refusal(f"the answer of {side} was lost; the next sync finds out whether it was carried out")
    with store.begin():
        fresh_problems = [p.problem_id for p in store.problems.rows(person_ids=[about], limit=100_000) if p.problem_id not in before]
        store.problems.drop(fresh_problems)
        if item.entry.write.action is Action.DELETE:
            _mark(world, item.entry, ref, gone=False)
    if side in sent.errors:
        raise sent.errors[side]
    raise Refusal(f"{side} did not take it: {outcome.message or outcome.outcome}")


def _answered(world: World, entry: JournalEntry, side: str) -> None:
    """What we sent there before has been shown, and somebody has edited the record since. Once our undo is the last to have touched it, that edit
    would look like the CRM's own form of what we sent."""
    id = str(entry.person_id)
    if kind_in(entry.kind):
        twins = [twin for twin in world.store.twins.get([id]).values() if side in twin.state.sent]
        world.store.twins.save([replace(twin, state=_without_sent(twin.state, side)) for twin in twins])
    elif entry.kind == "person":
        world.store.save_persons([_without_sent(state, side) for state in world.store.persons([id]).values() if side in state.sent])


def _without_sent(state: PersonState, side: str) -> PersonState:
    return replace(state, sent={other: fields for other, fields in state.sent.items() if other != side})


def _mark(world: World, entry: JournalEntry, ref: Ref, *, gone: bool) -> None:
    """Notes (or takes back the note) that the record's absence is meant for its side alone; before sending, so that a crash loses nothing."""
    id = str(entry.person_id)

    def marked(state: PersonState) -> PersonState:
        mine = {name: value for name, value in state.written.get(ref.side, {}).items() if name != UNDONE}
        return replace(state, written={**state.written, ref.side: {**mine, UNDONE: ref.id} if gone else mine})

    if kind_in(entry.kind):
        twins: list[Twin] = list(world.store.twins.get([id]).values())
        world.store.twins.save([replace(twin, state=marked(twin.state)) for twin in twins])
    elif entry.kind == "person":
        world.store.save_persons([marked(state) for state in world.store.persons([id]).values()])
