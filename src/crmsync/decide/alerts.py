"""Alerts as people read them (process.md H2, A4, A5), and when they may be told: quiet hours and the weekly message (A9).

What comes from a CRM is hostile here too: it stands on one line, names no group of a chat, and opens no mark-up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from crmsync.decide.text import one_line
from crmsync.decide.worktime import zone_of
from crmsync.model.alert import (
    AT_RISK,
    BREACH,
    HOT_LEAD,
    NO_OWNER,
    POOL_USED_UP,
    QUEUE_LATE,
    REASSIGNED,
    Alert,
    AlertRules,
    Quiet,
)

WEEKLY = "weekly"
"""The kind under which the compliance report is kept on its way to people; no decision asks for it."""
UNBIDDEN = frozenset({HOT_LEAD, WEEKLY})
"""Kinds that do not wait for the end of quiet hours: one for its haste, one because its hour was chosen."""
ORDER = (HOT_LEAD, BREACH, NO_OWNER, POOL_USED_UP, QUEUE_LATE, AT_RISK, REASSIGNED)
"""The most urgent kind first."""
HEADINGS = {
    HOT_LEAD: "Hot leads", BREACH: "SLA breached", NO_OWNER: "Nobody to hand over to", POOL_USED_UP: "Pools used up",
    QUEUE_LATE: "Waiting too long for an owner", AT_RISK: "SLA at risk", REASSIGNED: "Reassigned",
}  # fmt: skip
TITLE, LINE, BODY = 150, 200, 8_000
"""Characters at most: of a title, of a line of a digest, of a body."""
LINES = 30
"""Alerts that a digest names; the others are counted."""
LATE = "Late: "

_GROUP = re.compile(r"@(?=(?:everyone|here|channel|all|room)\b)", re.IGNORECASE)
_MINUTE = timedelta(minutes=1)
_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one receiver gets: plain text, the title on one line."""

    title: str
    body: str


# --- what an alert says -----------------------------------------------------------------------------------------------------


def hot_lead(*, who: str, mql_type: str, trigger: str, package: str, at: datetime, owner: str | None, late: bool = False) -> Alert:
    """H2: somebody with high intent. package: the handoff package as plain text (H1). at: when they qualified."""
    title = f"Hot lead: {_plain(who, 80)} ({_plain(mql_type, 30)})"
    body = f"{_plain(trigger)}\nOwner: {_plain(owner or 'nobody yet')}\n\n{package}"
    return Alert(kind=HOT_LEAD, at=at, title=title, body=body, owner=owner, late=late)


def no_owner(*, who: str, problem: str, at: datetime) -> Alert:
    """R5: nobody could be found to hand over to."""
    return Alert(kind=NO_OWNER, at=at, title=f"No owner for {_plain(who, 80)}", body=_plain(problem))


def fell_back(*, who: str, owner: str, reason: str, at: datetime) -> Alert:
    """R5: the fallback owner got somebody whom no rule and no pool had anybody for."""
    return Alert(
        kind=NO_OWNER,
        at=at,
        title=f"Fallback owner for {_plain(who, 80)}",
        body=f"{_plain(owner, 80)} got them: {_plain(reason, 255)}",
        owner=owner,
    )


def reassigned(*, who: str, previous: str, owner: str, reason: str, at: datetime) -> Alert:
    """R7: an unworked lead went to the next rep. The alert is about the new one."""
    body = f"From {_plain(previous, 80)} to {_plain(owner, 80)}: {_plain(reason, 255)}"
    return Alert(kind=REASSIGNED, at=at, title=f"Reassigned: {_plain(who, 80)}", body=body, owner=owner)


def pool_used_up(*, who: str, pool: str, owner: str | None, at: datetime) -> Alert:
    """R7: every rep of the pool had the lead, and none worked it."""
    body = f"Every rep of pool {_plain(pool, 60)} had this lead and none worked it; it goes round again."
    return Alert(kind=POOL_USED_UP, at=at, title=f"Pool used up for {_plain(who, 80)}", body=body, owner=owner)


def message(*, title: str, body: str, late: bool = False) -> Message:
    """One alert as a message: at most 150 characters of title and 8,000 of body, each line of both fit to be shown."""
    head = _plain(title, TITLE - len(LATE))
    lines = (_plain(line, 1_000) for line in body.splitlines())
    text = "\n".join(lines).strip()
    cut = text if len(text) <= BODY else text[: text.rfind("\n", 0, BODY - 1)] + "\n…"
    return Message(title=(LATE if late else "") + head, body=cut or head)


def digest(alerts: Iterable[tuple[str, str, bool]], most: int = LINES) -> Message:
    """Many (kind, title, late) as one message, grouped by kind, the most urgent kind first. It names `most` of them and counts the others."""
    given = list(alerts)
    found = Counter(kind for kind, _, _ in given)
    kinds = [*(kind for kind in ORDER if kind in found), *sorted(set(found) - set(ORDER))]
    lines: list[str] = []
    left = most
    for kind in kinds:
        rows = [(LATE if late else "") + _plain(title, LINE) for of, title, late in given if of == kind]
        shown = rows[:left]
        left -= len(shown)
        lines.append(f"{_heading(kind).upper()} ({len(rows)})")
        lines += [f"- {row}" for row in shown]
        if len(shown) < len(rows):
            lines.append(f"- {'and ' if shown else ''}{len(rows) - len(shown)} more")
        lines.append("")
    counted = ", ".join(f"{_heading(kind).lower()} {found[kind]}" for kind in kinds)
    return Message(title=one_line(f"{len(given)} alerts: {counted}", TITLE), body="\n".join(lines).strip()[:BODY])


def _heading(kind: str) -> str:
    return HEADINGS.get(kind, _plain(kind.replace("_", " "), 40).capitalize())


def _plain(text: str, limit: int = LINE) -> str:
    """One line that no chat takes for a call to a group, a link behind other words, or mark-up."""
    flat = one_line(text, limit)
    return _GROUP.sub("＠", flat).replace("<", "‹").replace(">", "›").replace("](", "] (")


# --- when it may be told ----------------------------------------------------------------------------------------------------


def not_before(quiet: Quiet | None, kind: str, zone: str | None, at: datetime, fallback: str = "UTC") -> datetime:
    """The earliest moment from `at` on (UTC) at which an alert of this kind may be told to somebody whose clock shows `zone` (unknown: `fallback`).

    Hot leads, and the weekly report, are told at once. Quiet is what the wall clock shows, also on the days on which it is changed; days that are quiet as a
    whole do not count when all seven are."""
    if quiet is None or kind in UNBIDDEN:
        return at
    local = zone_of(zone, fallback)
    days = quiet.days if len(quiet.days) < _WEEK else frozenset()

    def until(moment: datetime) -> datetime | None:
        return _quiet_until(moment.astimezone(local), quiet, days)

    return _first_loud(at.astimezone(UTC), local, until)


def _quiet_until(shown: datetime, quiet: Quiet, days: frozenset[int]) -> datetime | None:
    """What the clock shows when the quiet stretch that it shows now is over; None when it shows none."""
    midnight = datetime.combine(shown.date() + timedelta(days=1), time(), tzinfo=shown.tzinfo)
    if shown.weekday() in days:
        return midnight
    minute = shown.hour * 60 + shown.minute
    today = midnight - timedelta(days=1)
    if quiet.start < quiet.end:
        return _at(today, quiet.end) if quiet.start <= minute < quiet.end else None
    if quiet.start == quiet.end:
        return None
    if minute < quiet.end:
        return _at(today, quiet.end)
    return _at(midnight, quiet.end) if minute >= quiet.start else None


def _at(midnight: datetime, minutes: int) -> datetime:
    return midnight + timedelta(minutes=minutes)  # by the wall clock: arithmetic within one zone knows no clock change


def _first_loud(at: datetime, local: tzinfo, until: Callable[[datetime], datetime | None]) -> datetime:
    found = at
    while (end := until(found)) is not None:
        over = end.astimezone(UTC)
        steady = found.astimezone(local).utcoffset() == over.astimezone(local).utcoffset()
        # Where the clock is changed in between, the wall may show another time than one that simply comes next: minute by minute.
        found = over if steady and over > found else found.replace(second=0, microsecond=0) + _MINUTE
    return found


def weekly_due(rules: AlertRules, last: datetime | None, now: datetime) -> datetime | None:
    """The newest weekly moment (UTC) that has come by now and lies after `last`; None where there is none, nobody asked for the message, or last is None: who
    has no last one notes `now`, and the first message is that of the next week's day. Weeks that were missed are told once."""
    if rules.weekly_day is None or not rules.weekly_to or last is None:
        return None
    zone = zone_of(rules.time_zone)
    today = now.astimezone(zone).date()
    for back in range(2 * _WEEK):
        day = today - timedelta(days=back)
        if day.weekday() == rules.weekly_day:
            moment = _at(datetime.combine(day, time(), tzinfo=zone), rules.weekly_minute).astimezone(UTC)
            if moment <= now:
                return moment if moment > last else None
    return None


def grouped(kinds: Sequence[str]) -> str:
    """Kinds in words, the most urgent first: "3 × hot leads, 1 × sla at risk"."""
    found = Counter(kinds)
    order = {kind: place for place, kind in enumerate(ORDER)}
    return ", ".join(f"{found[kind]} × {_heading(kind).lower()}" for kind in sorted(found, key=lambda k: (order.get(k, len(order)), k)))
