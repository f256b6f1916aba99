"""THE ONLY DOOR OUT: sends journalled writes and settles them by what the CRM says it accepted (laws 2 and 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from crmsync.decide.canonical import same
from crmsync.decide.plan import data_hash
from crmsync.engine.employers import FIELD
from crmsync.engine.forget import admit_records
from crmsync.engine.kinds import kind_in
from crmsync.engine.outbox import Outgoing
from crmsync.engine.pull import record_hash, store_row
from crmsync.engine.settle_twins import TwinSettlement, adopt_twin
from crmsync.engine.world import World
from crmsync.errors import CrmsyncError, UnreachableError
from crmsync.model.attention import Problem
from crmsync.model.change import Action, Outcome, OutcomeKind, Write
from crmsync.model.journal import JournalEntry
from crmsync.model.link import Agreed, PersonState, Snapshot, delivered
from crmsync.model.record import Record, RecordState, Ref, Value
from crmsync.store import StoredSnapshot

log = structlog.get_logger(__name__)

REREAD_UP_TO = 200
"""Up to this many updates per side are held against the CRM once more right before they are sent (F29). A first load is not: it was just read,
and re-reading would double its cost."""
UNSTAMPED = datetime(1970, 1, 1, tzinfo=UTC)
MAX_BACKOFF = timedelta(hours=1)
SUPERSEDED = "superseded"


@dataclass(slots=True, kw_only=True)
class Sent:
    """What became of the writes of a cycle. errors: side -> why sending stopped there."""

    done: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    superseded: int = 0
    errors: dict[str, CrmsyncError] = field(default_factory=dict)

    def count(self, side: str) -> None:
        self.done[side] = self.done.get(side, 0) + 1


def send(world: World, batches: Mapping[str, Sequence[Outgoing]], now: datetime, sent: Sent) -> None:
    """Sends each side's writes (sides at the same time) and settles them. A side that cannot be reached keeps its intents for the next cycle."""
    ready = {side: list(items) for side, items in batches.items() if items and side not in sent.errors}
    for side, items in ready.items():
        ready[side] = _reread(world, side, items, now, sent)
    ready = {side: items for side, items in ready.items() if items}
    if not ready:
        return
    with ThreadPoolExecutor(max_workers=len(ready), thread_name_prefix="send") as pool:
        futures = {side: pool.submit(world.connectors[side].write, [i.entry.write for i in items]) for side, items in ready.items()}
    for side, items in ready.items():
        error = futures[side].exception()
        if error is None:
            _settle(world, side, items, futures[side].result(), now, sent)
        elif isinstance(error, CrmsyncError):
            # Nothing of this call was carried out: take the intents back, the persons stay due.
            sent.errors[side] = error
            with world.store.begin():
                _take_back(world, items, now, "not sent", str(error))
        else:
            raise error


def _reread(world: World, side: str, items: list[Outgoing], now: datetime, sent: Sent) -> list[Outgoing]:
    """Drops updates whose target changed since we read it, and stores the change instead: the next cycle decides again."""
    updates = [item for item in items if item.entry.write.action is Action.UPDATE and item.entry.kind == "person"]
    if not updates or len(updates) > REREAD_UP_TO:
        return items
    by_object: dict[str, list[Outgoing]] = {}
    for item in updates:
        by_object.setdefault(item.entry.write.object, []).append(item)
    stale: list[Outgoing] = []
    try:
        for object, group in by_object.items():
            ids = [str(item.entry.write.id) for item in group]
            shown = {r.ref.id: r for r in world.connectors[side].fetch(object, ids, world.fields_to_read(side, object))}
            held = world.store.snapshots([Ref(side=side, object=object, id=id) for id in ids])
            for item in group:
                record = shown.get(str(item.entry.write.id))
                if record is not None and _moved(world, record, held.get(record.ref)):
                    row = store_row(world, world.lenses[side, object], record, record_hash(world, record))
                    world.store.save_snapshots([row], dirty=True)
                    stale.append(item)
    except UnreachableError as error:
        sent.errors[side] = error
        with world.store.begin():
            _take_back(world, items, now, "not sent", str(error))
        return []
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
    world.store.settle([replace(i.entry, outcome=outcome, message=message, settled_at=now) for i in items])
    world.store.mark_dirty_persons([i.entry.person_id for i in items if i.entry.person_id is not None and i.entry.kind != "task"])


def _settle(world: World, side: str, items: Sequence[Outgoing], outcomes: Sequence[Outcome], now: datetime, sent: Sent) -> None:
    """One transaction: journal, snapshots, bases, problems. Lost answers stay open for `resume`."""
    store = world.store
    adopt: list[tuple[Outgoing, Outcome]] = []
    with store.begin():
        people = store.persons([i.entry.person_id for i in items if i.entry.person_id is not None])
        held = store.snapshots([Ref(side=side, object=i.entry.write.object, id=str(i.entry.write.id)) for i in items if i.entry.write.id])
        settlement = _Settlement(world, side, now, people, held)
        about_twins = [str(i.entry.person_id) for i in items if kind_in(i.entry.kind)]
        twins = TwinSettlement(world, side, now, store.twins(about_twins) if about_twins else {}, held)
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
    for item, outcome in adopt:
        if kind_in(item.entry.kind):
            adopt_twin(world, side, item, outcome)
        else:
            _adopt(world, side, item, outcome, now)


class _Settlement:
    """Collects what a batch of outcomes changes and stores it at once. Lives for one call of _settle."""

    def __init__(self, world: World, side: str, now: datetime, people: dict[str, PersonState], held: dict[Ref, Snapshot]) -> None:
        self.world, self.side, self.now, self.people, self.held = world, side, now, people, held
        self.entries: list[JournalEntry] = []
        self.rows: list[StoredSnapshot] = []
        self.problems: list[Problem] = []
        self.again: list[str] = []
        self.created: list[str] = []
        self.settled_people: dict[str, PersonState] = {}
        self.task_ids: list[tuple[str, str]] = []
        self.healed: list[tuple[str, str, frozenset[str]]] = []
        self.links: dict[Ref, Sequence[Ref]] = {}

    def done(self, item: Outgoing, outcome: Outcome) -> None:
        write, planned = item.entry.write, item.planned
        assert planned is not None
        person_id = str(item.entry.person_id)
        state = self.settled_people.get(person_id) or self.people.get(person_id) or PersonState(person_id=person_id, created_at=self.now)
        ref = Ref(side=self.side, object=write.object, id=str(outcome.id or write.id))
        before = self.held.get(ref)
        if write.action is Action.DELETE:
            if before is not None:
                self._keep(replace(before, state=RecordState.DELETED, by_us=True))
            return
        lens = self.world.lenses[self.side, write.object]
        shown = lens.to_house(outcome.shown, self.world.owners) if outcome.shown is not None else None
        stands = {name: value if shown is None else shown.get(name, value) for name, value in planned.merged.items()}
        extra = {n: v for n, v in {**write.fields, **(outcome.shown or {})}.items() if n not in lens.natives or n in lens.also_read}
        self._keep(
            Snapshot(
                ref=ref,
                fields={**(before.fields if before else dict.fromkeys(lens.by_name)), **stands},
                extra={**(before.extra if before else {}), **extra},
                # Only the CRM's own clock may stamp a record: ours could run ahead and make its next true showing look outdated.
                modified_at=outcome.modified_at or (before.modified_at if before else UNSTAMPED),
                created_at=before.created_at if before else self.now,
                person_id=person_id,
                by_us=None if shown is None else True,
            )
        )
        base = dict(state.base)
        for name, values in planned.base.items():
            accepted = {**values, self.side: stands.get(name, values.get(self.side))}
            base[name] = Agreed(values=accepted, mapping=self.world.playbook.person.fields[name].fingerprint)
        sent = dict(state.sent)
        if shown is None and planned.merged:
            known = before.fields if before else {}
            sent[self.side] = {**sent.get(self.side, {}), **{n: (v, known.get(n)) for n, v in planned.merged.items()}}
        self.settled_people[person_id] = replace(
            state,
            base=base,
            sent=sent,
            anchors={**state.anchors, self.side: f"{ref.object}/{ref.id}"},
            written={**state.written, self.side: delivered(state.written.get(self.side, {}), planned.own, planned.merged)},
            employers=self._employers(state, ref, write),
        )
        healed = {*item.entry.names.values(), *([FIELD] if write.about or write.unlink else [])}
        self.healed.append((person_id, write.object, frozenset(healed)))
        if write.action is Action.CREATE:
            self.created.append(person_id)  # activities that waited for this record can follow
        self._check_read_back(item, ref, planned.merged, stands, before)

    def _employers(self, state: PersonState, ref: Ref, write: Write) -> Mapping[str, str | None]:
        """The company that both sides show from now on (see decide.employer)."""
        if not write.about and not write.unlink:
            return state.employers
        self.links[ref] = write.about
        held = self.world.store.snapshots(write.about)
        return dict.fromkeys(self.world.sides, next((s.person_id for s in held.values()), None))

    def _check_read_back(
        self, item: Outgoing, ref: Ref, wanted: Mapping[str, Value], stands: Mapping[str, Value], before: Snapshot | None
    ) -> None:
        """F44: accepted, yet the CRM shows the old value. Said once; the difference then stands until somebody moves."""
        for name, value in wanted.items():
            kind = self.world.playbook.person.fields[name].type
            old = before.fields.get(name) if before else None
            if before is not None and same(kind, stands[name], old) and not same(kind, value, old):
                self.problems.append(
                    Problem(
                        cause="silent_no_op",
                        message=f"{self.side} accepted {name} but still shows the old value. Look at the field's rules in {self.side}.",
                        side=self.side,
                        object=ref.object,
                        record_id=ref.id,
                        person_id=item.entry.person_id,
                        field=name,
                        data_hash=data_hash(value),
                    )
                )

    def rejected(self, item: Outgoing, outcome: Outcome) -> None:
        """Parks the fields the CRM complained of and tries the rest again; with no field named, parks the record until its data changes (F42, F47, F63)."""
        write, names = item.entry.write, item.entry.names
        by_lower = {native.lower(): native for native in write.fields}
        culprits = [by_lower[f.lower()] for f in outcome.fields if f.lower() in by_lower]
        if (outcome.fields and not culprits and (write.about or write.unlink)) or not write.fields:
            self._not_employed(item, outcome)
            return
        create_needs = write.action is Action.CREATE and any(names.get(native) == "email" for native in culprits)
        whole = not culprits or create_needs or len(culprits) == len(write.fields)
        planned = item.planned
        for native in [None] if whole else culprits:
            name = None if native is None else names.get(native, native)
            value = None if native is None or planned is None else planned.merged.get(str(name), planned.own.get(str(name)))
            self.problems.append(
                Problem(
                    cause=outcome.cause or "rejected",
                    message=f"{self.side} refused {'the record' if native is None else native}: {outcome.message[:300]}",
                    side=self.side,
                    object=write.object,
                    record_id=write.id,
                    person_id=item.entry.person_id,
                    field=name,
                    data_hash=data_hash(write.fields) if native is None else data_hash(value),
                )
            )
        if not whole:
            self.again.append(str(item.entry.person_id))
        if outcome.cause in ("INVALID_FIELD", "PROPERTY_DOESNT_EXIST", "INVALID_FIELD_FOR_INSERT_UPDATE", "READ_ONLY_VALUE"):
            self.world.forget_schema()

    def _not_employed(self, item: Outgoing, outcome: Outcome) -> None:
        """Parks whom the person shall belong to, and tries the rest of the write again."""
        write = item.entry.write
        self.problems.append(
            Problem(
                cause=outcome.cause or "rejected",
                message=f"{self.side} refused the person's company: {outcome.message[:300]}",
                side=self.side, object=write.object, record_id=write.id, person_id=item.entry.person_id, field=FIELD,
                data_hash=data_hash([str(to) for to in (*write.about, *write.unlink)]),
            )
        )  # fmt: skip
        if write.fields:
            self.again.append(str(item.entry.person_id))

    def retry(self, item: Outgoing, outcome: Outcome) -> None:
        """Not carried out for a passing reason: due again after a growing while."""
        person_id = str(item.entry.person_id)
        tries = sum(1 for e in self.world.store.writes_of(person_id, limit=20) if e.outcome == OutcomeKind.RETRY.value)
        wait = min(timedelta(seconds=5) * 2**tries, MAX_BACKOFF)
        problem = Problem(
            cause=outcome.cause or "retry",
            message=f"{self.side} could not take it now: {outcome.message[:300]}",
            side=self.side,
            object=item.entry.write.object,
            record_id=item.entry.write.id,
            person_id=person_id,
            data_hash=data_hash(item.entry.write.fields),
        )
        self.world.store.park([problem], self.now, retry_at=self.now + wait)
        state = self.settled_people.get(person_id) or self.people.get(person_id)
        if state is not None:
            due = min(filter(None, (state.next_due_at, self.now + wait)))
            self.settled_people[person_id] = replace(state, next_due_at=due)

    def task(self, item: Outgoing, outcome: Outcome) -> None:
        key = str(item.entry.write.key)
        if item.entry.write.action is Action.DELETE:
            return  # taken back by hand: it is not made again
        if outcome.kind is OutcomeKind.DONE or (outcome.kind is OutcomeKind.EXISTS and outcome.existing_id):
            self.task_ids.append((key, str(outcome.id or outcome.existing_id)))
        elif outcome.kind is not OutcomeKind.RETRY:
            self.problems.append(
                Problem(
                    cause=outcome.cause or "task_refused",
                    message=f"{self.side} refused the task: {outcome.message[:300]}",
                    side=self.side,
                    object=item.entry.write.object,
                    person_id=item.entry.person_id,
                    data_hash=key,
                )
            )
            self.task_ids.append((key, "refused"))

    def _keep(self, snapshot: Snapshot) -> None:
        lens = self.world.lenses[snapshot.ref.side, snapshot.ref.object]
        self.rows.append(
            StoredSnapshot(snapshot=snapshot, hash="", emails=lens.emails(snapshot.fields, snapshot.extra), key=snapshot.person_id)
        )

    def store(self) -> None:
        store = self.world.store
        store.settle(self.entries)
        store.save_snapshots(self.rows, dirty=False)
        store.save_links(self.links)
        store.save_persons(list(self.settled_people.values()))
        # In this order: what was found in this very answer (a value that did not stick) is not healed by it.
        store.heal(self.side, self.healed)
        store.park(self.problems, self.now)
        store.mark_dirty_persons(self.again)
        store.wake(self.created)
        for key, record_id in self.task_ids:
            store.task_created(key, record_id)


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
    store.park(
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


def task_write(world: World, side: str, write: Write, person_id: str, now: datetime) -> Outgoing:
    """A task create as a journal entry."""
    return Outgoing(
        entry=JournalEntry(
            side=side,
            write=write,
            person_id=person_id,
            kind="task",
            rules=dict.fromkeys(write.fields, "first touch"),
            at=now,
        )
    )
