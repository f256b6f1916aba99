"""Events that a CRM lists beside its records (forms with their answers, marketing e-mails): read in turn, kept once, and known persons decided again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import structlog

from crmsync.connect.protocol import TellsEvents
from crmsync.decide.canonical import moment, stamp
from crmsync.decide.signals import joined, signal_of
from crmsync.engine.world import World
from crmsync.errors import CredentialsError, CrmsyncError
from crmsync.model.event import CLOSED_STREAMS, Event
from crmsync.model.link import Signal, Snapshot
from crmsync.model.record import GONE
from crmsync.model.rules import SignalMap
from crmsync.store import Store, early_place

log = structlog.get_logger(__name__)

TRY_AGAIN = 3_600.0
"""Seconds until a stream that was closed to us is tried again."""
NOBODY: Mapping[str, str] = {}
HINTS = 200
"""Details of one poll that are handed on; what they do not name is found in turn."""


def name_of(stream: str) -> str:
    """How a stream is called among the objects that were polled."""
    return f"events/{stream}"


def streams(world: World, side: str) -> list[str]:
    """The streams of a side that the playbook asks for and its connector tells."""
    told = world.connectors[side].traits.events
    return list(dict.fromkeys(told[m.events] for m in world.playbook.signals if m.side == side and m.events in told))


def due_streams(world: World, side: str, now: datetime) -> list[str]:
    """Those that are not known to be closed to us."""
    closed = (world.store.get(CLOSED_STREAMS) or {}).get(side, {})
    return [stream for stream in streams(world, side) if stream not in closed or _over(closed[stream]["at"], now)]


def _over(at: str, now: datetime) -> bool:
    tried = moment(at)
    return tried is None or not 0 <= (now - tried).total_seconds() < TRY_AGAIN


def pull_events(world: World, side: str, stream: str, now: datetime, hints: Sequence[str]) -> None:
    """Reads one stream to its end. One that cannot be read is told once and left: the same events are known from records, too."""
    store = world.store
    source = cast(TellsEvents, world.connectors[side])
    place = name_of(stream)
    try:
        for page in source.events(stream, store.cursor(side, place), now, list(dict.fromkeys(hints))[:HINTS]):
            with store.begin():
                take_events(world, side, page.events)
                if page.cursor is not None:
                    store.save_cursor(side, place, page.cursor)
    except CrmsyncError as error:
        # Its records could be read, so the CRM is there: nobody waits for what is only told in more detail here.
        _close(store, side, stream, str(error)[:300], now if isinstance(error, CredentialsError) else None, now)
        return
    _close(store, side, stream, None, None, now)


def _close(store: Store, side: str, stream: str, why: str | None, since: datetime | None, now: datetime) -> None:
    """Remembers that a stream could not be read, and since when it is not tried (None: it is tried at its next turn). why=None: it could."""
    if why is None and stream not in (store.get(CLOSED_STREAMS) or {}).get(side, {}):
        return
    with store.begin():  # another side's thread may remember something, too
        closed = store.get(CLOSED_STREAMS) or {}
        mine = closed.get(side, {})
        if why is not None and stream not in mine:
            log.warning("events not readable", side=side, stream=stream)
            store.log_event(now, "note", f"{side} does not let us read {stream}: {why} Signals go on to come from its records.")
        left = {name: row for name, row in mine.items() if name != stream}
        now_closed = left if why is None else {**left, stream: {"why": why, "at": stamp(since) if since else ""}}
        store.put(CLOSED_STREAMS, {**closed, side: now_closed})


def take_events(world: World, side: str, events: Sequence[Event]) -> None:
    """Stores events as signals of whoever has their address; see take_signals."""
    maps = {m.events: m for m in reversed(world.playbook.signals) if m.side == side and m.events}
    rows = [(e.email, signal_of(e, maps[e.kind])) for e in events if e.kind in maps and e.email.strip()]
    take_signals(world.store, rows, world.playbook.signals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of signals: new ones of persons we know, new ones of addresses that nobody has yet, those that were known, and those of
    persons who were erased (they are not kept)."""

    new: int = 0
    waiting: int = 0
    known: int = 0
    erased: int = 0


def take_signals(
    store: Store, rows: Sequence[tuple[str, Signal]], maps: Sequence[SignalMap] = (), persons: Mapping[str, str] = NOBODY
) -> Taken:
    """Stores signals of whoever has their address, and has these persons decided again. Of an address that nobody has they wait; of one that was
    erased they are not kept, nor what was done before by whoever had it then. rows: (address, signal). persons: event id -> person, for signals that name one instead (their address is "")."""
    folded = [(email.strip().lower(), signal) for email, signal in rows]
    with store.begin():
        emails = sorted({email for email, _ in folded if email})
        whose = {email: person for email, found in store.by_email(emails).items() if (person := _first(found)) is not None}
        _, erased = store.forgotten.known(emails=emails)
        mine: dict[str, list[Signal]] = {}
        early: dict[str, list[Signal]] = {}
        for email, signal in folded:
            person = persons.get(signal.event_id) or whose.get(email)
            if email in erased and (person is None or signal.at <= erased[email]):
                continue  # of whoever had the address before
            if person is not None:
                mine.setdefault(person, []).append(signal)
            else:
                early.setdefault(email, []).append(signal)
        known, waiting = store.signals.of(list(mine)), store.signals.waiting(list(early))
        counts: Counter[str] = Counter(erased=len(folded) - sum(map(len, (*mine.values(), *early.values()))))
        for kind, before, given in (("new", known, mine), ("waiting", waiting, early)):
            for place, fresh in given.items():
                held = before.get(place, ())
                keep, drop = joined(held, fresh, maps)
                added = _keep(store, [(place if kind == "new" else early_place(place), s) for s in keep], {s.event_id for s in held}, drop)
                counts[kind] += added
                counts["known"] += len(fresh) - added
                if keep and kind == "new":
                    store.mark_dirty_persons([place])
    return Taken(**counts)


def _keep(store: Store, rows: Sequence[tuple[str, Signal]], held: Collection[str], drop: Sequence[str]) -> int:
    """Stores signals; those whose event id is held take the place of what stands there. Returns how many were added."""
    again = [row for row in rows if row[1].event_id in held]
    if again or drop:
        store.signals.save(again, drop)
    fresh = [row for row in rows if row[1].event_id not in held]
    return store.signals.add(fresh) if fresh else 0


def addresses_of(world: World, records: Iterable[Snapshot]) -> set[str]:
    """Every folded address of a person's records that are not gone."""
    lenses = world.lenses
    return {email for s in records if s.state not in GONE for email in lenses[s.ref.side, s.ref.object].emails(s.fields, s.extra)}


def adopt(
    world: World, people: Mapping[str, Collection[str]], fresh: Sequence[tuple[str, Signal]], known: Mapping[str, Sequence[Signal]]
) -> bool:
    """Stores fresh signals of persons, and those that waited for somebody with their addresses; whether there were any. people: person -> folded
    addresses. known: person -> what is stored of them."""
    owner = {email: person for person in sorted(people, reverse=True) for email in people[person]}
    told: dict[str, list[Signal]] = {}
    for email, signals in world.store.signals.waiting(sorted(owner)).items():
        told.setdefault(owner[email], []).extend(signals)
    early = {person: {s.event_id for s in signals} for person, signals in told.items()}
    for person, signal in fresh:
        told.setdefault(person, []).append(signal)
    rows: list[tuple[str, Signal]] = []
    drop: list[str] = []
    for person, signals in told.items():
        keep, over = joined(known.get(person, ()), signals, world.playbook.signals)
        rows += [(person, signal) for signal in keep]
        drop += [*over, *(early.get(person, set()) - {s.event_id for s in keep})]
    held = {s.event_id for signals in known.values() for s in signals} | {id for ids in early.values() for id in ids}
    _keep(world.store, rows, held, drop)
    return bool(rows or drop)


def _first(found: Sequence[Snapshot]) -> str | None:
    """Of persons who have an address, the one with the oldest record (F23)."""
    known = sorted((s.created_at or s.modified_at, str(s.ref), s.person_id) for s in found if s.person_id is not None)
    return known[0][2] if known else None


def hints_of(world: World, side: str, object: str, rows: Iterable[tuple[Snapshot, Snapshot | None]]) -> Iterator[tuple[str, str]]:
    """(list of events, detail) of events that records of an object newly show. rows: (now, before)."""
    told = world.connectors[side].traits.events
    maps = [m for m in world.playbook.signals if (m.side, m.object) == (side, object) and m.time_field and m.events in told]
    for new, old in rows if maps else ():
        for m in maps:
            value, at = new.extra.get(m.field), str(m.time_field)
            if value is not None and new.state not in GONE and (old is None or old.extra.get(at) != new.extra.get(at)):
                yield told[m.events], str(value)
