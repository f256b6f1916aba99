"""After a crash or a lost answer: settles open intents by looking at the CRM, before anything else runs (law 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from crmsync.decide.canonical import same
from crmsync.engine.kinds import kind_in
from crmsync.engine.members import MEMBER, look_up
from crmsync.engine.pull import belongings, record_hash, store_row
from crmsync.engine.settle_twins import lens_of
from crmsync.engine.world import World
from crmsync.errors import CredentialsError, CrmsyncError, UnreachableError
from crmsync.model.change import Action
from crmsync.model.fields import KEY
from crmsync.model.journal import JournalEntry
from crmsync.model.link import BELONGING, UNDONE, Agreed, PersonState, Twin
from crmsync.model.record import Record, RecordState, Ref, Value
from crmsync.model.rules import FieldType
from crmsync.store import StoredSnapshot

log = structlog.get_logger(__name__)


def settle_open(world: World, now: datetime, troubles: dict[str, CrmsyncError] | None = None) -> int:
    """Finds out what became of every open intent: what stands in the CRM is linked and remembered, the rest is decided again. Returns how many.

    troubles: sides that do not answer, skipped; sides that turn out so are added, their intents stay open. None: such trouble is raised."""
    down = {} if troubles is None else troubles
    entries = [entry for entry in world.store.journal.open_intents() if entry.side in world.connectors and entry.side not in down]
    groups: dict[tuple[str, str, str], list[JournalEntry]] = {}
    for entry in entries:
        groups.setdefault((entry.side, entry.kind, entry.write.object), []).append(entry)
    for (side, kind, object), group in sorted(groups.items()):
        if side in down:
            continue
        try:
            _settle_group(world, side, kind, object, group, now)
        except (CredentialsError, UnreachableError) as error:
            if troubles is None or getattr(error, "side", None) != side:
                raise
            troubles[side] = error
    if entries:
        log.info("settled open intents", count=len(entries))
    return len(entries)


def _settle_group(world: World, side: str, kind: str, object: str, group: Sequence[JournalEntry], now: datetime) -> None:
    if kind == "task":
        _tasks(world, side, object, group, now)
        return
    if kind == MEMBER:
        look_up(world, side, group, now)
        return
    if kind_in(kind) and (side, object) not in world.lenses:
        # No longer mapped: nothing can be decided about it, and what became of the write shows in the CRM only.
        world.store.journal.settle(
            [replace(_closed(entry, False, now), message="its kind is no longer mapped; look in the CRM") for entry in group]
        )
        return
    _creates(world, side, object, [e for e in group if e.write.action is Action.CREATE], now)
    _others(world, side, object, [e for e in group if e.write.action is not Action.CREATE], now)


def _creates(world: World, side: str, object: str, entries: Sequence[JournalEntry], now: datetime) -> None:
    if not entries:
        return
    connector, store = world.connectors[side], world.store
    fields = world.fields_to_read(side, object)
    keys = [str(entry.write.key) for entry in entries]
    found = {str(r.fields.get(connector.own_field(KEY))): r for r in connector.find(object, connector.own_field(KEY), keys, fields)}
    belongs = belongings(world, side, object, list(found.values()))
    with store.begin():
        rows = []
        for entry in entries:
            record = found.get(str(entry.write.key))
            if record is not None:
                row = store_row(world, world.lenses[side, object], record, record_hash(world, record))
                rows.append(replace(row, snapshot=replace(row.snapshot, person_id=entry.person_id)))
        store.save_snapshots(rows, dirty=True)
        store.links.save(belongs)
        _believe_all(world, side, object, [(e, record) for e in entries if (record := found.get(str(e.write.key))) is not None])
        store.journal.settle([_closed(entry, found.get(str(entry.write.key)) is not None, now) for entry in entries])
        store.mark_dirty_persons([str(entry.person_id) for entry in entries])


def _others(world: World, side: str, object: str, entries: Sequence[JournalEntry], now: datetime) -> None:
    """Updates and deletes: the record as it stands now tells whether they arrived; merging sees it as agreement, or plans it again."""
    if not entries:
        return
    connector, store = world.connectors[side], world.store
    ids = sorted({str(entry.write.id) for entry in entries})
    told = {record.ref.id: record for record in connector.fetch(object, ids, world.fields_to_read(side, object))}
    belongs = belongings(world, side, object, list(told.values()))
    held = store.snapshots([Ref(side=side, object=object, id=id) for id in ids])
    with store.begin():
        rows = [store_row(world, world.lenses[side, object], record, record_hash(world, record)) for record in told.values()]
        rows += [
            StoredSnapshot(snapshot=replace(old, state=RecordState.DELETED), hash="", emails=(), key=None)
            for ref, old in held.items()
            if ref.id not in told
        ]
        store.save_snapshots(rows, dirty=True)
        store.links.save(belongs)
        _believe_all(world, side, object, [(e, record) for e in entries if (record := told.get(str(e.write.id))) is not None])
        store.journal.settle([_closed(entry, True, now) for entry in entries])
        store.mark_dirty_persons([str(entry.person_id) for entry in entries])


def _believe_all(world: World, side: str, object: str, seen: Sequence[tuple[JournalEntry, Record]]) -> None:
    _believe(world, side, object, [(entry, record) for entry, record in seen if entry.kind == "person"])
    _believe_twins(world, side, [(entry, record) for entry, record in seen if kind_in(entry.kind)])


def _believe_twins(world: World, side: str, seen: Sequence[tuple[JournalEntry, Record]]) -> None:
    """As `_believe`, for activities, companies and deals."""
    store = world.store
    twins = store.twins.get(list({str(entry.person_id) for entry, _ in seen}))
    for entry, record in seen:
        twin, lens = twins.get(str(entry.person_id)), lens_of(world, entry)
        if twin is None or lens is None or record.state is not RecordState.LIVE:
            continue
        base = dict(twin.state.base)
        marks: dict[str, Value] = {}
        for name, column in lens.by_name.items():
            native = column.place.field
            plain = column.map.type not in (FieldType.DAY, FieldType.RICH_TEXT)  # those are settled by the look that follows
            if plain and native in entry.write.fields and native in record.fields:
                sent, shown = (
                    lens.to_house({native: fields[native]}, world.owners).get(name) for fields in (entry.write.fields, record.fields)
                )
                if same(column.map.type, sent, shown):
                    base[name] = Agreed(
                        values={**_elsewhere(world, entry, twin.state, name, sent), side: shown}, mapping=column.map.fingerprint
                    )
                    marks |= {UNDONE + name: sent} if entry.undoes else {}
        anchors = {**twin.state.anchors, side: f"{record.ref.object}/{record.ref.id}"}
        links = _belonging(world, entry, record, twin)
        if links is not twin.links and entry.undoes:
            marks[UNDONE + BELONGING] = ";".join(_parties(world, entry.write.unlink))
        written = {**twin.state.written, side: {**twin.state.written.get(side, {}), **marks}} if marks else twin.state.written
        twins[twin.twin_id] = replace(twin, state=replace(twin.state, base=base, anchors=anchors, written=written), links=links)
    store.twins.save(list(twins.values()))


def _elsewhere(world: World, entry: JournalEntry, state: PersonState, name: str, sent: Value) -> Mapping[str, Value]:
    """What the other side stands at now that a value has arrived: at the same, unless somebody put back an old one by hand."""
    agreed = state.base.get(name)
    return agreed.values if entry.undoes and agreed is not None else dict.fromkeys(world.sides, sent)


def _belonging(world: World, entry: JournalEntry, record: Record, twin: Twin) -> Mapping[str, tuple[str, ...]]:
    """Whom it belongs to as settled. Who was added and who was taken did arrive, as values do: else they would look like a person's doing on that side,
    and whom somebody took from it elsewhere since would come back. What an undo put back there is meant for that side alone."""
    about, unlink = entry.write.about, entry.write.unlink
    if not (about or unlink):
        return twin.links
    targets = world.store.links.of([record.ref]).get(record.ref, ())
    if entry.undoes:
        arrived = set(about) <= set(targets) and not set(unlink) & set(targets)
        return {**twin.links, entry.side: _parties(world, targets)} if arrived else twin.links
    added = _parties(world, [to for to in about if to in targets])
    taken = {*_parties(world, [to for to in unlink if to not in targets])} - {*_parties(world, targets)}
    return {side: tuple(id for id in dict.fromkeys((*twin.links.get(side, ()), *added)) if id not in taken) for side in world.sides}


def _parties(world: World, targets: Sequence[Ref]) -> tuple[str, ...]:
    held = world.store.snapshots(list(targets))
    return tuple(dict.fromkeys(id for to in targets if to in held and (id := held[to].person_id) is not None))


def _believe(world: World, side: str, object: str, seen: Sequence[tuple[JournalEntry, Record]]) -> None:
    """A field that shows what was sent did arrive: it is agreed, as if the answer had not been lost. Else our own value would look like an edit
    of that side, and could win over what a person has written on the other side since."""
    lens, store = world.lenses[side, object], world.store
    states = store.persons(list({str(entry.person_id) for entry, _ in seen}))
    for entry, record in seen:
        state = states.get(str(entry.person_id))
        if state is None or record.state is not RecordState.LIVE:
            continue
        shown, sent = lens.to_house(record.fields, world.owners), lens.to_house(entry.write.fields, world.owners)
        base = dict(state.base)
        arrived = {n: v for f, n in entry.names.items() if (v := entry.write.fields.get(f)) == record.fields.get(f)}
        marks = {UNDONE + name: value for name, value in arrived.items() if entry.undoes and name not in sent}
        for name, value in sent.items():
            field = lens.by_name[name].map
            if name in shown and same(field.type, shown[name], value):
                base[name] = Agreed(values={**_elsewhere(world, entry, state, name, value), side: shown[name]}, mapping=field.fingerprint)
                marks |= {UNDONE + name: value} if entry.undoes else {}
        anchors = {**state.anchors, side: f"{object}/{record.ref.id}"}
        written = {**state.written, side: {**state.written.get(side, {}), **marks}} if marks else state.written
        states[state.person_id] = replace(state, base=base, anchors=anchors, written=written)
    store.save_persons(list(states.values()))


def _tasks(world: World, side: str, object: str, entries: Sequence[JournalEntry], now: datetime) -> None:
    connector, store = world.connectors[side], world.store
    field = connector.own_field(KEY)
    keys = [str(entry.write.key) for entry in entries]
    found = {str(r.fields.get(field)): r.ref.id for r in connector.find(object, field, keys, [field])}
    with store.begin():
        for entry in entries:
            id = found.get(str(entry.write.key))
            if id is not None:
                store.tasks.created(str(entry.write.key), id)
        store.journal.settle([_closed(entry, str(entry.write.key) in found, now) for entry in entries])


def _closed(entry: JournalEntry, arrived: bool, now: datetime) -> JournalEntry:
    outcome = "looked_up" if arrived else "not_found"
    return replace(entry, outcome=outcome, message="settled by looking after the answer was lost", settled_at=now)
