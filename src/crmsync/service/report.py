"""`crmsync report sla`: how well the SLA is kept (process.md A9), from what is stored. Contacts no CRM, writes nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from crmsync.decide.lifecycle import IN_WORK
from crmsync.decide.owners import owners_of
from crmsync.decide.worktime import zone_of
from crmsync.errors import ConfigError
from crmsync.insight.compliance import BY, Compliance, compliance
from crmsync.insight.leads import leads_of
from crmsync.model.rules import Playbook
from crmsync.model.work import REASSIGNED, RESPONSE
from crmsync.service.report_table import as_csv, as_json
from crmsync.service.report_text import as_message, as_text
from crmsync.store import Store

if TYPE_CHECKING:
    from crmsync.service.workspace import Workspace

__all__ = ["as_csv", "as_html", "as_json", "as_text", "message", "period", "sla_report"]

WEEKS = 5
"""Weeks that are reported when no period is named, the one that runs included."""


def sla_report(store: Store, playbook: Playbook, start: datetime, end: datetime, now: datetime, by: Sequence[str] = BY) -> Compliance:
    """How the leads fared that were handed over from `start` up to but not at `end` (UTC), as far as is known at `now`. by: the groups that are wanted.

    Leads that were handed over before the first connection have no clocks and are not counted."""
    owners = owners_of(store.users(), playbook.person.owner_pairs, playbook.hours)
    with _uncollected(), store.reading():
        until = max(end, now) + timedelta(days=1)  # a clock may have begun by a clock that is ahead of ours
        clocks = store.obligations.promised(RESPONSE, start, until)
        still_open = store.obligations.still_open(RESPONSE)
        leads = leads_of(
            clocks=clocks,
            passed_on=store.assignments.caused(REASSIGNED, start, until),
            touches=store.touches.marks(start.replace(microsecond=0), until),
            ways_out=store.courses.out_of(IN_WORK, sorted({row.person_id for row in clocks})),
            end=end,
        )
        tallies = store.obligations.tallies(start, end, now)
        told = store.courses.told(RESPONSE, sorted({row.person_id for row in still_open}))
        return compliance(
            leads=leads, tallies=tallies, still_open=still_open,
            at_risk=frozenset(told),
            names={house: user.name for house, user in owners.users.items() if user.name},
            teams={house: user.teams for house, user in owners.users.items() if user.teams},
            start=start, end=end, now=now, zone=zone_of(playbook.hours.time_zone), min_touches=playbook.sla.min_touches, by=by,
        )  # fmt: skip


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hundreds of thousands of rows that all stay, and no garbage among them: looking through them again and again takes a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def period(playbook: Playbook, now: datetime, first: str | None = None, last: str | None = None) -> tuple[datetime, datetime]:
    """From the first moment of the day `first` to the last one of `last` (YYYY-MM-DD, by the playbook's time zone), as UTC, the end not included. Without them: the
    week that runs and the four before. The end is never later than `now`.

    Raises: ConfigError for what is no date, and when nothing lies between them."""
    zone = zone_of(playbook.hours.time_zone)
    today = now.astimezone(zone).date()
    ends = _day("--to", last) if last else today
    begins = _day("--from", first) if first else date.fromordinal(max(1, ends.toordinal() - ends.weekday() - (WEEKS - 1) * 7))
    try:
        start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (begins, ends + timedelta(days=1)))
    except OverflowError:
        raise ConfigError(f"--from {begins} --to {ends} lie beyond the calendar. Nothing was contacted.") from None
    if start >= min(end, now):
        raise ConfigError(f"Nothing lies between --from {begins} and --to {min(ends, today)}. Nothing was contacted.")
    return start, min(end, now)


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(f"{option} {text!r} is no date such as 2026-03-01. Nothing was contacted.") from None


def as_html(report: Compliance) -> str:
    """One page with plots, complete in itself: it fetches nothing and needs no script."""
    from crmsync.service.report_html import page  # draws: loads what other commands never need

    return page(report)


def message(workspace: Workspace, now: datetime) -> str:
    """The weekly message: the seven days before today by the playbook's time zone (a Monday's: the week before), beside the seven days before those. Its first line is the
    title; at most 1,500 characters."""
    playbook = workspace.playbook
    zone = zone_of(playbook.hours.time_zone)
    today = now.astimezone(zone).date()
    older, newer, end = (datetime.combine(today - timedelta(days=back), time(), zone).astimezone(UTC) for back in (14, 7, 0))
    found = sla_report(workspace.store, playbook, newer, end, now)
    before = sla_report(workspace.store, playbook, older, newer, now, by=())
    return as_message(found, before, today - timedelta(days=7), today - timedelta(days=1))
