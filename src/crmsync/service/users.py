"""What `check --live` says of users: who has no twin or no turn, which pairs and fallback lead nowhere, and whose clock is known (F48)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crmsync.connect import Finding
from crmsync.decide.owners import owners_of, whole_id
from crmsync.decide.route import pool_problems
from crmsync.model.record import User
from crmsync.model.rules import Playbook

NAMED = 5
"""Users named in one finding."""


def check_users(playbook: Playbook, users: Mapping[str, Sequence[User]], first: str) -> list[Finding]:
    """users: side -> everybody that CRM lists. first: the CRM in which tasks are made. Contacts nothing."""
    person = playbook.person
    everybody = [user for found in users.values() for user in found]
    owners = owners_of(everybody, person.owner_pairs, playbook.hours, first)
    found = [finding for house, pair in person.owner_pairs.items() for finding in _pair(house, pair, users)]
    lost = [side for side in users if person.fallback_owner and owners.native(side, person.fallback_owner) is None]
    if lost:
        text = f"the fallback owner {person.fallback_owner} has no active user in {' and '.join(lost)}"
        found.append(
            Finding(level="warning", subject="owners", message=text, fix="name another one as owners.fallback in mappings/person.yaml")
        )
    for side, known in users.items():
        able = sorted({str(owners.house(side, u.id)) for u in known if u.active and u.kind == "person" and u.email})
        for other in users:
            alone = [house for house in able if owners.native(other, house) is None]
            if other != side and alone:
                named = ", ".join(alone[:NAMED]) + (f" and {len(alone) - NAMED} more" if len(alone) > NAMED else "")
                whose = f"{person.fallback_owner} stands in for them" if person.fallback_owner else "their owner is left alone there"
                found.append(Finding(level="info", subject="owners", message=f"{side} users without a user in {other}: {named}; {whose}"))
    for text in pool_problems(routing=playbook.routing, users=everybody, sides=users):
        found.append(Finding(level="warning", subject="routing", message=text, fix="correct routing in mappings/playbook.yaml"))
    people = [user for user in owners.users.values() if user.active and user.kind == "person"]
    own = sum(1 for user in people if user.hours is not None and not user.hours.shared)
    shared = sum(1 for user in people if user.hours is not None and user.hours.shared)
    zones = sum(1 for user in people if user.time_zone is not None)
    text = f"of {len(people)} users {zones} have a time zone, {own} working hours of their own, {shared} those of their organisation; else working_hours"
    return [*found, Finding(level="info", subject="working hours", message=text)]


def _pair(house: str, pair: Mapping[str, str], users: Mapping[str, Sequence[User]]) -> list[Finding]:
    found = []
    for side, native in pair.items():
        if side not in users:
            continue
        id = whole_id(native, [user.id for user in users[side]])
        active = next((user.active for user in users[side] if user.id == id), None)
        if not active:
            what = "is not among the users of" if active is None else "is deactivated in"
            text = f"owners.pairs: {native}, named for {house}, {what} {side}"
            found.append(Finding(level="warning", subject="owners", message=text, fix="correct the pair in mappings/person.yaml"))
    return found
