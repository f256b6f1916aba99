"""Decides without consequences: inside a transaction that is rolled back. Nothing is sent, nothing stays decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crmsync.decide import guard
from crmsync.decide.twin import PERSON, TwinPlan
from crmsync.engine.cuts import take_cuts
from crmsync.engine.deliberate import Verdict, deliberate
from crmsync.engine.people import settle_people
from crmsync.engine.twins import TWINS_AT_ONCE, decide_dirty, deliberate_twins, handed_on, tell, told_first
from crmsync.engine.work import note_work
from crmsync.engine.world import World
from crmsync.model.attention import Halt
from crmsync.model.change import Action
from crmsync.model.record import RecordState, Ref

PERSONS_AT_ONCE = 1_000
"""Records taken from the queue at a time: memory stays flat however many wait."""


class _RollBack(Exception):
    """Leaves the transaction so that nothing of it stays."""


def mass_deletes(world: World, now: datetime) -> Halt | None:
    """The halt that vanished records ask for (F39), if any."""
    gone = world.store.dirty_deleted()
    if not gone:
        return None  # the usual cycle: nothing more is counted
    counts = world.store.count_snapshots()
    for side, objects in ((one, family) for one in world.sides for family in world.families(one)):
        deleted = sum(gone.get((side, object), 0) for object in objects)
        known = (
            sum(n for (s, object, state), n in counts.items() if s == side and object in objects and state == RecordState.LIVE) + deleted
        )
        halt = guard.mass_delete(deleted=deleted, known=known, side=side, brakes=world.playbook.brakes, now=now) if deleted else None
        if halt is not None:
            return halt
    return None


def much_around(world: World, persons: int) -> bool:
    """Whether what waits of activities, companies and deals could be too much to pass unseen. persons: how many of them wait, who may set
    free what waits for them."""
    store, brakes = world.store, world.playbook.brakes
    objects = sorted({object for side in world.sides for object in world.twin_objects(side)})
    dirty = store.dirty_count(objects) if objects else 0
    if dirty > brakes.max_creates:
        return True
    if max(dirty, persons) < min(brakes.min_changes, brakes.max_creates) or not objects:
        return False  # the usual cycle: nothing more is counted
    known = store.twins.counts()
    held = sum(count for (_, why), count in known.items() if why == PERSON) if persons else 0
    if dirty + held > brakes.max_creates:
        return True
    kinds: Counter[str] = Counter()
    for (kind, _), count in known.items():
        kinds[kind] += count
    return any(_much_of(world, kind, count) for kind, count in kinds.items())


def _much_of(world: World, kind: str, known: int) -> bool:
    """Whether as many of a kind wait as could be too many changes: of those known before; a first load changes nothing."""
    brakes, map = world.playbook.brakes, world.kinds.maps.get(kind)
    if map is None or known < brakes.min_changes:
        return False
    objects = sorted({object for side in world.sides for object in map.objects.get(side, ())})
    return world.store.dirty_count(objects) > brakes.max_changes_share * known


@dataclass(slots=True, kw_only=True)
class Counted:
    """What deciding would do. creates, changed by whom they are about: "" for persons, else the kind. coming: person -> side -> the record that
    would be created there (id "")."""

    creates: Counter[str] = field(default_factory=Counter)
    changed: Counter[tuple[str, str]] = field(default_factory=Counter)
    coming: dict[str, dict[str, Ref]] = field(default_factory=dict)

    def persons(self, verdicts: Sequence[Verdict]) -> list[str]:
        """Counts; returns the persons who would get a record somewhere."""
        fresh = []
        for verdict in verdicts:
            id = verdict.state.person_id
            for side, n in verdict.reconciled.replaced.items():
                self.changed["", side] += n
            for write in verdict.plan.writes:
                if write.action is Action.CREATE:
                    self.creates[""] += 1
                    self.coming.setdefault(id, {})[write.side] = Ref(side=write.side, object=write.object, id="")
            if id in self.coming:
                fresh.append(id)
        return fresh

    def twins(self, plans: Sequence[TwinPlan]) -> None:
        """Counts."""
        for plan in plans:
            self.creates[plan.twin.kind] += sum(1 for write in plan.writes if write.action is Action.CREATE)
            for side, n in plan.reconciled.replaced.items():
                self.changed[plan.twin.kind, side] += n

    def too_many(self, world: World, now: datetime, *, more: bool = False) -> Halt | None:
        """The halt that creations ask for. more: not everything was counted yet. Persons and everything around them are measured apart."""
        brakes = world.playbook.brakes
        around = self.creates.total() - self.creates[""]
        return guard.too_many_creates(creates=self.creates[""], brakes=brakes, now=now, more=more) or guard.too_many_creates(
            creates=around, brakes=brakes, now=now, what="activities, companies and deals", more=more
        )

    def halt(self, world: World, known: int, now: datetime) -> Halt | None:
        """The first that these numbers ask for. known: persons."""
        brakes = world.playbook.brakes
        halt = self.too_many(world, now)
        settled = _settled(world) if any(kind for kind, _ in self.changed) else {}
        for (kind, side), n in sorted(self.changed.items()):
            of, what = (settled.get(kind, 0), f"{kind} records") if kind else (known, "persons")
            halt = halt or guard.mass_change(changed=n, known=of, side=side, brakes=brakes, now=now, what=what)
        return halt


def _settled(world: World) -> dict[str, int]:
    """kind -> how many of it are known."""
    known: Counter[str] = Counter()
    for (kind, _), count in world.store.twins.counts().items():
        known[kind] += count
    return dict(known)


def preview(
    world: World,
    now: datetime,
    visit: Callable[[Sequence[Verdict]], None],
    visit_twins: Callable[[Sequence[TwinPlan]], None] = lambda plans: None,
    *,
    history: bool = True,
    passing: str | None = None,
    anew: Iterable[Sequence[str]] | None = None,
    visit_anew: Callable[[Sequence[Verdict]], None] = lambda verdicts: None,
) -> Halt | None:
    """Hands batches of what is decided about everything that waits or is due at `now` to `visit` (persons) and `visit_twins` (activities,
    companies, deals, as if the persons had got their records; those stand as Ref(id="")); returns the halt that a cycle would run into.

    history: whether field histories may be read from the CRMs, as a cycle would; writes to none. passing: the cause of a halt that a person
    has let pass; once that halt is certain, nothing more is decided. anew: batches of persons who are decided only because the rules changed
    (`revise.to_come`); theirs go to `visit_anew`.
    """
    store = world.store
    halt, known = mass_deletes(world, now), store.count_persons()
    counted = Counted()

    def enough() -> None:
        nonlocal halt
        if halt is None and passing == guard.MAX_CREATES and (certain := counted.too_many(world, now, more=True)) is not None:
            halt = certain
            raise _RollBack

    total, seen = store.dirty_count(world.person_objects), 0
    try:
        with store.begin():
            done: set[str] = set()
            first: set[str] = set()
            for plans in _decided_twins(world, now, {}, told_first(world)):
                counted.twins(plans)
                visit_twins(plans)
                tell(world, plans)
                first.update(plan.twin.twin_id for plan in plans)
                enough()
            take_cuts(world, now, wake=anew is None)  # as the cycle would; where everybody is decided anew nobody has to be woken
            for verdicts in _decided_batches(world, now, history=history):
                visit(verdicts)
                _pass_on(world, verdicts, counted, now)
                done.update(verdict.state.person_id for verdict in verdicts)
                seen += len(verdicts)
                world.report("deciding", min(seen, total), total)
                enough()
            due = [id for id in store.due_persons(now, known + 1) if id not in done]
            for start in range(0, len(due), PERSONS_AT_ONCE):
                verdicts = deliberate(world, due[start : start + PERSONS_AT_ONCE], now, history=history)
                visit(verdicts)
                _pass_on(world, verdicts, counted, now)
                enough()
            done.update(due)
            for people in anew or ():
                verdicts = deliberate(world, [id for id in people if id not in done], now, history=history)
                visit_anew(verdicts)
                _pass_on(world, verdicts, counted, now)
                enough()
            for found in _decided_twins(world, now, counted.coming):
                plans = [plan for plan in found if plan.twin.twin_id not in first]
                counted.twins(plans)
                visit_twins(plans)
                enough()
            halt = halt or counted.halt(world, known, now)
            raise _RollBack
    except _RollBack:
        pass
    return halt


def _pass_on(world: World, verdicts: Sequence[Verdict], counted: Counted, now: datetime) -> None:
    """What the decisions about persons mean for those who are decided after them, and for what belongs to them: it is decided again where they get a
    record or an owner. Who was given to a rep counts for the rep, as in a cycle."""
    fresh = counted.persons(verdicts)
    note_work(world, verdicts, now)
    given = {v.state.person_id for v in verdicts if v.decision is not None and v.decision.assignments}
    moved: set[str] = set()
    if world.kinds.maps:
        world.store.links.wake(fresh)
        moved = handed_on(world, verdicts)
    world.store.save_persons([verdict.state for verdict in verdicts if verdict.state.person_id in moved | given])
    if moved:
        world.store.links.wake(sorted(moved))


def _decided_twins(
    world: World, now: datetime, coming: Mapping[str, Mapping[str, Ref]], only: Sequence[str] | None = None
) -> Iterator[list[TwinPlan]]:
    """Plans for all that waits or is due, batch by batch; the caller rolls all of it back. only: what waits of these native objects."""
    objects, after = sorted({object for side in world.sides for object in world.twin_objects(side)}) if only is None else list(only), None
    done: set[str] = set()
    total, seen = world.store.dirty_count(objects), 0
    while objects:
        plans, after = decide_dirty(world, now, after, objects, coming)
        done.update(plan.twin.twin_id for plan in plans)
        yield plans
        if after is None:
            break
        seen += len(plans)
        world.report("deciding activities", min(seen, total), total)
    if not objects or only is not None:
        return
    due = [id for id in world.store.twins.due(now, total + sum(_settled(world).values()) + 1) if id not in done]
    for start in range(0, len(due), TWINS_AT_ONCE):
        yield deliberate_twins(world, due[start : start + TWINS_AT_ONCE], now, coming)


def _decided_batches(world: World, now: datetime, *, history: bool) -> Iterator[list[Verdict]]:
    """Verdicts for all dirty records, batch by batch, marking them clean; the caller rolls all of it back."""
    after: tuple[str, str, str] | None = None
    while taken := world.store.take_dirty(PERSONS_AT_ONCE, after, objects=world.person_objects):
        rows = [snapshot for snapshot, _ in taken]
        last = rows[-1].ref
        after = (last.side, last.object, last.id)
        people = settle_people(world, rows)
        world.store.clean_persons(people)
        yield deliberate(world, people, now, history=history)


def look(world: World, person_ids: Sequence[str], now: datetime) -> list[Verdict]:
    """What would be decided about these persons at `now`, from what is stored alone: no CRM is contacted, nothing stays decided."""
    found: list[Verdict] = []
    try:
        with world.store.begin():
            found = deliberate(world, person_ids, now, history=False)
            raise _RollBack
    except _RollBack:
        return found
