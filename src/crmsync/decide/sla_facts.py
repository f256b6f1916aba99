"""What SLA clocks are about (process.md A1, A2, A7): when a person entered and left stages, when sales talked with them, what became of a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.decide.canonical import moment
from crmsync.decide.sla_run import CONVERSATION, Pause
from crmsync.model.followup import SlaRules, Window
from crmsync.model.link import Signal, StageEntry
from crmsync.model.work import Clock

REPLY = "email_reply"
BOOKED = frozenset({"meeting_booked", "demo_booked"})
"""Signals of a sales conversation (A7)."""
LONGEST = timedelta(days=366)
"""Nobody books further ahead: a meeting in a mistyped year pauses no clock for ever."""
LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A clock with what became of it. done: when what it asks for was done; left, why: when and to where the person left; None: not."""

    clock: Clock
    done: datetime | None = None
    left: datetime | None = None
    why: str = LEFT

    @property
    def stop(self) -> datetime | None:
        return min((at for at in (self.done, self.left) if at is not None), default=None)

    @property
    def met(self) -> bool:
        return self.done is not None and self.done == self.stop


def begun(kind: str, at: datetime, window: Window, owner: str | None = None) -> Clock:
    """A clock that begins at that moment, with that window, in that owner's time (None: the playbook's)."""
    return Clock(kind=kind, started_at=at, minutes=window.minutes, working=window.working, owner=owner, running_since=at)


def fact_of(clock: Clock, done: datetime | None, left: tuple[datetime, str] | None) -> Fact:
    """What was done before the clock began counts at once (F76); once met it stays met."""
    moments = [at for at in (done, clock.met_at) if at is not None]
    done = max(min(moments), clock.started_at) if moments else None
    if left is None:
        return Fact(clock=clock, done=done)
    return Fact(clock=clock, done=done, left=max(left[0], clock.started_at), why=left[1])


def newest(stages: Sequence[StageEntry], stage: str, until: datetime | None = None) -> int | None:
    """Where the person entered that stage last, or last until that moment."""
    places = (place for place in range(len(stages) - 1, -1, -1) if stages[place].stage == stage)
    return next((place for place in places if until is None or stages[place].at <= until), None)


def left_at(stages: Sequence[StageEntry], start: int, within: Sequence[str], since: datetime | None = None) -> tuple[datetime, str] | None:
    """When, from that place on and since that moment, the person left these stages, and to which."""
    return next(((e.at, e.stage) for e in stages[start:] if e.stage not in within and (since is None or e.at >= since)), None)


def second(at: datetime) -> datetime:
    """CRMs tell whole seconds: a touch in the second of the handoff comes after it."""
    return at.replace(microsecond=0)


def conversations(
    signals: Sequence[Signal], meetings: Sequence[datetime], since: datetime | None, sla: SlaRules, now: datetime
) -> list[Pause]:
    """Stretches in which sales talks with the person (A7): from each reply or booking since the handoff."""
    if since is None or sla.conversation_days <= 0:
        return []
    length = timedelta(days=sla.conversation_days)
    found: list[Pause] = []
    for signal in signals:
        if (signal.type != REPLY and signal.type not in BOOKED) or not since < signal.at <= now:
            continue
        end = signal.at + length
        if signal.type in BOOKED:
            own = moment(signal.detail)  # a booking that comes from an activity says when that will be over
            until = own if own is not None else min((until for until in meetings if until > signal.at), default=end)
            end = max(end, min(until, signal.at + LONGEST))
        found.append(Pause(start=signal.at, end=end, why=CONVERSATION))
    return found
