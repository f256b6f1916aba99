"""What became of writes about activities, companies and deals: collected from a batch of outcomes and stored at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from crmsync.decide.plan import data_hash
from crmsync.decide.translate import Lens
from crmsync.decide.twin import DELETED
from crmsync.decide.twin_draft import refusal_mark
from crmsync.decide.twin_look import shown as look
from crmsync.engine.beliefs import SCHEMA_IS_OLD
from crmsync.engine.forget import admit_records
from crmsync.engine.kinds import kind_in
from crmsync.engine.outbox import Outgoing
from crmsync.engine.parties import addresses, wake_persons
from crmsync.engine.pull import belongings, record_hash, store_row
from crmsync.engine.readback import kept, silent_no_op
from crmsync.engine.world import World
from crmsync.model.attention import Problem
from crmsync.model.change import Action, Outcome, OutcomeKind
from crmsync.model.journal import JournalEntry
from crmsync.model.link import Agreed, PersonState, Snapshot, Twin, delivered
from crmsync.model.record import RecordState, Ref, Value
from crmsync.model.rules import FieldType
from crmsync.store import StoredSnapshot

READ_LATER = frozenset({FieldType.DAY, FieldType.RICH_TEXT})
"""What these show is only read with the owner's zone, or cut."""
UNSTAMPED = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)


def lens_of(world: World, entry: JournalEntry) -> Lens | None:
    """The lens of the kind that a journal entry is about; None when that kind is no longer mapped."""
    return world.kinds.lenses.get(kind_in(entry.kind) or "", {}).get((entry.side, entry.write.object))


class TwinSettlement:
    """Lives for one batch of outcomes of one side."""

    def __init__(self, world: World, side: str, now: datetime, twins: Mapping[str, Twin], held: Mapping[Ref, Snapshot]) -> None:
        self.world, self.side, self.now, self.held = world, side, now, held
        self.twins = dict(twins)
        self.rows: list[StoredSnapshot] = []
        self.links: dict[Ref, Sequence[Ref]] = {}
        self.problems: list[Problem] = []
        self.healed: list[tuple[str, str, frozenset[str]]] = []
        self.again: list[str] = []
        self.touched: set[str] = set()
        self.born: list[str] = []

    def take(self, item: Outgoing, outcome: Outcome) -> bool:
        """Notes one outcome; False when the CRM has to be looked at first (the record exists already, or is gone)."""
        if outcome.kind is OutcomeKind.DONE:
            self._done(item, outcome)
        elif outcome.kind is OutcomeKind.REJECTED:
            self._rejected(item, outcome)
        elif outcome.kind is OutcomeKind.RETRY:
            self._retry(item, outcome)
        else:
            return False
        return True

    def _twin(self, item: Outgoing) -> Twin:
        id = str(item.entry.person_id)
        kind = kind_in(item.entry.kind) or ""
        return self.twins.get(id) or Twin(twin_id=id, kind=kind, state=PersonState(person_id=id, created_at=self.now))

    def _done(self, item: Outgoing, outcome: Outcome) -> None:
        write, planned = item.entry.write, item.planned
        twin, lens = self._twin(item), lens_of(self.world, item.entry)
        ref = Ref(side=self.side, object=write.object, id=str(outcome.id or write.id))
        before = self.held.get(ref)
        if write.action is Action.DELETE:
            if before is not None:
                self._row(replace(before, state=RecordState.DELETED, by_us=True), "")
            noted = {**twin.state.written.get(self.side, {}), DELETED: str(write.id)}
            self.twins[twin.twin_id] = replace(twin, state=replace(twin.state, written={**twin.state.written, self.side: noted}))
            self.touched.add(twin.twin_id)
            return
        native = {**write.fields, **(outcome.shown or {})}
        if write.key:
            native[self.world.connectors[self.side].own_field("crmsync_key")] = write.key
        self._row(
            Snapshot(
                ref=ref,
                fields={},
                extra={**(before.extra if before else {}), **native},
                modified_at=outcome.modified_at or (before.modified_at if before else UNSTAMPED),
                created_at=before.created_at if before else self.now,
                person_id=twin.twin_id,
                by_us=None if outcome.shown is None else True,
            ),
            twin.twin_id,
        )
        if write.about or write.unlink or write.action is Action.CREATE:
            known = self.world.store.links.of([ref]).get(ref, ()) if write.action is not Action.CREATE else ()
            over = self.world.store.persons_of([*known, *write.unlink]) if write.unlink else {}
            # Whom it belonged to through a record that was merged since is gone from it, too.
            parted = {over[to] for to in write.unlink if to in over}
            kept = [to for to in known if to not in write.unlink and (over.get(to) is None or over[to] not in parted)]
            self.links[ref] = tuple(dict.fromkeys((*kept, *write.about)))
        if planned is None or lens is None:
            return
        state = twin.state
        shown = lens.to_house(outcome.shown, self.world.owners) if outcome.shown is not None else {}
        base, sent = dict(state.base), dict(state.sent)
        stands: dict[str, Value] = {}
        for name, value in planned.merged.items():
            stands[name] = value if lens.by_name[name].map.type in READ_LATER else shown.get(name, value)
        found = self._read_back(item, ref, lens, outcome, twin)
        stands |= found
        if outcome.shown is None and planned.merged:
            shown_before = lens.to_house(before.extra, self.world.owners) if before is not None else {}
            sent[self.side] = {**sent.get(self.side, {}), **{n: (v, shown_before.get(n)) for n, v in planned.merged.items()}}
        for name, values in planned.base.items():
            agreed = {**values, self.side: stands.get(name, values.get(self.side))}
            base[name] = Agreed(values=agreed, mapping=lens.by_name[name].map.fingerprint)
        state = replace(
            state,
            base=base,
            sent=sent,
            anchors={**state.anchors, self.side: f"{ref.object}/{ref.id}"},
            written={**state.written, self.side: delivered(state.written.get(self.side, {}), planned.own, planned.merged)},
        )
        links = dict(twin.links)
        if ref in self.links:
            links[self.side] = self._parties(self.links[ref])
            other = next((side for side in self.world.sides if side != self.side), None)
            if other is not None and item.belongs is not None:
                links[other] = item.belongs
        self.twins[twin.twin_id] = replace(twin, state=state, links=links)
        self.touched.add(twin.twin_id)
        if write.action is Action.CREATE and not self.world.kinds.maps[twin.kind].activity:
            self.born.append(twin.twin_id)
        self.healed.append((twin.twin_id, write.object, frozenset(item.entry.names.values()) - planned.stood_in))
        self.problems += [silent_no_op(ref, twin.twin_id, name, planned.merged[name]) for name in found]

    def _read_back(self, item: Outgoing, ref: Ref, lens: Lens, outcome: Outcome, twin: Twin) -> dict[str, Value]:
        """F44: house fields that were accepted and that the CRM's answer still shows as before, with what they showed and show."""
        before, told, planned = self.held.get(ref), outcome.shown, item.planned
        if before is None or told is None or planned is None:
            return {}
        sent, found = item.entry.write.fields, []
        for name in planned.merged:
            native = lens.by_name[name].place.field
            if native in told and kept(lens.by_name[name].map.type, told[native], before.extra.get(native), sent.get(native)):
                found.append(name)
        if not found:
            return {}
        shows = look(before, lens, self.world.ground(twin.kind, self.now), twin.state).fields
        return {name: shows.get(name) for name in found}

    def _parties(self, targets: Sequence[Ref]) -> tuple[str, ...]:
        held = self.world.store.persons_of(targets)
        return tuple(dict.fromkeys(held[to] for to in targets if to in held))

    def _rejected(self, item: Outgoing, outcome: Outcome) -> None:
        """Parks the fields the CRM complained of and tries the rest again; with none named, parks the record until it changes (F42, F63)."""
        write, names, planned = item.entry.write, item.entry.names, item.planned
        by_lower = {native.lower(): native for native in write.fields}
        culprits = [by_lower[f.lower()] for f in outcome.fields if f.lower() in by_lower and by_lower[f.lower()] in names]
        whole = not culprits or len(culprits) == len(write.fields)
        for native in [None] if whole else culprits:
            name = None if native is None else names[native]
            value = None if name is None or planned is None else planned.merged.get(name, planned.own.get(name))
            what = f"the {kind_in(item.entry.kind)}" if native is None else native
            self._problem(item, outcome.cause or "rejected", f"{self.side} refused {what}: {outcome.message[:300]}", name,
                          refusal_mark(write.fields, write.about, write.unlink) if native is None else data_hash(value))  # fmt: skip
        if not whole:
            self.again.append(str(item.entry.person_id))
        if outcome.cause in SCHEMA_IS_OLD:
            self.world.forget_schema(self.side)
        self.world.doubt(self.side, self.now)

    def _retry(self, item: Outgoing, outcome: Outcome) -> None:
        id = str(item.entry.person_id)
        tries = sum(1 for e in self.world.store.journal.of(id, limit=20) if e.outcome == OutcomeKind.RETRY.value)
        wait = min(FIRST_WAIT * 2**tries, LONGEST_WAIT)
        problem = self._problem(item, outcome.cause or "retry", f"{self.side} could not take it now: {outcome.message[:300]}", None,
                                refusal_mark(item.entry.write.fields, item.entry.write.about, item.entry.write.unlink), keep=False)  # fmt: skip
        self.world.store.problems.park([problem], self.now, retry_at=self.now + wait)
        self.twins[id] = replace(self._twin(item), retry_at=self.now + wait)
        self.touched.add(id)

    def _problem(self, item: Outgoing, cause: str, message: str, name: str | None, data: str, *, keep: bool = True) -> Problem:
        write = item.entry.write
        problem = Problem(
            cause=cause, message=message, side=self.side, object=write.object, record_id=write.id, person_id=item.entry.person_id,
            field=name, data_hash=data,
        )  # fmt: skip
        if keep:
            self.problems.append(problem)
        return problem

    def _row(self, snapshot: Snapshot, key: str) -> None:
        self.rows.append(StoredSnapshot(snapshot=snapshot, hash="", emails=addresses(self.world, snapshot), key=key or None))

    def store(self) -> None:
        """In the caller's transaction."""
        store = self.world.store
        store.save_snapshots(self.rows, dirty=False)
        store.links.save(self.links)
        store.twins.save([self.twins[id] for id in sorted(self.touched)])
        store.problems.heal(self.side, self.healed)
        store.problems.park(self.problems, self.now)
        store.mark_dirty_persons(self.again)
        wake_persons(self.world, self.born)  # persons may belong to it there from now on


def adopt_twin(world: World, side: str, item: Outgoing, outcome: Outcome) -> None:
    """A create met a record with its key, or an update met one that is gone: look, link, decide again."""
    store, write, id = world.store, item.entry.write, str(item.entry.person_id)
    ids = [one for one in (write.id, outcome.existing_id, outcome.id) if one]
    found = admit_records(store, world.connectors[side].fetch(write.object, ids, world.fields_to_read(side, write.object)))
    belongs = belongings(world, side, write.object, found)
    told = {record.ref.id for record in found}
    held = store.snapshots([Ref(side=side, object=write.object, id=one) for one in ids])
    with store.begin():
        rows = [store_row(world, world.lenses[side, record.ref.object], record, record_hash(world, record)) for record in found]
        rows += [
            StoredSnapshot(snapshot=replace(old, state=RecordState.DELETED), hash="") for ref, old in held.items() if ref.id not in told
        ]
        store.save_snapshots(rows, dirty=True)
        store.links.save(belongs)
        if outcome.kind is OutcomeKind.EXISTS:
            store.link(
                {r.ref: id for r in found if r.ref.id == outcome.existing_id and (r.ref not in held or held[r.ref].person_id is None)}
            )
        store.mark_dirty_persons([id])
