"""The compliance report for programs and spreadsheets: JSON, and one tidy table as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

from crmsync.decide.text import one_line, stamp
from crmsync.insight.compliance import BY_TURNS, Compliance, Group, Measure, Promise

COLUMNS = (
    "by", "group", "name", "counts", "count", "kept", "breached", "open", "not_due", "share", "low", "high", "owing", "late", "touched",
    "median_minutes", "p90_minutes", "median_wall_minutes", "p90_wall_minutes", "touches", "touches_per_lead", "reassigned",
    "reassigned_per_lead", "closed", "unanswered", "enough_effort",
)  # fmt: skip
"""Columns of the CSV."""
LEADS, TURNS = "leads", "turns"
_FORMULAS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula, full-width forms included."""
_TEXT = 500


def as_json(report: Compliance) -> dict[str, Any]:
    """The documented shape."""
    return {
        "from": stamp(report.start),
        "to": stamp(report.end),
        "at": stamp(report.now),
        "time_zone": report.zone,
        "leads": measure_json(report.leads),
        "turns": measure_json(report.turns),
        "groups": {by: [_group(group) for group in groups] for by, groups in report.groups.items()},
        "clocks": [_promise(one) for one in report.promises],
        "now": [
            {
                "owner": one.rep or None, "name": one.name, "open": one.open, "on_time": one.on_time, "at_risk": one.at_risk,
                "breached": one.breached, "paused": one.paused,
            }
            for one in report.standing
        ],
        "first_touch": [{"up_to_minutes": bar.upto, "kept": bar.kept, "breached": bar.breached} for bar in report.bars],
        "min_touches": report.min_touches,
    }  # fmt: skip


def measure_json(found: Measure) -> dict[str, Any]:
    """The keys of one group, as in the CSV."""
    low, high = found.interval or (None, None)
    return {
        "count": found.count,
        "kept": found.kept,
        "breached": found.breached,
        "open": found.open,
        "not_due": found.undue,
        "share": _round(found.share, 4),
        "low": _round(low, 4),
        "high": _round(high, 4),
        "owing": found.owing,
        "late": found.late,
        "touched": found.touched,
        "median_minutes": _round(found.median, 1),
        "p90_minutes": _round(found.p90, 1),
        "median_wall_minutes": _round(found.wall_median, 1),
        "p90_wall_minutes": _round(found.wall_p90, 1),
        "touches": found.touches,
        "touches_per_lead": _round(found.touches_each, 2),
        "reassigned": found.passed_on,
        "reassigned_per_lead": _round(found.passed_on_each, 3),
        "closed": found.closed,
        "unanswered": found.unanswered,
        "enough_effort": found.enough,
    }


def as_csv(report: Compliance) -> str:
    """One line per group, the first one for all leads. What comes from a CRM is never a formula, and has no line breaks."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\r\n")
    lines.writerow(COLUMNS)
    lines.writerow(_line("all", "", "all", LEADS, report.leads))
    for by, groups in report.groups.items():
        for group in groups:
            lines.writerow(_line(by, group.key, group.name, TURNS if by in BY_TURNS else LEADS, group.measure))
    return out.getvalue()


def harmless(text: str) -> str:
    """The text as a spreadsheet shows it, and never reckons with it."""
    flat = one_line(text, _TEXT)
    return f"'{flat}" if text.startswith(_FORMULAS) or flat.startswith(_FORMULAS) else flat


def _line(by: str, key: str, name: str, counts: str, found: Measure) -> list[Any]:
    return [by, harmless(key), harmless(name), counts, *("" if value is None else value for value in measure_json(found).values())]


def _group(group: Group) -> dict[str, Any]:
    return {
        "group": group.key or None, "name": group.name, "counts": TURNS if group.by in BY_TURNS else LEADS, **measure_json(group.measure),
    }  # fmt: skip


def _promise(one: Promise) -> dict[str, Any]:
    low, high = one.interval or (None, None)
    return {
        "clock": one.kind, "window_minutes": one.minutes, "working_time": one.working, "count": one.count, "kept": one.kept,
        "breached": one.breached, "open": one.open, "not_due": one.undue, "share": _round(one.share, 4), "low": _round(low, 4),
        "high": _round(high, 4), "late": one.late,
    }  # fmt: skip


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
