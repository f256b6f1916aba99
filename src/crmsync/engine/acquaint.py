"""What is asked of a CRM about its users; owners that were nobody we knew when their records were read, and are somebody now; owners who left, or work at
other times than before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, TypedDict

from crmsync.decide.owners import Owners, owners_of
from crmsync.decide.shift import CALENDARS, absences_from
from crmsync.engine.beliefs import NO_TWIN, OWNER, look_again
from crmsync.model.link import Snapshot
from crmsync.model.record import User
from crmsync.model.rules import FieldType, Playbook
from crmsync.store import Store

if TYPE_CHECKING:
    from crmsync.engine.world import World

OWNERS_KNOWN = "owners_known"
OWNERS_ABLE = "owners_able"
OWNERS_WORK = "owners_work"
OWNERS_FLOOR = "owners_floor"
WORKED_AT = ("mql", "sal", "sql")
"""Stages in which it matters when somebody works."""
OWNERS_AT_ONCE = 50
"""Owners looked for in one statement."""


class AskedOfUsers(TypedDict):
    """What `Connector.users` takes."""

    teams: tuple[str, ...]
    away: Mapping[str, str]


def asked_of_users(playbook: Playbook, side: str) -> AskedOfUsers:
    """The teams that the playbook names of a side, and the fields that tell absences there. Nothing else is asked: it may cost API calls."""
    teams = {team for pool in playbook.routing.pools.values() for team in pool.teams.get(side, ())}
    return {"teams": tuple(sorted(teams)), "away": dict(sorted(playbook.hours.away_fields.get(side, {}).items()))}


def asked_mark(playbook: Playbook, side: str) -> dict[str, str]:
    """Changes when something else is asked about users than when they were last read; empty while nothing is."""
    asked = asked_of_users(playbook, side)
    return {"users": repr(asked)} if asked["teams"] or asked["away"] else {}


def owners_told(store: Store, playbook: Playbook, users: Sequence[User], first: str, groups: Collection[str] = ()) -> Owners:
    """Who is who among these users, with what the playbook and their calendars tell of when they work. first: the CRM that is asked about that; groups:
    "side:" and what the ids of its queues and groups begin with."""
    absent = absences_from(store.get(CALENDARS), playbook.hours) if any(s.calendar for s in playbook.hours.people.values()) else {}
    return owners_of(users, playbook.person.owner_pairs, playbook.hours, first, absent, groups)


def meet_owners(world: World) -> None:
    """Has records decided again that were read when their owner was nobody we knew: they hold the bare native id until somebody edits them."""
    store = world.store
    _settle_told(world)
    _pair_anew(world)
    _wake_theirs(world)
    known = sorted(f"{side}:{id}" for (side, id), house in world.owners.house_of.items() if house != f"{side}:{id}")
    before = store.get(OWNERS_KNOWN)
    if known == before:
        return
    met = set(known) - set(before or known)
    with store.begin():
        for side in world.sides:
            bare = [name for name in met if name.startswith(f"{side}:")]
            for start in range(0, len(bare), OWNERS_AT_ONCE):
                for page in store.iter_holding(side, bare[start : start + OWNERS_AT_ONCE]):
                    named = [(row, _named(world, row, met)) for row in page]
                    store.rewrite_snapshots([new for old, new in named if new is not old])
        store.put(OWNERS_KNOWN, known)


def _settle_told(world: World) -> None:
    """Drops what was told of an owner as such (F48) once they have a user where they had none, or a name of their own: then it is told of that."""
    if not any((cause, object) == (NO_TWIN, OWNER) for cause, _, object, *_ in world.store.problems.groups()):
        return
    told = [row for row in world.store.problems.rows(limit=1_000_000) if (row.problem.cause, row.problem.object) == (NO_TWIN, OWNER)]
    world.store.problems.drop([row.problem_id for row in told if _has_a_user(world, row.problem.side, str(row.problem.field))])


def _has_a_user(world: World, side: str | None, owner: str) -> bool:
    """owner: a house id, or "side:native id" of somebody who was nobody we knew."""
    where, _, native = owner.partition(":")
    return world.owners.house_of.get((where, native), owner) != owner or (side is not None and world.owners.native(side, owner) is not None)


def _pair_anew(world: World) -> None:
    """Has what waited for an owner's user decided again when the admin's pairs name one: no CRM tells of that."""
    able = sorted([side, house, native] for (side, house), native in world.owners.native_of.items())
    before = world.store.get(OWNERS_ABLE)
    if able != before:
        world.store.put(OWNERS_ABLE, able)
        if before is not None:
            look_again(world.store)


def _wake_theirs(world: World) -> None:
    """Has persons decided again whose owner left or came back, or is away or works at other times than they were told to: their clocks, touches and
    who stands in follow from that (A6, C5, R3). Nobody at the first look."""
    owners = world.owners
    able = {house: [side for side in world.sides if (side, house) in owners.native_of] for house in owners.users}
    now = {
        house: blake2b(repr((able[house], u.active, u.away, u.hours, u.time_zone, u.country, u.region)).encode(), digest_size=8).hexdigest()
        for house, u in sorted(owners.users.items())
    }
    _wake_waiting(world, now)
    before = world.store.get(OWNERS_WORK)
    if now == before:
        return
    changed = [house for house, mark in (before or now).items() if now.get(house) != mark]
    with world.store.begin():
        for start in range(0, len(changed), OWNERS_AT_ONCE):
            theirs = world.store.assignments.owned(changed[start : start + OWNERS_AT_ONCE], WORKED_AT)
            world.store.mark_dirty_persons(theirs)
        world.store.put(OWNERS_WORK, now)


def _wake_waiting(world: World, marks: Mapping[str, str]) -> None:
    """Has persons decided again who wait for an owner when anybody may be there, or in a pool, who was not: they would be looked at when those are back of
    whom it was known (R5). marks: house owner id -> what is known of when they work. Nobody at the first look."""
    users = world.owners.users
    now = blake2b(repr([(house, mark, sorted(users[house].teams)) for house, mark in marks.items()]).encode(), digest_size=8).hexdigest()
    before = world.store.get(OWNERS_FLOOR)
    if now == before:
        return
    with world.store.begin():
        if before is not None:
            world.store.mark_dirty_persons(world.store.assignments.waiting())
        world.store.put(OWNERS_FLOOR, now)


def _named(world: World, row: Snapshot, met: Collection[str]) -> Snapshot:
    """The snapshot with owners by their house ids; itself when it holds none of these."""
    owners = [name for name in owner_fields(world, row) if row.fields.get(name) in met]
    if not owners:
        return row
    house = {name: world.owners.house(row.ref.side, str(row.fields[name]).partition(":")[2]) for name in owners}
    return replace(row, fields={**row.fields, **house})


def owner_fields(world: World, row: Snapshot) -> list[str]:
    """Mapped fields of a record of a person that hold an owner."""
    lens = world.lenses.get((row.ref.side, row.ref.object))
    return [name for name, column in lens.by_name.items() if column.map.type is FieldType.OWNER] if lens else []
