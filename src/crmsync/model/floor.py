"""The sales floor at one moment: every pool with its reps, their loads, and whose turn it is (process.md section 5). Values that decisions take and give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crmsync.model.copies import replace
from crmsync.model.routing import ROUND_ROBIN


@dataclass(frozen=True, slots=True, kw_only=True)
class RepNow:
    """A member of a pool as things stand. weight: share beside the others' (0: none). per_day, open_leads: caps (None: none). here: whether they are at
    work; back: when they will be (UTC; None: never, or they are here). load: persons at mql, sal or sql who are theirs. given_today: assignments since
    midnight where they are; renews: when that count begins anew for somebody who is at work then (UTC; None: not known). rates: MQL type -> (leads that got
    to sql or further, all closed ones)."""

    rep: str
    weight: float = 1.0
    per_day: int | None = None
    open_leads: int | None = None
    here: bool = True
    back: datetime | None = None
    load: int = 0
    given_today: int = 0
    renews: datetime | None = None
    rates: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def day_full(self) -> bool:
        """Whether they had as many as they take in a day."""
        return self.per_day is not None and self.given_today >= self.per_day

    @property
    def full(self) -> bool:
        """Whether they have as many open leads as they take."""
        return self.open_leads is not None and self.load >= self.open_leads


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolNow:
    """A pool as things stand. reps: its members. lags: rep -> turns owed to them (negative: had in advance), absent: 0. served: rep -> turns they had.
    turn: how many turns the pool has had; the counter of R8."""

    name: str
    select: str = ROUND_ROBIN
    reps: tuple[RepNow, ...] = ()
    lags: Mapping[str, float] = field(default_factory=dict)
    served: Mapping[str, int] = field(default_factory=dict)
    turn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """pools: name -> PoolNow. first: the name of the pool of those whom no rule sends elsewhere ("": none is known)."""

    pools: Mapping[str, PoolNow] = field(default_factory=dict)
    first: str = ""

    def taken(self, pool: PoolNow | None, rep: str) -> Floor:
        """After somebody was given to `rep`: one lead more in every pool that has them. pool: as it stands after the turn (None: no turn was taken)."""
        return self._with(pool, rep, load=1, today=1)

    def freed(self, rep: str) -> Floor:
        """After somebody who counted for `rep` is theirs no more: what they were given today stays counted."""
        return self._with(None, rep, load=-1, today=0)

    def _with(self, pool: PoolNow | None, rep: str, *, load: int, today: int) -> Floor:
        pools = {**self.pools, pool.name: pool} if pool is not None else dict(self.pools)
        for name, at in pools.items():
            place = next((n for n, one in enumerate(at.reps) if one.rep == rep), None)
            if place is not None:
                one = at.reps[place]
                one = replace(one, load=max(0, one.load + load), given_today=one.given_today + today)
                pools[name] = replace(at, reps=(*at.reps[:place], one, *at.reps[place + 1 :]))
        return replace(self, pools=pools)
