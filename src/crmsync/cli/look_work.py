"""How `crmsync explain` tells of the work on a person: owner, clocks, cadence, touches and alerts, as lines."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from crmsync.cli.console import say

if TYPE_CHECKING:
    from crmsync.service.status import Status

SHOWN = 12
"""The newest so many of each; `--json` has them all."""
STYLES = {"breached": "red", "at_risk": "yellow", "failing": "yellow", "given_up": "red"}


def show_work(found: dict[str, Any]) -> None:
    """found: as `explain` gives it."""
    _show_owner(found["owner"], found["at"])
    for clock in found["clocks"][-SHOWN:]:
        say(f"  {_clock(clock)}", style=STYLES.get(clock["status"]) if clock["ended_at"] is None else None)
    if found["cadence"] is not None:
        say(_cadence(found["cadence"]), style="bold")
    made = sum(1 for touch in found["touches"] if touch["at"] is not None)
    if found["touches"]:
        say(f"Touches {made} completed", style="bold")
    for touch in found["touches"][-SHOWN:]:
        say(f"  {_touch(touch)}")
    if found["alerts"]:
        say("Alerts", style="bold")
    for alert in found["alerts"][-SHOWN:]:
        say(f"  {_alert(alert)}", style=STYLES.get(alert["state"]))


def _show_owner(owner: dict[str, Any], now: str) -> None:
    say(f"Owner {owner['owner'] or 'nobody'}" + (f": {owner['reason']}" if owner["reason"] else ""), style="bold")
    if owner["queued_since"]:
        until = f", at the latest until {minute(owner['queued_until'])}" if owner["queued_until"] else ""
        say(f"  waits for somebody since {minute(owner['queued_since'])}{until}")
    if owner["passes_on_at"]:
        over = datetime.fromisoformat(owner["passes_on_at"]) <= datetime.fromisoformat(now)
        say(
            f"  {'was to go' if over else 'goes'} to the next rep at {minute(owner['passes_on_at'])} unless somebody {'worked' if over else 'works'} them"
        )
    for row in owner["history"][-SHOWN:]:
        former = f", before {row['previous']}" if row["previous"] else ""
        say(f"  {minute(row['at'])}  {row['owner']} ({row['cause']}{former}): {row['reason']}")


def _clock(clock: dict[str, Any]) -> str:
    window = f"{clock['minutes']:g} {'working ' if clock['working'] else ''}min"
    used = "" if clock["used_minutes"] is None else f"{clock['used_minutes']:g} of "
    told = [f"{clock['kind']} clock {clock['status']}", f"{used}{window}", f"since {minute(clock['started_at'])}"]
    if clock["paused"]:
        told.append(f"paused: {clock['paused']}")
    if clock["due_at"] and clock["ended_at"] is None:
        told.append(f"due {minute(clock['due_at'])}")
    if clock["breached_at"]:
        told.append(f"breached {minute(clock['breached_at'])}{', told late' if clock['late'] else ''}")
    if clock["ended_at"]:
        told.append(f"{'met' if clock['met_at'] else clock['ended'] or 'ended'} {minute(clock['ended_at'])}")
    return "  ".join([*told, *([clock["owner"]] if clock["owner"] else [])])


def _cadence(run: dict[str, Any]) -> str:
    if run["ended_at"]:
        return f"Cadence {run['name']} over since {minute(run['ended_at'])}: {run['ended']}"
    if run["next"] is None:
        done = "" if run["of"] is None else ": every touch is made, an answer is waited for"
        return f"Cadence {run['name']}{done}" + (f"  (paused: {run['paused']})" if run["paused"] else "")
    step = run["next"]
    what = f"{step['channel']}{': ' + step['action'] if step['action'] else ''}"
    due = f", due {minute(step['due_at'])}" if step["due_at"] else ""
    return f"Cadence {run['name']}: touch {run['step']} of {run['of']}, {what}{due}" + (
        f"  (paused: {run['paused']})" if run["paused"] else ""
    )


def _touch(touch: dict[str, Any]) -> str:
    done = f"{minute(touch['at'])}  {touch['channel']} by {touch['by'] or 'somebody'}" if touch["at"] else ""
    outcome = f", {touch['outcome']}" if touch["outcome"] else ""
    if touch["crm"] is None:
        return f"{done}{outcome}"
    task = f"task {touch['record_id'] or '(not created yet)'} {touch['state']}, due {minute(touch['due_at'])}: {touch['subject']}"
    return f"{done}{outcome}  {task}" if done else task


def _alert(alert: dict[str, Any]) -> str:
    when = f"sent {minute(alert['sent_at'])}" if alert["sent_at"] else alert["state"].replace("_", " ")
    later = f", not before {minute(alert['not_before'])}" if alert["not_before"] else ""
    why = f" ({alert['error']})" if alert["error"] else ""
    return f"{minute(alert['at'])}  {alert['kind']} to {alert['to']}: {when}{later}{why}" + (
        f"  {alert['title']}" if alert["title"] else ""
    )


def work_rows(found: Status) -> list[tuple[str, object]]:
    """Rows of `crmsync status`: open clocks, who waits for an owner, alerts and calendars; those of which there is nothing to say are left out."""
    rows: list[tuple[str, object]] = []
    open_ones = [
        f"{kind} {c.running} running{f' ({c.at_risk} at risk)' if c.at_risk else ''}, {c.paused} paused, {c.breached} breached"
        for kind, c in found.clocks.items()
        if kind != "queue"
    ]
    if open_ones:
        rows.append(("open clocks", "; ".join(open_ones)))
    queue = found.queued
    if queue is not None:
        persons = queue.running + queue.paused + queue.breached
        rows.append(
            (
                "waiting for an owner",
                f"{persons} person{'s' if persons != 1 else ''}, the first since {queue.oldest:%Y-%m-%d %H:%M} UTC, {queue.breached} for too long",
            )
        )
    alerts = found.alerts
    if alerts.waiting or alerts.given_up:
        oldest = f", the first since {alerts.oldest:%Y-%m-%d %H:%M} UTC" if alerts.oldest is not None else ""
        rows.append(("alerts", f"{alerts.waiting} waiting{oldest}, {alerts.failing} of them tried in vain, {alerts.given_up} given up"))
    rows += [("calendar", f"{owner}: {why}") for owner, why in found.calendars.items()]
    return rows


def changes_of(told: dict[str, Any]) -> list[str]:
    """What is told as `overdue` or `next`, a line per change."""
    lines = []
    for change in told["changes"]:
        why = f"  ({change['why']})" if change["why"] else ""
        lines.append(f"{change['what']}: {short(change['from']) or '(none)'} → {short(change['to']) or '(none)'}{why}")
    return lines or ["looked at again"]


def short(value: object) -> str:
    """A value on one line of at most 40 characters; nothing for none."""
    text = "" if value is None else str(value).replace("\n", " ")
    return text if len(text) <= 40 else text[:39] + "…"


def minute(at: str | None) -> str:
    """An ISO moment in UTC to the minute; a day as it is, nothing for none."""
    return "" if at is None else at if len(at) <= len("2026-03-01") else f"{at[:10]} {at[11:16]} UTC"
