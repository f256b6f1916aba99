"""Native fields that vanish and come back (F45): noticed by what a page lacks, and what a field made anew leaves empty was emptied by nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from crmsync.decide.translate import Lens
from crmsync.engine.world import World
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import Record, RecordState, Ref
from crmsync.store import StoredSnapshot


def lacking(world: World, side: str, object: str, records: Sequence[Record]) -> set[str]:
    """Native fields of the known schema that were asked for and that a live record does not carry: the schema must have changed since."""
    known = world.schemas[side][object].fields if object in world.schemas.get(side, {}) else {}
    asked = {name for name in world.fields_to_read(side, object) if name in known}
    return {name for record in records if record.state is RecordState.LIVE for name in asked - record.fields.keys()}


def forget_emptied(world: World, rows: Sequence[StoredSnapshot], held: Mapping[Ref, Snapshot], regained: Collection[str]) -> None:
    """Lets the two sides of these records meet anew in every regained field that is empty there, so that it is filled and not the other side
    cleared. In the caller's transaction."""
    linked = {row.snapshot.ref: held[row.snapshot.ref].person_id for row in rows if row.snapshot.ref in held}
    ids = sorted({id for id in linked.values() if id is not None})
    persons, twins = world.store.persons(ids), world.store.twins.get(ids)
    for row in rows:
        id = linked.get(row.snapshot.ref)
        if id is None or row.snapshot.state is not RecordState.LIVE:
            continue
        key = (row.snapshot.ref.side, row.snapshot.ref.object)
        if id in twins:
            lens = world.kinds.lenses.get(twins[id].kind, {}).get(key)
            twins[id] = replace(twins[id], state=_without(twins[id].state, lens, row.snapshot, regained))
        elif id in persons:
            persons[id] = _without(persons[id], world.lenses[key], row.snapshot, regained)
    world.store.save_persons(list(persons.values()))
    world.store.twins.save(list(twins.values()))


def _without(state: PersonState, lens: Lens | None, shown: Snapshot, regained: Collection[str]) -> PersonState:
    columns = {name: column.place.field for name, column in lens.by_name.items() if column.place.field in regained} if lens else {}
    empty = {name for name, native in columns.items() if shown.fields.get(name, shown.extra.get(native)) is None}
    return replace(state, base={name: agreed for name, agreed in state.base.items() if name not in empty})
