"""`crmsync plan`: what `sync` would write, field by field, with the rule that decided and the API calls it costs. Writes to no CRM."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crmsync.connect.protocol import Traits
from crmsync.decide import guard
from crmsync.decide.plan import PlannedWrite
from crmsync.decide.twin import PERSON, TwinPlan
from crmsync.engine.deliberate import Verdict
from crmsync.engine.preview import preview
from crmsync.engine.pull import pull_all
from crmsync.engine.resume import settle_open
from crmsync.engine.revise import standing as standing_pass
from crmsync.engine.revise import to_come
from crmsync.engine.world import World
from crmsync.errors import CrmsyncError
from crmsync.model.attention import Halt, Problem
from crmsync.model.change import Action
from crmsync.model.record import Ref, Value
from crmsync.service.lease import SYNC_WAITS
from crmsync.service.plan_work import WorkPlan, take_work, tasks_made
from crmsync.service.workspace import Workspace
from crmsync.store import TaskRow

EXAMPLES = 5
"""Persons named for each move from stage to stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPlan:
    """One field of one planned write. name: house name, None where the field has none. old: what the side shows now."""

    native: str
    name: str | None
    old: Value
    new: Value
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePlan:
    """One record's planned write. action: create | update | delete; id: None for a create. what: "person", "task" (also a first touch),
    "call", "email", "meeting", "note", "company" or "deal"; person_id: the person, or the crmsync_key of what it is. belongs_to: records it is
    to belong to, no_longer_to: records it shall not (those that are created first have no id yet). after_person: it is created once its
    person is, by the same sync."""

    crm: str
    object: str
    action: str
    id: str | None
    person_id: str
    what: str
    fields: tuple[FieldPlan, ...]
    belongs_to: tuple[str, ...] = ()
    no_longer_to: tuple[str, ...] = ()
    after_person: bool = False


@dataclass(slots=True, kw_only=True)
class Plan:
    """writes: at most `keep` of them; counts: (crm, object, action) -> all of them. calls: crm -> API calls that sending would cost at least.

    activities: kind -> activities, companies and deals looked at. waiting: (kind, why) -> those of them that wait: "person" (one that this
    very sync creates included), "filter" or "problem". memberships: (crm, list or campaign, join | leave, rule) -> persons.

    halted: why a cycle would stop (or has stopped) for safety. conflicts: fields that would wait for a person. problems: what could not
    be written. read_calls: what looking cost. playbook_change: the part of it that is there only because the rules changed (None: they did not);
    moves: (from stage, to stage) -> persons it would move, with ids of some of them. work: who would get persons, tasks taken back and handed on, alerts.
    """

    writes: list[WritePlan] = field(default_factory=list)
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    calls: dict[str, int] = field(default_factory=dict)
    read_calls: dict[str, int] = field(default_factory=dict)
    links: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    memberships: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    persons: int = 0
    activities: Counter[str] = field(default_factory=Counter)
    waiting: Counter[tuple[str, str]] = field(default_factory=Counter)
    conflicts: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    halted: str | None = None
    errors: dict[str, CrmsyncError] = field(default_factory=dict)
    playbook_change: Plan | None = None
    moves: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    work: WorkPlan = field(default_factory=WorkPlan)

    @property
    def exit_code(self) -> int:
        """3 when a cycle would halt, else that of a CRM that could not be read, else 0."""
        if self.halted is not None:
            return 3
        return max((error.exit_code for error in self.errors.values()), default=0)

    def json(self) -> dict[str, Any]:
        """The documented shape."""
        return {
            "writes": [
                {
                    "crm": w.crm, "object": w.object, "action": w.action, "record_id": w.id, "person_id": w.person_id, "what": w.what,
                    "fields": [{"field": f.native, "name": f.name, "old": f.old, "new": f.new, "rule": f.rule} for f in w.fields],
                    "belongs_to": list(w.belongs_to), "no_longer_to": list(w.no_longer_to), "after_person": w.after_person,
                }
                for w in self.writes
            ],
            "counts": self._counts(),
            "memberships": self._memberships(),
            **self.work.json(),
            "api_calls": self.calls,
            "read_api_calls": self.read_calls,
            "persons": self.persons,
            "activities": dict(self.activities),
            "waiting": [{"kind": kind, "for": why, "count": n} for (kind, why), n in sorted(self.waiting.items())],
            "conflicts": self.conflicts,
            "problems": self.problems,
            "halted": self.halted,
            "errors": {side: str(error) for side, error in self.errors.items()},
            "playbook_change": None if self.playbook_change is None else self.playbook_change.change_json(),
        }  # fmt: skip

    def change_json(self) -> dict[str, Any]:
        """The documented shape of what only changed rules cause."""
        return {
            "persons": self.persons,
            "counts": self._counts(),
            "memberships": self._memberships(),
            "api_calls": self.calls,
            "enter": dict(self._stages(1)),
            "leave": dict(self._stages(0)),
            "moves": [{"from": a or None, "to": b, "persons": n, "examples": list(ids)} for (a, b), (n, ids) in sorted(self.moves.items())],
        }

    def _counts(self) -> list[dict[str, Any]]:
        return [{"crm": c, "object": o, "action": a, "writes": n} for (c, o, a), n in sorted(self.counts.items())]

    def _memberships(self) -> list[dict[str, Any]]:
        return [{"crm": c, "list": i, "action": a, "rule": r, "persons": n} for (c, i, a, r), n in sorted(self.memberships.items())]

    def _stages(self, end: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for move, (count, _) in self.moves.items():
            found[move[end]] += count
        found.pop("", None)
        return found


def plan(workspace: Workspace, *, keep: int | None = None) -> Plan:
    """Reads changes from the CRMs into the store, decides, and undoes the deciding. keep: writes to hold in detail (None: all).

    Raises: BusyError; ConfigError; CredentialsError or UnreachableError when no CRM could be read.
    """
    result = Plan()
    world, now = workspace.world, workspace.clock()
    with workspace.lease(wait=SYNC_WAITS):
        standing = workspace.store.halt()
        troubles = world.refresh(now)
        world.require_provisioned()
        settle_open(world, now, troubles)
        pulled = pull_all(world, now, troubles)
        result.errors = {side: p.error for side, p in pulled.items() if p.error is not None}
        if len(result.errors) == len(world.sides):
            raise next(iter(result.errors.values()))
        anew = Plan()
        changed = next(to_come(world), None) is not None
        halt = preview(
            world,
            now,
            lambda verdicts: _take(result, verdicts, world, task_object(workspace), keep, now),
            lambda plans: _take_twins(result, plans, keep),
            anew=to_come(world) if changed else None,
            visit_anew=lambda verdicts: _take_anew(anew, verdicts, world, task_object(workspace), keep, now),
        )
        if changed:
            _join(result, anew, workspace, keep)
            passed = standing_pass(workspace.store)
            looked_at = passed is not None and passed.let_pass and passed.rules == world.rules
            halt = halt or (None if looked_at else _too_many(anew, workspace, now))
    result.read_calls = workspace.api_calls()
    stop = standing or halt
    result.halted = None if stop is None else stop.message
    result.calls = _calls(workspace, result)
    return result


def _too_many(anew: Plan, workspace: Workspace, now: datetime) -> Halt | None:
    """The halt that the pass would run into: it counts tasks, too."""
    creates = sum(count for (_, _, action), count in anew.counts.items() if action == Action.CREATE.value)
    return guard.too_many_creates(creates=creates, brakes=workspace.playbook.brakes, now=now)


def _take_anew(anew: Plan, verdicts: Sequence[Verdict], world: World, task: str, keep: int | None, now: datetime) -> None:
    """Counts what changed rules cause, and who would move."""
    _take(anew, verdicts, world, task, keep, now)
    for verdict in verdicts:
        fresh = [entry for entry in verdict.state.stages if entry.at == now]
        if fresh and fresh[0].previous != fresh[-1].stage:
            move = (fresh[0].previous or "", fresh[-1].stage)
            count, ids = anew.moves.get(move, (0, ()))
            anew.moves[move] = (count + 1, (*ids, verdict.state.person_id) if count < EXAMPLES else ids)


def _join(result: Plan, anew: Plan, workspace: Workspace, keep: int | None) -> None:
    """What changed rules cause is part of the plan."""
    anew.calls = _calls(workspace, anew)
    result.playbook_change = anew
    result.writes = [*result.writes, *anew.writes][:keep]
    result.counts.update(anew.counts)
    result.links.update(anew.links)
    result.memberships.update(anew.memberships)
    result.persons += anew.persons
    result.conflicts += anew.conflicts
    result.problems += anew.problems
    result.work.add(anew.work, keep)


def _calls(workspace: Workspace, result: Plan) -> dict[str, int]:
    """crm -> the fewest calls that carry all of it: records in batches per object, associations of existing ones where they are calls."""
    calls: Counter[str] = Counter()
    for (side, object, action), count in result.counts.items():
        alone = result.links[side, object, action, ""] if workspace.connectors[side].traits.links_per_call else 0
        calls[side] += math.ceil((count - alone) / workspace.connectors[side].traits.write_batch)
    for (side, _, _, target), count in result.links.items():
        per = workspace.connectors[side].traits.links_per_call
        if target and per:
            calls[side] += math.ceil(count / per)
    for side, list_id in {(side, list_id) for side, list_id, _, _ in result.memberships}:
        joins, leaves = (sum(n for key, n in result.memberships.items() if key[:3] == (side, list_id, how)) for how in ("join", "leave"))
        calls[side] += _member_calls(workspace.connectors[side].traits, joins, leaves)
    return dict(calls)


def _member_calls(traits: Traits, joins: int, leaves: int) -> int:
    """Calls that so many memberships of one list cost: together where a CRM takes both in one."""
    batch = traits.member_batch or 1
    if traits.leave_calls == 1:
        return math.ceil((joins + leaves) / batch)
    return math.ceil(joins / batch) + traits.leave_calls * math.ceil(leaves / batch)


def task_object(workspace: Workspace) -> str:
    """The native object of tasks, in the CRM where reps work."""
    return workspace.connectors[workspace.world.tasks_in].traits.task_object


def _take(result: Plan, verdicts: Sequence[Verdict], world: World, task: str, keep: int | None, now: datetime) -> None:
    for verdict in verdicts:
        person = verdict.state.person_id
        result.persons += 1
        result.conflicts += len(verdict.conflicts)
        _keep_problems(result, verdict.plan.problems, keep)
        for write in verdict.plan.writes:
            _keep(result, write, person, "person", keep)
        for change in verdict.memberships:
            result.memberships[change.side, change.list_id, "join" if change.join else "leave", change.rule] += 1
        for made in tasks_made(world, verdict, now):
            result.counts[world.tasks_in, task, "create"] += 1
            if keep is None or len(result.writes) < keep:
                result.writes.append(_task_plan(made, task))
    deleted = take_work(result.work, world, verdicts, keep)
    if deleted:
        result.counts[world.tasks_in, task, "delete"] += deleted


def _task_plan(made: TaskRow, task: str) -> WritePlan:
    shown = (
        ("subject", made.draft["subject"]),
        ("owner", made.owner),
        ("due", made.draft["due_at"]),
        ("priority", made.draft["priority"]),
        ("channel", made.draft["channel"]),
    )
    rule = made.kind.replace("_", " ")
    fields = tuple(FieldPlan(native=name, name=None, old=None, new=value, rule=rule) for name, value in shown)
    return WritePlan(crm=made.side, object=task, action="create", id=None, person_id=made.person_id, what="task", fields=fields)


def _take_twins(result: Plan, plans: Sequence[TwinPlan], keep: int | None) -> None:
    for plan in plans:
        kind = plan.twin.kind
        result.activities[kind] += 1
        if plan.twin.waiting:
            result.waiting[kind, plan.twin.waiting] += 1
        _keep_problems(result, plan.problems, keep)
        for write in plan.writes:
            if _after_person(write):
                result.waiting[kind, PERSON] += 1
            _keep(result, write, plan.twin.twin_id, kind, keep)


def _after_person(write: PlannedWrite) -> bool:
    return write.action is Action.CREATE and any(not ref.id for ref in write.about)


def _keep_problems(result: Plan, problems: Sequence[Problem], keep: int | None) -> None:
    for problem in problems:
        if keep is None or len(result.problems) < keep:
            result.problems.append(
                {"crm": problem.side, "object": problem.object, "record_id": problem.record_id, "field": problem.field,
                 "cause": problem.cause, "message": problem.message}
            )  # fmt: skip


def _keep(result: Plan, write: PlannedWrite, id: str, what: str, keep: int | None) -> None:
    """Counts one write, and shows it while there is room."""
    result.counts[write.side, write.object, write.action.value] += 1
    if write.action is Action.UPDATE:
        for refs, how in ((write.about, "link"), (write.unlink, "unlink")):
            for ref in refs:
                result.links[write.side, write.object, how, ref.object] += 1
        if not write.fields:
            result.links[write.side, write.object, write.action.value, ""] += 1
    if keep is not None and len(result.writes) >= keep:
        return
    fields = tuple(
        FieldPlan(native=native, name=write.names.get(native), old=write.old.get(native), new=value, rule=write.rules.get(native, ""))
        for native, value in write.fields.items()
    )
    result.writes.append(
        WritePlan(
            crm=write.side, object=write.object, action=write.action.value, id=write.id, person_id=id, what=what, fields=fields,
            belongs_to=tuple(map(_named, write.about)), no_longer_to=tuple(map(_named, write.unlink)), after_person=_after_person(write),
        )
    )  # fmt: skip


def _named(ref: Ref) -> str:
    return str(ref) if ref.id else f"{ref.side}:{ref.object}/(new)"
