"""The compliance report in words: of times and shares, and as the weekly message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from crmsync.decide.text import minute, one_line
from crmsync.decide.worktime import zone_of
from crmsync.insight.compliance import BY_TURNS, REASON, REP, SOURCE, TYPE, Compliance, Group, Measure, Promise
from crmsync.model.work import HANDOFF

MOST = 1_500
"""Characters at most of the message."""
NAMED = 5
"""Groups that the message names of each kind."""
_HOUR, _DAY = 60.0, 1440.0
_SECOND = timedelta(seconds=1)


def percent(share: float | None) -> str:
    """ "83 %"; "–" of nothing. Only what is all or nothing reads 100 or 0."""
    if share is None:
        return "–"
    shown = round(share * 100)
    if shown == 100 and share < 1.0:
        return "> 99 %"
    return "< 1 %" if shown == 0 and share > 0.0 else f"{shown} %"


def between(low_high: tuple[float, float] | None) -> str:
    """ "70–91 %", the interval of a share; "" of nothing."""
    return "" if low_high is None else f"{round(low_high[0] * 100)}–{round(low_high[1] * 100)} %"


def span(minutes: float | None) -> str:
    """ "45 s", "12 min", "3 h 20 min", "4.5 d"; "–" of nothing. Hours go on to two days."""
    if minutes is None:
        return "–"
    if minutes < 1.0:
        return f"{round(minutes * 60)} s" if minutes * 60 < 59.5 else "1 min"
    whole = round(minutes)
    if whole < _HOUR:
        return f"{whole} min"
    if whole < 2 * _DAY:
        hours, rest = divmod(whole, 60)
        return f"{hours} h {rest} min" if rest and hours < 10 else f"{round(whole / 60)} h"
    return f"{minutes / _DAY:.1f} d"


def days(first: date, last: date) -> str:
    """ "9–15 Nov 2026", "28 Sep – 1 Nov 2026"."""
    if first == last:
        return f"{last.day} {last:%b %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last.day} {last:%b %Y}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first.day} {first:%b}{year} – {last.day} {last:%b %Y}"


def kept(found: Measure | Promise) -> str:
    """ "83 % (50 of 60)"."""
    return f"{percent(found.share)} ({found.kept} of {found.judged})" if found.judged else "none judged yet"


def each(value: float | None) -> str:
    """A number per lead."""
    return "–" if value is None else f"{value:.1f}"


def as_message(report: Compliance, before: Compliance, first: date, last: date) -> str:
    """At most MOST characters, the title first; what does not fit is left out line by line from the end. before: the period that came before."""
    found = report.leads
    if found.count == 0:
        title = f"SLA {days(first, last)}: no lead was handed over"
    else:
        title = f"SLA {days(first, last)}: {kept(found)} within the SLA"
    return _fitting([title, *_lines(report, before)])


def _lines(report: Compliance, before: Compliance | None) -> list[str]:
    """What there is to say, the most important first."""
    found = report.leads
    lines: list[str] = []
    if found.count:
        more = [f"{found.open} still in time"] if found.open else []
        more += [f"{found.undue} over before anything was due"] if found.undue else []
        more += [f"{found.owing} of the breached ones still unanswered"] if found.owing else []
        lines.append(
            f"{_many(found.count, 'lead')} handed over: {found.kept} answered in time, {found.breached} not"
            + "".join(f"; {one}" for one in more)
        )
        if found.judged:
            lines.append(f"With 95 % confidence between {between(found.interval)}")
        lines.append(
            f"First touch (of {found.touched}): median {span(found.median)}, 90 % within {span(found.p90)} of SLA time; "
            f"around the clock {span(found.wall_median)} and {span(found.wall_p90)}"
            if found.touched
            else "No first touch yet"
        )
        lines.append(f"Touches per lead {each(found.touches_each)}; reassigned {found.passed_on}")
    if before is not None and before.leads.judged:
        lines.append(f"The seven days before: {kept(before.leads)}")
    lines += [f"Handoff by marketing in time: {kept(one)}" for one in report.promises if one.kind == HANDOFF]
    owed = report.standing
    if owed:
        lines.append(
            f"Owed now: {sum(one.open for one in owed)}, at risk {sum(one.at_risk for one in owed)}, overdue {sum(one.breached for one in owed)}"
        )
    if found.unanswered:
        lines.append(f"Given up without an answer: {found.unanswered}, {found.enough} of them after {report.min_touches} touches or more")
    if found.late:
        lines.append(f"Noticed late, because crmsync stood still: {_many(found.late, 'breach', 'breaches')}")
    if before is None:
        return lines  # tables follow
    lines += _worst("Reps", report.groups.get(REP, ()))
    lines += _worst("Types", report.groups.get(TYPE, ()))
    lines += _worst("Sources", report.groups.get(SOURCE, ()))
    ended = [group for group in report.groups.get(REASON, ()) if group.key]
    if ended:
        lines.append("Closed: " + ", ".join(f"{one_line(group.name, 40)} {group.measure.count}" for group in ended[:NAMED]))
    return lines


# --- for a terminal ---------------------------------------------------------------------------------------------------------

_TITLES = {
    "week": "By week",
    "rep": "By rep",
    "team": "By team",
    "pool": "By pool",
    "type": "By MQL type",
    "source": "By source",
    "reason": "By reason for closing",
}
_HEAD = ("", "leads", "within SLA", "of", "95 %", "open", "median", "90 %", "touches", "passed on")
SHOWN, WIDE = 30, 44
"""Groups that a table names, and characters of a name; the other formats have all of them."""


def as_text(report: Compliance) -> str:
    """Plain text of fixed width: a summary, and a table per group."""
    zone = zone_of(report.zone)
    first, last = report.start.astimezone(zone).date(), (report.end - _SECOND).astimezone(zone).date()
    lines = [f"SLA, leads handed over {days(first, last)} ({report.zone}), as known at {minute(report.now)}", ""]
    if report.leads.count == 0:
        lines.append("No lead was handed over in this time.")
    lines += _lines(report, None)
    for by, groups in report.groups.items():
        if groups:
            rows = [_row(group.name, group.measure) for group in groups[:SHOWN]]
            lines += ["", _TITLES[by] + (" (turns with a rep)" if by in BY_TURNS else ""), *_table(_HEAD, rows)]
            if len(groups) > SHOWN:
                lines.append(f"and {len(groups) - SHOWN} more; --format csv has all")
    if report.promises:
        rows = [
            (
                one.kind,
                str(one.count),
                percent(one.share),
                str(one.judged),
                between(one.interval),
                str(one.open),
                str(one.late),
            )
            for one in report.promises
        ]
        lines += ["", "Clocks", *_table(("", "clocks", "kept", "of", "95 %", "open", "late"), rows)]
    if report.standing:
        rows = [
            (one_line(one.name, WIDE), str(one.open), str(one.at_risk), str(one.breached), str(one.paused))
            for one in report.standing[:SHOWN]
        ]
        lines += ["", "First touches owed now", *_table(("", "open", "at risk", "overdue", "paused"), rows)]
    return "\n".join(lines) + "\n"


def _row(name: str, found: Measure) -> tuple[str, ...]:
    return (
        one_line(name, WIDE), str(found.count), percent(found.share), str(found.judged), between(found.interval), str(found.open),
        span(found.median), span(found.p90), each(found.touches_each), str(found.passed_on),
    )  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, the others to the right."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]


# --- parts ------------------------------------------------------------------------------------------------------------------


def _worst(word: str, groups: tuple[Group, ...]) -> list[str]:
    """The lowest shares first: those are what to talk about."""
    judged = [group for group in groups if group.measure.judged]
    if not judged:
        return []
    ordered = sorted(judged, key=lambda group: (group.measure.share, -group.measure.judged, group.key))
    told = ", ".join(f"{one_line(group.name, 40)} {kept(group.measure)}" for group in ordered[:NAMED])
    more = len(ordered) - NAMED
    return [f"{word}, lowest first: {told}" + (f" and {more} more" if more > 0 else "")]


def _many(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _fitting(lines: list[str]) -> str:
    while len(lines) > 1 and len("\n".join(lines)) > MOST:
        lines = lines[:-1]
    return "\n".join(lines)[:MOST]
