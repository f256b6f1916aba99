"""Decides for a batch of persons: loads what is known, merges, scores, stages, routes, plans. Reads the store, writes nothing to any CRM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from crmsync.decide.match import primary, spares
from crmsync.decide.person import Decision, decide
from crmsync.decide.plan import PersonPlan, plan_person
from crmsync.decide.reconcile import Reconciled, reconcile
from crmsync.decide.route import members
from crmsync.decide.signals import signals_from, signals_from_history
from crmsync.engine.employers import Employers
from crmsync.engine.events import addresses_of, adopt
from crmsync.engine.parties import PartyFacts
from crmsync.engine.world import World
from crmsync.errors import CredentialsError, CrmsyncError, UnreachableError
from crmsync.model.attention import ParkedProblem, Problem
from crmsync.model.fields import INPUTS, STAGES
from crmsync.model.link import UNDONE, Agreed, PersonState, Signal, Snapshot
from crmsync.model.record import GONE, FieldVersion, Ref, Value

COUNTER = "route:"
DECISION_CAUSES = frozenset(
    {
        "duplicate",
        "deleted_elsewhere",
        "owner_without_twin",
        "unknown_field",
        "read_only",
        "too_long",
        "not_an_option",
        "required",
        "wrong_type",
        "handoff_waits",
        "no_owner",
        "unknown_stage",
    }
)
"""Problems found by looking, not by being refused: they go away as soon as a look no longer finds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One person's decisions: the state to store, the writes to send, what waits for a human, and a task to create."""

    state: PersonState
    plan: PersonPlan
    decision: Decision | None
    reconciled: Reconciled
    conflicts: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)


def deliberate(
    world: World, person_ids: Sequence[str], now: datetime, *, history: bool = True, down: dict[str, CrmsyncError] | None = None
) -> list[Verdict]:
    """Verdicts for these persons, in the order given. Signals seen are stored (each event once); the round-robin counter moves on.

    history=False leaves the CRMs alone (counting passes): contested fields are then judged by their records' modification.
    down: sides that do not answer; they are not asked, those that turn out so are added, and persons about whom one would have to be asked
    are left out of the verdicts. None: such trouble is raised."""
    store = world.store
    snapshots = store.snapshots_of(person_ids)
    states = store.persons(person_ids)
    noted = store.problems(person_ids=person_ids, limit=100_000)
    parked, again = _parked(noted, now, DECISION_CAUSES), _again(noted, now)
    resolved: dict[str, dict[str, str]] = {}
    for conflict in store.conflicts(person_ids=person_ids):
        if conflict.resolution is not None:
            resolved.setdefault(conflict.person_id, {})[conflict.field] = conflict.resolution
    source = _Histories(world, down)
    signals = _signals(world, snapshots, source if history else None)
    around = PartyFacts(world, snapshots)
    employers = Employers(world, snapshots)
    start = world.start(now)
    pool = members(routing=world.playbook.routing, users=world.people, sides=world.sides, integration=world.integration)
    counter_name = COUNTER + world.playbook.routing.pool
    counter = first_counter = store.counter(counter_name)

    drafts: list[tuple[PersonState, dict[str, Snapshot], Reconciled, dict[str, str]]] = []
    contested: dict[str, set[str]] = {}
    for id in person_ids:
        if id in source.unanswered:
            continue
        state = states.get(id) or PersonState(person_id=id, created_at=now)
        primaries = {
            side: found
            for side in world.sides
            if (found := primary(snapshots.get(id, ()), side, world.playbook.person, state.anchors)) is not None
        }
        chosen = resolved.get(id, {})
        reconciled = reconcile(state, primaries, world.lenses, tie=world.playbook.person.tie, resolved=chosen)
        for name in reconciled.contested:
            contested.setdefault(id, set()).add(name)
        drafts.append((state, primaries, reconciled, chosen))
    moments = _moments(world, drafts, contested, source) if history and contested else {}

    verdicts: list[Verdict] = []
    for state, primaries, reconciled, chosen in drafts:
        id = state.person_id
        if id in source.unanswered:
            continue
        if id in moments:
            reconciled = reconcile(state, primaries, world.lenses, tie=world.playbook.person.tie, resolved=chosen, moments=moments[id])
        decision = None
        if primaries:
            decision = decide(
                person=replace(state, base=reconciled.base, sent=reconciled.sent, anchors=_anchors(state, reconciled)),
                facts={**_facts(world, reconciled.facts, primaries), **around.of(id)},
                signals=signals.get(id, ()),
                playbook=world.playbook,
                lists=world.lists,
                pool=pool,
                counter=counter,
                users=world.owners.users,
                now=now,
                start_from=start,
                shown=_shown(world, state, primaries),
                shown_owner=_owner(reconciled),
            )
            counter = decision.counter
        verdict = _verdict(world, state, snapshots.get(id, ()), primaries, reconciled, decision, parked.get(id, {}))
        after, plan = employers.carry(verdict.state, primaries, verdict.plan, parked.get(id, {}))
        if id in again:
            after = replace(after, next_due_at=min(filter(None, (after.next_due_at, again[id]))))
        verdicts.append(verdict if plan is verdict.plan and after is verdict.state else replace(verdict, state=after, plan=plan))
    if counter != first_counter:
        store.set_counter(counter_name, counter)
    return verdicts


def _verdict(
    world: World,
    state: PersonState,
    snapshots: Sequence[Snapshot],
    primaries: Mapping[str, Snapshot],
    reconciled: Reconciled,
    decision: Decision | None,
    parked: Mapping[tuple[str, str, str | None], str],
) -> Verdict:
    after = decision.state if decision is not None else replace(state, next_due_at=None)
    stage = after.stages[-1] if after.stages else None
    moved = stage is not None and stage.previous is not None
    plan = plan_person(
        after,
        snapshots,
        primaries,
        reconciled,
        outputs=decision.outputs if decision is not None else {},
        owner=decision.owner if decision is not None else None,
        owner_because=f"router: {after.owner_reason}",
        # The CRM's own status fields follow transitions only: a first sight of somebody never rewrites a status (section 9a).
        statuses=world.playbook.person.statuses.get(stage.stage, {}) if stage is not None and moved else {},
        terms=world.terms,
        parked=parked,
    )
    problems = [*plan.problems, *_state_problems(world, state, snapshots, primaries)]
    if decision is not None:
        problems += [
            Problem(cause=_cause(text), message=text, side=world.tasks_in, object="person", person_id=state.person_id, data_hash=text)
            for text in decision.problems
        ]
    written = {side: {**after.written.get(side, {}), **own} for side, own in plan.written.items()}
    fields = world.playbook.person.fields
    left = {name: Agreed(values=values, mapping=fields[name].fingerprint) for name, values in plan.accepted.items()}
    again = [side for side in primaries if UNDONE in after.written.get(side, {})]
    if again:  # a record whose creation was undone is back
        written |= {s: {n: v for n, v in {**after.written[s], **written.get(s, {})}.items() if n != UNDONE} for s in again}
    if written or left:
        after = replace(after, written={**after.written, **written}, base={**after.base, **left})
    return Verdict(
        state=after,
        plan=replace(plan, problems=tuple(problems)) if len(problems) > len(plan.problems) else plan,
        decision=decision,
        reconciled=reconciled,
        conflicts=reconciled.conflicts,
    )


def _cause(text: str) -> str:
    return text.split(":", 1)[0].strip().replace(" ", "_")[:60]


def _anchors(state: PersonState, reconciled: Reconciled) -> dict[str, str]:
    return {**state.anchors, **reconciled.anchors}


def _owner(reconciled: Reconciled) -> str | None:
    owner = reconciled.facts.get("owner")
    return None if owner is None else str(owner)


def _facts(world: World, merged: Mapping[str, Value], primaries: Mapping[str, Snapshot]) -> dict[str, Value]:
    """House fields plus our input fields (disposition, budget, …) as either side shows them."""
    facts = dict(merged)
    for side, snapshot in primaries.items():
        own = world.terms.sides[side].own
        for name in INPUTS:
            value = snapshot.extra.get(own[name])
            if value is not None:
                facts[name] = value
    return facts


def _shown(world: World, state: PersonState, primaries: Mapping[str, Snapshot]) -> dict[str, Value]:
    """The stage where a person set it in a CRM: a value that is not the one we delivered there (L2). For somebody never staged: where our own field,
    else the CRM's own status, says they stand; of several the furthest."""
    stages: list[str] = []
    for side, snapshot in primaries.items():
        value, written = snapshot.extra.get(world.terms.sides[side].own["crmsync_stage"]), state.written.get(side, {})
        # One that was put back by `undo` is nobody's command.
        if value is not None and value not in (written.get("crmsync_stage"), written.get(UNDONE + "crmsync_stage")):
            stages.append(str(value))
    if not stages and not state.stages:
        for (side, object, native), words in world.playbook.person.stage_from.items():
            found = primaries.get(side)
            if found is not None and found.ref.object == object:
                stage = words.get(str(found.extra.get(native)))
                if stage is not None:
                    stages.append(stage)
    known = [stage for stage in stages if stage in STAGES] or stages
    return {"crmsync_stage": max(known, key=lambda s: STAGES.index(s) if s in STAGES else -1)} if known else {}


def parked_of(
    world: World, ids: Sequence[str], now: datetime, looked_for: frozenset[str]
) -> dict[str, dict[tuple[str, str, str | None], str]]:
    """What a CRM refused of each of these, as Parked. looked_for: causes that looking finds again each time; they hold nothing back."""
    return _parked(world.store.problems(person_ids=ids, limit=100_000), now, looked_for)


def _parked(rows: Sequence[ParkedProblem], now: datetime, looked_for: frozenset[str]) -> dict[str, dict[tuple[str, str, str | None], str]]:
    parked: dict[str, dict[tuple[str, str, str | None], str]] = {}
    for row in rows:
        problem = row.problem
        if problem.person_id is None or problem.cause in looked_for or (row.retry_at is not None and row.retry_at <= now):
            continue
        parked.setdefault(problem.person_id, {})[problem.side, problem.object, problem.field] = problem.data_hash
    return parked


def _again(rows: Sequence[ParkedProblem], now: datetime) -> dict[str, datetime]:
    """When what a CRM could not take is tried again, by person; whatever else is decided about them meanwhile."""
    found: dict[str, datetime] = {}
    for row in rows:
        if row.problem.person_id is not None and row.retry_at is not None and row.retry_at > now:
            found[row.problem.person_id] = min(row.retry_at, found.get(row.problem.person_id, row.retry_at))
    return found


class _Histories:
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


def _signals(world: World, snapshots: Mapping[str, Sequence[Snapshot]], source: _Histories | None) -> dict[str, list[Signal]]:
    """Stores what the records tell of behaviour and returns every signal of these persons, oldest first. A record that shows a new event is asked for
    its history (one call per batch of records), so that events between two polls are not missed. source=None: nobody is asked."""
    store, maps = world.store, world.playbook.signals
    known = store.signals(list(snapshots))
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
    early = store.any_waiting_signals()
    people = {person: addresses_of(world, records) for person, records in snapshots.items()} if early else {}
    if not fresh:
        return store.signals(list(snapshots)) if early and adopt(world, people, (), known) else known
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
    return store.signals(list(snapshots))


def _moments(
    world: World,
    drafts: Sequence[tuple[PersonState, dict[str, Snapshot], Reconciled, dict[str, str]]],
    contested: Mapping[str, set[str]],
    source: _Histories,
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


def _state_problems(world: World, state: PersonState, snapshots: Sequence[Snapshot], primaries: Mapping[str, Snapshot]) -> list[Problem]:
    """What is odd about a person's records and is only reported: duplicates on one side, and records deleted on one side (`unlink and flag`)."""
    problems: list[Problem] = []
    for side, chosen in primaries.items():
        for spare in spares(snapshots, chosen):
            problems.append(
                Problem(
                    cause="duplicate",
                    message=f"{spare.ref.object} {spare.ref.id} is the same person as {chosen.ref.object} {chosen.ref.id} in {side}; "
                    f"only the latter is kept in step. Merge them in {side}.",
                    side=side,
                    object=spare.ref.object,
                    record_id=spare.ref.id,
                    person_id=state.person_id,
                    data_hash=str(chosen.ref),
                )
            )
    for side in world.sides:
        gone = [s for s in snapshots if s.ref.side == side and s.state in GONE]
        undone = UNDONE in state.written.get(side, {})
        if gone and primaries and side not in primaries and not undone and world.playbook.deletes == "unlink":
            problems.append(
                Problem(
                    cause="deleted_elsewhere",
                    message=f"deleted in {side}; its records on the other side were kept and are no longer synced. Delete them there, or restore it.",
                    side=side,
                    object=gone[0].ref.object,
                    record_id=gone[0].ref.id,
                    person_id=state.person_id,
                    data_hash=str(gone[0].ref),
                )
            )
    return problems
