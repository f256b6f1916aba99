"""Decides for a batch of persons: loads what is known, merges, scores, stages, routes, plans. Reads the store, writes nothing to any CRM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from crmsync.decide.frame import Subject
from crmsync.decide.match import primary, spares
from crmsync.decide.members import Membership
from crmsync.decide.optout import opted_out
from crmsync.decide.owning import Ways
from crmsync.decide.person import Decision, decide
from crmsync.decide.plan import PersonPlan, plan_person
from crmsync.decide.reconcile import Reconciled, reconcile
from crmsync.engine.accounts import Accounts
from crmsync.engine.employers import Employers
from crmsync.engine.floor import Standing
from crmsync.engine.gate import Gates
from crmsync.engine.histories import Draft, Histories, moments_of, signals_of
from crmsync.engine.members import decided
from crmsync.engine.parties import PartyFacts
from crmsync.engine.scores import Scores
from crmsync.engine.shown import facts_of, filled, overtaken, said_of, shown_of
from crmsync.engine.touches import tasks_of, touches_of
from crmsync.engine.world import World
from crmsync.errors import CrmsyncError
from crmsync.model.attention import ParkedProblem, Problem
from crmsync.model.copies import replace
from crmsync.model.link import UNDONE, Agreed, PersonState, Snapshot
from crmsync.model.record import GONE, Value

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
        "left_without_owner",
        "unknown_stage",
        "reason_missing",
        "unknown_disposition",
        "too_few_touches",
    }
)
"""Problems found by looking, not by being refused: they go away as soon as a look no longer finds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One person's decisions: the state to store, the writes to send, what waits for a human, tasks to create, memberships to begin or end. before: the
    person as they were remembered."""

    state: PersonState
    plan: PersonPlan
    decision: Decision | None
    reconciled: Reconciled
    conflicts: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    memberships: tuple[Membership, ...] = ()
    before: PersonState | None = None


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
    noted = store.problems.rows(person_ids=person_ids, limit=100_000)
    parked, again = _parked(noted, now, DECISION_CAUSES), _again(noted, now)
    resolved: dict[str, dict[str, str]] = {}
    for conflict in store.conflicts.rows(person_ids=person_ids):
        if conflict.resolution is not None:
            resolved.setdefault(conflict.person_id, {})[conflict.field] = conflict.resolution
    source = Histories(world, down)
    signals = signals_of(world, snapshots, source if history else None)
    around = PartyFacts(world, snapshots)
    employers = Employers(world, snapshots)
    start = world.start(now)
    floor, accounts = Standing(world, now), Accounts(world)
    handed = [id for id, state in states.items() if state.handed_at is not None]
    touches, tasks = touches_of(world, handed), tasks_of(world, handed)

    drafts: list[Draft] = []
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
    moments = moments_of(world, drafts, contested, source) if history and contested else {}
    drafts = [
        (state, primaries, _reconciled(world, state, primaries, chosen, moments) or reconciled, chosen)
        for state, primaries, reconciled, chosen in drafts
        if state.person_id not in source.unanswered
    ]
    facts = {
        state.person_id: {**facts_of(world, state, reconciled.facts, primaries), **around.of(state.person_id)}
        for state, primaries, reconciled, _ in drafts
        if primaries
    }
    gates = Gates(world, facts, now)
    subjects = {
        state.person_id: Subject(
            facts=filled(facts[state.person_id], gates.found(state.person_id)),
            signals=signals.get(state.person_id, ()),
            now=now,
            recycled_at=state.recycled_at,
        )
        for state, *_ in drafts
        if state.person_id in facts
    }
    scores = Scores(world, subjects, {state.person_id: state for state, *_ in drafts}, around)

    # Who waits longest is routed first (R5).
    drafts.sort(key=lambda draft: draft[0].queued_at or now)
    verdicts: list[Verdict] = []
    for state, primaries, reconciled, _ in drafts:
        id, decision = state.person_id, None
        if primaries:
            subject = subjects[id]
            known = gates.dated(state, subject.facts)
            person = scores.remembered(replace(known, base=reconciled.base, sent=reconciled.sent, anchors=_anchors(state, reconciled)))
            settle = partial(
                decide, facts=subject.facts, signals=subject.signals, rules=scores.rules(id), playbook=world.playbook, lists=world.lists,
                users=world.owners.users, now=now, touches=touches.get(id, ()), tasks=tasks.get(id, ()), start_from=start, shown_owner=_owner(reconciled), said=said_of(world, primaries),
                deals=around.dealings(id), gate=gates.verdict(known, subject.facts, subject.signals),
                ways=Ways(floor=floor.get, account=partial(accounts.of, subject.facts, around.companies(id))),
            )  # fmt: skip
            decision = settle(person=person, score=scores.of(id), shown=shown_of(world, state, primaries))
            floor.put(decision.floor)
            if decision.state.recycled_at is not None and decision.state.recycled_at != person.recycled_at:
                halved = scores.recycled(id, decision.state.recycled_at)
                decision = decision.then(settle(person=decision.state, score=halved, shown={}))
                floor.put(decision.floor)
            if decision.opted_out:
                reconciled = opted_out(reconciled, state, primaries, world.lenses)
        reconciled = gates.enriched(state, primaries, reconciled)
        verdict = _verdict(world, state, snapshots.get(id, ()), primaries, reconciled, decision, parked.get(id, {}), now)
        after, plan = employers.carry(verdict.state, primaries, verdict.plan, parked.get(id, {}))
        if id in again:
            after = replace(after, next_due_at=min(filter(None, (after.next_due_at, again[id]))))
        verdicts.append(verdict if plan is verdict.plan and after is verdict.state else replace(verdict, state=after, plan=plan))
    scores.wake()
    gates.note({v.state.person_id: (v.state, v.decision.gate) for v in verdicts if v.decision is not None and v.decision.gate is not None})
    gates.drop([v.state.person_id for v in verdicts if v.decision is None])
    floor.keep()
    place = {id: n for n, id in enumerate(person_ids)}
    return sorted(verdicts, key=lambda verdict: place[verdict.state.person_id])


def _reconciled(
    world: World,
    state: PersonState,
    primaries: Mapping[str, Snapshot],
    chosen: Mapping[str, str],
    moments: Mapping[str, Mapping[str, Mapping[str, datetime]]],
) -> Reconciled | None:
    """Once more, by when each contested field was set; None where nothing is contested."""
    found = moments.get(state.person_id)
    if found is None:
        return None
    return reconcile(state, primaries, world.lenses, tie=world.playbook.person.tie, resolved=chosen, moments=found)


def _verdict(
    world: World,
    state: PersonState,
    snapshots: Sequence[Snapshot],
    primaries: Mapping[str, Snapshot],
    reconciled: Reconciled,
    decision: Decision | None,
    parked: Mapping[tuple[str, str, str | None], str],
    now: datetime,
) -> Verdict:
    # Whose records are all gone counts for no colleague any more.
    after = (
        overtaken(world, state, decision.state, primaries)
        if decision is not None
        else replace(state, next_due_at=None, account=None, engagement=0.0)
    )
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
    after, memberships = decided(world, after, primaries, plan.writes, parked, now)
    return Verdict(
        before=state,
        memberships=memberships,
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


def parked_of(
    world: World, ids: Sequence[str], now: datetime, looked_for: frozenset[str]
) -> dict[str, dict[tuple[str, str, str | None], str]]:
    """What a CRM refused of each of these, as Parked. looked_for: causes that looking finds again each time; they hold nothing back."""
    return _parked(world.store.problems.rows(person_ids=ids, limit=100_000), now, looked_for)


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
