"""What the shape of `routing` cannot tell: pools that there are not, reps who can never have a turn, addresses that are none."""

from __future__ import annotations

from collections.abc import Collection

from crmsync.playbook.problems import Path, quoted
from crmsync.playbook.references_names import Add, Known, Names
from crmsync.playbook.schema_routing import MemberFile, PoolFile, RoutingFile

AT: Path = ("routing",)


class RoutingReferences(Names):
    """Checks `routing` of the file."""

    def __init__(self, routing: RoutingFile, file: str, names: Known, add: Add) -> None:
        super().__init__(file, names, add)
        self.routing = routing

    def run(self) -> None:
        routing = self.routing
        pools = [routing.pool, *routing.pools]
        if routing.pool in routing.pools:
            said = f"{routing.pool} is the pool whose members stand under routing itself"
            self.tell((*AT, "pools", routing.pool), f"{said}; give one of them another name", key=True)
        self.pool(AT, routing.pool, routing)
        for name, pool in routing.pools.items():
            self.pool((*AT, "pools", name), name, pool)
        self.email((*AT, "fallback"), routing.fallback)
        if routing.hot is not None:
            self.known((*AT, "hot"), routing.hot, pools, "unknown pool")
        self.rules(pools)

    def pool(self, at: Path, name: str, pool: PoolFile) -> None:
        reps: dict[str, float] = {}
        for i, member in enumerate(pool.members):
            rep = member.rep if isinstance(member, MemberFile) else member
            path: Path = (*at, "members", i, "rep") if isinstance(member, MemberFile) else (*at, "members", i)
            self.email(path, rep)
            if rep.strip().lower() in reps:
                self.tell(path, f"{quoted(rep)} stands twice in the pool {name}; write their share as weight")
            reps[rep.strip().lower()] = member.weight if isinstance(member, MemberFile) else 1.0
        out = {rep.strip().lower() for rep in pool.exclude}
        for i, rep in enumerate(pool.exclude):
            self.email((*at, "exclude", i), rep)
        left = [weight for rep, weight in reps.items() if rep not in out]
        if left and not any(left) and not any(pool.teams.values()):
            self.tell((*at, "members"), f"every weight in the pool {name} is 0, so nobody would get anybody; give one of them more")
        for side, teams in pool.teams.items():
            if self.names.sides is not None:
                self.known((*at, "teams", side), side, self.names.sides, "unknown CRM", key=True)
            for i, team in enumerate(teams):
                if not team.strip():
                    self.tell((*at, "teams", side, i), "an empty name; write that of a group, queue or team")

    def rules(self, pools: Collection[str]) -> None:
        rules = self.routing.rules
        self.once((*AT, "rules"), [rule.name for rule in rules], "another rule is already called")
        for i, rule in enumerate(rules):
            at: Path = (*AT, "rules", i)
            if rule.pool is not None:
                self.known((*at, "pool"), rule.pool, pools, "unknown pool")
            self.email((*at, "owner"), rule.owner)
            self.condition((*at, "when"), rule.when)
