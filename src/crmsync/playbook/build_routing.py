"""From the checked models of routing to frozen values (crmsync.model.routing)."""

from __future__ import annotations

from crmsync.model.routing import AccountRule, Member, Pool, RouteRule, RoutingRules
from crmsync.playbook.build_process import Spot, condition, duration
from crmsync.playbook.schema_hours import HoursFile
from crmsync.playbook.schema_routing import MemberFile, PoolFile, RouteFile, RoutingFile


def routing_rules(routing: RoutingFile, hours: HoursFile, spot: Spot) -> RoutingRules:
    """Every pool by its name, that of routing itself among them."""
    queue = None if routing.queue_within is None else duration(routing.queue_within, hours)
    again = None if routing.reassign_after is None else duration(routing.reassign_after, hours)
    pools = {routing.pool: pool(routing.pool, routing, spot.at("members"))}
    pools |= {name: pool(name, said, spot.at("pools", name)) for name, said in routing.pools.items()}
    return RoutingRules(
        pool=routing.pool,
        pools=pools,
        rules=tuple(route_rule(rule, spot.at("rules", i)) for i, rule in enumerate(routing.rules)),
        hot=routing.hot,
        fallback=_house(routing.fallback),
        queue_minutes=None if queue is None else queue[0],
        queue_working_time=True if queue is None else queue[1],
        reassign_minutes=None if again is None else again[0],
        reassign_working_time=False if again is None else again[1],
        reassign_at_breach=routing.reassign_at_breach,
        outside_hours=routing.outside_hours,
    )


def pool(name: str, said: PoolFile, spot: Spot) -> Pool:
    return Pool(
        name=name,
        members=tuple(member(one) for one in said.members),
        teams={side: tuple(team.strip() for team in teams) for side, teams in said.teams.items() if teams},
        exclude=frozenset(rep.strip().lower() for rep in said.exclude),
        select=said.select,
        per_day=said.per_day,
        open_leads=said.open_leads,
        where=spot.where,
    )


def member(said: str | MemberFile) -> Member:
    if isinstance(said, str):
        return Member(rep=said.strip().lower())
    return Member(rep=said.rep.strip().lower(), weight=said.weight, per_day=said.per_day, open_leads=said.open_leads)


def route_rule(said: RouteFile, spot: Spot) -> RouteRule:
    return RouteRule(
        name=said.name,
        when=None if said.when is None else condition(said.when, spot.at("when")),
        account=None if said.account is None else AccountRule(by=tuple(dict.fromkeys(said.account.by)), similar=said.account.similar),
        owner=_house(said.owner),
        pool=said.pool,
        where=spot.where,
    )


def _house(email: str | None) -> str | None:
    return None if email is None else email.strip().lower()
