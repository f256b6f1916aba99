"""Decides about activities, companies and deals: loads what is known, plans, remembers. Runs after the persons they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from crmsync.decide.belong import COMPANY, DEAL, PERSON, Belonging, Party
from crmsync.decide.canonical import moment
from crmsync.decide.match import primary
from crmsync.decide.replies import OUT_OF_OFFICE, REPLY, reply_detail, reply_signals
from crmsync.decide.twin import LATER, TwinPlan, plan_twin
from crmsync.decide.twin_look import Ground
from crmsync.engine import booked, touches
from crmsync.engine.accounts import note_companies
from crmsync.engine.deliberate import Verdict, parked_of
from crmsync.engine.doubts import by_problems
from crmsync.engine.heirs import heir_of, heirs_of, inherited
from crmsync.engine.kinds import PREFIX
from crmsync.engine.outbox import Outgoing, outgoing
from crmsync.engine.pair import settle_twins
from crmsync.engine.parties import AMBIGUOUS, Doubts, told_by, wake_persons
from crmsync.engine.readback import SILENT, alike
from crmsync.engine.world import World
from crmsync.model.attention import Problem
from crmsync.model.change import Action
from crmsync.model.link import Signal, SignalSource, Snapshot, Twin
from crmsync.model.record import GONE, RecordState, Ref

FOUND_BY_LOOKING = frozenset(
    {
        AMBIGUOUS, "deleted_elsewhere", "ends_before_start", "owner_without_twin", "unknown_field", "read_only", "too_long", "not_an_option", "required",
        "wrong_type", "unlisted_value",
    }
)  # fmt: skip
"""Problems that go away as soon as a look no longer finds them; the others were refused by a CRM and wait for other data."""
READ_REPLY = "reply"
"""The house field of an e-mail with the beginning of what somebody answered; it is only read."""
TWINS_AT_ONCE = 1_000
RETRY = timedelta(minutes=1)
NOBODY: Mapping[str, Mapping[str, Ref]] = {}


@dataclass(slots=True, kw_only=True)
class Around:
    """What was loaded for a batch of twins. whose: record -> ids of the parties it belongs to. lost: record -> those of them whose record, to
    which it belongs, is no more. through: record -> id -> the living records of it to which it belongs: of two that are one person, not always
    the one that is kept in step."""

    twins: dict[str, Twin] = field(default_factory=dict)
    records: dict[str, list[Snapshot]] = field(default_factory=dict)
    whose: dict[Ref, tuple[str, ...]] = field(default_factory=dict)
    lost: dict[Ref, frozenset[str]] = field(default_factory=dict)
    through: dict[Ref, dict[str, tuple[Ref, ...]]] = field(default_factory=dict)
    parties: dict[str, Party] = field(default_factory=dict)


def deliberate_twins(
    world: World, twin_ids: Sequence[str], now: datetime, coming: Mapping[str, Mapping[str, Ref]] = NOBODY
) -> list[TwinPlan]:
    """Plans for these twins, in the order given; those of a kind that is no longer mapped are left out. Reads the store only.

    coming: person -> side -> a record taken to be there already (a preview decides about persons who do not have theirs yet)."""
    around = look_around(world, twin_ids)
    if coming:
        expected = {id: replace(party, records={**coming.get(id, {}), **party.records}) for id, party in around.parties.items()}
        around = replace(around, parties=expected)
    grounds: dict[str, Ground] = {}
    parked = parked_of(world, twin_ids, now, FOUND_BY_LOOKING)
    people = {side: world.connectors[side].traits.people_per_activity for side in world.sides}
    own = world.store.tasks.by_key(twin_ids)
    heirs = heirs_of(world, twin_ids, own)
    doubts = Doubts(world, around.records, {id: twin.kind for id, twin in around.twins.items()})
    plans: list[TwinPlan] = []
    for id in twin_ids:
        twin = around.twins.get(id)
        if twin is None or twin.kind not in world.kinds.maps:
            continue
        ground = grounds.get(twin.kind) or grounds.setdefault(twin.kind, world.ground(twin.kind, now))
        records = around.records.get(id, [])
        shown = {r.ref.side: around.whose.get(r.ref, ()) for r in records if r.state is RecordState.LIVE}
        lost = {r.ref.side: around.lost[r.ref] for r in records if r.state is RecordState.LIVE and around.lost.get(r.ref)}
        through = {r.ref.side: around.through.get(r.ref, {}) for r in records if r.state is RecordState.LIVE}
        left = frozenset(r.ref.side for r in records if around.lost.get(r.ref) and around.lost[r.ref] == frozenset(around.whose[r.ref]))
        deal = twin.kind == DEAL
        parties = _employable(world, around.parties) if deal else around.parties
        belonging = Belonging(shown=shown, parties=parties, people={} if deal else people, lost=lost, left=left, through=through)
        plan = plan_twin(
            twin, records, belonging, ground, parked.get(id, {}), heir=heirs.get(id), due_at=own[id].due_at if id in own else None
        )
        if not ground.map.activity:
            plan = _as_party(plan, records, doubts)
        plans.append(replace(plan, problems=(*plan.problems, *_unlisted(plan, ground, records))))
    return plans


def _employable(world: World, parties: Mapping[str, Party]) -> dict[str, Party]:
    """The parties as deals can have them: a person only by records that belong to companies (a lead has no deals)."""
    able = world.employable
    return {
        id: replace(party, records={side: r for side, r in party.records.items() if party.family != PERSON or (side, r.object) in able})
        for id, party in parties.items()
    }


def _as_party(plan: TwinPlan, records: Sequence[Snapshot], doubts: Doubts) -> TwinPlan:
    """A company or deal with what it tells of its persons. A company that could be another one is not created anywhere."""
    known = any(r.state is RecordState.LIVE for r in records)
    state = replace(plan.twin.state, outputs=told_by(plan.twin.kind, plan.facts, known=known))
    plan = replace(plan, twin=replace(plan.twin, state=state))
    doubtful = doubts.of(plan.twin.twin_id)
    if doubtful:
        writes = tuple(write for write in plan.writes if write.action is not Action.CREATE)
        plan = replace(plan, writes=writes, problems=(*plan.problems, *doubtful), twin=replace(plan.twin, waiting=LATER))
    return plan


def handed_on(world: World, verdicts: Sequence[Verdict]) -> set[str]:
    """Persons who have got another owner than their first-touch task has: it is decided again (F57)."""
    owners = {v.state.person_id: v.state.owner for v in verdicts if v.state.owner is not None} if world.kinds.maps else {}
    tasks = world.store.tasks.of(list(owners))
    return {person for person, rows in tasks.items() if any(row.record_id and heir_of(row, owners[person]) is not None for row in rows)}


def look_around(world: World, twin_ids: Sequence[str]) -> Around:
    """Twins, their records, and everybody they belong to or belonged to when last settled."""
    store = world.store
    twins, records = store.twins.get(twin_ids), store.snapshots_of(twin_ids)
    links = store.links.of([r.ref for found in records.values() for r in found])
    held = store.persons_of({to for targets in links.values() for to in targets})
    whose = {ref: tuple(dict.fromkeys(held[to] for to in targets if to in held)) for ref, targets in links.items()}
    ids = sorted(
        {id for found in whose.values() for id in found} | {id for t in twins.values() for found in t.links.values() for id in found}
    )
    theirs = store.snapshots_of(ids)
    around = Around(twins=twins, records=records, whose=whose, parties=_parties(world, ids, theirs))
    _stand(around, links, {s.ref: s for found in theirs.values() for s in found})
    return around


def _stand(around: Around, links: Mapping[Ref, Sequence[Ref]], known: Mapping[Ref, Snapshot]) -> None:
    """Sees what became of the records that these belong to. A new record of somebody whose old one was deleted is not linked by itself."""

    def last(ref: Ref) -> Ref:
        seen: set[Ref] = set()
        while ref in known and ref not in seen and (survivor := known[ref].survivor) is not None:
            seen.add(ref)
            ref = survivor
        return ref

    for record, targets in links.items():
        living: dict[str, dict[Ref, None]] = {}
        gone: set[str] = set()
        for to in targets:
            if to in known and (person := known[to].person_id) is not None:
                stands = last(to)
                if stands in known and known[stands].state in GONE:
                    gone.add(person)
                else:
                    living.setdefault(person, {})[stands] = None
        around.through[record] = {person: tuple(refs) for person, refs in living.items()}
        if over := gone - living.keys():
            around.lost[record] = frozenset(over)


def parties_of(world: World, ids: Sequence[str]) -> dict[str, Party]:
    """Persons, companies and deals with the record of each side that activities belong to there; unknown ids are left out."""
    return _parties(world, ids, world.store.snapshots_of(ids))


def _parties(world: World, ids: Sequence[str], theirs: Mapping[str, Sequence[Snapshot]]) -> dict[str, Party]:
    states = world.store.persons(ids)
    parties: dict[str, Party] = {}
    for id, snapshots in theirs.items():
        anchors = states[id].anchors if id in states else None
        families = {world.kinds.family(s.ref.side, s.ref.object) for s in snapshots}
        found: dict[str, Ref] = {}
        for side in world.sides:
            if families == {PERSON}:
                best = primary(snapshots, side, world.playbook.person, anchors)
            else:
                best = next((s for s in snapshots if s.ref.side == side and s.state is RecordState.LIVE), None)
            if best is not None:
                found[side] = best.ref
        parties[id] = Party(id=id, family=min(families), records=found)
    return parties


def _unlisted(plan: TwinPlan, ground: Ground, records: Sequence[Snapshot]) -> list[Problem]:
    """Native values that the map does not know and that must be in it to mean anything (call dispositions are GUIDs)."""
    problems = []
    for record in records:
        lens = ground.terms.lenses.get((record.ref.side, record.ref.object))
        if lens is None or record.state is not RecordState.LIVE:
            continue
        for name, native in lens.unlisted(record.extra).items():
            problems.append(
                Problem(
                    cause="unlisted_value",
                    message=f"{record.ref.side} shows {str(native)[:60]!r} in {lens.by_name[name].place.field}, which `values` of "
                    f"{ground.map.kind}.{name} does not list; everything else was carried. Add it to mappings/activities.yaml.",
                    side=record.ref.side, object=record.ref.object, record_id=record.ref.id, person_id=plan.twin.twin_id, field=name,
                    data_hash=str(native),
                )
            )  # fmt: skip
    return problems


# --- remember ----------------------------------------------------------------------------------------------------------------


def decide_dirty(
    world: World,
    now: datetime,
    limit_after: tuple[str, str, str] | None,
    objects: Sequence[str],
    coming: Mapping[str, Mapping[str, Ref]] = NOBODY,
) -> tuple[list[TwinPlan], tuple[str, str, str] | None]:
    """Links and plans the next batch of waiting records; (plans, where the next batch begins; None: nothing is left). Inside a transaction."""
    taken = world.store.take_dirty(TWINS_AT_ONCE, limit_after, objects=objects)
    if not taken:
        return [], None
    last = taken[-1][0].ref
    ids = settle_twins(world, [snapshot for snapshot, _ in taken], now)
    world.store.clean_persons(ids)
    world.store.clean([(snapshot.ref, version) for snapshot, version in taken])
    return deliberate_twins(world, ids, now, coming), (last.side, last.object, last.id)


def remember(world: World, plans: Sequence[TwinPlan], now: datetime, down: Mapping[str, object]) -> list[Outgoing]:
    """Stores what was settled, problems, signals and the intents of all writes, in the caller's transaction (law 3). down: sides that do not
    answer; what they are owed stays due."""
    store = world.store
    items: list[Outgoing] = []
    twins: list[Twin] = []
    heirs = heirs_of(world, [plan.twin.twin_id for plan in plans if plan.writes])
    for plan in plans:
        due: datetime | None = None
        for planned in plan.writes:
            if planned.side in down:
                due = now + RETRY
                continue
            item = outgoing(planned, person_id=plan.twin.twin_id, write_id=world.new_id(), now=now)
            other = next((side for side in world.sides if side != planned.side), "")
            belongs = plan.shown.get(other, ()) if planned.about or planned.unlink else None
            items.append(replace(item, entry=replace(item.entry, kind=PREFIX + plan.twin.kind), belongs=belongs))
        if plan.writes and plan.twin.twin_id in heirs:  # on its way, and lost where a CRM does not take it: looked at until both show it
            due = now + RETRY
        known = [at for at in (due, _ends(world, plan, now), _later(plan.twin.retry_at, now)) if at is not None]
        twins.append(replace(plan.twin, retry_at=min(known, default=None)))
    tell(world, plans)
    store.twins.save(twins)
    inherited(world, [twin.twin_id for twin in twins], heirs)
    _problems(world, plans, now)
    _signals(world, plans, now)
    booked.note(world, plans, now)
    touches.note(world, plans, now)
    store.journal.note([item.entry for item in items])
    return items


def told_first(world: World) -> list[str]:
    """Native objects decided before the persons: companies, which persons belong to, and deals where conditions look at them."""
    return sorted(world.objects_of(COMPANY) | (world.objects_of(DEAL) if world.asks(DEAL) else frozenset()))


def tell(world: World, plans: Sequence[TwinPlan]) -> None:
    """Stores what companies and deals tell of their persons, and has those decided again to whom it matters."""
    parties = [plan for plan in plans if not world.kinds.maps[plan.twin.kind].activity]
    if parties:
        wake_persons(world, _news(world, parties))
        world.store.twins.save([plan.twin for plan in parties])
        note_companies(world, [plan.twin for plan in parties])


def _news(world: World, plans: Sequence[TwinPlan]) -> list[str]:
    """Companies and deals that tell something else than before of what conditions look at, and persons who have or lost a deal."""
    parties = [plan for plan in plans if world.asks(plan.twin.kind)]
    before = world.store.twins.get([plan.twin.twin_id for plan in parties])
    found: list[str] = []
    people: set[str] = set()
    for plan in parties:
        old, kind = before.get(plan.twin.twin_id), plan.twin.kind
        told = [
            {n: v for n, v in t.state.outputs.items() if f"{kind}.{n}" in world.asked} if t is not None else {} for t in (old, plan.twin)
        ]
        if told[0] != told[1]:
            found.append(plan.twin.twin_id)
        if kind == DEAL:
            links = [{id for ids in whose.values() for id in ids} for whose in (old.links if old is not None else {}, plan.shown)]
            people |= links[0] ^ links[1]
    if people:
        world.store.mark_dirty_persons(sorted(people))
    return found


def _later(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at > now else None


def _problems(world: World, plans: Sequence[TwinPlan], now: datetime) -> None:
    found = [problem for plan in plans for problem in plan.problems]
    still = {_mark(problem) for problem in found}
    known = world.store.problems.rows(person_ids=[plan.twin.twin_id for plan in plans], limit=100_000)
    silent = {row.problem.person_id for row in known if row.problem.cause == SILENT}
    unlike = [plan for plan in plans if plan.twin.twin_id in silent]
    agreed = {(plan.twin.twin_id, name) for plan in unlike for name in alike(plan.reconciled, world.kinds.maps[plan.twin.kind].fields)}
    over = [
        row.problem_id
        for row in known
        if (row.problem.cause in FOUND_BY_LOOKING and _mark(row.problem) not in still)
        or (row.problem.cause == SILENT and (str(row.problem.person_id), str(row.problem.field)) in agreed)
    ]
    world.store.problems.drop(over)
    same = {(_mark(row.problem), row.problem.data_hash) for row in known}
    new = [problem for problem in found if (_mark(problem), problem.data_hash) not in same]
    world.store.problems.park(new, now)
    by_problems(world, new, now)


def _mark(problem: Problem) -> tuple[object, ...]:
    return (problem.cause, problem.side, problem.object, problem.record_id, problem.person_id, problem.field)


def _ends(world: World, plan: TwinPlan, now: datetime) -> datetime | None:
    """When an activity that may be a signal will be over; None: it is, or nobody asks."""
    ends = moment(plan.facts.get("end")) if world.kinds.maps[plan.twin.kind].signals and not plan.finished else None
    return ends if ends is not None and ends > now else None


def _signals(world: World, plans: Sequence[TwinPlan], now: datetime) -> None:
    """Finished activities that mean something (a connected call, a held meeting, a reply) are signals of their persons, each once (S12)."""
    rows: list[tuple[str, Signal]] = []
    for plan in plans:
        tests = [test for test in world.kinds.maps[plan.twin.kind].signals if not test.planned]
        if not tests or not plan.finished:
            continue
        said = {**plan.facts, "body": plan.facts.get("body") or plan.facts.get(READ_REPLY)}
        types = sorted({type for t in tests if booked.meant(t, plan) for type in ((t.type,) if t.type != REPLY else reply_signals(said))})
        if not types:
            continue
        people = sorted({id for ids in (*plan.twin.links.values(), *plan.shown.values()) for id in ids})
        for person in people:
            rows += [
                (
                    person,
                    Signal(
                        event_id=f"{type}:{plan.twin.twin_id}:{person}",
                        type=type,
                        at=min(plan.at, now),
                        detail=reply_detail(said, plan.at) if OUT_OF_OFFICE in types else str(plan.facts.get("subject") or "")[:200],
                        source=SignalSource.ACTIVITY,
                    ),
                )
                for type in types
            ]
    known = world.store.persons(sorted({person for person, _ in rows}))
    fresh = [(person, signal) for person, signal in rows if person in known]
    if fresh and world.store.signals.add(fresh):
        world.store.mark_dirty_persons(sorted({person for person, _ in fresh}))
