"""THE ONLY DOOR OUT: sends journalled writes and settles them by what the CRM says it accepted (laws 2 and 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from crmsync.decide.disposition import DISPOSITION
from crmsync.decide.plan import data_hash
from crmsync.engine.forget import admit_records
from crmsync.engine.kinds import kind_in
from crmsync.engine.members import MEMBER, send_members
from crmsync.engine.outbox import Outgoing
from crmsync.engine.pull import record_hash, store_row
from crmsync.engine.settle_people import PersonSettlement
from crmsync.engine.settle_twins import TwinSettlement, adopt_twin
from crmsync.engine.together import together
from crmsync.engine.world import World
from crmsync.errors import CredentialsError, CrmsyncError, UnreachableError
from crmsync.model.attention import Problem
from crmsync.model.change import Action, Outcome, OutcomeKind, Write
from crmsync.model.journal import JournalEntry
from crmsync.model.link import Snapshot
from crmsync.model.record import Record, RecordState, Ref
from crmsync.store import StoredSnapshot

log = structlog.get_logger(__name__)

REREAD_UP_TO = 200
"""Up to this many updates per side are held against the CRM once more right before they are sent (F29). A first load is not: it was just read,
and re-reading would double its cost."""
SUPERSEDED = "superseded"


@dataclass(slots=True, kw_only=True)
class Sent:
    """What became of the writes of a cycle. objects: side -> native objects that anything was sent to. errors: side -> why sending stopped
    there."""

    done: dict[str, int] = field(default_factory=dict)
    objects: dict[str, set[str]] = field(default_factory=dict)
    refused: int = 0
    superseded: int = 0
    errors: dict[str, CrmsyncError] = field(default_factory=dict)

    def count(self, side: str) -> None:
        self.done[side] = self.done.get(side, 0) + 1


def send(world: World, batches: Mapping[str, Sequence[Outgoing]], now: datetime, sent: Sent) -> None:
    """Sends each side's writes (sides at the same time) and settles them, then memberships. A side that cannot be reached keeps its intents for the
    next cycle."""
    members = [item.entry for items in batches.values() for item in items if item.entry.kind == MEMBER]
    if members:
        batches = {side: [item for item in items if item.entry.kind != MEMBER] for side, items in batches.items()}
    _send_records(world, batches, now, sent)
    send_members(world, members, now, sent)


def _send_records(world: World, batches: Mapping[str, Sequence[Outgoing]], now: datetime, sent: Sent) -> None:
    ready = {side: list(items) for side, items in batches.items() if items and side not in sent.errors}
    sides = [side for side, items in ready.items() if _watched(items)]
    shown = together(lambda side: _shown(world, side, _watched(ready[side])), sides, "reread")
    for side, found in zip(sides, shown, strict=True):
        ready[side] = _unmoved(world, side, ready[side], found, now, sent)
    ready = {side: items for side, items in ready.items() if items}
    if not ready:
        return
    for side, items in ready.items():
        sent.objects.setdefault(side, set()).update(item.entry.write.object for item in items)

    def write(side: str) -> Sequence[Outcome] | BaseException:
        try:
            return world.connectors[side].write([item.entry.write for item in ready[side]])
        except BaseException as error:  # what the other side answered may come before it
            return error

    for (side, items), answer in zip(ready.items(), together(write, list(ready), "send"), strict=True):
        if not isinstance(answer, BaseException):
            _settle(world, side, items, answer, now, sent)
        elif isinstance(answer, CrmsyncError):
            # Nothing of this call was carried out: take the intents back, the persons stay due.
            sent.errors[side] = answer
            with world.store.begin():
                _take_back(world, items, now, "not sent", str(answer))
        else:
            raise answer


def _watched(items: Sequence[Outgoing]) -> list[Outgoing]:
    """Updates whose target is held against the CRM once more. Of many only those that take back what a rep had decided: a rep who decides anew at
    this very moment is not overwritten."""
    updates = [item for item in items if item.entry.write.action is Action.UPDATE and item.entry.kind == "person"]
    return updates if len(updates) <= REREAD_UP_TO else [item for item in updates if DISPOSITION in item.entry.names.values()]


def _shown(world: World, side: str, items: Sequence[Outgoing]) -> dict[Ref, Record] | CrmsyncError:
    """The targets of these as the CRM shows them now, or why it does not. Touches no database: it runs beside the other side's."""
    by_object: dict[str, list[str]] = {}
    for item in items:
        by_object.setdefault(item.entry.write.object, []).append(str(item.entry.write.id))
    try:
        return {
            record.ref: record
            for object, ids in by_object.items()
            for record in world.connectors[side].fetch(object, ids, world.fields_to_read(side, object))
        }
    except (CredentialsError, UnreachableError) as error:
        return error


def _unmoved(
    world: World, side: str, items: list[Outgoing], shown: dict[Ref, Record] | CrmsyncError, now: datetime, sent: Sent
) -> list[Outgoing]:
    """Without updates whose target changed since we read it; the change is stored instead, and the next cycle decides again."""
    if isinstance(shown, CrmsyncError):
        sent.errors[side] = shown
        with world.store.begin():
            _take_back(world, items, now, "not sent", str(shown))
        return []
    updates = [(item, Ref(side=side, object=item.entry.write.object, id=str(item.entry.write.id))) for item in _watched(items)]
    held = world.store.snapshots([ref for _, ref in updates])
    stale: list[Outgoing] = []
    for item, ref in updates:
        record = shown.get(ref)
        if record is not None and _moved(world, record, held.get(ref)):
            row = store_row(world, world.lenses[side, ref.object], record, record_hash(world, record))
            world.store.save_snapshots([row], dirty=True)
            stale.append(item)
    if stale:
        with world.store.begin():
            _take_back(world, stale, now, SUPERSEDED, "the record changed after it was read; decided again in the next cycle")
        sent.superseded += len(stale)
    dropped = {id(item) for item in stale}
    return [item for item in items if id(item) not in dropped]


def _moved(world: World, record: Record, held: Snapshot | None) -> bool:
    if held is None:
        return True
    row = store_row(world, world.lenses[record.ref.side, record.ref.object], record, "")
    fresh = row.snapshot
    return fresh.state is not held.state or fresh.fields != held.fields or fresh.extra != held.extra


def _take_back(world: World, items: Sequence[Outgoing], now: datetime, outcome: str, message: str) -> None:
    world.store.journal.settle([replace(i.entry, outcome=outcome, message=message, settled_at=now) for i in items])
    world.store.mark_dirty_persons([i.entry.person_id for i in items if i.entry.person_id is not None and i.entry.kind != "task"])


def _settle(world: World, side: str, items: Sequence[Outgoing], outcomes: Sequence[Outcome], now: datetime, sent: Sent) -> None:
    """One transaction: journal, snapshots, bases, problems. Lost answers stay open for `resume`."""
    store = world.store
    adopt: list[tuple[Outgoing, Outcome]] = []
    with store.begin():
        people = store.persons([i.entry.person_id for i in items if i.entry.person_id is not None])
        held = store.snapshots([Ref(side=side, object=i.entry.write.object, id=str(i.entry.write.id)) for i in items if i.entry.write.id])
        settlement = PersonSettlement(world, side, now, people, held)
        about_twins = [str(i.entry.person_id) for i in items if kind_in(i.entry.kind)]
        twins = TwinSettlement(world, side, now, store.twins.get(about_twins) if about_twins else {}, held)
        for item, outcome in zip(items, outcomes, strict=True):
            if outcome.kind is OutcomeKind.UNKNOWN:
                continue
            settlement.entries.append(
                replace(
                    item.entry,
                    record_id=outcome.id or item.entry.record_id,
                    outcome=outcome.kind.value,
                    cause=outcome.cause,
                    message=outcome.message[:500],
                    settled_at=now,
                )
            )
            if item.entry.kind == "task":
                settlement.task(item, outcome)
            elif kind_in(item.entry.kind):
                if not twins.take(item, outcome):
                    adopt.append((item, outcome))
            elif outcome.kind is OutcomeKind.DONE:
                settlement.done(item, outcome)
            elif outcome.kind is OutcomeKind.REJECTED:
                settlement.rejected(item, outcome)
            elif outcome.kind is OutcomeKind.RETRY:
                settlement.retry(item, outcome)
            else:
                adopt.append((item, outcome))
            if outcome.kind is OutcomeKind.DONE:
                sent.count(side)
            else:
                sent.refused += 1
        settlement.store()
        twins.store()
        # Due whatever becomes of the look that follows.
        store.mark_dirty_persons([str(item.entry.person_id) for item, _ in adopt])
    try:
        for item, outcome in adopt:
            if kind_in(item.entry.kind):
                adopt_twin(world, side, item, outcome)
            else:
                _adopt(world, side, item, outcome, now)
    except (CredentialsError, UnreachableError) as error:
        sent.errors[side] = error


def _adopt(world: World, side: str, item: Outgoing, outcome: Outcome, now: datetime) -> None:
    """A create met an existing record (F19, F20, F24), or an update met one that is gone (merged, converted, deleted): look, link, decide again."""
    store, write = world.store, item.entry.write
    ids = [id for id in (write.id, outcome.existing_id, outcome.id) if id]
    found: list[Record] = []
    for object in (write.object, *filter(None, [world.connectors[side].traits.forward.get(write.object)])):
        found += admit_records(store, world.connectors[side].fetch(object, ids, world.fields_to_read(side, object)))
    told = {record.ref.id for record in found}
    held = store.snapshots([Ref(side=side, object=write.object, id=id) for id in ids])
    with store.begin():
        rows = [store_row(world, world.lenses[side, record.ref.object], record, record_hash(world, record)) for record in found]
        rows += [
            StoredSnapshot(snapshot=replace(old, state=RecordState.DELETED), hash="", emails=(), key=None)
            for ref, old in held.items()
            if ref.id not in told
        ]
        store.save_snapshots(rows, dirty=True)
        if outcome.kind is OutcomeKind.EXISTS:
            _link_existing(world, side, item, outcome, [row.snapshot for row in rows], now)
        store.mark_dirty_persons([str(item.entry.person_id)])


def _link_existing(world: World, side: str, item: Outgoing, outcome: Outcome, found: Sequence[Snapshot], now: datetime) -> None:
    """Links the record that stood in the way of a create, unless it already stands for somebody else who has a record here and there."""
    from crmsync.engine.people import join_persons

    store, person_id = world.store, str(item.entry.person_id)
    match = next((s for s in found if s.ref.id == outcome.existing_id), None)
    other = store.snapshots([match.ref])[match.ref].person_id if match is not None else None
    if match is not None and other is None:
        store.link({match.ref: person_id})
        return
    if match is not None and other is not None and other != person_id:
        theirs = store.snapshots_of([other]).get(other, [])
        if all(s.ref.side == side or s.state is not RecordState.LIVE for s in theirs):
            join_persons(world, keep=person_id, lose=other)
            return
    if other == person_id:
        return
    store.problems.park(
        [
            Problem(
                cause="exists",
                message=f"{side} says the record exists already as {outcome.existing_id or 'an unnamed one'}, which stands for another person. "
                "Nothing was created. Merge the two, or correct the e-mail.",
                side=side,
                object=item.entry.write.object,
                person_id=person_id,
                data_hash=data_hash(item.entry.write.fields),
            )
        ],
        now,
    )


def task_write(world: World, side: str, write: Write, person_id: str, now: datetime, because: str = "first touch") -> Outgoing:
    """The create of one of our tasks, or its taking back, as a journal entry."""
    return Outgoing(
        entry=JournalEntry(
            side=side,
            write=write,
            person_id=person_id,
            kind="task",
            rules=dict.fromkeys(write.fields, because),
            at=now,
        )
    )
