"""The part of `crmsync explain` about activities, companies and deals that belong to a person; from what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crmsync.decide.translate import Lens
from crmsync.decide.twin_look import shown, when_of
from crmsync.engine.kinds import kind_in
from crmsync.model.change import OutcomeKind
from crmsync.model.journal import JournalEntry
from crmsync.model.link import UNDONE, Snapshot, Twin
from crmsync.model.record import RecordState, Value
from crmsync.service.workspace import Workspace

NEWEST = 200
"""Activities shown, the newest first."""
WRITES_EACH = 50


def activities(workspace: Workspace, person_id: str) -> tuple[list[dict[str, Any]], list[JournalEntry]]:
    """(the documented rows, newest first; every write about them). Empty when schemas were never read."""
    world, store = workspace.world, workspace.store
    if not world.schemas:
        return [], []
    belonging = store.links.belonging_to([person_id]).get(person_id, [])
    ids = list(dict.fromkeys(record.person_id for record in belonging if record.person_id is not None))
    twins, records = store.twins.get(ids), store.snapshots_of(ids)
    rows: list[dict[str, Any]] = []
    writes: list[JournalEntry] = []
    for twin in twins.values():
        if twin.kind in world.kinds.maps:
            entries = store.journal.of(twin.twin_id, limit=WRITES_EACH)
            rows.append(_row(workspace, twin, records.get(twin.twin_id, []), entries))
            writes += entries
    rows.sort(key=lambda row: (row["at"] or "", row["key"]), reverse=True)
    kept = {row["key"] for row in rows[:NEWEST]}
    return rows[:NEWEST], [entry for entry in writes if entry.person_id in kept]


def _row(workspace: Workspace, twin: Twin, records: Sequence[Snapshot], entries: Sequence[JournalEntry]) -> dict[str, Any]:
    world = workspace.world
    ground = world.ground(twin.kind, workspace.clock())
    live = [r for r in records if r.state is RecordState.LIVE and (r.ref.side, r.ref.object) in ground.terms.lenses]
    seen: dict[str, tuple[Snapshot, Lens]] = {}
    for record in sorted(live, key=lambda r: f"{r.ref.object}/{r.ref.id}" != twin.state.anchors.get(r.ref.side)):
        lens = ground.terms.lenses[record.ref.side, record.ref.object]
        seen.setdefault(record.ref.side, (shown(record, lens, ground, twin.state), lens))
    house: dict[str, Value] = {}
    for record, _ in seen.values():
        house = {**record.fields, **{name: value for name, value in house.items() if value is not None}}
    at = max((when_of(record, lens) for record, lens in seen.values()), default=None)
    done = [entry for entry in entries if entry.outcome == OutcomeKind.DONE.value]
    return {
        "key": twin.twin_id,
        "kind": twin.kind,
        "subject": house.get("subject") or house.get("name"),
        "due": house.get("due"),
        "at": None if at is None else at.isoformat(),
        "status": house.get("status") or house.get("outcome") or house.get("disposition"),
        "owner": house.get("owner"),
        "records": [
            {"crm": r.ref.side, "object": r.ref.object, "record_id": r.ref.id, "state": r.state.value, "changed_by": changed_by(r)}
            for r in records
        ],
        "waiting": twin.waiting or None,
        "undone": sorted(side for side, marks in twin.state.written.items() if any(name.startswith(UNDONE) for name in marks)),
        "fields": _fields(twin, {side: record for side, (record, _) in seen.items()}, done),
        "last_write": None if not done else last_write(done[0]),
    }


def last_write(entry: JournalEntry) -> dict[str, Any]:
    """One write in a line."""
    return {
        "write_id": entry.write.write_id, "at": entry.at.isoformat(), "crm": entry.side, "action": entry.write.action.value,
        "rules": sorted({rule for rule in entry.rules.values() if rule}),
    }  # fmt: skip


def changed_by(record: Snapshot) -> str | None:
    """Who changed the record last, where its CRM tells."""
    return None if record.by_us is None else "crmsync" if record.by_us else f"somebody in {record.ref.side}"


def _fields(twin: Twin, seen: Mapping[str, Snapshot], done: Sequence[JournalEntry]) -> list[dict[str, Any]]:
    """Every field that a side shows: values, what was agreed, and the write that set it, with what that replaced."""
    last = newest(done)
    names = dict.fromkeys(name for record in seen.values() for name in record.fields)
    return [
        {
            "field": name,
            "values": {side: record.fields[name] for side, record in seen.items() if name in record.fields},
            "agreed": dict(twin.state.base[name].values) if name in twin.state.base else None,
            "rule": last.get(name, {}).get("rule"),
            "last_write": last.get(name),
        }
        for name in names
    ]


def newest(done: Sequence[JournalEntry]) -> dict[str, dict[str, Any]]:
    """field -> the newest write of it and what that replaced (native values). done: accepted writes, newest first."""
    last: dict[str, dict[str, Any]] = {}
    for entry in done:
        for native, name in entry.names.items():
            last.setdefault(
                name,
                {"crm": entry.side, "at": entry.at.isoformat(), "rule": entry.rules.get(native), "write_id": entry.write.write_id,
                 "value": entry.write.fields.get(native), "old": entry.old.get(native), "old_known": native in entry.old},
            )  # fmt: skip
    return last


def what(entry: JournalEntry) -> str:
    """What a write is about: "person", "task" for a first touch, else the kind."""
    return kind_in(entry.kind) or entry.kind
