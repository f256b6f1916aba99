"""What a batch of persons did and when their fields changed: events as the records and the CRMs' field histories tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from crmsync.decide.reconcile import Reconciled
from crmsync.decide.signals import signals_from, signals_from_history
from crmsync.engine.events import addresses_of, adopt
from crmsync.engine.world import World
from crmsync.errors import CredentialsError, CrmsyncError, UnreachableError
from crmsync.model.link import PersonState, Signal, Snapshot
from crmsync.model.record import GONE, FieldVersion, Ref

Draft = tuple[PersonState, dict[str, Snapshot], Reconciled, dict[str, str]]
"""A person as known, the records that stand for them, what those say together, and what a person chose in conflicts."""


class Histories:
    """Asks the CRMs for field histories. unanswered: persons about whom nothing could be learned. Lives for one call of deliberate."""

    def __init__(self, world: World, down: dict[str, CrmsyncError] | None) -> None:
        self._world = world
        self._down = down
        self.unanswered: set[str] = set()

    def of(self, side: str, object: str, people: Mapping[str, str], fields: Sequence[str]) -> list[FieldVersion]:
        """Versions of these records' fields. people: record id -> person."""
        if self._down is None:
            return self._world.connectors[side].history(object, list(people), fields)
        if side not in self._down:
            try:
                return self._world.connectors[side].history(object, list(people), fields)
            except (CredentialsError, UnreachableError) as error:
                self._down[side] = error
        self.unanswered.update(people.values())
        return []


def signals_of(world: World, snapshots: Mapping[str, Sequence[Snapshot]], source: Histories | None) -> dict[str, list[Signal]]:
    """Stores what the records tell of behaviour and returns every signal of these persons, oldest first. A record that shows a new event is asked for
    its history (one call per batch of records), so that events between two polls are not missed. source=None: nobody is asked."""
    store, maps = world.store, world.playbook.signals
    known = store.signals.of(list(snapshots))
    fresh: list[tuple[str, Signal]] = []
    ask: dict[tuple[str, str], dict[str, str]] = {}
    for person, records in snapshots.items():
        seen = {signal.event_id for signal in known.get(person, ())}
        for snapshot in records:
            if snapshot.state in GONE:
                continue
            found = [s for s in signals_from(snapshot, None, maps) if s.event_id not in seen]
            if found:
                fresh += [(person, signal) for signal in found]
                ask.setdefault((snapshot.ref.side, snapshot.ref.object), {})[snapshot.ref.id] = person
    early = store.signals.any_waiting()
    people = {person: addresses_of(world, records) for person, records in snapshots.items()} if early else {}
    if not fresh:
        return store.signals.of(list(snapshots)) if early and adopt(world, people, (), known) else known
    if source is not None:
        for (side, object), ids in ask.items():
            fields = sorted({n for m in maps if (m.side, m.object) == (side, object) for n in (m.field, m.time_field) if n})
            versions: dict[str, list[FieldVersion]] = {}
            for version in source.of(side, object, ids, fields):
                versions.setdefault(version.id, []).append(version)
            for id, rows in versions.items():
                ref = Ref(side=side, object=object, id=id)
                fresh += [(ids[id], s) for s in signals_from_history(rows, ref, maps)]
        # An event that is stored is never asked about again: one without its history has to wait for it.
        fresh = [(person, signal) for person, signal in fresh if person not in source.unanswered]
    adopt(world, people, fresh, known)
    return store.signals.of(list(snapshots))


def moments_of(
    world: World,
    drafts: Sequence[Draft],
    contested: Mapping[str, set[str]],
    source: Histories,
) -> dict[str, dict[str, dict[str, datetime]]]:
    """When each contested field was last set, from the histories of the CRMs that keep one: "the side changed later wins" is about the field."""
    moments: dict[str, dict[str, dict[str, datetime]]] = {}
    wanted: dict[tuple[str, str], dict[str, tuple[str, set[str]]]] = {}
    for state, primaries, _, _ in drafts:
        for side, snapshot in primaries.items() if state.person_id in contested else ():
            wanted.setdefault((side, snapshot.ref.object), {})[snapshot.ref.id] = (state.person_id, contested[state.person_id])
    for (side, object), ids in wanted.items():
        columns = world.lenses[side, object].by_name
        names = {columns[name].place.field: name for _, fields in ids.values() for name in fields if name in columns}
        for version in source.of(side, object, {id: person for id, (person, _) in ids.items()}, sorted(names)):
            person, fields = ids[version.id]
            name = names.get(version.field)
            if name in fields:
                times = moments.setdefault(person, {}).setdefault(side, {})
                times[name] = max(version.at, times.get(name, version.at))
    return moments
