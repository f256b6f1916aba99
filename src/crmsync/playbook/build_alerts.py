"""From the checked model of alerts.yaml to frozen values (crmsync.model.alert)."""

from __future__ import annotations

from crmsync.model.alert import MANAGER, OWNER, AlertRules, Quiet
from crmsync.playbook.build_hours import DAYS
from crmsync.playbook.schema_alerts import AlertsFile, QuietFile
from crmsync.playbook.shapes import minutes_of, plain_minutes


def alert_rules(said: AlertsFile) -> AlertRules:
    to = {kind: tuple(dict.fromkeys(receivers)) for kind, receivers in said.to.items() if receivers}
    weekly = tuple(dict.fromkeys(said.weekly.to)) if said.weekly is not None else ()
    named = {receiver for receivers in (*to.values(), weekly) for receiver in receivers}
    return AlertRules(
        to={str(kind): receivers for kind, receivers in to.items()},
        channels=frozenset(named - {OWNER, MANAGER}),
        managers={rep.strip().lower(): manager.strip().lower() for rep, manager in said.managers.items()},
        manager=None if said.manager is None else said.manager.strip().lower(),
        digest_over=said.digest.over,
        digest_seconds=plain_minutes(said.digest.within) * 60,
        quiet=None if said.quiet is None else quiet(said.quiet),
        escalation_task=said.escalation_task,
        weekly_day=None if said.weekly is None else DAYS.index(said.weekly.day),
        weekly_minute=minutes_of(said.weekly.at) if said.weekly is not None else 480,
        weekly_to=weekly,
        time_zone=said.time_zone,
    )


def quiet(said: QuietFile) -> Quiet:
    """Without hours it begins when it ends: only its days are quiet."""
    start, end = (minutes_of(clock) if clock is not None else 0 for clock in (said.from_, said.to))
    return Quiet(start=start, end=end, days=frozenset(DAYS.index(day) for day in said.days))
