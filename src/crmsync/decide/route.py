"""Who gets a person (process.md section 5): the pool and the round robin.

Fairness: with constant members, any n assignments in a row reach each of n members once, wherever runs are split, because the counter is the
only state; the most and the least served differ by at most 1. When members change, the turn goes on at counter % (new number), so each
change adds at most 1 to that difference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from crmsync.model.record import User
from crmsync.model.routing import RoutingRules
from crmsync.model.verdict import RouteVerdict


def members(
    *, routing: RoutingRules, users: Iterable[User], sides: Collection[str], integration: Collection[tuple[str, str]] = ()
) -> tuple[str, ...]:
    """House owner ids (lower-case e-mails) that take part.

    Named members in the order the admin gave, or by default everyone (sorted), in both cases only who is an active user of kind "person" on
    every one of `sides`, is no integration user and is not excluded. integration: (side, native user id) of the credentials' own users.
    """
    able = _able(users, sides, integration)
    out = routing.default.exclude
    named = tuple(dict.fromkeys(member.rep for member in routing.default.members))
    return tuple(e for e in (named or sorted(able)) if e in able and e not in out)


def pool_problems(
    *, routing: RoutingRules, users: Iterable[User], sides: Collection[str], integration: Collection[tuple[str, str]] = ()
) -> tuple[str, ...]:
    """One sentence for each named member who cannot take part, and one when nobody is left."""
    users = tuple(users)
    pool = members(routing=routing, users=users, sides=sides, integration=integration)
    out = routing.default.exclude
    named = dict.fromkeys(member.rep for member in routing.default.members)
    lost = tuple(
        f"pool {routing.pool}: {e} is excluded"
        if e in out
        else f"pool {routing.pool}: {e} is no active user of {' and '.join(sorted(sides))}"
        for e in named
        if e not in pool
    )
    return lost if pool else (*lost, f"pool {routing.pool} is empty")


def route(*, pool: Sequence[str], counter: int, routing: RoutingRules, shown_owner: str | None = None) -> RouteVerdict:
    """The owner for one person. counter: how many turns the pool has had; the verdict holds it after this decision (law 11).

    An owner who is already there stands (R6) and takes no turn. An empty pool gives the fallback owner, or None, and a problem (R5).
    The reason names rule, pool and counter (R8).
    """
    if shown_owner is not None:
        return RouteVerdict(owner=shown_owner, reason="existing owner stands", counter=counter)
    if not pool:
        problem = f"pool {routing.pool} is empty"
        if routing.fallback is None:
            return RouteVerdict(
                owner=None, reason="no owner: empty pool, no fallback", counter=counter, problem=f"{problem} and no fallback owner is named"
            )
        fallback = routing.fallback.strip().lower()
        return RouteVerdict(
            owner=fallback,
            reason=f"rule fallback owner, pool {routing.pool} is empty",
            counter=counter,
            problem=f"{problem}: gave to {fallback}",
        )
    owner = pool[counter % len(pool)]
    reason = f"rule round robin, pool {routing.pool} of {len(pool)}, counter {counter}"
    return RouteVerdict(owner=owner, reason=reason, counter=counter + 1)


def _able(users: Iterable[User], sides: Collection[str], integration: Collection[tuple[str, str]]) -> set[str]:
    by_side: dict[str, set[str]] = {side: set() for side in sides}
    for user in users:
        if user.side in by_side and user.active and user.kind == "person" and user.email and (user.side, user.id) not in integration:
            by_side[user.side].add(user.email.strip().lower())
    return set.intersection(*by_side.values()) if by_side else set()
