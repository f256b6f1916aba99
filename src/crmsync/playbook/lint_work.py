"""Routing, cadences and alerts that load and are not what anybody wants: rules and cadences behind others, pools for nobody, promises that cannot be kept."""

from __future__ import annotations

from collections.abc import Iterator

from crmsync.model.alert import MANAGER
from crmsync.model.condition import All, Condition, Not, Test
from crmsync.model.fields import MQL_TYPES
from crmsync.model.followup import EMAIL, Cadence
from crmsync.model.routing import BEST_CONVERSION, LEAST_LOAD, Pool
from crmsync.model.rules import Playbook
from crmsync.playbook.lint_order import EVERYBODY, Entry, Said, out_of_reach
from crmsync.playbook.logic import never
from crmsync.playbook.spots import spot

ROUTING, FOLLOWUP, ALERTS = "mappings/playbook.yaml", "mappings/followup.yaml", "mappings/alerts.yaml"


def lint_work(playbook: Playbook) -> Iterator[Said]:
    """What never applies in routing, cadences and alerts."""
    for file, part in ((ROUTING, _rules), (ROUTING, _pools), (FOLLOWUP, _cadences), (ALERTS, _alerts)):
        for where, message, fix in part(playbook):
            yield where or file, message, fix


def _rules(playbook: Playbook) -> Iterator[Said]:
    """An account rule takes only whose account somebody owns, so it takes nobody away from the rules after it."""
    rules = playbook.routing.rules
    yield from out_of_reach(
        "routing", (Entry(name=one.name, when=one.when or EVERYBODY, where=one.where, takes=one.account is None) for one in rules)
    )
    passed = [Not(of=one.when or EVERYBODY) for one in rules if one.account is None]
    if rules and never(*passed) and playbook.routing.default.members:
        said = f"routing: nobody is sent to the pool {playbook.routing.pool}: a rule takes everybody"
        yield spot(playbook, ROUTING, "routing", "members"), said, "remove its members, or narrow the rule"


def _pools(playbook: Playbook) -> Iterator[Said]:
    routing = playbook.routing
    meant = {routing.pool, routing.hot, *(rule.pool for rule in routing.rules)}
    for name, pool in routing.pools.items():
        if name not in meant:
            yield pool.where, f"routing: nobody is sent to the pool {name}", "name it in a rule or as hot, or remove it"
        if pool.members and not any(pool.teams.values()) and all(member.rep in pool.exclude for member in pool.members):
            at = ("routing",) if name == routing.pool else ("routing", "pools", name)
            said = f"routing: every member of {name} is excluded; the pool is empty"
            yield spot(playbook, ROUTING, *at, "exclude"), said, "remove somebody from exclude"
        if pool.select in (LEAST_LOAD, BEST_CONVERSION) and _weighted(pool):
            yield (
                pool.where,
                f"routing: the weights of {name} only break ties, because it selects by {pool.select}",
                "write select: weighted, or remove the weights",
            )
    if routing.hot is not None and routing.hot == routing.pool and not routing.rules:
        yield (
            spot(playbook, ROUTING, "routing", "hot"),
            "routing: hot leads go to the same pool as everybody",
            "give them a pool of their own, or remove hot",
        )


def _weighted(pool: Pool) -> bool:
    return any(member.weight not in (0.0, 1.0) for member in pool.members)


def _cadences(playbook: Playbook) -> Iterator[Said]:
    least = playbook.sla.min_touches
    yield from out_of_reach("cadences", (Entry(name=one.name, when=_meant(one), where=one.where) for one in playbook.cadences))
    for one in playbook.cadences:
        if len(one.steps) < least:
            yield (
                one.where,
                f"cadences: {one.name} has {len(one.steps)} touches, and nobody is given up before {least} (min_touches)",
                "add steps, or make min_touches smaller",
            )
        if len(one.steps) > 1 and all(step.channel == EMAIL for step in one.steps):
            yield (
                one.where,
                f"cadences: {one.name} has e-mails only: an opt-out leaves nothing of it",
                "add another channel, if somebody may call",
            )


def _meant(one: Cadence) -> Condition:
    """Whom it is for: MQL types are told of like a field."""
    return All(of=(Test(field="crmsync_mql_type", op="in", value=tuple(one.types or MQL_TYPES)), one.when or EVERYBODY))


def _alerts(playbook: Playbook) -> Iterator[Said]:
    alerts = playbook.alerts
    managed = alerts.manager is not None or bool(alerts.managers)
    if managed and not any(MANAGER in receivers for receivers in (*alerts.to.values(), alerts.weekly_to)) and not alerts.escalation_task:
        at = spot(playbook, ALERTS, "manager" if alerts.manager is not None else "managers")
        yield at, "alerts: managers are named, and hear of nothing", "write manager under to, or escalation_task: true"
    if alerts.quiet is not None and not alerts.to:
        at = spot(playbook, ALERTS, "quiet")
        yield at, "alerts: quiet hours are named, and nobody is told of anything", "name receivers under to, or remove quiet"
