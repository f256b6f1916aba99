"""Who gets a person, as the admin wrote it (process.md section 5): pools, match rules, reassignment, the queue. Read by crmsync.decide.

where: the file and line in which the admin wrote it; it takes no part in comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from crmsync.model.condition import Condition

ROUND_ROBIN, WEIGHTED, LEAST_LOAD, BEST_CONVERSION = "round_robin", "weighted", "least_load", "best_conversion"
"""How the one is chosen among the available members of a pool (R2)."""
QUEUE, ASSIGN = "queue", "assign"
"""What happens to a person for whom every member is outside of their told working hours (R3, R5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One rep of a pool. rep: house owner id (lower-case e-mail). weight: share beside the others' (0: none). per_day: assignments at most per day
    of the rep's calendar; open_leads: persons at mql, sal or sql at most (None: as the pool says)."""

    rep: str
    weight: float = 1.0
    per_day: int | None = None
    open_leads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool. members: named ones; with those of `teams`. Both empty: every active user of kind person that all connected sides share, the integration
    user left out (R2). teams: side -> names or ids of groups, queues or teams there whose members take part. exclude: house owner ids that never
    do. select: ROUND_ROBIN ... (all take weights into account but LEAST_LOAD and BEST_CONVERSION, which break ties by them). per_day, open_leads: caps of members who have
    none of their own (None: no cap)."""

    name: str
    members: tuple[Member, ...] = ()
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exclude: frozenset[str] = frozenset()
    select: str = ROUND_ROBIN
    per_day: int | None = None
    open_leads: int | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRule:
    """Lead-to-account matching (R1): the owner of the account that the person belongs to, or that has the domain of their e-mail address or website ("domain"),
    or whose name is at least `similar` per cent like the person's company ("name"), in this order."""

    by: tuple[str, ...] = ("domain", "name")
    similar: float = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """One match rule (R1); the first that gives an owner or a pool counts. when: holds (None: always). Exactly one of account, owner, pool."""

    name: str
    when: Condition | None = None
    account: AccountRule | None = None
    owner: str | None = None
    pool: str | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRules:
    """pool: name of the pool of those whom no rule sends elsewhere; `pools` has it. hot: pool of persons who came by an express signal (R4; None: as
    others). fallback: house owner id of who gets them when nobody ever can (R5). queue_minutes: within which a waiting person gets an owner; then
    the managers hear of it and the fallback owner gets them (None: no such clock). reassign_minutes: unworked for so long after the assignment goes to the next
    rep (R7; None: never); reassign_at_breach: so does a breach of the response clock. outside_hours: QUEUE or ASSIGN."""

    pool: str = "default"
    pools: Mapping[str, Pool] = field(default_factory=dict)
    rules: tuple[RouteRule, ...] = ()
    hot: str | None = None
    fallback: str | None = None
    queue_minutes: int | None = 240
    queue_working_time: bool = True
    reassign_minutes: int | None = 2880
    reassign_working_time: bool = False
    reassign_at_breach: bool = False
    outside_hours: str = QUEUE

    @property
    def default(self) -> Pool:
        """The pool of those whom no rule sends elsewhere."""
        return self.pools.get(self.pool) or Pool(name=self.pool)

    def named(self, name: str) -> Pool:
        """The pool of that name; KeyError for an unknown one, which check refuses."""
        return self.default if name == self.pool else self.pools[name]


def one_pool(
    pool: str = "default", *, members: Iterable[str] = (), exclude: Iterable[str] = (), fallback: str | None = None
) -> RoutingRules:
    """The rules of an organisation with one pool, whose members are named by e-mail."""
    named = tuple(Member(rep=rep) for rep in dict.fromkeys(rep.strip().lower() for rep in members))
    only = Pool(name=pool, members=named, exclude=frozenset(rep.strip().lower() for rep in exclude))
    return RoutingRules(pool=pool, pools={pool: only}, fallback=fallback)
