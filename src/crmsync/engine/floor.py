"""The sales floor as the store and the CRMs have it (process.md R2, R3): asked for only when somebody needs an owner, and kept with what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crmsync.decide.canonical import moment, stamp
from crmsync.decide.pool import Floor, PoolNow, RepNow
from crmsync.decide.presence import presence_of
from crmsync.decide.roster import Roster, pools_of
from crmsync.decide.worktime import zone_of
from crmsync.engine.world import World
from crmsync.model.record import User
from crmsync.model.routing import BEST_CONVERSION, LEAST_LOAD, Member, Pool

KEY = "floor:"
"""Before a pool's name: where its turns are kept."""
RATES = "floor rates"
OLD_COUNTER = "route:"
"""Before a pool's name: the counter of the plain round robin, where a pool's count of turns goes on."""
OPEN = ("mql", "sal", "sql")
"""Stages at which somebody counts as a rep's open lead."""
WON = ("sql", "opportunity", "customer")
RATES_LAST = timedelta(days=1)
RATES_OF = timedelta(days=365)
"""How old assignments may be that still tell how well a rep does."""
_DAY = timedelta(days=1)

Rates = Mapping[str, Mapping[str, tuple[int, int]]]
"""rep -> MQL type -> (persons who got to sql or further, these and all who fell out of the process)."""


class Floors:
    """The floor for one batch of persons, at one moment. Nothing is asked before the first `get`."""

    def __init__(self, world: World, now: datetime) -> None:
        self._world = world
        self._now = now
        self._first: Floor | None = None

    def get(self) -> Floor:
        """The floor as the store has it: the same one each time."""
        if self._first is None:
            self._first = floor_of(self._world, self._now)
        return self._first

    def keep(self, floor: Floor) -> None:
        """Stores the turns of pools that had some since `get`, in the caller's transaction."""
        if self._first is not None and floor is not self._first:
            keep(self._world, floor, self._first)


class Standing:
    """The floor as it stands while a batch of persons is decided, one after the other."""

    def __init__(self, world: World, now: datetime) -> None:
        self._floors = Floors(world, now)
        self._latest: Floor | None = None

    def get(self) -> Floor:
        return self._latest if self._latest is not None else self._floors.get()

    def put(self, floor: Floor | None) -> None:
        """After a decision (None: nobody was routed by it)."""
        self._latest = floor or self._latest

    def keep(self) -> None:
        """Stores what changed, in the caller's transaction."""
        if self._latest is not None:
            self._floors.keep(self._latest)


def floor_of(world: World, now: datetime) -> Floor:
    """Every pool at `now` (UTC). Loads, today's assignments and rates are asked of the store only where a pool goes by them."""
    routing, store = world.playbook.routing, world.store
    roster = Roster(world.people, world.sides, world.integration, world.owners.house_of)
    pools = {pool.name: (pool, roster.members(pool)) for pool in pools_of(routing)}
    every = [(pool, member) for pool, found in pools.values() for member in found]
    midnights = {m.rep: _midnight(world, m.rep, now) for pool, m in every if _cap(m.per_day, pool.per_day) is not None}
    weighs = any(pool.select == LEAST_LOAD or _cap(m.open_leads, pool.open_leads) is not None for pool, m in every)
    today = store.assignments.counts({rep: begun for rep, (begun, _) in midnights.items()}) if midnights else {}
    loads = store.assignments.loads({member.rep for _, member in every}, OPEN) if weighs else {}
    rates = _rates(world, now) if any(pool.select == BEST_CONVERSION for pool, _ in pools.values()) else {}
    reps: dict[str, RepNow] = {}
    for _, member in every:
        if member.rep not in reps:
            reps[member.rep] = _rep(world, member.rep, now, midnights.get(member.rep), loads, today, rates)
    made = {name: _pool_now(world, pool, found, reps) for name, (pool, found) in pools.items()}
    return Floor(pools=made, first=routing.pool)


def keep(world: World, floor: Floor, before: Floor) -> None:
    """Stores the turns of pools that had some since `before`, in the caller's transaction. Who left a pool is owed nothing there."""
    for name, pool in floor.pools.items():
        known = before.pools.get(name)
        if known is None or known.turn != pool.turn:
            there = {rep.rep for rep in pool.reps}
            lags = {rep: lag for rep, lag in pool.lags.items() if rep in there}
            served = {rep: count for rep, count in pool.served.items() if rep in there}
            world.store.put(KEY + name, {"turn": pool.turn, "lags": lags, "served": served})


def _pool_now(world: World, pool: Pool, found: tuple[Member, ...], reps: Mapping[str, RepNow]) -> PoolNow:
    kept: Mapping[str, Any] | None = world.store.get(KEY + pool.name)
    if kept is None:
        kept = {"turn": world.store.counter(OLD_COUNTER + pool.name), "lags": {}, "served": {}}
    members = [_member(reps[member.rep], member, pool) for member in found]
    return PoolNow(
        name=pool.name, select=pool.select, reps=tuple(members), lags=kept["lags"], served=kept["served"], turn=int(kept["turn"])
    )


def _member(rep: RepNow, member: Member, pool: Pool) -> RepNow:
    return RepNow(
        rep=rep.rep, weight=member.weight, per_day=_cap(member.per_day, pool.per_day), open_leads=_cap(member.open_leads, pool.open_leads),
        here=rep.here, back=rep.back, load=rep.load, given_today=rep.given_today, renews=rep.renews, rates=rep.rates,
    )  # fmt: skip


def _rep(
    world: World,
    rep: str,
    now: datetime,
    midnights: tuple[datetime, datetime] | None,
    loads: Mapping[str, int],
    today: Mapping[str, int],
    rates: Rates,
) -> RepNow:
    user: User | None = world.owners.users.get(rep)
    presence = presence_of(user, world.playbook.hours, world.playbook.routing.outside_hours)
    here = presence.here(now)
    return RepNow(
        rep=rep, here=here, back=None if here else presence.back(now), load=loads.get(rep, 0), given_today=today.get(rep, 0),
        renews=presence.back(midnights[1]) if midnights is not None else None, rates=rates.get(rep, {}),
    )  # fmt: skip


def _cap(own: int | None, of_pool: int | None) -> int | None:
    return own if own is not None else of_pool


def _midnight(world: World, rep: str, now: datetime) -> tuple[datetime, datetime]:
    """When the rep's day began and when their next one begins, where they are (UTC)."""
    user, hours = world.owners.users.get(rep), world.playbook.hours
    zone = zone_of(user.time_zone if user is not None else None, hours.time_zone)
    local = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    # Plain days by the wall clock: the zone says which moment each midnight is, however long the day.
    return local.astimezone(now.tzinfo), (local + _DAY).astimezone(now.tzinfo)


def _rates(world: World, now: datetime) -> Rates:
    """How the reps' leads ended, asked for once a day."""
    kept = world.store.get(RATES)
    at = moment(kept["at"]) if kept is not None else None
    if kept is None or at is None or not now - RATES_LAST < at <= now:
        found: dict[str, dict[str, list[int]]] = {}
        for (owner, mql_type), stages in world.store.assignments.ends(now - RATES_OF).items():
            won = sum(stages.get(stage, 0) for stage in WON)
            lost = sum(count for stage, count in stages.items() if stage not in OPEN and stage not in WON)
            if won + lost:
                found.setdefault(owner, {})[mql_type] = [won, won + lost]
        kept = {"at": stamp(now), "rates": found}
        world.store.put(RATES, kept)
    return {rep: {kind: (won, all) for kind, (won, all) in by_type.items()} for rep, by_type in kept["rates"].items()}
