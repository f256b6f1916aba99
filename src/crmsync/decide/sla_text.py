"""What an alert about an SLA clock says (process.md A4, A5, A8, R5): one line and a few plain sentences."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from crmsync.decide.text import one_line
from crmsync.model.alert import AT_RISK, BREACH, QUEUE_LATE, Alert
from crmsync.model.work import HANDOFF, QUEUE, RESPONSE, SQL, Clock

_OWED = {
    HANDOFF: "the handoff to sales",
    RESPONSE: "the first response",
    SQL: "the next touch",
    QUEUE: "an owner",
}
_NEXT = {
    HANDOFF: "See what holds the handoff up: an owner, or contact data with which somebody can be reached.",
    RESPONSE: "Do the first touch and complete its task in the CRM; any completed call, e-mail or meeting counts.",
    SQL: "Do the next touch and complete its task in the CRM; any completed call, e-mail or meeting counts.",
    QUEUE: "Give this person an owner in the CRM, or see why nobody in the pool can be had.",
}


def at_risk(
    clock: Clock, *, at: datetime, share: float, due: datetime, who: str, owner: str | None, zone: tzinfo, late: timedelta | None
) -> Alert:
    """A share of the window is used up. at: when it was (UTC). late: how long ago that is, where it is long (A8)."""
    person, percent = _who(who), f"{share:.0%}"
    title = f"At risk: {_OWED[clock.kind]} for {person} is due {local(due, zone)}"
    body = [
        f"{percent} of the time for {_OWED[clock.kind]} is used up; it is due {local(due, zone)}.",
        _owner(owner),
        _NEXT[clock.kind],
        *_late(late, at, zone),
    ]
    return Alert(kind=AT_RISK, at=at, title=one_line(title, 255), body="\n".join(body), owner=owner, late=late is not None)


def breach(
    clock: Clock, *, at: datetime, who: str, owner: str | None, zone: tzinfo, late: timedelta | None, done: datetime | None, moves_on: bool
) -> Alert:
    """The window is used up. at: the deadline (UTC). done: when what was owed was done after all. moves_on: whether the person goes to
    the next rep now (R7)."""
    person, owed = _who(who), _OWED[clock.kind]
    title = f"{'Breached, told late' if late is not None else 'Breached'}: {owed} for {person} was due {local(at, zone)}"
    then = f"It was done at {local(done, zone)}." if done is not None else _NEXT[clock.kind]
    if moves_on and done is None:
        then = "The person goes to the next rep who can be had; open tasks move along."
    body = [f"{owed[0].upper()}{owed[1:]} for {person} was due {local(at, zone)}.", _owner(owner), then, *_late(late, at, zone)]
    kind = QUEUE_LATE if clock.kind == QUEUE else BREACH
    return Alert(kind=kind, at=at, title=one_line(title, 255), body="\n".join(body), owner=owner, late=late is not None)


def local(at: datetime, zone: tzinfo) -> str:
    """A moment by the clock on the owner's wall: "Mon 2 Mar 2026, 09:05 (Europe/Berlin)"."""
    shown = at.astimezone(zone)
    name = getattr(zone, "key", None) or shown.tzname() or "UTC"
    return f"{_DAYS[shown.weekday()]} {shown.day} {_MONTHS[shown.month - 1]} {shown.year}, {shown:%H:%M} ({name})"


# Not the names of the machine's locale.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _who(who: str) -> str:
    return one_line(who, 120) or "a lead"


def _owner(owner: str | None) -> str:
    return f"Owner: {one_line(owner, 120)}." if owner else "Nobody owns this person yet."


def _late(late: timedelta | None, at: datetime, zone: tzinfo) -> list[str]:
    """The late mark (A8)."""
    if late is None:
        return []
    minutes = round(late.total_seconds() / 60)
    ago = f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours" if minutes < 2 * 1440 else f"{minutes // 1440} days"
    return [f"This comes late: it happened at {local(at, zone)}, {ago} before crmsync could look."]
