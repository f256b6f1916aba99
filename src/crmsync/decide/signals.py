"""Signals from what a CRM shows: native fields whose changes are events (SignalMap), from a snapshot or from a field's history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from crmsync.decide.condition import text_matches
from crmsync.decide.text import parse_moment, stamp
from crmsync.model.link import Signal, SignalSource, Snapshot
from crmsync.model.record import Fields, FieldVersion, Ref, Value
from crmsync.model.rules import SignalMap

DETAIL_LIMIT = 1000
"""Characters of a detail that are kept; page addresses with tracking parameters can be longer."""

TORN = timedelta(seconds=2)
"""A CRM writes detail and time of one event as two properties; their history stamps may lie this far apart."""


def event_id(ref: Ref, field: str, at: datetime | None, detail: str) -> str:
    """32 hex digits naming one event: the same for every way of reading it. at None: for fields that are events by turning true."""
    parts = (ref.side, ref.object, ref.id, field, "" if at is None else stamp(at), detail)
    return sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def signals_from(snapshot: Snapshot, previous_extra: Fields | None, maps: Sequence[SignalMap]) -> list[Signal]:
    """Signals that a snapshot's native values (`snapshot.extra`) show, in the order of `maps`.

    previous_extra: the values as last shown; what is the same there is no new event. None: unknown, everything shown is returned (ids are
    stable, so that repeats count once). Nothing is returned for a moment that cannot be read or a detail that is empty.

    A `when_true` field has no moment of its own: the signal is dated by the record's modification, and its id holds no moment, so that it
    counts once per record, however often and late it is read; a second turn to true is not a second event.
    """
    found: list[Signal] = []
    extra = snapshot.extra
    for m in maps:
        if m.side != snapshot.ref.side or m.object != snapshot.ref.object or extra.get(m.field) is None:
            continue
        value = extra[m.field]
        if m.when_true:
            if _true(value) and not (previous_extra is not None and _true(previous_extra.get(m.field))):
                found.append(_turned(snapshot.ref, m, value, snapshot.modified_at, SignalSource.PROPERTY))
            continue
        when = extra.get(m.time_field) if m.time_field else value
        same_time = previous_extra is not None and (m.time_field is None or previous_extra.get(m.time_field) == when)
        if previous_extra is not None and same_time and previous_extra.get(m.field) == value:
            continue
        signal = _event(snapshot.ref, m, value if m.time_field else None, parse_moment(when), SignalSource.PROPERTY)
        if signal is not None:
            found.append(signal)
    return found


def signals_from_history(versions: Sequence[FieldVersion], ref: Ref, maps: Sequence[SignalMap]) -> list[Signal]:
    """Signals from field versions of the record `ref` (others are left out), oldest first.

    With a time field, every version of *it* is an event (the same form sent twice changes only the time) and the detail is the one in
    force then; that gives the ids that signals_from gives. When the history of the time field is not at hand, versions of the detail are
    dated by when they were set.
    """
    found: list[Signal] = []
    by_field: dict[str, list[FieldVersion]] = {}
    for v in sorted((v for v in versions if v.id == ref.id), key=lambda v: v.at):
        by_field.setdefault(v.field, []).append(v)
    for m in maps:
        if m.side != ref.side or m.object != ref.object:
            continue
        own = by_field.get(m.field, [])
        if m.when_true:
            first = next((v for v in own if _true(v.value)), None)
            if first is not None:
                found.append(_turned(ref, m, first.value, first.at, SignalSource.HISTORY))
            continue
        times = by_field.get(m.time_field, []) if m.time_field else []
        pairs: list[tuple[Value, datetime | None]]
        if m.time_field is None:
            pairs = [(None, parse_moment(v.value)) for v in own]
        elif times:
            pairs = [(_in_force(own, t.at + TORN), parse_moment(t.value)) for t in times]
        else:
            pairs = [(v.value, v.at) for v in own]
        found.extend(s for s in (_event(ref, m, value, at, SignalSource.HISTORY) for value, at in pairs) if s is not None)
    return sorted(unique(found), key=lambda s: (s.at, s.event_id))


def unique(signals: Iterable[Signal]) -> list[Signal]:
    """Each event once (S12), the first seen kept.

    Beside equal ids, two signals read from CRM fields with one type, moment and detail are one event: a merged record shows the events of
    the one that was merged into it under its own id. One activity of two persons who became one is one event, too.
    """
    seen: set[object] = set()
    kept: list[Signal] = []
    for s in signals:
        if s.event_id in seen:
            continue
        seen.add(s.event_id)
        if s.source == SignalSource.ACTIVITY:
            event = s.event_id.rpartition(":")[0]  # the last part is the person it was first known of
            if event in seen:
                continue
            seen.add(event)
        elif s.source in (SignalSource.PROPERTY, SignalSource.HISTORY):
            told = (s.type, s.at, s.detail)
            if told in seen:
                continue
            seen.add(told)
        kept.append(s)
    return kept


def _event(ref: Ref, m: SignalMap, value: Value, at: datetime | None, source: SignalSource) -> Signal | None:
    detail = "" if value is None else str(value).strip()[:DETAIL_LIMIT]
    if at is None or (m.time_field is not None and not detail):
        return None
    return Signal(event_id=event_id(ref, m.field, at, detail), type=_type(m, detail), at=at, detail=detail, source=source)


def _turned(ref: Ref, m: SignalMap, value: Value, at: datetime, source: SignalSource) -> Signal:
    detail = value.strip()[:DETAIL_LIMIT] if isinstance(value, str) and value.strip().lower() != "true" else ""
    return Signal(event_id=event_id(ref, m.field, None, ""), type=_type(m, detail), at=at, detail=detail, source=source)


def _type(m: SignalMap, detail: str) -> str:
    return next((name for pattern, name in m.patterns if text_matches(pattern, detail)), m.type)


def _in_force(versions: list[FieldVersion], at: datetime) -> Value:
    return next((v.value for v in reversed(versions) if v.at <= at), None)


def _true(value: Value) -> bool:
    return value.strip().lower() not in ("", "false", "no", "0") if isinstance(value, str) else bool(value)
