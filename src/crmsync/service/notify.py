"""Has alerts sent while nobody waits for it (H2, A4, A5): what is due goes to threads of its own, so that a dead chat never delays a cycle.

Once per cause, also across restarts (law 3): an alert is claimed in the database before it is sent and settled right after. A crash in between leaves it claimed; after HOLD it is
sent again, so that one message may come twice and none is lost.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from crmsync.connect.discovery import all_loopback, options_for
from crmsync.decide.alerts import WEEKLY, weekly_due
from crmsync.decide.canonical import moment, stamp
from crmsync.engine.alerts import remember_weekly
from crmsync.errors import CrmsyncError
from crmsync.model.alert import AlertRules
from crmsync.service.logs import keep_crash
from crmsync.service.notify_lane import HOLD, Job, Lane, Letter
from crmsync.service.notify_where import NAME, Target, target_of, url_of
from crmsync.store.alerts import AlertRow

if TYPE_CHECKING:
    from crmsync.service.workspace import Workspace

log = structlog.get_logger(__name__)

AT_ONCE = 1_000
"""Alerts looked at by one step."""
PEOPLE_AT_ONCE = 4
"""Messages to persons on their way at the same time; a channel gets one after the other."""
CLOSING = 3.0
"""Seconds that closing waits for messages on their way."""
LAST_WEEKLY = "weekly_alert_at"
"""Where the store keeps the newest weekly moment that was told."""
WeeklyReport = Callable[["Workspace", datetime], str]


class Notifier:
    """Follows a workspace from cycle to cycle, also when an edited playbook names others. `prepare`, `step` and `close` belong to the thread that runs cycles."""

    def __init__(self, weekly: WeeklyReport | None = None) -> None:
        """weekly: makes the text of the weekly compliance report (A9), its first line the title; None: nobody gets one."""
        self._weekly = weekly
        self._environ: Mapping[str, str] | None = None
        self._options: dict[str, str] = {}
        self._simulated = False
        self._lanes: dict[str, Lane] = {}
        self._told: dict[Target, deque[datetime]] = defaultdict(deque)

    def prepare(self, workspace: Workspace) -> None:
        """Reads the addresses. Contacts nobody and does not load what sends. Raises: ConfigError naming a setting whose file cannot be read or that is given twice."""
        if workspace.settings.environ is not self._environ:
            self._options = options_for(NAME, workspace.settings.environ)
            self._simulated = all_loopback(workspace.settings.environ)
            self._environ = workspace.settings.environ

    def step(self, workspace: Workspace, *, wait: float = 0.0) -> int:
        """Settles what was sent and could not be settled then, hands what is due to the threads that send, and waits for at most that many real seconds until all
        of it has been tried; returns how many messages were handed over. Raises what the store raises, and ConfigError as `prepare`."""
        self.prepare(workspace)
        now, rules = workspace.clock(), workspace.playbook.alerts
        for lane in self._lanes.values():
            lane.settle()
        self._tell_weekly(workspace, rules, now)
        jobs = self._jobs(workspace, rules, now)
        for job in jobs:
            self._lane(job.target).put(job)
        for lane in self._lanes.values() if wait > 0 else ():
            lane.rest(wait)
        return sum(len(job.letters) for job in jobs)

    def close(self) -> None:
        """Gives back what was not begun, waits a moment for what was, and sends nothing any more."""
        for lane in self._lanes.values():
            lane.stop()
        for lane in self._lanes.values():
            lane.rest(CLOSING)
        self._lanes.clear()
        self._environ = None

    # --- what goes out ----------------------------------------------------------------------------------------------------------

    def _jobs(self, workspace: Workspace, rules: AlertRules, now: datetime) -> list[Job]:
        store = workspace.store
        held = {target for lane in self._lanes.values() for target in lane.busy()}
        held |= {target for target in list(self._told) if self._room(target, rules, now) <= 0}
        rows = store.alerts.due(now, AT_ONCE, busy={address for target in held for address in target.addresses})
        if not rows:
            return []
        by_target: dict[Target, list[AlertRow]] = defaultdict(list)
        for row in rows:
            by_target[target_of(row.address)].append(row)
        nowhere = [target for target in by_target if url_of(target, self._options) is None]
        if nowhere:
            store.alerts.drop([row.alert_id for target in nowhere for row in by_target.pop(target)], now)
        wanted = [row for found in by_target.values() for row in found]
        mine = {row.alert_id: row for row in store.alerts.claim(wanted, now + HOLD)}
        jobs = [
            self._job(workspace, rules, target, [mine[row.alert_id] for row in found if row.alert_id in mine], now)
            for target, found in by_target.items()
        ]
        return [job for job in jobs if job.letters]

    def _job(self, workspace: Workspace, rules: AlertRules, target: Target, rows: Sequence[AlertRow], now: datetime) -> Job:
        room = max(1, self._room(target, rules, now))
        reports = [row for row in rows if row.kind == WEEKLY]
        alerts = [row for row in rows if row.kind != WEEKLY]
        letters = [Letter(rows=(row,)) for row in reports]
        letters += [Letter(rows=tuple(alerts))] if len(alerts) > room else [Letter(rows=(row,)) for row in alerts]
        self._told[target].extend([now] * len(letters))
        url = url_of(target, self._options)
        return Job(
            target=target, url=url or "", letters=tuple(letters), world=workspace.world, clock=workspace.clock,
            only_here=self._simulated and target.person is not None,
        )  # fmt: skip

    def _room(self, target: Target, rules: AlertRules, now: datetime) -> int:
        """How many messages that address may still get: never more than `digest_over` in any stretch of `digest_seconds`. A clock set back forgets."""
        told = self._told[target]
        while told and not timedelta(0) <= now - told[0] < timedelta(seconds=rules.digest_seconds):
            told.popleft()
        if not told:
            del self._told[target]
        return max(1, rules.digest_over) - len(told)

    def _lane(self, target: Target) -> Lane:
        return self._lanes.setdefault(target.setting, Lane(target.setting, PEOPLE_AT_ONCE if target.person is not None else 1))

    def _tell_weekly(self, workspace: Workspace, rules: AlertRules, now: datetime) -> None:
        if self._weekly is None or rules.weekly_day is None or not rules.weekly_to:
            return
        store = workspace.store
        last = moment(store.get(LAST_WEEKLY))
        if last is None or last > now:
            store.put(LAST_WEEKLY, stamp(now))
            return
        due = weekly_due(rules, last, now)
        if due is None:
            return
        try:
            title, _, text = self._weekly(workspace, now).strip().partition("\n")
        except CrmsyncError:
            raise
        except Exception as error:  # a report that cannot be made must not stop what it reports on
            keep_crash(error, workspace.settings.home)
            log.error("the weekly report failed", error=type(error).__name__)
            store.put(LAST_WEEKLY, stamp(due))
            return
        with store.begin():
            remember_weekly(workspace.world, due, title, text.strip(), now)
            store.put(LAST_WEEKLY, stamp(due))
