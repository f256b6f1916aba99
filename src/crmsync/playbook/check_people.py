"""Persons whom the playbook names beside the members of its pools, held against the users that the CRMs list: who is no active user gets nothing and covers nobody.

Members and teams of pools are told by crmsync.decide.roster, with the same rules by which they take part.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from crmsync.model.record import User
from crmsync.model.routing import Pool
from crmsync.model.rules import Playbook
from crmsync.playbook.check import Finding
from crmsync.playbook.spots import spot

PLAYBOOK, ALERTS = "mappings/playbook.yaml", "mappings/alerts.yaml"


def check_people(playbook: Playbook, users: Mapping[str, Sequence[User]]) -> list[Finding]:
    """Warnings on named persons who are no active user of any connected CRM, and on teams of a CRM that shows no users. users: side -> everybody that CRM
    lists; owner pairs of person.yaml are users, too. Contacts nothing."""
    known = {(user.email or "").strip().lower() for found in users.values() for user in found if user.active and user.kind == "person"}
    known |= {house for house, pair in playbook.person.owner_pairs.items() if set(pair) & set(users)}
    found: dict[tuple[str, str, str], Finding] = {}
    for subject, what, email, fix in _named(playbook):
        if email not in known:
            message = f"{what} {email} is no active user of {' or '.join(sorted(users)) or 'any CRM'}"
            found.setdefault((subject, what, email), Finding(level="warning", subject=subject, message=message, fix=fix))
    return [*found.values(), *_teams(playbook.routing.pools.values(), users)]


def _named(playbook: Playbook) -> Iterator[tuple[str, str, str, str]]:
    """(subject, what they are, house owner id, what to do)."""
    routing = playbook.routing
    for rule in routing.rules:
        if rule.owner is not None:
            yield (
                rule.where or PLAYBOOK,
                f"routing: the rule {rule.name} is passed over, its owner",
                rule.owner,
                "name somebody else in the rule",
            )
    if routing.fallback is not None:
        yield (
            spot(playbook, PLAYBOOK, "routing", "fallback"),
            "routing: the fallback",
            routing.fallback,
            "name somebody else as routing.fallback",
        )
    for pool in routing.pools.values():
        at = ("routing",) if pool.name == routing.pool else ("routing", "pools", pool.name)
        for rep in sorted(pool.exclude):
            yield (
                spot(playbook, PLAYBOOK, *at, "exclude"),
                f"routing: {pool.name} excludes nobody, because",
                rep,
                "correct it or remove it from exclude",
            )
    for email, shift in playbook.hours.people.items():
        place = spot(playbook, PLAYBOOK, "working_hours", "people", email)
        yield place, "working_hours: the hours are nobody's,", email, "correct the e-mail address under people, or remove it"
        for away in shift.away:
            if away.cover:
                yield place, f"working_hours: the cover of {email},", away.cover, "name somebody else as cover"
    alerts = playbook.alerts
    if alerts.escalation_task:
        lines = {alerts.manager: spot(playbook, ALERTS, "manager")} if alerts.manager else {}
        for rep, manager in alerts.managers.items():
            lines.setdefault(manager, spot(playbook, ALERTS, "managers", rep))
        for manager, line in lines.items():
            yield line, "a breach makes no task, because the manager", manager, "name a user, or write escalation_task: false"
    for rep in alerts.managers:
        yield spot(playbook, ALERTS, "managers", rep), "managers: the rep", rep, "correct the e-mail address, or remove the line"


def _teams(pools: Collection[Pool], users: Mapping[str, Sequence[User]]) -> Iterator[Finding]:
    """Pools that count on the teams of a CRM which shows no users."""
    for pool in pools:
        for side, names in pool.teams.items():
            if names and side not in users:
                message = f"routing: pool {pool.name}: {side}, whose teams it names, is not connected or shows no users"
                yield Finding(level="warning", subject=pool.where or PLAYBOOK, message=message, fix="connect it, or name members")
