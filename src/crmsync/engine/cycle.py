"""One cycle: resume, pull, guard, decide, apply, remember. Cost grows with what changed or fell due, never with the size of the database (law 8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from crmsync.decide import guard
from crmsync.engine import members
from crmsync.engine.accounts import index_companies
from crmsync.engine.apply import Sent, send
from crmsync.engine.beliefs import BELIEVED_SECONDS, SCHEMA_SECONDS
from crmsync.engine.cuts import take_cuts
from crmsync.engine.deliberate import DECISION_CAUSES, Verdict, deliberate
from crmsync.engine.doubts import by_problems
from crmsync.engine.forget import compact, erase_asked, erase_purged
from crmsync.engine.members import journalled
from crmsync.engine.notes import note_all_missing
from crmsync.engine.outbox import Outbox, Outgoing, outgoing
from crmsync.engine.people import settle_people
from crmsync.engine.preview import PERSONS_AT_ONCE, mass_deletes, much_around, preview
from crmsync.engine.pull import Pulled, pull_all
from crmsync.engine.readback import SILENT, alike
from crmsync.engine.resume import settle_open
from crmsync.engine.revise import Revision, begun, go_on
from crmsync.engine.sweep import sweep
from crmsync.engine.taken_back import take_back, withdraw
from crmsync.engine.tasks import claimed_tasks, outgoing_tasks
from crmsync.engine.twins import decide_dirty, deliberate_twins, handed_on, remember, told_first
from crmsync.engine.work import note_work
from crmsync.engine.world import AccountChangedError, World
from crmsync.errors import ConfigError, CrmsyncError, HaltError
from crmsync.model.attention import Halt, Problem
from crmsync.model.link import PersonState
from crmsync.store import TaskRow

log = structlog.get_logger(__name__)

ANEW_AT_ONCE = 25_000
"""Persons that a cycle which looks at everything decides anew after the rules changed; the daemon's takes one batch, for more comes in between."""
CALLS_AT_ONCE = 8
"""Whole API batches gathered per side before sending: enough for four connections to stay busy, small enough for memory to stay flat."""

Objects = Mapping[str, Collection[str]]
"""side -> native objects."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What one cycle did. refresh_calls: side -> API calls that reading who we are, users and schemas took. errors: side -> why it was not
    (wholly) reached. more: another cycle at the same moment would do or see something. urgent: something is due at once; what was written
    needs no other look before the next poll. touched: what that other cycle has to look at; None: everything. anew: persons wait to be decided
    under changed rules; no CRM need be asked before a cycle goes on with them."""

    now: datetime
    pulled: dict[str, Pulled] = field(default_factory=dict)
    sent: Sent = field(default_factory=Sent)
    decided: int = 0
    resumed: int = 0
    erased: int = 0
    refresh_calls: dict[str, int] = field(default_factory=dict)
    errors: dict[str, CrmsyncError] = field(default_factory=dict)
    more: bool = False
    urgent: bool = False
    touched: Objects | None = None
    anew: bool = False


def cycle(world: World, now: datetime, *, everything: bool = True, sparing: bool = False, only: Objects | None = None) -> Report:
    """Runs one cycle at `now` (the only time it knows). everything: polls all objects; False: the daemon's way, the rarer ones in turn. sparing: as
    one asks who may be started every minute: schemas and users are believed longer, and looks that cost calls of their own go in turn. only:
    polls no more than these objects, right after a cycle that polled (`Report.touched`); none of them: decides what waits without asking what changed.

    Raises HaltError when a person is needed, and the error of a side when no side was reached."""
    with world.store.kept():
        return _cycle(world, now, everything=everything, sparing=sparing, only=only)


def _cycle(world: World, now: datetime, *, everything: bool, sparing: bool, only: Objects | None) -> Report:
    store = world.store
    erase_asked(world, now)
    halted = store.halt()
    if halted is not None:
        raise HaltError(halted.message)
    report = Report(now=now)
    revision = begun(world, now)
    believe = BELIEVED_SECONDS if sparing else SCHEMA_SECONDS
    troubles = _refresh(world, now, report, believe)
    world.start(now)
    report.resumed = settle_open(world, now, troubles)
    report.pulled = pull_all(world, now, troubles, everything=everything, sparing=sparing, only=only)
    if doubted := world.doubted(now) - troubles.keys():
        closed = {side for side, pulled in report.pulled.items() if pulled.closed and side in doubted}
        troubles |= _refresh(world, now, report, believe)
        note_all_missing(world, doubted - troubles.keys(), now)
        again = pull_all(world, now, troubles, everything=everything, sparing=sparing, sides=closed)
        report.pulled |= {side: pulled.after(report.pulled[side]) for side, pulled in again.items()}
    report.errors = {side: pulled.error for side, pulled in report.pulled.items() if pulled.error is not None}
    if len(report.errors) == len(world.sides):
        raise next(iter(report.errors.values()))
    _brake(world, now)
    report.erased = erase_purged(world, now)
    report.sent.errors.update(report.errors)
    outbox = Outbox(
        batches={side: c.traits.write_batch for side, c in world.connectors.items()},
        members={side: c.traits.member_batch or 1 for side, c in world.connectors.items()},
    )
    _decide_twins(world, now, report, outbox, told_first(world))
    take_cuts(world, now)
    index_companies(world)
    _decide_dirty(world, now, report, outbox)
    send(world, outbox.rest(), now, report.sent)
    tried: set[str] = set()
    if report.decided:
        _create_tasks(world, now, report, tried)  # a rep waits for these; those who are due beside them may be many
    _decide_due(world, now, report, outbox)
    _decide_anew(world, now, report, outbox, revision, ANEW_AT_ONCE if everything else PERSONS_AT_ONCE)
    _create_tasks(world, now, report, tried)
    _decide_twins(world, now, report, outbox)
    take_back(world, now, report.sent)
    report.errors.update(report.sent.errors)
    if not report.errors:
        sweep(world, now, whole=everything and only is None)
    compact(store)
    # Only worth it while every side answers.
    report.urgent = not report.errors and bool(report.sent.superseded or report.sent.refused or store.dirty_count(world.decided()))
    report.more = report.urgent or (not report.errors and bool(report.sent.done or world.doubted(now) or report.anew))
    # What stood in the way of a write may be anything: a merge, a conversion, somebody else's record.
    crossed = report.errors or report.sent.refused or report.sent.superseded or world.doubted(now)
    report.touched = None if crossed else report.sent.objects
    return report


def _refresh(world: World, now: datetime, report: Report, believe: float) -> dict[str, CrmsyncError]:
    """Side -> why it could not be asked. What was read is held against what we need of it."""
    calls = {side: connector.calls() for side, connector in world.connectors.items()}
    try:
        troubles = world.refresh(now, believe=believe)
    except AccountChangedError as error:
        _keep_halt(world, error.halt, now)  # whatever was let pass: with another account every link would be wrong
        raise
    for side, connector in world.connectors.items():
        report.refresh_calls[side] = report.refresh_calls.get(side, 0) + connector.calls() - calls[side]
    try:
        world.require_provisioned()
    except ConfigError:
        for side in world.sides:
            world.doubt(side, now)
        if not world.doubted(now) - troubles.keys():
            raise
        return _refresh(world, now, report, believe)  # it may have been provisioned since
    _stop(world, _schema_loss(world, now), now)
    return troubles


# --- guard ------------------------------------------------------------------------------------------------------------------


def _brake(world: World, now: datetime) -> None:
    """Stops before anything is written when what was read looks like an accident (law 6). `resume` lets one such cycle pass."""
    halt = _halt(world, now)
    _stop(world, halt, now)
    if halt is None and world.store.get("allow") is not None:
        world.store.put("allow", None)


def _stop(world: World, halt: Halt | None, now: datetime) -> None:
    """Stores the halt and stops, unless a person has let one of its kind pass."""
    if halt is None:
        return
    if world.store.get("allow") == halt.cause:
        world.store.put("allow", None)
        world.store.log_event(now, "resumed", halt.message)
        return
    _keep_halt(world, halt, now)
    raise HaltError(halt.message)


def _keep_halt(world: World, halt: Halt, now: datetime) -> None:
    with world.store.begin():
        world.store.set_halt(halt)
        world.store.log_event(now, "halt", halt.message)


def _schema_loss(world: World, now: datetime) -> Halt | None:
    """Fields that were read before and are hidden now (law 6)."""
    for side in world.sides:
        for object in world.objects(side):
            missing = world.missing(side, object)
            if not missing:
                continue
            read = set((world.store.get(f"read:{side}:{object}") or {}).get("fields", ()))
            lost = [name for name in missing if name in read]
            mapped = len(world.lenses[side, object].natives)
            halt = guard.schema_loss(missing=lost, mapped=mapped, side=side, object=object, now=now)
            if halt is not None:
                return halt
    return None


def _halt(world: World, now: datetime) -> Halt | None:
    """Deletes are counted each time; the rest only when more waits than could pass unseen, for it means deciding everything twice."""
    store, brakes = world.store, world.playbook.brakes
    with store.reading():
        halt = mass_deletes(world, now)
        dirty = store.dirty_count(world.person_objects)
        # Counting everybody costs what the database holds: only where so many wait that it could matter.
        known = store.count_persons() if dirty >= brakes.min_changes else 0
    suspicious = known > 0 and dirty > brakes.max_changes_share * known
    if halt is not None or (dirty <= brakes.max_creates and not suspicious and not much_around(world, dirty)):
        return halt
    return preview(world, now, lambda verdicts: None, history=False, passing=store.get("allow"))


# --- decide -----------------------------------------------------------------------------------------------------------------


def _decide_dirty(world: World, now: datetime, report: Report, outbox: Outbox) -> None:
    store = world.store
    after: tuple[str, str, str] | None = None
    total, seen = store.dirty_count(world.person_objects), 0
    while taken := store.take_dirty(PERSONS_AT_ONCE, after, objects=world.person_objects):
        last = taken[-1][0].ref
        after = (last.side, last.object, last.id)
        busy = {str(i.entry.person_id) for items in outbox.waiting.values() for i in items}
        taken = [(snapshot, version) for snapshot, version in taken if snapshot.person_id not in busy]
        with store.begin():
            people = settle_people(world, [snapshot for snapshot, _ in taken])
            store.clean_persons(people)
            store.clean([(snapshot.ref, version) for snapshot, version in taken])
            verdicts = deliberate(world, people, now, down=report.sent.errors)
            items = _remember(world, verdicts, now, report)
            store.mark_dirty_persons(_left_out(people, verdicts))
        outbox.add(items)
        seen += len(taken)
        world.report("deciding", seen, total)
        for_now = outbox.full(CALLS_AT_ONCE * max(outbox.batches.values()))
        if for_now:
            send(world, for_now, now, report.sent)


def _decide_due(world: World, now: datetime, report: Report, outbox: Outbox) -> None:
    """Persons about whom a rule answers differently from now on, though nothing changed in any CRM."""
    store = world.store
    while people := store.due_persons(now, PERSONS_AT_ONCE):
        with store.begin():
            found = deliberate(world, people, now, down=report.sent.errors)
            verdicts = [replace(v, state=_later(v.state, now)) for v in found]
            outbox.add(_remember(world, verdicts, now, report))
            store.save_persons([_later(state, now) for state in store.persons(_left_out(people, verdicts)).values()])
        send(world, outbox.rest(), now, report.sent)


def _decide_anew(world: World, now: datetime, report: Report, outbox: Outbox, revision: Revision, most: int) -> None:
    """Persons who were last decided under other rules, after everything that is due by itself."""

    def keep(people: Sequence[str], verdicts: Sequence[Verdict]) -> None:
        outbox.add(_remember(world, verdicts, now, report))
        world.store.mark_dirty_persons(_left_out(people, verdicts))

    revision, halt = go_on(world, revision, now, most, report.sent.errors, keep, lambda: send(world, outbox.rest(), now, report.sent))
    report.anew = revision.after is not None
    if halt is not None:
        _keep_halt(world, halt, now)
        raise HaltError(halt.message)


def _left_out(people: Sequence[str], verdicts: Sequence[Verdict]) -> list[str]:
    """Persons nothing could be decided about, because a CRM had to be asked first and does not answer: they stay due."""
    decided = {verdict.state.person_id for verdict in verdicts}
    return [person for person in people if person not in decided]


def _later(state: PersonState, now: datetime) -> PersonState:
    """Somebody who is still due at `now` is looked at again a minute on, not for ever."""
    if state.next_due_at is None or state.next_due_at > now:
        return state
    return replace(state, next_due_at=now + timedelta(minutes=1))


def _remember(world: World, verdicts: Sequence[Verdict], now: datetime, report: Report) -> list[Outgoing]:
    """Stores states, conflicts, problems, tasks and the intents of all writes, in the caller's transaction: journal before sending (law 3)."""
    store = world.store
    items: list[Outgoing] = []
    tasks: list[TaskRow] = []
    delayed: list[str] = []
    for verdict in verdicts:
        person = verdict.state.person_id
        for planned in verdict.plan.writes:
            if planned.side in report.sent.errors:
                delayed.append(person)  # that side does not answer: the person stays due until it does
                continue
            items.append(outgoing(planned, person_id=person, write_id=world.new_id(), now=now))
        reached = [change for change in verdict.memberships if change.side not in report.sent.errors]
        delayed += [person] if len(reached) < len(verdict.memberships) else []
        items += [Outgoing(entry=entry) for entry in journalled(world, person, reached, now)]
        tasks += claimed_tasks(world, person, verdict.decision, now)
        if verdict.decision is not None and verdict.decision.withdraw:
            withdraw(world, person, verdict.decision.withdraw, now)
    note_work(world, verdicts, now)
    store.save_persons([verdict.state for verdict in verdicts])
    store.tasks.save(tasks)
    store.conflicts.open([(v.state.person_id, name, values) for v in verdicts for name, values in v.conflicts.items()], now)
    store.conflicts.close(_settled_conflicts(world, verdicts))
    _problems(world, verdicts, now)
    store.journal.note([item.entry for item in items])
    store.mark_dirty_persons(delayed)
    store.links.wake(sorted(handed_on(world, verdicts)))
    report.decided += len(verdicts)
    return items


def _settled_conflicts(world: World, verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """Open conflicts whose field no longer stands in conflict: both sides agree now, or a person chose."""
    still = {(v.state.person_id, name) for v in verdicts for name in v.conflicts}
    known = world.store.conflicts.rows(person_ids=[v.state.person_id for v in verdicts])
    return [(c.person_id, c.field) for c in known if (c.person_id, c.field) not in still]


def _problems(world: World, verdicts: Sequence[Verdict], now: datetime) -> None:
    store = world.store
    found = [problem for verdict in verdicts for problem in verdict.plan.problems]
    still = {(p.cause, p.side, p.object, p.record_id, p.person_id, p.field) for p in found}
    known = store.problems.rows(person_ids=[v.state.person_id for v in verdicts], limit=100_000)
    states = {v.state.person_id: v.state for v in verdicts}
    moving = {v.state.person_id: {m.field for moves in v.reconciled.moves.values() for m in moves} for v in verdicts}
    agreed = {(v.state.person_id, name) for v in verdicts for name in alike(v.reconciled, world.playbook.person.fields)}
    over = [
        row.problem_id
        for row in known
        if _over(row.problem, still, moving.get(str(row.problem.person_id), set()), world)
        or (row.problem.person_id in states and members.over(row.problem, states[row.problem.person_id], world))
        or (row.problem.cause == SILENT and (str(row.problem.person_id), str(row.problem.field)) in agreed)
    ]
    store.problems.drop(over)
    fresh = {(row.problem.cause, row.problem.side, row.problem.object, row.problem.record_id, row.problem.person_id, row.problem.field,
              row.problem.data_hash) for row in known}  # fmt: skip
    # The same finding about the same data is not a new attempt.
    new = [p for p in found if (p.cause, p.side, p.object, p.record_id, p.person_id, p.field, p.data_hash) not in fresh]
    store.problems.park(new, now)
    by_problems(world, new, now)


def _over(problem: Problem, still: Collection[tuple[object, ...]], moving: Collection[str], world: World) -> bool:
    """A finding that a look no longer finds, or a refused value of a mapped field that nobody wants to move any more."""
    if problem.cause in DECISION_CAUSES:
        return (problem.cause, problem.side, problem.object, problem.record_id, problem.person_id, problem.field) not in still
    return problem.cause != SILENT and problem.field in world.playbook.person.fields and problem.field not in moving


# --- activities, companies, deals -------------------------------------------------------------------------------------------


def _decide_twins(world: World, now: datetime, report: Report, outbox: Outbox, only: Sequence[str] | None = None) -> None:
    """After the persons, so that a person created in this cycle gets what belongs to them. only: these native objects."""
    every = sorted({object for side in world.sides for object in world.twin_objects(side)})
    store, objects = world.store, every if only is None else list(only)
    total, seen, after = store.dirty_count(objects), 0, None
    while objects:
        with store.begin():
            plans, after = decide_dirty(world, now, after, objects)
            outbox.add(remember(world, plans, now, report.sent.errors))
        seen += len(plans)
        report.decided += len(plans)
        if after is None:
            break
        world.report("deciding activities", min(seen, total), total)
        whole = outbox.full(CALLS_AT_ONCE * max(outbox.batches.values()))
        if whole:
            send(world, whole, now, report.sent)
    while only is None and (due := store.twins.due(now, PERSONS_AT_ONCE)):
        with store.begin():
            plans = deliberate_twins(world, due, now)
            outbox.add(remember(world, plans, now, report.sent.errors))
            store.twins.let_rest(sorted(set(due) - {plan.twin.twin_id for plan in plans}))
    send(world, outbox.rest(), now, report.sent)


# --- tasks ------------------------------------------------------------------------------------------------------------------


def _create_tasks(world: World, now: datetime, report: Report, tried: set[str]) -> None:
    """Those that wait and were not `tried` in this cycle yet."""
    store = world.store
    after = ""
    while rows := store.tasks.pending(PERSONS_AT_ONCE, after):
        after = rows[-1].key
        left_out = store.journal.open_task_keys(sorted({row.person_id for row in rows})) | tried
        items = outgoing_tasks(world, [r for r in rows if r.key not in left_out and r.side not in report.sent.errors], now)
        tried.update(str(item.entry.write.key) for item in items)
        if items:
            store.journal.note([item.entry for item in items])
            by_side: dict[str, list[Outgoing]] = {}
            for item in items:
                by_side.setdefault(item.entry.side, []).append(item)
            send(world, by_side, now, report.sent)
