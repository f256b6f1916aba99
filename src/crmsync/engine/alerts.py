"""Who hears of what (process.md H2, A4, A5, R5): alerts that were decided become rows, one per receiver, in the transaction of the decision.

Sending them is crmsync.service.notify's; nothing here waits for a chat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crmsync.decide.alerts import WEEKLY, grouped, not_before
from crmsync.decide.gate import address_of
from crmsync.model.alert import CHANNEL, MANAGER, OWNER, Alert, AlertRules, address_for, person_of
from crmsync.model.attention import Problem
from crmsync.store.alerts import NEVER, AlertRow

if TYPE_CHECKING:
    from crmsync.engine.world import World

UNDELIVERED = "alert_undelivered"
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
MOST_TRIES = 24
"""After as many in vain, most of a day, an alert is given up: the task in the CRM has said the same all along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """address: the name under which rows are kept, "owner:rita@acme.example" or "channel:sales". zone: whose clock says when it is quiet (None: the rules')."""

    address: str
    zone: str | None = None


def receivers(world: World, alert: Alert) -> list[Receiver]:
    """Who hears of it, each once, in the order of the rules. Left out: the owner of what nobody owns, a manager whom nobody names, and who has no e-mail address."""
    rules = world.playbook.alerts
    found: dict[str, Receiver] = {}
    for name in rules.to.get(alert.kind, ()):
        one = _receiver(world, rules, name, alert.owner)
        if one is not None:
            found.setdefault(one.address, one)
    return list(found.values())


def remember_alerts(world: World, items: Iterable[tuple[str, Alert]], now: datetime) -> int:
    """Has (person, alert) told to those whom the rules name, outside their quiet hours; returns how many rows are new. In the caller's transaction.

    Once per person, kind, moment of the cause and receiver, for ever: telling again adds nothing (law 9)."""
    rules = world.playbook.alerts
    rows = [
        AlertRow(
            person_id=person_id,
            kind=alert.kind,
            at=alert.at,
            address=one.address,
            not_before=_loud(world, rules, alert.kind, one.zone, now),
            title=alert.title,
            body=alert.body,
            owner=alert.owner,
            late=alert.late,
        )
        for person_id, alert in items
        for one in receivers(world, alert)
    ]
    return world.store.alerts.add(rows, now) if rows else 0


def remember_weekly(world: World, at: datetime, title: str, text: str, now: datetime) -> int:
    """Has the compliance report of the weekly moment `at` sent to its channels (A9); returns how many rows are new."""
    rules = world.playbook.alerts
    found = [one for name in rules.weekly_to if (one := _receiver(world, rules, name, None)) is not None]
    rows = [AlertRow(person_id="", kind=WEEKLY, at=at, address=one.address, not_before=now, title=title, body=text) for one in found]
    return world.store.alerts.add(rows, now)


def settle_failed(world: World, rows: Sequence[AlertRow], error: str, now: datetime) -> list[AlertRow]:
    """These were tried in vain: each is tried again after a wait that doubles with every try, outside quiet hours, and given up after MOST_TRIES. Returns those
    given up, which are told as one problem of their receiver. error: free of addresses and secrets."""
    rules = world.playbook.alerts
    later: list[tuple[int, str, datetime]] = []
    given_up: list[AlertRow] = []
    for row in rows:
        if row.tries >= MOST_TRIES:
            given_up.append(row)
            later.append((row.alert_id, error, NEVER))
            continue
        wait = min(FIRST_WAIT * 2 ** min(max(row.tries - 1, 0), 10), LONGEST_WAIT)
        later.append((row.alert_id, error, _loud(world, rules, row.kind, _zone_of(world, row.address), now + wait)))
    with world.store.begin():
        world.store.alerts.failed(later)
        if given_up:
            world.store.problems.park(
                [_undelivered(address, given_up, error) for address in sorted({row.address for row in given_up})], now
            )
    return given_up


def settle_sent(world: World, rows: Sequence[AlertRow], now: datetime) -> None:
    """These have arrived; what was told of their receivers as a problem is over."""
    with world.store.begin():
        world.store.alerts.sent([row.alert_id for row in rows], now)
        if any(row.tries > 1 for row in rows) or world.store.alerts.counts(now).given_up:
            told = {row.address for row in rows}
            known = world.store.problems.rows(person_ids=[""], limit=10_000)
            world.store.problems.drop([p.problem_id for p in known if p.problem.cause == UNDELIVERED and p.problem.record_id in told])


def _receiver(world: World, rules: AlertRules, name: str, owner: str | None) -> Receiver | None:
    if name not in (OWNER, MANAGER):
        return Receiver(address=address_for(CHANNEL, name), zone=rules.time_zone)
    house = owner if name == OWNER else rules.manager_of(owner)
    email = _email(world, house)
    return None if house is None or email is None else Receiver(address=address_for(name, email), zone=_person_zone(world, house))


def _email(world: World, house: str | None) -> str | None:
    """The address of that user as the CRM has it, or of the house owner id itself, which is one for everybody who has any. None unless it is a sound address: it
    becomes part of another one."""
    user = world.owners.users.get(house or "")
    found = address_of(user.email if user is not None and user.email else house)
    return found.text.lower() if found is not None and not found.problem else None


def _person_zone(world: World, house: str) -> str:
    user = world.owners.users.get(house)
    return (user.time_zone if user is not None else None) or world.playbook.hours.time_zone


def _zone_of(world: World, address: str) -> str:
    person = person_of(address)
    return world.playbook.alerts.time_zone if person is None else _person_zone(world, person)


def _loud(world: World, rules: AlertRules, kind: str, zone: str | None, at: datetime) -> datetime:
    return not_before(rules.quiet, kind, zone, at, rules.time_zone)


def _undelivered(address: str, rows: Sequence[AlertRow], error: str) -> Problem:
    mine = [row.kind for row in rows if row.address == address]
    return Problem(
        cause=UNDELIVERED,
        message=f"Alerts to {address} could not be sent in {MOST_TRIES} tries ({grouped(mine)}): {error}. Their tasks and fields stand in the CRM. "
        "Check the address with `crmsync check`; alerts that come are tried anew.",
        side="",
        object="alert",
        record_id=address,
        data_hash=error,
    )
