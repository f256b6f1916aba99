"""`crmsync explain EMAIL`: everything crmsync knows about one person and why; from what is stored, no CRM is contacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crmsync.decide.canonical import same
from crmsync.engine.deliberate import Verdict
from crmsync.engine.preview import look
from crmsync.errors import ConfigError, CrmsyncError
from crmsync.model.change import OutcomeKind
from crmsync.model.journal import JournalEntry
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import Value
from crmsync.service.conflicts import as_json
from crmsync.service.explain_activities import activities, changed_by, newest, what
from crmsync.service.explain_rules import gate_of, next_change, overdue, score_of, track_of
from crmsync.service.explain_work import alerts_of, cadence_of, clocks_of, owner_of, passes_on_at, touches_of
from crmsync.service.forget import erased_at
from crmsync.service.workspace import Workspace

WRITES = 500


def explain(workspace: Workspace, email: str, *, chosen: bool = False) -> dict[str, Any]:
    """The documented shape. Several persons with that address: the first, the others' ids in `also`. Somebody who was erased: only `erased`. chosen: somebody
    named the moment that the clock shows; one at which nobody had that person yet is refused, for nothing is stored of it.

    Raises: CrmsyncError when nobody has that address; ConfigError when nothing was ever read, and for a moment that is refused.
    """
    store, world = workspace.store, workspace.world
    found = store.find_person_by_email(email.strip().lower())
    erased = erased_at(store, email)
    if not found:
        if erased is not None:
            return {"erased": erased.isoformat()}
        raise CrmsyncError(f"No person with the e-mail {email.strip()} is known; no CRM was asked. Run `crmsync sync` and try again.")
    person_id = found[0]
    state = store.persons([person_id]).get(person_id) or PersonState(person_id=person_id)
    snapshots = store.snapshots_of([person_id]).get(person_id, [])
    writes = store.journal.of(person_id, limit=WRITES)
    now, first = workspace.clock(), _first(state, snapshots)
    if chosen and first is not None and now < first:
        raise ConfigError(
            f"{email.strip()} was not there at {now:%Y-%m-%d %H:%M} UTC, but from {first:%Y-%m-%d %H:%M} UTC on. No CRM was asked."
        )
    verdict = look(world, [person_id], now)[0] if world.recall() else None
    problems = store.problems.rows(person_ids=[person_id])
    around, their_writes = activities(workspace, person_id)
    mine, signals = [person_id], store.signals.of([person_id]).get(person_id, [])
    touches = store.touches.of(mine).get(person_id, [])
    facts = verdict.reconciled.facts if verdict is not None else {}
    decided = verdict.decision.state.clocks if verdict is not None and verdict.decision is not None else ()
    passes_on = passes_on_at(world, state, facts, world.lists, signals, touches, now)
    everything = sorted([*writes, *their_writes], key=lambda entry: entry.at, reverse=True)[:WRITES]
    return {
        "at": now.isoformat(),
        "person": _person(state, verdict, snapshots),
        "also": found[1:],
        "links": [_link(s, verdict) for s in snapshots],
        "fields": _fields(state, snapshots, verdict, writes, workspace),
        "score": score_of(world, verdict, state, signals, now),
        "stage": _stage(state),
        "gate": gate_of(verdict),
        "track": track_of(state),
        "next_questions": state.outputs.get("crmsync_next_questions"),
        "owner": owner_of(world, state, store.assignments.of(mine).get(person_id, ()), passes_on),
        "clocks": clocks_of(state, store.obligations.of(mine).get(person_id, ()), world.owners.users, workspace.playbook.hours, now, decided),
        "touches": touches_of(
            store.tasks.of(mine).get(person_id, ()), store.touches.tasks_of(mine).get(person_id, ()), touches
        ),
        "cadence": cadence_of(state, workspace.playbook.cadences),
        "alerts": alerts_of(store.alerts.of(mine).get(person_id, ())),
        "activities": around,
        "writes": [row for entry in everything for row in _write(entry)],
        "conflicts": [as_json(conflict) for conflict in store.conflicts.rows(person_ids=[person_id])],
        "problems": [
            {"id": p.problem_id, "cause": p.problem.cause, "crm": p.problem.side, "object": p.problem.object, "field": p.problem.field,
             "message": p.problem.message, "attempts": p.attempts}
            for p in problems
        ],
        "next_due_at": None if state.next_due_at is None else state.next_due_at.isoformat(),
        "overdue": overdue(world, verdict, now),
        "next": next_change(world, verdict, now),
        "erased": None if erased is None else erased.isoformat(),
    }  # fmt: skip


def _first(state: PersonState, snapshots: Sequence[Snapshot]) -> datetime | None:
    """When somebody first had them, crmsync or a CRM; None: that is not known."""
    known = [state.created_at, *(s.created_at for s in snapshots), *(entry.at for entry in state.stages[:1])]
    return min((at for at in known if at is not None), default=None)


def _person(state: PersonState, verdict: Verdict | None, snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    facts: Mapping[str, Value] = verdict.reconciled.facts if verdict is not None else {k: v for s in snapshots for k, v in s.fields.items()}
    return {
        "person_id": state.person_id,
        **{name: facts.get(name) for name in ("email", "first_name", "last_name", "title", "company", "phone", "country")},
        "mql_type": state.mql_type,
        "trigger": state.trigger or None,
        "historic": state.historic,
        "outputs": dict(state.outputs),
        "created_at": None if state.created_at is None else state.created_at.isoformat(),
    }


def _link(snapshot: Snapshot, verdict: Verdict | None) -> dict[str, Any]:
    anchors = verdict.reconciled.anchors if verdict is not None else {}
    ref = snapshot.ref
    return {
        "crm": ref.side,
        "object": ref.object,
        "record_id": ref.id,
        "state": snapshot.state.value,
        "kept_in_step": anchors.get(ref.side) == f"{ref.object}/{ref.id}",
        "survivor": None if snapshot.survivor is None else str(snapshot.survivor),
        "former_ids": list(snapshot.former_ids),
        "changed_by": changed_by(snapshot),
        "created_at": None if snapshot.created_at is None else snapshot.created_at.isoformat(),
        "modified_at": snapshot.modified_at.isoformat(),
    }


def _fields(
    state: PersonState, snapshots: Sequence[Snapshot], verdict: Verdict | None, writes: Sequence[JournalEntry], workspace: Workspace
) -> list[dict[str, Any]]:
    """Provenance of every mapped field: what each side shows, what was last agreed, and the newest write with its rule."""
    shown = _shown(snapshots, verdict)
    done = [entry for entry in writes if entry.outcome == OutcomeKind.DONE.value and entry.kind == "person"]
    last = newest(done)
    pending = {(w.side, w.names[n]): w.rules.get(n) for w in (verdict.plan.writes if verdict else ()) for n in w.fields if n in w.names}
    rows = []
    for name in workspace.playbook.person.fields:
        values = {side: fields[name] for side, fields in shown.items() if name in fields}
        agreed = state.base.get(name)
        if not values and agreed is None:
            continue
        rows.append(
            {
                "field": name,
                "values": values,
                "agreed": None if agreed is None else dict(agreed.values),
                "rule": last.get(name, {}).get("rule"),
                "last_write": last.get(name),
                "set_by": {side: _set_by(workspace, done, side, name, value) for side, value in values.items()},
                "pending": {side: rule for (side, n), rule in pending.items() if n == name},
                "conflict_rule": workspace.playbook.person.fields[name].conflict,
                "mapping": workspace.playbook.person.fields[name].where,
            }
        )
    return rows


def _set_by(workspace: Workspace, done: Sequence[JournalEntry], side: str, name: str, value: Value) -> str:
    """Whose value a side shows: "crmsync" where our newest write of the field there wrote it, else the CRM's own name."""
    for entry in done:
        native = next((native for native, house in entry.names.items() if house == name), None) if entry.side == side else None
        if native is not None and native in entry.write.fields:
            lens = workspace.world.lenses.get((side, entry.write.object))
            written = lens.to_house({native: entry.write.fields[native]}, workspace.world.owners).get(name) if lens is not None else None
            return "crmsync" if same(workspace.playbook.person.fields[name].type, written, value) else side
    return side


def _shown(snapshots: Sequence[Snapshot], verdict: Verdict | None) -> dict[str, Mapping[str, Value]]:
    anchors = dict(verdict.reconciled.anchors) if verdict is not None else {}
    shown: dict[str, Mapping[str, Value]] = {}
    for snapshot in snapshots:
        kept = anchors.get(snapshot.ref.side)
        if kept == f"{snapshot.ref.object}/{snapshot.ref.id}" or (kept is None and snapshot.ref.side not in shown):
            shown[snapshot.ref.side] = snapshot.fields
    return shown


def _stage(state: PersonState) -> dict[str, Any]:
    newest = state.stages[-1] if state.stages else None
    return {
        "current": None if newest is None else newest.stage,
        "since": None if newest is None else newest.at.isoformat(),
        "mql_type": state.mql_type,
        "trigger": state.trigger or None,
        "recycles": state.recycles,
        "history": [
            {"from": e.previous, "to": e.stage, "at": e.at.isoformat(), "cause": e.cause, "who": e.who} for e in state.stages
        ],
    }  # fmt: skip


def _write(entry: JournalEntry) -> list[dict[str, Any]]:
    head = {
        "write_id": entry.write.write_id,
        "at": entry.at.isoformat(),
        "crm": entry.side,
        "object": entry.write.object,
        "record_id": entry.record_id or entry.write.id,
        "action": entry.write.action.value,
        "what": what(entry),
    }
    tail = {"outcome": entry.outcome, "cause": entry.cause or None, "message": entry.message or None}
    if not entry.write.fields:
        return [{**head, "field": None, "old": None, "new": None, "rule": entry.rules.get(""), **tail}]
    return [
        {**head, "field": native, "name": entry.names.get(native), "old": entry.old.get(native), "new": value,
         "rule": entry.rules.get(native), **tail}
        for native, value in entry.write.fields.items()
    ]  # fmt: skip
