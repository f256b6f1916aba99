"""Reads changes from every side into the store. A page and its cursor are stored together: a crash repeats a page, it never skips one."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import orjson
import structlog

from crmsync.connect.protocol import Cursor, LazyRecords, Page
from crmsync.decide.belong import COMPANY
from crmsync.decide.translate import Lens, snapshot_of
from crmsync.engine.beliefs import NO_ACCESS
from crmsync.engine.doubts import by_owners
from crmsync.engine.events import due_streams, hints_of, name_of, pull_events, streams
from crmsync.engine.forget import admit, admit_links, persons_of
from crmsync.engine.notes import closed_to_us, note_missing
from crmsync.engine.parties import addresses
from crmsync.engine.regained import forget_emptied, lacking
from crmsync.engine.together import together
from crmsync.engine.turns import Objects, part, whole
from crmsync.engine.world import World
from crmsync.errors import CredentialsError, CrmsyncError, CursorExpiredError
from crmsync.model.fields import KEY
from crmsync.model.link import Snapshot
from crmsync.model.record import GONE, Record, RecordState, Ref
from crmsync.store import Store, StoredSnapshot

log = structlog.get_logger(__name__)

LINKS_AT_ONCE = 1_000
"""Records whose belongings are asked for in one call: so many are gathered before they are stored."""


@dataclass(slots=True, kw_only=True)
class Pulled:
    """How much one side's pull brought. objects: those read to their end. hints: list of events -> details of such events that persons newly show.
    read: records delivered. changed: those that differ from what we held. vanished: known live ones now gone. closed: an object could not be read
    though the schema shows it."""

    objects: list[str] = field(default_factory=list)
    closed: bool = False
    hints: dict[str, set[str]] = field(default_factory=dict)
    read: int = 0
    changed: int = 0
    vanished: int = 0
    error: CrmsyncError | None = None

    def after(self, earlier: Pulled) -> Pulled:
        """Both together, of the same side in the same cycle; how it stands now is told by this one."""
        self.read, self.changed, self.vanished = self.read + earlier.read, self.changed + earlier.changed, self.vanished + earlier.vanished
        return self


def pull_all(
    world: World,
    now: datetime,
    troubles: Mapping[str, CrmsyncError] | None = None,
    *,
    everything: bool = True,
    sparing: bool = False,
    sides: Collection[str] | None = None,
    only: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Pulled]:
    """Pulls all sides (or these) at the same time. One side that cannot be reached does not stop the other: its error is in the result.

    troubles: sides already known not to answer; they are not asked again. everything, sparing, only (by side): see `pull_side`."""
    known = troubles or {}
    wanted = [side for side in world.sides if sides is None or side in sides]

    def one(side: str) -> Pulled:
        if side in known:
            return Pulled(error=known[side])
        with world.store.kept():
            return pull_side(world, side, now, everything=everything, sparing=sparing, only=None if only is None else only.get(side, ()))

    if only is not None and not any(only.get(side) for side in wanted):
        return {side: Pulled(error=known.get(side)) for side in wanted}
    return dict(zip(wanted, together(one, wanted, "pull"), strict=True))


def pull_side(
    world: World, side: str, now: datetime, *, everything: bool = True, sparing: bool = False, only: Collection[str] | None = None
) -> Pulled:
    """Pulls the objects of one side. everything: all of them, with whatever looks they owe (sparing: with a few of these, in turn); else what
    four API calls are enough for, in turn. See `crmsync.engine.turns`. only: none but these, without the looks they owe."""
    pulled = Pulled()
    try:
        objects, streams = _turn(world, side, now, everything=everything, sparing=sparing, only=only)
        for object, owed in objects.items():
            _pull_object(world, side, object, now, pulled, owed)
            pulled.objects.append(object)
        for stream in due_streams(world, side, now):
            if stream in streams or stream in pulled.hints:
                pull_events(world, side, stream, now, sorted(pulled.hints.get(stream, ())))
                pulled.objects.append(name_of(stream))
    except CrmsyncError as error:
        pulled.error = error
        if isinstance(error, CredentialsError):
            pulled.closed = True
            world.forget_schema(side)  # a mapped field may have been removed or hidden (F45)
        log.warning("pull stopped", side=side, error=type(error).__name__)
    return pulled


def _turn(
    world: World, side: str, now: datetime, *, everything: bool, sparing: bool, only: Collection[str] | None
) -> tuple[dict[str, int | None], Collection[str]]:
    """What is read this time: native object -> how many of the looks that it owes are made (None: all), and the lists of events."""
    every, lists = [*world.objects(side), *world.twin_objects(side)], streams(world, side)
    if only is not None:
        return {object: 0 for object in every if object in only}, []
    if everything and not sparing:
        return dict.fromkeys(every), lists
    connector = world.connectors[side]
    with world.store.reading():
        cursors = {object: world.store.cursor(side, object) for object in every}
    found = {object: connector.owes(object, cursor, now) for object, cursor in cursors.items() if cursor is not None}
    persons, task = world.objects(side), connector.traits.task_object
    objects = Objects(
        persons=persons,
        task=task if task in every and task not in persons else "",
        others=[*(object for object in every if object not in (*persons, task)), *map(name_of, lists)],
        owed={object: at for object, at in found.items() if at is not None},
        task_matters=bool(world.store.due_persons(now, 1)),
    )
    if everything:
        chosen = whole(objects, now)
    else:
        chosen, world.turns[side] = part(objects, world.turns.get(side, 0), now)
    # What was never read is read before anything may be decided about it.
    chosen |= {object: 0 for object, cursor in cursors.items() if cursor is None}
    return {object: chosen[object] for object in every if object in chosen}, [one for one in lists if name_of(one) in chosen]


def belongings(world: World, side: str, object: str, records: Sequence[Record]) -> dict[Ref, tuple[Ref, ...]]:
    """Whom these records belong to: what they say themselves, else asked of the CRM, one call per batch. Persons are not asked about. Without
    those who were erased."""
    asked = _asked(world, side, object, records)
    return admit_links(world.store, asked, persons_of(world))[0] if asked else {}


def _asked(world: World, side: str, object: str, records: Sequence[Record]) -> dict[Ref, tuple[Ref, ...]]:
    live = [record for record in records if record.state is RecordState.LIVE] if world.kinds.maps else []
    told = {record.ref: record.links for record in live if record.links is not None}
    if (side, object) not in world.kinds.raw:
        return told if world.objects_of(COMPANY) else {}
    rest = [record.ref for record in live if record.links is None]
    asked = world.connectors[side].links(object, [ref.id for ref in rest]) if rest else {}
    # What we may not see was not taken away by anybody: it stays as it was last seen.
    untold = world.connectors[side].traits.untold
    held = world.store.links.of(rest) if untold and rest else {}
    return {
        **told,
        **{ref: (*asked.get(ref.id, ()), *(to for to in held.get(ref, ()) if to.object in untold)) for ref in rest},
    }


def _pull_object(world: World, side: str, object: str, now: datetime, pulled: Pulled, owed: int | None = None) -> None:
    store = world.store
    fields = world.fields_to_read(side, object)
    with store.reading():
        cursor = store.cursor(side, object)
        asked = store.get(f"read:{side}:{object}") or {}
        noted = store.problems.rows(person_ids=[""], limit=10_000)
    # A field that is newly mapped was never read, and one mapped anew was read by other rules: everything must be read once more.
    mapping = world.mapping_mark(side, object)
    regained = frozenset(fields) - set(asked.get("fields", fields))
    fresh = cursor is None or asked.get("mapping") != mapping or "fields" not in asked or bool(regained)
    note_missing(world, side, object, noted, now)
    before = pulled.read
    try:
        for page in _pages(world, side, object, None if fresh else cursor, now, owed):
            take_page(world, side, object, page, pulled, now, regained)
            world.report(f"reading {side} {object}", pulled.read - before, page.total)
    except CursorExpiredError:
        reconcile_ids(world, side, object, now, pulled)
        return
    except CredentialsError as error:
        if (side, object) not in world.kinds.raw:
            raise
        # Persons could be read, so the credentials are good: they do not open this object, and everything else goes on.
        store.problems.park([closed_to_us(side, object, str(error))], now)
        pulled.closed = True
        world.forget_schema(side)
        log.warning("object not readable", side=side, object=object, error=type(error).__name__)
        return
    closed = [r.problem_id for r in noted if (r.problem.cause, r.problem.side, r.problem.object) == (NO_ACCESS, side, object)]
    if closed:
        store.problems.drop(closed)
    if fresh or set(fields) != set(asked.get("fields", ())):
        # Fewer fields are remembered too: when a hidden one is shown again, what changed meanwhile was read without it.
        store.put(f"read:{side}:{object}", {"fields": list(fields), "mapping": mapping})


def _pages(world: World, side: str, object: str, cursor: Cursor | None, now: datetime, owed: int | None = None) -> Iterator[Page]:
    pages = world.connectors[side].pull(object, world.fields_to_read(side, object), cursor, now, owed=owed)
    return gathered(pages) if (side, object) in world.kinds.raw else pages


def gathered(pages: Iterable[Page], at_most: int = LINKS_AT_ONCE) -> Iterator[Page]:
    """The pages, small ones put together while they hold no more than `at_most` records; each with the cursor of its last part. What was read
    before an error is handed out before it is raised."""
    held: list[Page] = []
    try:
        for page in pages:
            if held and sum(len(one.records) for one in held) + len(page.records) > at_most:
                yield _one(held)
                held = []
            held.append(page)
    except CrmsyncError:
        if held:
            yield _one(held)
        raise
    if held:
        yield _one(held)


def _one(pages: Sequence[Page]) -> Page:
    last = pages[-1]
    if len(pages) == 1:
        return last
    told = all(len(page.digests) == len(page.records) for page in pages)
    return replace(
        last,
        records=LazyRecords([(page.records, place) for page in pages for place in range(len(page.records))], lambda at: at[0][at[1]]),
        digests=[pair for page in pages for pair in page.digests] if told else (),
    )


def take_page(
    world: World, side: str, object: str, page: Page, pulled: Pulled, now: datetime, regained: frozenset[str] = frozenset()
) -> None:
    """Stores what differs from what we hold, and the cursor, in one transaction. What belongs to persons who were erased is left out. regained:
    native fields that were not read before."""
    store, lens = world.store, world.lenses[side, object]
    pulled.read += len(page.records)
    told = page.digests or [(record.ref.id, "") for record in page.records]
    known = store.hashes(side, object, [id for id, _ in told])
    mapping = world.mapping_mark(side, object)
    changed: list[tuple[Record, str]] = []
    for place, (id, digest) in enumerate(told):
        if digest and known.get(id) == digest + mapping:
            continue  # what nearly all records of a poll come to: the record itself is never made
        record = page.records[place]
        mark = record_hash(world, record)
        if known.get(id) != mark:
            changed.append((record, mark))
    world.miss(side, object, lacking(world, side, object, [record for record, _ in changed]))
    met = [record.ref for record, _ in changed if record.ref.id in known]
    held = store.snapshots(met) if met else {}
    rows = [store_row(world, lens, record, digest) for record, digest in changed if not _outdated(record, held.get(record.ref))]
    admitted = admit(store, rows, known, now) if rows else rows
    left_out = {row.snapshot.ref for row in rows} - {row.snapshot.ref for row in admitted}
    asked = _asked(world, side, object, [record for record, _ in changed if record.ref not in left_out])
    belongs, orphans = admit_links(store, asked, persons_of(world)) if asked else ({}, frozenset())
    orphans -= held.keys()
    rows = [row for row in admitted if row.snapshot.ref not in orphans]
    belongs = {ref: targets for ref, targets in belongs.items() if ref not in orphans}
    quiet, loud = _split(rows, held)
    if belongs:
        before = store.links.of([row.snapshot.ref for row in quiet])
        moved = [row for row in quiet if row.snapshot.ref in belongs and before.get(row.snapshot.ref, ()) != belongs[row.snapshot.ref]]
        quiet, loud = [row for row in quiet if row not in moved], [*loud, *moved]
    by_owners(world, side, [row.snapshot for row in loud], now)
    if not rows and not page.last:
        return  # nothing to keep; the next page's cursor covers this one
    vanished = _vanished(loud, held)
    with store.begin():
        store.save_snapshots(loud, dirty=True)
        store.save_snapshots(quiet, dirty=False)
        store.links.save(belongs)
        if regained:
            forget_emptied(world, loud, held, regained)
        store.links.wake([*_returned(loud, held), *_still_there(store, side, vanished)])
        store.save_cursor(side, object, page.cursor)
    for stream, detail in hints_of(world, side, object, ((row.snapshot, held.get(row.snapshot.ref)) for row in loud)):
        pulled.hints.setdefault(stream, set()).add(detail)
    pulled.changed += len(loud)
    pulled.vanished += len(vanished)


def _returned(rows: Sequence[StoredSnapshot], held: Mapping[Ref, Snapshot]) -> list[str]:
    """Persons, companies and deals whose record was deleted and is live again: what belongs to them waited for it."""
    found = [held[row.snapshot.ref] for row in rows if row.snapshot.state is RecordState.LIVE and row.snapshot.ref in held]
    return [old.person_id for old in found if old.state is not RecordState.LIVE and old.person_id is not None]


def _vanished(rows: Sequence[StoredSnapshot], held: Mapping[Ref, Snapshot]) -> list[str]:
    """Whose record was live and is gone, once for each record."""
    found = [held[row.snapshot.ref] for row in rows if row.snapshot.state in GONE and row.snapshot.ref in held]
    return [old.person_id for old in found if old.state is RecordState.LIVE and old.person_id is not None]


def _still_there(store: Store, side: str, vanished: Sequence[str]) -> list[str]:
    """Of these those who have another record on that side: what belonged to them through the one that is gone belongs to that. Right after it was stored."""
    known = store.snapshots_of(sorted(set(vanished))) if vanished else {}
    return [id for id, found in known.items() if any(s.ref.side == side and s.state is RecordState.LIVE for s in found)]


def _outdated(record: Record, held: Snapshot | None) -> bool:
    """A search index that lags shows a record as it was before a write that we know was accepted since (F01). Believing it would undo that write."""
    return held is not None and record.modified_at < held.modified_at and record.state is held.state


def _split(rows: Sequence[StoredSnapshot], held: dict[Ref, Snapshot]) -> tuple[list[StoredSnapshot], list[StoredSnapshot]]:
    """Quiet rows are echoes of what we settled ourselves: same values, only the stamps moved. They need no decision. Nor does a delete that is
    told once more, by a later listing: it would look like a further loss to the brakes."""
    quiet: list[StoredSnapshot] = []
    loud: list[StoredSnapshot] = []
    for row in rows:
        new, old = row.snapshot, held.get(row.snapshot.ref)
        echo = (
            old is not None
            and old.state is new.state
            and old.survivor == new.survivor
            and (new.state in GONE or (old.fields == new.fields and old.extra == new.extra))
        )
        (quiet if echo else loud).append(row)
    return quiet, loud


def record_hash(world: World, record: Record) -> str:
    """Changes exactly when something a decision could depend on changes: values, state, whom it belongs to, or what the mapping makes of them.
    Stamps count only for activities that do not tell whom they belong to: nothing else shows that they were moved to somebody else (F08)."""
    mapping = world.mapping_mark(record.ref.side, record.ref.object)
    if record.digest and record.state is RecordState.LIVE and not record.former_ids:
        return record.digest + mapping
    silent = record.links is None and (record.ref.side, record.ref.object) in world.kinds.raw
    belongs = [record.modified_at.isoformat()] if silent else [str(to) for to in record.links or ()]
    tail = (record.state.value, str(record.survivor or ""), record.former_ids, *belongs)
    packed = orjson.dumps((record.digest or dict(record.fields), tail), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(packed, digest_size=12).hexdigest() + mapping


def store_row(world: World, lens: Lens, record: Record, digest: str) -> StoredSnapshot:
    """A record in house terms with what it can be found by."""
    snapshot = snapshot_of(record, lens, world.owners)
    key = record.fields.get(world.connectors[lens.side].own_field(KEY))
    return StoredSnapshot(
        snapshot=replace(snapshot, former_ids=record.former_ids),
        hash=digest,
        emails=lens.emails(snapshot.fields, record.fields) or addresses(world, snapshot),
        key=None if key is None else str(key),
    )


def reconcile_ids(world: World, side: str, object: str, now: datetime, pulled: Pulled) -> None:
    """After a gap in the CRM's delete log (F12): every id is compared by a consistent listing before anything is believed deleted, and all is read anew."""
    store, connector = world.store, world.connectors[side]
    log.warning("delete log gap: comparing every id", side=side, object=object)
    live = set(connector.live_ids(object))
    gone = [id for id, state in store.iter_refs(side, object) if state == RecordState.LIVE.value and id not in live]
    fields = world.fields_to_read(side, object)
    for start in range(0, len(gone), 200):
        rows = look_for(world, side, object, gone[start : start + 200], now)
        store.save_snapshots(rows, dirty=True)
        pulled.vanished += sum(1 for row in rows if row.snapshot.state in GONE)
    for page in _pages(world, side, object, None, now):
        take_page(world, side, object, page, pulled, now)
    store.put(f"read:{side}:{object}", {"fields": list(fields), "mapping": world.mapping_mark(side, object)})


def look_for(world: World, side: str, object: str, ids: Sequence[str], now: datetime) -> list[StoredSnapshot]:
    """What became of records that a listing of everything live left out: asking for each tells a merge or conversion, and an erasure, from a delete."""
    told = {record.ref.id: record for record in world.connectors[side].fetch(object, ids, world.fields_to_read(side, object))}
    rows = []
    for ref, old in world.store.snapshots([Ref(side=side, object=object, id=id) for id in ids]).items():
        record = told.get(ref.id) or Record(
            ref=ref, fields=dict(old.extra), modified_at=now, state=RecordState.DELETED, created_at=old.created_at
        )
        rows.append(store_row(world, world.lenses[side, object], record, record_hash(world, record)))
    return rows
