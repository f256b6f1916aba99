"""Who is in a pool (process.md R2): named members, teams of a CRM, or everybody who can own a lead on every connected side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from crmsync.model.record import User
from crmsync.model.routing import Member, Pool, RoutingRules

Known = Mapping[tuple[str, str], str]
"""(side, native user id) -> house owner id, where that is not the user's lower-case e-mail."""


class Roster:
    """Who could be in a pool: an active user of kind "person" on every one of `sides`, who is no integration user. integration: (side, native user id) of the
    credentials' own users. Made once for all pools."""

    def __init__(
        self, users: Iterable[User], sides: Collection[str], integration: Collection[tuple[str, str]] = (), houses: Known | None = None
    ) -> None:
        self.sides = frozenset(sides)
        self._teams: dict[tuple[str, str], set[str]] = {}
        by_side: dict[str, set[str]] = {side: set() for side in sides}
        for user in users:
            house = (houses or {}).get((user.side, user.id)) or (user.email or "").strip().lower()
            if user.side not in by_side or not user.active or user.kind != "person" or not house or not user.email:
                continue
            if (user.side, user.id) not in integration:
                by_side[user.side].add(house)
                for team in user.teams:
                    self._teams.setdefault((user.side, _folded(team)), set()).add(house)
        self.able: frozenset[str] = frozenset(set.intersection(*by_side.values())) if by_side else frozenset()

    def members(self, pool: Pool) -> tuple[Member, ...]:
        """Members of the pool: the named ones in the order the admin gave, those of its teams, by default everybody (both sorted); nobody who cannot own a
        lead, or is excluded."""
        named = {member.rep: member for member in reversed(pool.members)}  # of two with one name the first counts
        order = [*dict.fromkeys(member.rep for member in pool.members), *self._of_teams(pool.teams)]
        if not pool.members and not any(pool.teams.values()):
            order = sorted(self.able)
        return tuple(named.get(rep) or Member(rep=rep) for rep in dict.fromkeys(order) if rep in self.able and rep not in pool.exclude)

    def problems(self, pool: Pool) -> tuple[str, ...]:
        """One sentence for each named member and team who cannot take part, and one when nobody is left."""
        there = {member.rep for member in self.members(pool)}
        sides = " and ".join(sorted(self.sides))
        found = [
            f"pool {pool.name}: {rep} is excluded" if rep in pool.exclude else f"pool {pool.name}: {rep} is no active user of {sides}"
            for rep in dict.fromkeys(member.rep for member in pool.members)
            if rep not in there
        ]
        for side, names in sorted(pool.teams.items()):
            if side in self.sides:
                lost = [name for name in names if not self._teams.get((side, _folded(name)))]
                found += [f"pool {pool.name}: nobody active is in {name!r} of {side}" for name in lost]
        return tuple(found) if there else (*found, f"pool {pool.name} is empty")

    def _of_teams(self, teams: Mapping[str, Sequence[str]]) -> list[str]:
        return sorted({rep for side, names in teams.items() for name in names for rep in self._teams.get((side, _folded(name)), ())})


def members(
    *, routing: RoutingRules, users: Iterable[User], sides: Collection[str], integration: Collection[tuple[str, str]] = (), pool: str = ""
) -> tuple[str, ...]:
    """House owner ids (lower-case e-mails) of the pool of that name ("": the default one) that take part, as `Roster.members` says."""
    roster = Roster(users, sides, integration)
    return tuple(member.rep for member in roster.members(routing.named(pool or routing.pool)))


def pool_problems(
    *, routing: RoutingRules, users: Iterable[User], sides: Collection[str], integration: Collection[tuple[str, str]] = ()
) -> tuple[str, ...]:
    """One sentence for each named member or team of any pool who cannot take part, and one for each pool in which nobody is left; the default pool
    first, then those that a rule or hot persons go to."""
    roster = Roster(users, sides, integration)
    return tuple(text for pool in pools_of(routing) for text in roster.problems(pool))


def pools_of(routing: RoutingRules) -> tuple[Pool, ...]:
    """Every pool somebody can be sent to, each once, the default one first."""
    named = [routing.pool, *([routing.hot] if routing.hot else []), *(rule.pool for rule in routing.rules if rule.pool), *routing.pools]
    return tuple(routing.named(name) for name in dict.fromkeys(named) if name == routing.pool or name in routing.pools)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
