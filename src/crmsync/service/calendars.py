"""Absences from calendars: who has one (`Shift.calendar`), reading them while nobody waits for it, what became of it (process.md R3).

Each is read every quarter of an hour at most. What was read is kept in the store, so that a process that ends at once knows it too; a calendar that cannot be read
keeps what was known of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import structlog

from crmsync.connect.calendars import CalendarError, Reading, read_calendar
from crmsync.decide.canonical import moment, stamp
from crmsync.decide.shift import CALENDARS
from crmsync.decide.worktime import known_zone, zone_of
from crmsync.model.record import User
from crmsync.model.rules import WorkingHours
from crmsync.service.calendars_known import STATE, state_of
from crmsync.service.calendars_where import addresses
from crmsync.store import Store

if TYPE_CHECKING:
    from crmsync.service.workspace import Workspace

log = structlog.get_logger(__name__)

EVERY = timedelta(minutes=15)
ANEW = timedelta(days=1)
"""When a calendar that has not changed is read all the same: what repeats goes on."""
LOOK = timedelta(minutes=1)
"""How often it is looked whose calendar is due."""
THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """One person's calendar. zone: name of theirs."""

    address: str
    zone: str

    @property
    def mark(self) -> str:
        return blake2b(f"{self.zone}\n{self.address}".encode(), digest_size=12, person=b"crmsync").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """In a thread's words. rows: None when the calendar is as it was. note: why it could not be read ("": it could)."""

    mark: str
    rows: list[dict[str, str]] | None = None
    etag: str = ""
    note: str = ""


class Calendars:
    """Follows a workspace from cycle to cycle. Belongs to the thread that runs cycles. read: what reads an address."""

    def __init__(self, read: Callable[[str, str], Reading] = read_calendar) -> None:
        self._read = read
        self._pool: ThreadPoolExecutor | None = None
        self._running: dict[str, Future[_Answer]] = {}
        self._known: tuple[Mapping[str, str], WorkingHours, tuple[dict[str, str], dict[str, str]]] | None = None
        self._looked: datetime | None = None

    def step(self, workspace: Workspace, *, wait: float = 0.0, ask: bool = True) -> bool:
        """As `turn`, of a workspace. The caller makes its owners anew when the answer is True."""
        hours, users = workspace.playbook.hours, workspace.world.owners.users
        return self.turn(workspace.store, workspace.settings.environ, hours, users, workspace.clock(), wait=wait, ask=ask)

    def turn(
        self,
        store: Store,
        environ: Mapping[str, str],
        hours: WorkingHours,
        users: Mapping[str, User],
        now: datetime,
        *,
        wait: float = 0.0,
        ask: bool = True,
    ) -> bool:
        """Takes in what was read, has read what is due (unless told not to) and waits for at most that many seconds for it. users: by house owner id.
        Returns whether the store now knows of other absences. Raises what the store raises."""
        if self._known is None or self._known[0] is not environ or self._known[1] is not hours:
            self._known, self._looked = (environ, hours, addresses(environ, hours)), None
        found, wrong = self._known[2]
        idle = self._looked is not None and self._looked <= now < self._looked + LOOK
        if idle and not self._running:
            return False
        sources = {house: _Source(address=address, zone=_zone(house, hours, users)) for house, address in found.items()}
        changed = self._take(store, sources, wrong, now)
        if ask and not idle:
            self._ask(store, sources, now)
            self._looked = now
        if wait > 0 and self._running:
            wait_for(self._running.values(), timeout=wait)
            changed |= self._take(store, sources, wrong, now)
        return changed

    def close(self) -> None:
        """Drops what was not asked yet; does not wait for what was."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None
        self._running.clear()

    def _ask(self, store: Store, sources: Mapping[str, _Source], now: datetime) -> None:
        state = state_of(store)
        for house, source in sources.items():
            known = state.get(house, {})
            if house in self._running or not _due(known, source, now):
                continue
            read_at = moment(known.get("read_at"))
            fresh = known.get("mark") == source.mark and read_at is not None and now - ANEW < read_at <= now
            self._pool = self._pool or ThreadPoolExecutor(THREADS, thread_name_prefix="calendar")
            self._running[house] = self._pool.submit(self._one, source, str(known.get("etag", "")) if fresh else "", now)

    def _one(self, source: _Source, etag: str, now: datetime) -> _Answer:
        """In a thread."""
        from crmsync.connect.ical import absences

        try:
            reading = self._read(source.address, etag)
            if reading.text is None:
                return _Answer(mark=source.mark, etag=reading.etag)
            found = absences(reading.text, zone_of(source.zone), now)
            return _Answer(mark=source.mark, etag=reading.etag, rows=[{"start": stamp(one.start), "end": stamp(one.end)} for one in found])
        except CalendarError as error:
            return _Answer(mark=source.mark, note=str(error))
        except ValueError:
            return _Answer(mark=source.mark, note="what stands at its address is no iCalendar")
        except Exception as error:  # of a library, about hostile text; its message may hold some of it
            return _Answer(mark=source.mark, note=f"it cannot be understood ({type(error).__name__})")

    def _take(self, store: Store, sources: Mapping[str, _Source], wrong: Mapping[str, str], now: datetime) -> bool:
        done = {house: future.result() for house, future in self._running.items() if future.done()}
        self._running = {house: future for house, future in self._running.items() if house not in done}
        if not done and self._looked is not None and self._looked <= now:
            return False
        with store.begin():
            told: dict[str, Any] = store.get(CALENDARS) or {}
            state = state_of(store)
            rows = {house: found for house, found in told.items() if house in sources or house in wrong}
            kept = {house: one for house, one in state.items() if house in sources}
            kept |= {house: {**state.get(house, {}), "mark": "", "note": text} for house, text in wrong.items()}
            for house, answer in done.items():
                if house not in sources or answer.mark != sources[house].mark:
                    continue  # it was another's, or another zone's: it is read again
                before = kept.get(house, {})
                kept[house] = _after(before, answer, now)
                if answer.rows is not None:
                    rows[house] = answer.rows
                if answer.note and before.get("note") != answer.note:
                    log.warning("a calendar cannot be read", owner=house, reason=answer.note)
            if kept != state:
                store.put(STATE, kept)
            if rows != told:
                store.put(CALENDARS, rows)
        return bool(rows != told)


def _after(before: Mapping[str, Any], answer: _Answer, now: datetime) -> dict[str, Any]:
    """What is known of a calendar when it was asked."""
    known = {**before, "mark": answer.mark, "asked_at": stamp(now), "note": answer.note}
    if answer.rows is not None:
        return {**known, "etag": answer.etag, "read_at": stamp(now)}
    # What failed is as unknown as before, and so is what another address or zone told.
    return known if before.get("mark") == answer.mark else {**known, "etag": "", "read_at": None}


def _due(known: Mapping[str, Any], source: _Source, now: datetime) -> bool:
    asked = moment(known.get("asked_at"))
    return known.get("mark") != source.mark or asked is None or not now - EVERY < asked <= now


def _zone(house: str, hours: WorkingHours, users: Mapping[str, User]) -> str:
    user = users.get(house)
    told = (user.time_zone if user is not None else None, hours.people[house].time_zone, hours.time_zone)
    return next((name for name in told if name is not None and known_zone(name)), "UTC")
