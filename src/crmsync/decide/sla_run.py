"""How long an SLA clock has run (process.md A6, A7): its owners one after the other, each in their own working time, less the pauses.

Everything is added up anew from the start of the clock. So it makes no difference how often, or when, anybody looked meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from crmsync.decide import worktime
from crmsync.model.absence import Away
from crmsync.model.record import User
from crmsync.model.rules import WorkingHours
from crmsync.model.work import Clock

CONVERSATION, COVER = "conversation", "cover"
"""Why a clock is paused (A7)."""
ROUNDING = 1e-6
"""Minutes that sums of fractions may be off."""
Span = tuple[datetime, datetime]
"""(start, end), the end not included."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Pause:
    """A stretch in which a clock does not run. start, end: UTC, the end not included. why: CONVERSATION | COVER."""

    start: datetime
    end: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch in which a clock runs without a break. end: None for the last one."""

    start: datetime
    end: datetime | None
    calendar: worktime.Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The stretches in which a clock runs, in order, the last one without an end; the pauses between them."""

    stretches: tuple[Stretch, ...]
    pauses: tuple[Pause, ...]

    def worked(self, until: datetime) -> float:
        """Minutes that ran before that moment."""
        return sum((one.calendar.worked(one.start, min(one.end or until, until)) for one in self.stretches if one.start < until), 0.0)

    def reaches(self, minutes: float) -> datetime:
        """The earliest moment (UTC) at which so many minutes have run."""
        left = minutes
        for one in self.stretches:
            if one.end is None:
                return one.calendar.due(one.start, left)
            ran = one.calendar.worked(one.start, one.end)
            if ran >= left - ROUNDING:
                return one.calendar.due(one.start, min(left, ran))
            left -= ran
        raise AssertionError("the last stretch has no end")

    def paused(self, at: datetime) -> str:
        """Why it is paused at that moment, "" when it runs; a conversation before a cover."""
        found = {pause.why for pause in self.pauses if pause.start <= at < pause.end}
        return CONVERSATION if CONVERSATION in found else COVER if found else ""

    def since(self, at: datetime) -> datetime:
        """When the stretch began that goes on at that moment."""
        return max(one.start for one in self.stretches if one.start <= max(at, self.stretches[0].start))

    def turns(self, after: datetime) -> datetime | None:
        """When the next pause begins or ends."""
        return min((at for pause in self.pauses for at in (pause.start, pause.end) if at > after), default=None)


def run_of(
    clock: Clock, *, users: Mapping[str, User], hours: WorkingHours, now: datetime, pauses: Sequence[Pause] = (), covers: bool = False
) -> tuple[Run, tuple[Span, ...]]:
    """How a clock runs, and the covered stretches to remember (`Clock.covered`). pauses: conversations. covers: whether an owner who is away with
    somebody standing in pauses it; what is remembered of that counts beside what is told of absences now."""
    spans = list(_owners(clock))
    told = [part for start, end, owner in spans for part in _within(covered(owner, users), start, end)] if covers else []
    kept = _remembered(clock, told, now) if covers else ()
    stood_in = merged([*told, *kept])
    off = [*pauses, *(Pause(start=start, end=end, why=COVER) for start, end in stood_in)]
    closed = merged((pause.start, pause.end) for pause in off)
    around = worktime.around_the_clock()
    found: list[Stretch] = []
    for start, end, owner in spans:
        calendar = worktime.calendar_of(users.get(owner or ""), hours) if clock.working else around
        for opens, closes in _gaps(closed, start, end):
            found.append(Stretch(start=opens, end=closes, calendar=calendar))
    return Run(stretches=tuple(found), pauses=tuple(sorted(off))), kept


def covered(owner: str | None, users: Mapping[str, User]) -> tuple[Span, ...]:
    """When somebody stands in for that owner who is away: never one who is away too, or who is no active user."""
    found: list[Span] = []
    for away in _absences(owner, users):
        cover = away.cover.strip().lower()
        user = users.get(cover)
        if cover != owner and user is not None and user.active and user.kind == "person":
            found += [
                (start, end)
                for start, end in _gaps(merged((a.start, a.end) for a in _absences(cover, users)), away.start, away.end)
                if end is not None
            ]
    return merged(found)


def _remembered(clock: Clock, told: Sequence[Span], now: datetime) -> tuple[Span, ...]:
    """The covered stretches to remember: those that are over stay as they were, whatever is told later; of one that goes on counts what is told now, and
    before that what was told: a CRM that only knows "away until" begins it anew with each reading."""
    past = [span for span in clock.covered if span[1] <= now]
    for start, end in clock.covered:
        if start < now < end:
            begins = min((s for s, e in told if s < end and start < e), default=now)
            past.append((start, min(begins, now)))
    return merged([*past, *(span for span in told if span[0] <= now)])


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time in stretches apart from each other, in order; empty and reversed ones are left out."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def _absences(owner: str | None, users: Mapping[str, User]) -> tuple[Away, ...]:
    user = users.get(owner or "")
    return user.away if user is not None else ()


def _owners(clock: Clock) -> Iterable[tuple[datetime, datetime | None, str | None]]:
    """(from, until, owner), one after the other."""
    start = clock.started_at
    for until, owner in clock.earlier:
        yield start, until, owner
        start = until
    yield start, None, clock.owner


def _within(spans: Iterable[Span], start: datetime, end: datetime | None) -> list[Span]:
    cut = [(max(a, start), b if end is None else min(b, end)) for a, b in spans]
    return [(a, b) for a, b in cut if a < b]


def _gaps(closed: Sequence[Span], start: datetime, end: datetime | None) -> Iterable[tuple[datetime, datetime | None]]:
    """What is left of start..end outside of these stretches, which are in order and apart."""
    for opens, closes in closed:
        if closes <= start or (end is not None and opens >= end):
            continue
        if opens > start:
            yield start, opens
        start = max(start, closes)
    if end is None or start < end:
        yield start, end
