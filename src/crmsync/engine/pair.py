"""Gives every changed record of an activity, company or deal its twin: by stored link, by crmsync_key, by what both sides say, else a new one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from crmsync.decide.belong import COMPANY
from crmsync.decide.canonical import fold
from crmsync.decide.translate import Lens
from crmsync.decide.twin_look import kind_of, shown, when_of
from crmsync.engine.accounts import forget_companies
from crmsync.engine.parties import pair_companies, wake_persons
from crmsync.engine.touches import TASK
from crmsync.engine.world import World
from crmsync.model.fields import KEY
from crmsync.model.link import PersonState, Snapshot, Twin
from crmsync.model.record import RecordState, Ref
from crmsync.model.rules import FieldType

BRIEF = frozenset({"subject", "due", "start", "owner"})
TOLD = BRIEF | {"body"}
"""House fields that a signature is made of; bodies, which take the longest to read, only where there is no subject."""
Signature = tuple[str, str, str, str]
"""Person, kind, calendar day, folded subject: two activities that share one of these, each alone on its side, are one activity."""


def settle_twins(world: World, dirty: Sequence[Snapshot], now: datetime) -> list[str]:
    """Links each record to a twin, creating twins in the store (one transaction). Returns the ids of all twins concerned; records of no mapped
    kind, and those gone before they were known, are left alone."""
    linked = {s.ref: s.person_id for s in dirty if s.person_id is not None}
    nameless = [s for s in dirty if s.person_id is None and s.state is RecordState.LIVE]
    fresh: dict[str, Twin] = {}
    _join_companies(world, dirty, linked)
    if nameless:
        _by_key(world, nameless, linked, fresh)
        rest = [s for s in nameless if s.ref not in linked]
        _by_likeness(world, [s for s in rest if _is_activity(world, s)], linked, fresh, now)
        _new_companies(world, [s for s in rest if not _is_activity(world, s)], linked, fresh)
        for snapshot in rest:
            if snapshot.ref not in linked:
                kind = kind_of(snapshot.extra, snapshot.ref.side, snapshot.ref.object, world.kinds.maps.values())
                if kind is not None:
                    linked[snapshot.ref] = _new(fresh, world.new_id(), kind, snapshot)
        known = {s.ref for s in dirty if s.person_id is not None}
        world.store.twins.save(list(fresh.values()))
        world.store.link({ref: twin for ref, twin in linked.items() if ref not in known})
    before = {s.ref: s.person_id for s in dirty}
    companies = world.objects_of(COMPANY)
    if companies and (world.asks(COMPANY) or world.employer_sides):
        wake_persons(world, {twin for ref, twin in linked.items() if ref.object in companies and before.get(ref) != twin})
    return sorted(set(linked.values()))


def _join_companies(world: World, dirty: Sequence[Snapshot], linked: dict[Ref, str]) -> None:
    """Companies that have a twin on their own side only, and now say the same domain or name as one of the other side: two twins become one."""
    halves = [s for s in dirty if s.person_id is not None and s.state is RecordState.LIVE and not _is_activity(world, s)]
    if not halves:
        return
    found: dict[Ref, str] = {}
    joined = pair_companies(world, halves, found)
    store = world.store
    held = store.snapshots_of(list(joined))
    moved = {**{s.ref: joined[id] for id, records in held.items() for s in records}, **found}
    if not moved:
        return
    store.link(moved)
    store.problems.drop([row.problem_id for row in store.problems.rows(person_ids=list(joined), limit=100_000)])
    store.twins.drop(list(joined))
    forget_companies(world, list(joined))
    linked.update({s.ref: moved[s.ref] for s in dirty if s.ref in moved})
    linked.update(found)


def _new_companies(world: World, records: Sequence[Snapshot], linked: dict[Ref, str], fresh: dict[str, Twin]) -> None:
    """Companies without a twin whose other half is known, or comes with them."""
    if not records or len(world.sides) < 2:
        return
    found: dict[Ref, str] = {}
    pair_companies(world, records, found)
    known = world.store.twins.get(sorted(set(found.values())))
    for snapshot in records:
        id = found.get(snapshot.ref)
        if id is not None and id not in known and id not in fresh:
            kind = kind_of(snapshot.extra, snapshot.ref.side, snapshot.ref.object, world.kinds.maps.values())
            _new(fresh, id, str(kind), snapshot)
    linked.update(found)


def _new(fresh: dict[str, Twin], id: str, kind: str, snapshot: Snapshot) -> str:
    fresh[id] = Twin(twin_id=id, kind=kind, state=PersonState(person_id=id, created_at=snapshot.created_at))
    return id


def _by_key(world: World, records: Sequence[Snapshot], linked: dict[Ref, str], fresh: dict[str, Twin]) -> None:
    """A record that shows a key we gave is the twin's, or the first-touch task's, of that key. A copy made in the CRM shows it too: the live
    record that was linked first keeps it."""
    store = world.store
    keys: dict[Ref, str] = {}
    for snapshot in records:
        key = snapshot.extra.get(world.connectors[snapshot.ref.side].own_field(KEY))
        if key is not None:
            keys[snapshot.ref] = str(key)
    if not keys:
        return
    wanted = sorted(set(keys.values()))
    twins, tasks = store.twins.get(wanted), store.tasks.by_key(wanted)
    taken = {(s.ref.side, id) for id, found in store.snapshots_of(wanted).items() for s in found if s.state is RecordState.LIVE}
    for snapshot in records:
        key = keys.get(snapshot.ref)
        if key is None or (snapshot.ref.side, key) in taken or not (key in twins or key in tasks):
            continue
        if key not in twins and key not in fresh:
            kind = _own_kind(world, snapshot) if key in tasks else None
            kind = kind or kind_of(snapshot.extra, snapshot.ref.side, snapshot.ref.object, world.kinds.maps.values())
            if kind is None:
                continue
            _new(fresh, key, kind, snapshot)
        taken.add((snapshot.ref.side, key))
        linked[snapshot.ref] = key


def _own_kind(world: World, snapshot: Snapshot) -> str | None:
    """A task of our own is one, also where it was completed before it was ever read: then it looks like a logged call or e-mail. None: tasks are not kept in step."""
    map = world.kinds.maps.get(TASK)
    return TASK if map is not None and snapshot.ref.object in map.objects.get(snapshot.ref.side, ()) else None


def _by_likeness(world: World, records: Sequence[Snapshot], linked: dict[Ref, str], fresh: dict[str, Twin], now: datetime) -> None:
    """Activities that another tool synced before us stand on both sides already."""
    if not records or len(world.sides) < 2:
        return
    alike, people = _unpaired(world, records)
    have = {s.ref: s for s in alike}
    if not have:
        return
    all_of = _signatures(world, list(have.values()), people, now)
    by_mark: dict[Signature, list[Ref]] = {}
    for ref, marks in all_of.items():
        for mark in marks:
            by_mark.setdefault(mark, []).append(ref)
    for refs in by_mark.values():
        sides = {ref.side for ref in refs}
        free = [ref for ref in refs if ref not in linked]
        if len(refs) != 2 or len(sides) != 2 or len(free) != 2:
            continue
        kinds = {kind_of(have[ref].extra, ref.side, ref.object, world.kinds.maps.values()) for ref in refs}
        kind = next(iter(kinds))
        if len(kinds) == 1 and kind is not None:
            id = _new(fresh, world.new_id(), kind, have[refs[0]])
            linked.update(dict.fromkeys(refs, id))


def _unpaired(world: World, records: Sequence[Snapshot]) -> tuple[list[Snapshot], set[str]]:
    """These activities and others without a twin that could be the same ones, these first: of one kind, on several sides of one person. And the
    persons whose activities are all among them."""
    belongs = world.store.links.of([s.ref for s in records])
    people = set(world.store.persons_of({to for targets in belongs.values() for to in targets}).values())
    found: dict[Ref, Snapshot] = {}
    for theirs in world.store.links.unpaired(sorted(people)).values():
        kinds: dict[str, list[Snapshot]] = {}
        for snapshot in theirs:
            kind = kind_of(snapshot.extra, snapshot.ref.side, snapshot.ref.object, world.kinds.maps.values())
            if kind is not None:
                kinds.setdefault(kind, []).append(snapshot)
        for group in kinds.values():
            if len({s.ref.side for s in group}) > 1:
                found.update((s.ref, s) for s in group)
    mine = {s.ref for s in records}
    return sorted(found.values(), key=lambda s: s.ref not in mine), people


def _is_activity(world: World, snapshot: Snapshot) -> bool:
    return any(map.activity for map in world.kinds.of_object(snapshot.ref.side, snapshot.ref.object))


def _signatures(world: World, records: Sequence[Snapshot], people: Collection[str], now: datetime) -> dict[Ref, list[Signature]]:
    """What each record could be known by on the other side; of activities, only as far as they belong to these people."""
    belongs = world.store.links.of([s.ref for s in records])
    held = world.store.persons_of({to for targets in belongs.values() for to in targets})
    grounds = {kind: world.ground(kind, now) for kind in world.kinds.maps}
    lenses: dict[tuple[str, str, str], tuple[Lens, Lens]] = {}
    found: dict[Ref, list[Signature]] = {}
    for snapshot in records:
        side, object = snapshot.ref.side, snapshot.ref.object
        kind = kind_of(snapshot.extra, side, object, world.kinds.maps.values())
        if kind is None:
            continue
        whole = grounds[kind].terms.lenses.get((side, object))
        if whole is None:
            continue
        brief, lens = lenses.get((kind, side, object)) or lenses.setdefault((kind, side, object), (_only(whole, BRIEF), _only(whole, TOLD)))
        nobody = PersonState(person_id="")
        seen = shown(snapshot, brief, grounds[kind], nobody)
        if not seen.fields.get("subject"):
            seen = shown(snapshot, lens, grounds[kind], nobody)
        subject = fold(FieldType.TEXT, seen.fields.get("subject") or str(seen.fields.get("body") or "")[:80])
        if not subject:
            continue
        day = str(seen.fields.get("due") or when_of(seen, lens).date().isoformat())
        whose = {person for to in belongs.get(snapshot.ref, ()) if (person := held.get(to)) is not None and person in people}
        found[snapshot.ref] = [(person, kind, day, str(subject).lower()) for person in sorted(whose)]
    return found


def _only(lens: Lens, names: Collection[str]) -> Lens:
    return replace(lens, by_name={name: column for name, column in lens.by_name.items() if name in names})
