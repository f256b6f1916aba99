"""Who gets a person (process.md section 5), in this order: an owner who stands (R6), the pool of hot persons (R4), the first match rule that gives an owner or
a pool (R1), the default pool (R2, R3); the fallback owner when nobody ever can (R5). Every verdict says why (R8).

A pool that a rule names is meant: somebody waits for its members until they are back. A pool in which nobody ever can is passed over. A hot person does
not wait for the hot pool while somebody else is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from crmsync.decide.condition import Lists, holds
from crmsync.decide.pool import Choice, Floor, PoolNow, choose
from crmsync.decide.roster import members, pool_problems
from crmsync.decide.text import one_line
from crmsync.model.link import Signal
from crmsync.model.record import Fields, User
from crmsync.model.routing import RouteRule, RoutingRules
from crmsync.model.verdict import AccountMatch, RouteVerdict

__all__ = ["REASON_LENGTH", "AccountMatch", "RouteVerdict", "members", "pool_problems", "route", "usable"]

REASON_LENGTH = 255
"""What a text field of either CRM holds at least."""
STANDS, HOT, DEFAULT, FALLBACK = "existing owner", "hot leads", "default pool", "fallback owner"
"""Names of the rules that no admin wrote."""
_BY = {"linked": "they belong to it", "domain": "same domain"}


def route(
    *,
    floor: Floor,
    routing: RoutingRules,
    facts: Fields,
    lists: Lists,
    signals: Sequence[Signal],
    now: datetime,
    users: Mapping[str, User],
    mql_type: str = "",
    account: AccountMatch | None = None,
    hot: bool = False,
    tried: Sequence[str] = (),
    owner: str | None = None,
    wait: bool = True,
) -> RouteVerdict:
    """The owner for one person at `now` (UTC), and the floor after it. users: house owner id -> that user. account: the company they belong to. hot: they came by an
    express signal. tried: who had them since the handoff, oldest first; the last one has them now (R7). owner: one who may own them and stands. wait: somebody
    may be waited for; False: the time in the queue is over, and the fallback owner gets them when nobody is available."""
    if owner is not None:
        return RouteVerdict(owner=owner, reason="existing owner stands", rule=STANDS, floor=floor)
    return _Turn(floor, routing, users, mql_type, tried, wait).along(
        hot, [rule for rule in routing.rules if rule.when is None or holds(rule.when, facts, lists, now, signals)], account
    )


def usable(owner: str, users: Mapping[str, User]) -> bool:
    """Whether a CRM lists that owner as an active person."""
    user = users.get(owner)
    return user is not None and user.active and user.kind == "person"


class _Turn:
    """One person on their way through the rules. Remembers who was passed over, and whom they could wait for."""

    def __init__(
        self, floor: Floor, routing: RoutingRules, users: Mapping[str, User], mql_type: str, tried: Sequence[str], wait: bool
    ) -> None:
        self._floor = floor
        self._routing = routing
        self._users = users
        self._type = mql_type
        self._tried = tried
        self._wait = wait
        self._passed: list[str] = []
        self._waits: list[tuple[str, Choice]] = []

    def along(self, hot: bool, rules: Sequence[RouteRule], account: AccountMatch | None) -> RouteVerdict:
        if hot and self._routing.hot and (found := self._pool(HOT, self._routing.hot)) is not None:
            return found
        for rule in rules:
            waiting = len(self._waits)
            found = self._rule(rule, account)
            if found is not None:
                return found
            if len(self._waits) > waiting:
                return self._nobody()
        return self._pool(DEFAULT, self._routing.pool) or self._nobody()

    def _rule(self, rule: RouteRule, account: AccountMatch | None) -> RouteVerdict | None:
        if rule.account is not None:
            if account is None or account.by not in ("linked", *rule.account.by):
                return None
            if account.by == "name" and account.similar < rule.account.similar:
                return None
            told = _BY.get(account.by) or f"name {account.similar:.0f} % alike"
            return self._owner(rule.name, account.owner, f"owner of {one_line(account.company, 60)} ({told})")
        if rule.owner is not None:
            return self._owner(rule.name, rule.owner.strip().lower(), "named owner")
        return self._pool(rule.name, rule.pool) if rule.pool is not None else None

    def _owner(self, rule: str, owner: str, told: str) -> RouteVerdict | None:
        if not usable(owner, self._users):
            self._passed.append(f"{rule} ({owner} is no active user)")
            return None
        if owner in self._tried:
            self._passed.append(f"{rule} ({owner} had them)")
            return None
        return RouteVerdict(owner=owner, reason=self._said(f"rule {rule}: {told}"), rule=rule, floor=self._floor.taken(None, owner))

    def _pool(self, rule: str, name: str) -> RouteVerdict | None:
        pool = self._floor.pools.get(name) or PoolNow(name=name)
        choice = choose(pool, mql_type=self._type, tried=self._tried)
        if choice.rep is None:
            self._passed.append(choice.problem or f"pool {name} ({choice.how})")
            if not choice.problem:
                self._waits.append((rule, choice))
            return None
        again = "; all of the pool had them, begun anew" if choice.used_up else ""
        text = f"rule {rule}, pool {name} of {len(pool.reps)}, counter {pool.turn}: {choice.how}{again}"
        return RouteVerdict(
            owner=choice.rep, reason=self._said(text), counter=choice.pool.turn, rule=rule, pool=name, used_up=choice.used_up,
            floor=self._floor.taken(choice.pool, choice.rep),
        )  # fmt: skip

    def _nobody(self) -> RouteVerdict:
        """The queue while somebody will be there; else the fallback owner, or nobody and a problem."""
        why = "; ".join(dict.fromkeys(self._passed))
        if self._waits and self._wait:
            rule, choice = self._waits[-1]
            until = min((c.back for _, c in self._waits if c.back is not None), default=None)
            return RouteVerdict(
                owner=None, reason=one_line(f"waits in the queue, rule {rule}: {why}", REASON_LENGTH), counter=choice.pool.turn, rule=rule,
                pool=choice.pool.name, floor=self._floor, waits_until=until,
            )  # fmt: skip
        problem, fallback = f"nobody was available in time: {why}" if self._waits else why, (self._routing.fallback or "").strip().lower()
        user = self._users.get(fallback)
        lacks = (
            "no fallback owner is named"
            if not fallback
            else f"the fallback owner {fallback} is no active user"
            if user is not None and not usable(fallback, self._users)
            else f"the fallback owner {fallback} had them already"
            if fallback in self._tried
            else ""
        )
        if lacks:
            reason = one_line(f"no owner: {why}; {lacks}", REASON_LENGTH)
            return RouteVerdict(owner=None, reason=reason, floor=self._floor, problem=f"{problem}, and {lacks}")
        return RouteVerdict(
            owner=fallback, reason=one_line(f"rule {FALLBACK}: {why}", REASON_LENGTH), rule=FALLBACK, fell_back=True,
            problem=f"{problem}: gave to {fallback}", floor=self._floor.taken(None, fallback),
        )  # fmt: skip

    def _said(self, text: str) -> str:
        passed = f"; passed over: {'; '.join(dict.fromkeys(self._passed))}" if self._passed else ""
        return one_line(text + passed, REASON_LENGTH)
