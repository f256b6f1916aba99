"""Signals from what a CRM shows: native fields whose changes are events (SignalMap), from a snapshot or from a field's history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from crmsync.decide.condition import text_matches
from crmsync.decide.text import one_line, parse_moment, stamp
from crmsync.model.event import Event
from crmsync.model.link import Signal, SignalSource, Snapshot
from crmsync.model.record import Fields, FieldVersion, Ref, Value
from crmsync.model.rules import SignalMap

DETAIL_LIMIT = 1000
"""Characters of a detail that are kept; page addresses with tracking parameters can be longer."""

TORN = timedelta(seconds=2)
"""A CRM writes detail and time of one event as two properties; their history stamps may lie this far apart. So may the moments that a field and
the CRM's own list of events give of one event."""
TURNED = timedelta(days=1)
"""The same for a field that turns true and has no moment of its own: it is dated by the record's modification, which may be any later one."""
ANSWERS, ANSWER_LENGTH = 30, 300
"""Answers of one form that are kept, and characters of each."""
_FROM_FIELDS = (SignalSource.PROPERTY, SignalSource.HISTORY)


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


def signal_of(event: Event, m: SignalMap) -> Signal:
    """The signal that a listed event is, by the patterns of the field that shows the same events."""
    about = one_line(event.detail, DETAIL_LIMIT)
    answers = tuple(f"{one_line(name, 60)}: {one_line(answer, ANSWER_LENGTH)}" for name, answer in event.answers if answer.strip())[
        :ANSWERS
    ]
    key = sha256("\x1f".join((m.side, event.kind, event.id)).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Signal(event_id=key, type=_type(m, about), at=event.at, detail=about, source=SignalSource.EVENT, answers=answers)


def joined(known: Iterable[Signal], fresh: Iterable[Signal], maps: Sequence[SignalMap]) -> tuple[list[Signal], list[str]]:
    """(signals of one person to store, event ids that they stand in for) so that an event that both a field and the CRM's list of events tell
    stands there once, whichever came first: under the field's event id, so that it is recognised when the field is read again, with the
    answers that only the list has. known: what is stored already; of `fresh`, what is among it is left out."""
    fields = {m.events: m for m in maps if m.events}
    held = {s.event_id: s for s in known}
    before, dropped = dict(held), set[str]()
    for s in fresh:
        if s.event_id in held or s.event_id in dropped:
            continue
        listed = s.source == SignalSource.EVENT
        if not listed and s.source not in _FROM_FIELDS:
            held[s.event_id] = s
            continue
        others = [
            o for o in held.values() if (o.source in _FROM_FIELDS if listed else o.source == SignalSource.EVENT) and _alike(s, o, fields)
        ]
        twin = min(others, key=lambda o: (abs(o.at - s.at), o.event_id), default=None)
        if twin is None:
            held[s.event_id] = s
            continue
        field, event = (twin, s) if listed else (s, twin)
        if not listed:
            dropped.add(event.event_id)
            del held[event.event_id]
        held[field.event_id] = _with_answers(field, event, fields.values())
    return [s for id, s in held.items() if before.get(id) != s], sorted(dropped & before.keys())


def _alike(one: Signal, other: Signal, fields: Mapping[str, SignalMap]) -> bool:
    """Whether a field and a list of events may tell of one event: a signal of the same kind at the same moment."""
    apart = abs(one.at - other.at)
    return any(one.type in m.types and other.type in m.types and apart <= (TURNED if m.when_true else TORN) for m in fields.values())


def _with_answers(field: Signal, event: Signal, maps: Iterable[SignalMap]) -> Signal:
    generic = {m.type for m in maps}
    kind = event.type if field.type in generic and event.type not in generic else field.type
    return replace(field, type=kind, answers=field.answers or event.answers)


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
