"""The compliance report as one page that is complete in itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from crmsync import __version__
from crmsync.decide.text import minute, one_line
from crmsync.decide.worktime import zone_of
from crmsync.insight.compliance import BY_TURNS, REASON, WEEK, Compliance, Group, Promise
from crmsync.model.work import HANDOFF, QUEUE, RESPONSE, SQL
from crmsync.service.report_plots import MOST_REPS, plots
from crmsync.service.report_text import between, days, each, percent, span

SHOWN = 100
"""Groups that a table shows; the CSV has all of them."""
_TITLES = {"week": "Weeks", "rep": "Reps", "team": "Teams", "pool": "Pools", "type": "MQL types", "source": "Sources"}
_PROMISES = {HANDOFF: "Handoff to sales", RESPONSE: "First response", SQL: "Follow-up of an sql", QUEUE: "Owner for who waits"}


def page(report: Compliance) -> str:
    """The HTML. What comes from a CRM is text in it, never mark-up."""
    env = Environment(
        loader=PackageLoader("crmsync.service", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    whole = {name: _unbroken(say) for name, say in (("percent", percent), ("between", between), ("span", span))}
    env.filters |= {**whole, "each": each, "line": one_line}
    zone = zone_of(report.zone)
    first, last = report.start.astimezone(zone).date(), (report.end - timedelta(seconds=1)).astimezone(zone).date()
    drawn = {name: Markup(svg) for name, svg in plots(report).items()}  # noqa: S704 - made by us; texts in it are escaped by what draws
    reasons = [group for group in report.groups.get(REASON, ()) if group.key]
    return env.get_template("sla.html").render(
        report=report, version=__version__, period=days(first, last), at=minute(report.now), plots=drawn, most_reps=MOST_REPS,
        tables=[_table(by, groups) for by, groups in report.groups.items() if by in _TITLES and groups],
        promises=[_promise(one) for one in report.promises], reasons=reasons, most=max((g.measure.count for g in reasons), default=1),
        owed={name: sum(getattr(one, name) for one in report.standing) for name in ("open", "at_risk", "breached", "paused")}, shown=SHOWN,
    )  # fmt: skip


def _unbroken(say: Callable[[Any], str]) -> Callable[[Any], str]:
    """A number and its unit stay on one line."""
    return lambda value: say(value).replace(" ", "\u00a0")


def _table(by: str, groups: Sequence[Group]) -> dict[str, Any]:
    rows = [{"name": _named(group), "found": group.measure} for group in groups[:SHOWN]]
    return {"by": by, "title": _TITLES[by], "turns": by in BY_TURNS, "rows": rows, "more": max(0, len(groups) - SHOWN)}


def _named(group: Group) -> str:
    if group.by != WEEK:
        return one_line(group.name, 80)
    day = date.fromisoformat(group.key)
    return days(day, day + timedelta(days=6))


def _promise(one: Promise) -> dict[str, Any]:
    window = "by its type" if one.minutes is None else f"{span(one.minutes)}{' of working time' if one.working else ''}"
    return {"name": _PROMISES.get(one.kind, one.kind), "window": window, "found": one}
