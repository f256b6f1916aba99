"""Gives every changed record its person: matching over the store, and joining persons whose records were merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from crmsync.decide.deals import CUSTOMER
from crmsync.decide.lifecycle import FIRST, QUALIFIED
from crmsync.decide.match import Candidate, match
from crmsync.engine.world import World
from crmsync.model.fields import KEY
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import RecordState, Ref
from crmsync.store import StoredSnapshot

WAY = (*FIRST, *QUALIFIED, CUSTOMER)
_NEVER = datetime.min.replace(tzinfo=UTC)
"""The way to a deal."""


def settle_people(world: World, dirty: Sequence[Snapshot]) -> list[str]:
    """Links each record to a person, creating and joining persons in the store (one transaction). Returns the ids of all persons concerned."""
    store = world.store
    former = {s.ref: tuple(Ref(side=s.ref.side, object=s.ref.object, id=id) for id in s.former_ids) for s in dirty}
    around = [ref for refs in former.values() for ref in refs] + [s.survivor for s in dirty if s.survivor is not None]
    held = store.snapshots(around)
    linked = {ref: s.person_id for ref, s in held.items() if s.person_id is not None}
    # The survivor tells first (F34): its former selves must not stand for live records until a sweep finds them gone.
    over = {ref: s.ref for s in dirty for ref in former[s.ref] if ref != s.ref and ref in held and held[ref].state is RecordState.LIVE}
    rows = [replace(held[ref], state=RecordState.MERGED, survivor=survivor) for ref, survivor in over.items()]
    store.save_snapshots([StoredSnapshot(snapshot=row, hash="") for row in rows], dirty=False)
    # Only records nobody knows need the wide search: a linked record's e-mail may change without changing who it is.
    candidates = [_candidate(world, s, former[s.ref]) for s in dirty if s.person_id is None or former[s.ref] or s.survivor is not None]
    found = _with_namesakes(world, candidates)
    keys = sorted({c.key for c in candidates if c.key and c.snapshot.person_id is None})
    by_email = {email: _oldest_first(snapshots) for email, snapshots in found.items()}
    by_key = {key: key for key in store.persons(keys)} if keys else {}
    matched = match(
        candidates,
        linked=linked,
        by_key=by_key,
        by_email=by_email,
        new_ids=[world.new_id() for _ in candidates],
    )
    persons = {s.person_id for s in dirty if s.person_id is not None}
    if matched.links:
        current = {c.snapshot.ref: c.snapshot.person_id for c in candidates}
        store.link({ref: person for ref, person in matched.links.items() if current.get(ref) != person})
        persons |= set(matched.links.values())
        if world.kinds.maps:
            store.links.wake(sorted(set(matched.links.values())))  # activities that came before the person they belong to
    born: dict[str, datetime] = {}
    for s in (c.snapshot for c in candidates):
        id = matched.links.get(s.ref)
        if id in matched.created and s.created_at is not None:
            born[id] = min(s.created_at, born.get(id, s.created_at))
    store.save_persons([PersonState(person_id=id, created_at=born.get(id)) for id in matched.created])
    for lose, keep in matched.joined.items():
        join_persons(world, keep=keep, lose=lose)
        persons.discard(lose)
        persons.add(keep)
    return sorted(persons)


def _with_namesakes(world: World, candidates: list[Candidate]) -> dict[str, list[Snapshot]]:
    """Who has the candidates' e-mails, as the store knows. Records that nobody has matched yet (they wait in a later batch) become candidates
    themselves, and theirs in turn: a person is never decided about with half of their records."""
    found: dict[str, list[Snapshot]] = {}
    known = {c.snapshot.ref: c.snapshot for c in candidates}
    have = set(known)
    ask = {email for c in candidates if c.snapshot.person_id is None for email in c.emails}
    while ask:
        fresh = world.store.by_email(sorted(ask), known)
        found.update(fresh)
        more = {s.ref: s for snapshots in fresh.values() for s in snapshots if s.person_id is None and s.ref not in have}
        have |= set(more)
        added = [_candidate(world, s, ()) for s in more.values()]
        candidates += added
        ask = {email for c in added for email in c.emails} - set(found) - ask
    return found


def _candidate(world: World, snapshot: Snapshot, former: Sequence[Ref]) -> Candidate:
    lens = world.lenses[snapshot.ref.side, snapshot.ref.object]
    key = snapshot.extra.get(world.connectors[snapshot.ref.side].own_field(KEY))
    return Candidate(
        snapshot=snapshot,
        emails=lens.emails(snapshot.fields, snapshot.extra),
        key=None if key is None else str(key),
        former=tuple(former),
    )


def _oldest_first(snapshots: Sequence[Snapshot]) -> list[str]:
    """Persons having an e-mail, the one with the oldest record first: the same choice at every run (F23)."""
    known = [s for s in snapshots if s.person_id is not None]
    known.sort(key=lambda s: (s.created_at or s.modified_at, str(s.ref)))
    return list(dict.fromkeys(str(s.person_id) for s in known))


def _both(one: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {side: tuple(dict.fromkeys((*one.get(side, ()), *other.get(side, ())))) for side in sorted({*one, *other})}


def joined(kept: PersonState, lost: PersonState) -> PersonState:
    """What is remembered of a person who was taken for two. The history is that of both; they stand where the further of the two does, or, where one is out of
    the way to a deal (nurture, disqualified), where the latest transition left them. Clocks, cadence and owner are those of the newer handoff; the CRMs have the
    last word on the owner (R6). The score follows from the union of events by itself (S12)."""
    further = lost if _further(lost, kept) else kept
    other = kept if further is lost else lost
    # One cadence per person (C6): that of the newer handoff.
    working = max(kept, lost, key=lambda one: (one.handed_at is not None, one.handed_at or one.queued_at or _NEVER, one is kept))
    # And one assignment (R7): whose it is, since when and by which rule are told by the same one, who had them before, too.
    owned = max(kept, lost, key=lambda one: (one.owner is not None, one is working))
    # Where the other one began tells nothing: the person had begun already.
    entries = [e for e in other.stages if e.previous is not None or e.stage not in FIRST or not further.stages]
    entries = sorted((*entries, *further.stages[:-1]), key=lambda entry: entry.at) + list(further.stages[-1:])
    stages = tuple(replace(e, previous=entries[n - 1].stage if n else None) for n, e in enumerate(entries))
    return replace(
        kept,
        stages=stages,
        owner=owned.owner,
        owner_by=owned.owner_by,
        owner_reason=owned.owner_reason,
        assigned_at=owned.assigned_at,
        mql_type=further.mql_type or other.mql_type,
        trigger=further.trigger or other.trigger,
        historic=further.historic,
        peak_since_reset=kept.peak_since_reset or lost.peak_since_reset,
        recycles=kept.recycles + lost.recycles,
        recycled_at=max(filter(None, (kept.recycled_at, lost.recycled_at)), default=None),
        judged=further.judged or other.judged,
        judgements={**lost.judgements, **kept.judgements},
        dealt={**lost.dealt, **kept.dealt},
        asked={kind: max(filter(None, (lost.asked.get(kind), kept.asked.get(kind)))) for kind in sorted({*lost.asked, *kept.asked})},
        track=further.track,
        track_since=further.track_since,
        tracks_done=further.tracks_done,
        member_of=_both(kept.member_of, lost.member_of),
        found_on=_both(kept.found_on, lost.found_on),
        handed_at=working.handed_at,
        owner_was=owned.owner_was,
        pool=owned.pool,
        rule=owned.rule,
        tried=owned.tried,
        queued_at=working.queued_at,
        clocks=working.clocks,
        cadence=working.cadence,
    )


def _further(one: PersonState, other: PersonState) -> bool:
    """Whether `one` stands further than `other`."""
    if not one.stages or not other.stages:
        return bool(one.stages)
    mine, theirs = one.stages[-1], other.stages[-1]
    if mine.stage in WAY and theirs.stage in WAY and mine.stage != theirs.stage:
        return WAY.index(mine.stage) > WAY.index(theirs.stage)
    if CUSTOMER in (mine.stage, theirs.stage):
        return theirs.stage != CUSTOMER
    if (mine.stage in FIRST) is not (theirs.stage in FIRST):
        return theirs.stage in FIRST
    return mine.at > theirs.at


def join_persons(world: World, *, keep: str, lose: str) -> None:
    """Two persons are one: records, signals and history move to the survivor. Scores are recomputed from the union of signals (S12), never summed."""
    store = world.store
    records = store.snapshots_of([lose]).get(lose, [])
    store.link({s.ref: keep for s in records})
    store.signals.move(lose, keep)
    states = store.persons([keep, lose])
    kept, lost = states.get(keep), states.get(lose)
    if kept is not None and lost is not None:
        store.save_persons([joined(kept, lost)])
    store.delete_persons([lose])
    store.answers.drop([lose])
    for work in (store.assignments, store.obligations, store.touches, store.alerts):
        work.move(lose, keep)
    if world.kinds.maps:
        store.links.wake([keep])
